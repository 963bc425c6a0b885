"""The noise model against the simulated array and winner-take-all that it stands for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.components import acam_array, winner_take_all
from accelsim.components.winner_take_all import Lines, Rows
from accelsim.errors import RangeError, UsageError
from accelsim.rng import Draws
from accelsim.spec import load_spec
from accelsim.train.noise import DAY_S, row_noise

SPECS = Path(__file__).resolve().parents[2] / "arch_specs"
PHYSICAL = SPECS / "hybrid_physical.yaml"
N_ROWS, N_FEATURES, N_CHIPS = 10, 784, 8


def errors(levels: int) -> Any:
    """What rows of chips a day old read too much, their common part left out, [n_chips, n_inputs, n_rows]."""
    spec = load_spec(PHYSICAL).instances["acam"]
    random = np.random.default_rng(0)
    found = []
    for chip in range(N_CHIPS):
        ends = np.sort(random.integers(0, levels, (2, N_ROWS, N_FEATURES)), axis=0)
        low, high = (ends[0], ends[0]) if levels == 2 else ends
        x = random.integers(0, levels, (256, N_FEATURES)).astype(np.uint8)
        draws = Draws(0, chip, "acam")
        state = acam_array.program(spec, (low, high), draws).state
        state = acam_array.aged(spec, state, levels, DAY_S, draws)
        answer = acam_array.search(spec, state, x, Draws(0, chip, "acam", 0)).y
        ideal = np.stack([((x >= a) & (x <= b)).sum(axis=1) for a, b in zip(low, high, strict=True)], axis=1)
        off = answer.counts + answer.error - ideal
        found.append(off - off.mean(axis=1, keepdims=True))
    return np.stack(found)


@pytest.mark.parametrize("levels", [2, 4])
def test_the_arrays_parts_add_up_to_what_the_simulated_array_does(levels: int) -> None:
    """Within 15 %: windows and levels at random are not quite what the formula averages over."""
    noise = row_noise(PHYSICAL, N_FEATURES, levels)
    of_array = math.hypot(noise.devices, noise.cells, noise.gain, noise.offset)
    measured = errors(levels).std() * math.sqrt(N_ROWS / (N_ROWS - 1))
    assert measured == pytest.approx(of_array, rel=0.15)
    assert noise.counts == pytest.approx(math.hypot(of_array, noise.comparator))


def test_the_comparator_flips_close_decisions_as_often_as_the_simulated_one() -> None:
    """Two rows three counts apart: the probability that noise of this sigma in each turns them round."""
    spec = load_spec(PHYSICAL)
    array, wta = spec.instances["acam"], spec.instances["wta"]
    counts = np.tile(np.array([500, 497]), (256, 1))
    wrong = []
    for chip in range(400):
        offsets = winner_take_all.fixed_offsets_v(wta, Draws(0, chip, "wta"))
        rows = Rows(np.arange(2), N_FEATURES, acam_array.comparator_volts_per_count(array), offsets)
        found = winner_take_all.decide(wta, rows, Lines(counts), Draws(0, chip, "wta", 0)).y
        wrong.append((found.winner == 1).mean())
    sigma = row_noise(PHYSICAL, N_FEATURES, 2).comparator
    expected = math.erfc(3 / (sigma * 2)) / 2  # of a difference of sigma sqrt(2)
    assert np.mean(wrong) == pytest.approx(expected, abs=3 * np.std(wrong) / math.sqrt(len(wrong)))


def test_noise_grows_with_age_and_ideal_parts_give_none() -> None:
    young, old = (row_noise(PHYSICAL, N_FEATURES, 2, age_s).devices for age_s in (1.0, DAY_S))
    assert young < old
    assert row_noise(SPECS / "hybrid_paper.yaml", N_FEATURES, 2).counts == 0
    with pytest.raises(RangeError, match=r"^age_s: got 1e\+07, need "):
        row_noise(PHYSICAL, N_FEATURES, 2, 1e7)


@pytest.mark.parametrize("name", ["hybrid_digital_65nm", "mbi_physical"])
def test_chips_that_the_model_is_not_of(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^--noise: .*{name}\.yaml"):
        row_noise(SPECS / f"{name}.yaml", N_FEATURES, 2)
