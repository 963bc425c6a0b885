"""ACAM array with imperfect parts: nothing at zero, and what devices and rows do to counts, errors and energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from accelsim.charge_row import segment_errors
from accelsim.components.acam_array import AcamArraySpec, Found, aged, comparator_volts_per_count, program, search
from accelsim.errors import RangeError
from accelsim.rng import Draws
from tests.components.acam_blocks import DAY, RELAXATION, device, read_noise, row, window
from tests.components.test_acam_array import make as make_array

COMBINES = ["charge_share", "adc_per_segment", "current_sum"]
SPREADS = {"cell_spread_rel": 0.044, "segment_gain_rel": 0.005, "segment_offset_v": 0.001}
NOISY: dict[str, Any] = {
    "device": device(relaxation=RELAXATION, read_noise=read_noise(0.05), stuck_low_rel=0.01, stuck_high_rel=0.01),
    "window": window(),
    "row": row(**SPREADS),
}
ROWS, FEATURES, LEVELS = 6, 700, 3  # 84 cells of each row of 16 x 49 hold no feature
SEED = np.random.default_rng(7)
LOW, HIGH = np.sort(SEED.integers(0, LEVELS, (2, ROWS, FEATURES), dtype=np.uint8), axis=0)
X = SEED.integers(0, LEVELS, (256, FEATURES), dtype=np.uint8)


def make(**changes: Any) -> AcamArraySpec:
    return make_array(cell="9T4R", **changes)


def found(spec: AcamArraySpec, x: np.ndarray = X, age_s: float = DAY, seed: int = 0, chip: int = 0) -> Any:
    """Result of a search on a chip of that age."""
    of_chip = Draws(seed, chip, "acam")
    state = aged(spec, program(spec, (LOW, HIGH), of_chip).state, LEVELS, age_s, of_chip)
    return search(spec, state, x, Draws(seed, chip, "acam", 3))


def require_same(a: Found, b: Found) -> None:
    assert np.array_equal(a.counts, b.counts)
    assert np.array_equal(a.error, b.error)
    assert np.array_equal(a.saturated, b.saturated)


@pytest.mark.parametrize("combine", COMBINES)
def test_blocks_without_sigmas_change_no_bit(combine: str) -> None:
    no_sigma = {**RELAXATION, "sigma_siemens": ((0.0,),) * 3}
    zero = {"device": device(relaxation=no_sigma, read_noise=read_noise(0.0)), "window": window(), "row": row()}
    ideal, blocks = found(make(combine=combine)), found(make(combine=combine, **zero))
    assert np.array_equal(ideal.y.counts, blocks.y.counts)
    assert ideal.y.error is None
    assert blocks.y.error.dtype == np.float64
    assert (blocks.y.error == 0.0).all()
    assert not blocks.y.saturated.any()
    assert {name: counts.tolist() for name, counts in ideal.activity.items()} == {
        name: counts.tolist() for name, counts in blocks.activity.items()
    }


@pytest.mark.parametrize("combine", COMBINES)
def test_the_error_of_a_row_is_that_of_its_segments(combine: str) -> None:
    """With the same row errors and ideal devices: sums, or differences of rounded segments, unused cells included."""
    spec = make(combine=combine, row=row(**SPREADS))
    result = found(spec).y
    chip = Draws(0, 0, "acam")
    state = aged(spec, program(spec, (LOW, HIGH), chip).state, LEVELS, DAY, chip)
    assert state.errors is not None
    for r in range(ROWS):
        hits = (LOW[r] <= X) & (HIGH[r] >= X)
        errors = segment_errors(state.errors, r, hits, 49) / 2**20
        matches = np.hstack((hits, np.ones((256, 84), bool))).reshape(256, 16, 49).sum(axis=2)
        if combine == "adc_per_segment":
            codes = np.floor(matches + errors + 0.5)
            expected = np.clip(codes, 0, 49) - matches
            assert (result.error[:, r] == expected.sum(axis=1)).all()
        else:
            assert np.array_equal(result.error[:, r], errors.sum(axis=1))
        assert np.array_equal(result.counts[:, r], hits.sum(axis=1))


def test_saturated_conversions_are_counted() -> None:
    """Segment offsets of 33 mV are a count: the last segment, which holds no feature, meets its end at + 0.5 count."""
    spec = make(combine="adc_per_segment", row=row(segment_offset_v=0.0332))
    offsets = 0.0332 / (41.36 / 1245) * Draws(0, 0, "acam").generator("row", "offset").standard_normal((ROWS, 16))
    always = sum(np.floor(offsets[r, 15] + 0.5) > 0 for r in range(ROWS))
    assert (found(spec).y.saturated >= always).all()
    assert always > 0


def test_energy_follows_the_matches_there_really_are() -> None:
    spec = make(**NOISY)
    noisy, ideal = found(spec), found(make())
    assert not np.array_equal(noisy.y.counts, ideal.y.counts)
    matches = noisy.y.counts.sum(axis=1) + ROWS * (784 - FEATURES)
    assert noisy.activity["match"].tolist() == matches.tolist()
    assert noisy.activity["mismatch"].tolist() == (ROWS * 784 - matches).tolist()


@pytest.mark.parametrize("combine", COMBINES)
def test_an_input_is_the_same_in_any_company(combine: str) -> None:
    """Fewer inputs of the block give the same bits, and so does asking again; another block has other readings."""
    spec = make(combine=combine, **NOISY)
    whole = found(spec).y
    for n in (1, 100):
        require_same(found(spec, X[:n]).y, Found(whole.counts[:n], whole.error[:n], whole.saturated[:n]))
    require_same(found(spec).y, whole)


def test_seeds_and_chips_differ_and_repeat() -> None:
    spec = make(**NOISY)
    base = found(spec).y
    for change in ({"seed": 1}, {"chip": 1}, {"age_s": 1.0}):
        other = found(spec, **change).y
        assert not np.array_equal(base.counts, other.counts)
        require_same(found(spec, **change).y, other)


def test_cells_whose_devices_are_all_stuck_never_match() -> None:
    """Both bounds at g_min are below every level, so no level lies inside."""
    assert not found(make(device=device(stuck_low_rel=1.0), window=window())).y.counts.any()


@pytest.mark.parametrize(
    ("combine", "volts"),
    [("charge_share", 41.36 / 1245 / 16), ("current_sum", 41.36 / 1245), ("adc_per_segment", None)],
)
def test_volts_per_count_by_hand(combine: str, volts: float | None) -> None:
    """One more match on 20 + 49 x 25 fF, averaged over 16 segments or added; digital sums have no volts."""
    found_volts = comparator_volts_per_count(make(combine=combine, row=row()))
    assert found_volts == (None if volts is None else pytest.approx(volts, rel=1e-12))
    assert comparator_volts_per_count(make(combine=combine)) is None


def test_out_of_range_raises() -> None:
    spec = make(**NOISY)
    state = program(spec, (LOW, HIGH), Draws(0, 0, "acam")).state
    with pytest.raises(RangeError, match="age_s: got 172801, need 0 to 172800"):
        aged(spec, state, LEVELS, 2 * DAY + 1, Draws(0, 0, "acam"))
    with pytest.raises(RangeError, match="template_high: got 0 to 2, need 0 to 1"):
        aged(spec, state, 2, 0.0, Draws(0, 0, "acam"))
    with pytest.raises(RangeError, match="levels: got 3 to 3, need 0 to 2"):
        found(spec, np.full((1, FEATURES), 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": device()}, "window: got nothing, need a block: device has one"),
        ({"device": device(), "window": window(), "cell": "3T1R"}, "device: got a block with cell 3T1R, need a cell"),
        (
            {"device": device(), "window": window(level_low_v=0.7)},
            "window: got levels whose bounds take 6.[0-9]+e-07 to 3.17e-05 S, need 1e-06 to 4e-05, the conductance",
        ),
        ({"device": device(), "window": window(level_high_v=1.2)}, "need 1e-06 to 4e-05, the conductance range of the"),
    ],
)
def test_impossible_blocks_raise(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_array(**{"cell": "9T4R", **changes})
