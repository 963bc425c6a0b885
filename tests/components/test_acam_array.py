"""ACAM array: exact counts of matching cells, and a charge for every cell of every used row."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.acam_rows import Templates
from accelsim.components.acam_array import ACAM_ARRAY, AcamArraySpec, program, search
from accelsim.errors import RangeError
from accelsim.rng import Draws

ONCE = Draws(0, 0, "acam")
DRAWS = Draws(0, 0, "acam", 0)
FIELDS = {
    "component": "acam_array",
    "die": "acam",
    "clock": "acam",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "n_rows": 10,
    "n_segments": 16,
    "segment_cells": 49,
    "combine": "charge_share",
    "cell": "6T4R",
    "match_pj": 0.16,
    "mismatch_pj": 0.036,
    "combine_pj": 0.06,
    "search_ns": 15.15,
    "combine_ns": 8.0,
    "bias_uw": 3.0,
    "bias_gated": True,
    "wake_ns": 100.0,
    "wake_pj": 9.0,
    "pulse_pj": 10.0,
    "pulses_per_device": 10,
    "pulse_ns": 50.0,
}


def make(**changes: object) -> AcamArraySpec:
    return AcamArraySpec(**{**FIELDS, **changes})


def templates(rng: np.random.Generator, rows: int, features: int, levels: int = 4) -> tuple:
    bounds = np.sort(rng.integers(0, levels, (2, rows, features), dtype=np.uint8), axis=0)
    return bounds[0], bounds[1]


def energy_pj(spec: AcamArraySpec, activity: dict) -> float:
    return sum(activity[action] * getattr(spec, field) for action, field in ACAM_ARRAY.actions.items())


@pytest.mark.parametrize("combine", ["charge_share", "adc_per_segment", "current_sum"])
@pytest.mark.parametrize("features", [784, 700, 49, 1])
def test_counts_equal_brute_force(features, combine):
    rng = np.random.default_rng(features)
    spec = make(combine=combine)
    low, high = templates(rng, 10, features)
    x = rng.integers(0, 4, (7, features), dtype=np.uint8)
    state = program(spec, (low, high), ONCE).state
    expected = [[np.sum((lo <= row) & (row <= hi)) for lo, hi in zip(low, high, strict=True)] for row in x]
    found = search(spec, state, x, DRAWS).y
    assert found.counts.tolist() == expected
    assert found.error is None


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_geometry(data):
    segments, cells, rows, n = (data.draw(st.integers(1, 6)) for _ in range(4))
    features = data.draw(st.integers(1, segments * cells))
    spec = make(n_rows=8, n_segments=segments, segment_cells=cells)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    low, high = templates(rng, rows, features, 256)
    x = rng.integers(0, 256, (n, features), dtype=np.uint8)
    (y, _, _), activity, extra_cycles = search(spec, program(spec, (low, high), ONCE).state, x, DRAWS)
    expected = ((low[None] <= x[:, None]) & (x[:, None] <= high[None])).sum(axis=2)
    assert np.array_equal(y, expected)
    assert ((y >= 0) & (y <= features)).all()
    # Every cell of every used row is charged once, as one or the other.
    assert (activity["match"] + activity["mismatch"] == rows * segments * cells).all()
    assert (activity["match"] == y.sum(axis=1) + rows * (segments * cells - features)).all()
    assert (activity["combine"] == rows * segments).all()
    assert all(count.dtype == np.int64 and (count >= 0).all() for count in activity.values())
    assert not extra_cycles.any()


def test_activity_of_an_input_is_the_same_in_any_company():
    rng = np.random.default_rng(1)
    spec = make()
    state = program(spec, templates(rng, 3, 100), ONCE).state
    x = rng.integers(0, 4, (9, 100), dtype=np.uint8)
    together = search(spec, state, x, DRAWS).activity
    alone = [search(spec, state, x[i : i + 1], DRAWS).activity for i in range(9)]
    for action, counts in together.items():
        assert counts.tolist() == [activity[action][0] for activity in alone]


def test_published_energy_of_a_whole_search():
    """arXiv 2502.10089: 10 templates of 784 cells at 185 fJ are its 1.45 nJ, whatever matches."""
    spec = make(match_pj=0.185, mismatch_pj=0.185, combine_pj=0.0, wake_pj=0.0)
    rng = np.random.default_rng(2)
    state = program(spec, templates(rng, 10, 784, 2), ONCE).state
    x = rng.integers(0, 2, (4, 784), dtype=np.uint8)
    assert energy_pj(spec, search(spec, state, x, DRAWS).activity) == pytest.approx([10 * 784 * 0.185] * 4)


def test_energy_by_hand():
    """Two rows, three features in two segments of two cells: the fourth cell of each row is "don't care"."""
    spec = make(n_rows=5, n_segments=2, segment_cells=2)
    low = np.array([[1, 1, 0], [0, 0, 0]], dtype=np.uint8)
    high = np.array([[1, 1, 0], [0, 1, 1]], dtype=np.uint8)
    result = search(
        spec, program(spec, (low, high), ONCE).state, np.array([[1, 0, 1]], dtype=np.uint8), DRAWS
    )
    assert result.y.counts.tolist() == [[1, 2]]
    assert {action: counts.tolist() for action, counts in result.activity.items()} == {
        "match": [1 + 2 + 2],
        "mismatch": [2 + 1],
        "combine": [2 * 2],
        "wake": [1],
    }
    assert energy_pj(spec, result.activity) == pytest.approx([5 * 0.16 + 3 * 0.036 + 4 * 0.06 + 9.0])


def test_cycles_by_hand():
    search_op = ACAM_ARRAY.ops["search"]
    # Gated: 100 + 15.15 + 8 = 123.15 ns at 66 MHz = 8.13 cycles, rounded up once.
    assert search_op.latency(make()).ns == Fraction(12315, 100)
    assert search_op.latency(make()).in_cycles(66_000_000) == 9
    # Not gated: 23.15 ns = 1.53 cycles. 15.15 ns alone is one cycle of 66 MHz.
    assert search_op.latency(make(bias_gated=False)).in_cycles(66_000_000) == 2
    assert search_op.latency(make(bias_gated=False, combine_ns=0.0)).in_cycles(66_000_000) == 1


def test_bias_and_wake_follow_gating():
    gated, always = make(), make(bias_gated=False)
    state = Templates(np.zeros((1, 1), np.uint8), np.ones((1, 1), np.uint8))
    x = np.zeros((2, 1), np.uint8)
    assert ACAM_ARRAY.statics["bias"].when(gated) == "busy"
    assert ACAM_ARRAY.statics["bias"].when(always) == "always"
    assert search(gated, state, x, DRAWS).activity["wake"].tolist() == [1, 1]
    assert search(always, state, x, DRAWS).activity["wake"].tolist() == [0, 0]


@pytest.mark.parametrize(("cell", "devices"), [("6T4R", 4), ("3T1R", 1), ("9T4R", 4)])
def test_programming_by_hand(cell, devices):
    """Unused cells of used rows are written too; unused rows are not."""
    spec = make(cell=cell)
    low = np.zeros((3, 700), dtype=np.uint8)
    programmed = program(spec, (low, low), ONCE)
    assert programmed.activity == {"pulse": 3 * 784 * devices * 10}
    assert programmed.steps == ((3 * 784 * devices * 10, 50),)
    assert ACAM_ARRAY.programming == {"pulse": "pulse_pj"}


def cells(rows: int, features: int, value: int = 0) -> np.ndarray:
    return np.full((rows, features), value)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (cells(11, 4), cells(11, 4), r"got 11 templates, need 1 to 10 \(n_rows\)"),
        (cells(0, 4), cells(0, 4), r"got 0 templates, need 1 to 10 \(n_rows\)"),
        (cells(1, 785), cells(1, 785), r"got 785 features, need 1 to 784 \(n_segments x segment_cells\)"),
        (cells(1, 0), cells(1, 0), "got 0 features, need 1 to 784"),
        (cells(2, 4), cells(3, 4), r"got bounds of shapes \(2, 4\) and \(3, 4\), need equal shapes"),
        (cells(2, 4, 1), cells(2, 4), "row 0, feature 0: got low 1 and high 0, need low <= high"),
        (cells(2, 4, -1), cells(2, 4), "template_low: got -1 to -1, need 0 to 255"),
        (cells(2, 4), cells(2, 4, 256), "template_high: got 256 to 256, need 0 to 255"),
        (cells(2, 4) * 0.5, cells(2, 4), "template_low: got float64 of shape .*, need a matrix of integers"),
        (np.zeros(4, int), np.zeros(4, int), r"template_low: got int64 of shape \(4,\)"),
    ],
)
def test_templates_that_do_not_fit_raise(low, high, message):
    with pytest.raises(RangeError, match=message):
        program(make(), (low, high), ONCE)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (cells(2, 5), "got 5 features, need 4, as stored"),
        (cells(2, 4, 256), "levels: got 256 to 256, need 0 to 255"),
        (cells(2, 4, -1), "levels: got -1 to -1, need 0 to 255"),
    ],
)
def test_levels_out_of_range_raise(x, message):
    state = program(make(), (cells(1, 4), cells(1, 4, 1)), ONCE).state
    with pytest.raises(RangeError, match=message):
        search(make(), state, x, DRAWS)


@pytest.mark.parametrize(
    "change",
    [
        {"n_rows": 10**5, "n_segments": 10**5},
        {"n_rows": 0},
        {"search_ns": 0.0},
        {"cell": "2T2R"},
        {"combine": "sum"},
        {"pulses_per_device": 0},
        {"wake_pj": -1.0},
    ],
)
def test_impossible_specs_raise(change):
    with pytest.raises(ValidationError):
        make(**change)


def test_message_of_an_array_too_large():
    with pytest.raises(ValidationError, match="got 490000000, need at most 100000000"):
        make(n_rows=10**5, n_segments=100)
