"""Windows of cells: the law inverted; ideal devices hold what was stored, others what their voltages say."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.acam_cells import Cells, aged_cells, read
from accelsim.acam_window import bound_v, siemens
from accelsim.rng import Draws
from tests.components.acam_blocks import DAY, RELAXATION, device, read_noise, window

CHIP = Draws(0, 0, "acam")
ACCESS = Draws(0, 0, "acam", 0)
FIVE = 5.0


def stored(rng: np.random.Generator, shape: tuple[int, ...], n_levels: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.sort(rng.integers(0, n_levels, (2, *shape), dtype=np.uint8), axis=0)
    return low, high


@given(st.floats(0.3, 3.0), st.floats(0.01, 0.5), st.floats(0.0, 0.05), st.floats(-3.0, 4.0))
def test_the_law_inverted(a: float, b: float, c: float, log_g: float) -> None:
    law = window(bound_a_v=a, bound_b_v=b, bound_c_v=c)
    g = 1e-6 * 10**log_g
    assert siemens(law, np.array([bound_v(law, g)]))[0] == pytest.approx(g, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 256), st.integers(0, 99))
def test_ideal_devices_hold_what_was_stored(n_levels: int, seed: int) -> None:
    """Also where the outer levels lie at the ends of what the conductance range reaches."""
    low, high = stored(np.random.default_rng(seed), (3, 17), n_levels)
    ends = window(level_low_v=bound_v(window(), 1.01e-6), level_high_v=bound_v(window(), 39.9e-6))
    for law in (window(), ends):
        for dev in (device(), device(read_noise=read_noise(0.0))):
            cells = aged_cells(law, dev, (low, high), n_levels, 0.0, CHIP)
            assert np.array_equal(cells.low, low)
            assert np.array_equal(cells.high, high)


@pytest.mark.parametrize("n_levels", [2, 4, 16])
def test_noisy_windows_equal_a_comparison_of_voltages(n_levels: int) -> None:
    rng = np.random.default_rng(n_levels)
    low, high = stored(rng, (4, 50), n_levels)
    cells = aged_cells(window(), device(relaxation=RELAXATION), (low, high), n_levels, DAY, CHIP)
    volts = np.linspace(0.84, 1.07, n_levels)
    x = rng.integers(0, n_levels, (9, 50), dtype=np.uint8)
    changed = 0
    for row in range(4):
        hits = read(cells, row, x, ACCESS)
        for i, j in np.ndindex(9, 50):
            lower, upper = (bound_v(window(), g) for g in cells.bounds[:, row, j])
            assert hits[i, j] == (lower <= volts[x[i, j]] <= upper)
            changed += hits[i, j] != (low[row, j] <= x[i, j] <= high[row, j])
    # At 16 levels a step is 15 mV and a sigma some 35 mV: if no window moved, this test would see nothing.
    assert n_levels < 16 or changed > 100


def test_a_window_that_no_level_lies_in_never_matches() -> None:
    """Every device stuck at g_max: the lower bound is above all levels."""
    low, high = np.zeros((1, 3), np.uint8), np.full((1, 3), 255, np.uint8)
    cells = aged_cells(window(), device(stuck_high_rel=1.0), (low, high), 256, 0.0, CHIP)
    x = np.arange(256, dtype=np.uint8)[:, np.newaxis].repeat(3, axis=1)
    assert not read(cells, 0, x, ACCESS).any()


def at_the_edge(sigma_rel: float, sigmas: float, rows: int = 2, features: int = 784) -> tuple[Cells, np.ndarray]:
    """Cells whose upper bound lies `sigmas` read sigmas above the only level that is asked for."""
    levels = siemens(window(), np.array([0.84, 1.07]))
    bounds = np.zeros((2, rows, features))
    bounds[1] = levels[0] / (1 - sigma_rel * sigmas)
    high = np.zeros((rows, features), np.uint8)
    return Cells(high, high, bounds, levels, sigma_rel), np.zeros((256, features), np.uint8)


@pytest.mark.parametrize("sigmas", [-1.0, 0.0, 0.5, 2.0])
def test_read_noise_has_the_stated_sigma(sigmas: float) -> None:
    """A reading falls below the level with the probability of a normal variable beyond `sigmas`."""
    cells, x = at_the_edge(0.01, sigmas)
    hits = read(cells, 0, x, ACCESS)
    p = (1 + erf(sigmas / sqrt(2))) / 2
    assert abs(hits.mean() - p) < FIVE * sqrt(p * (1 - p) / hits.size)


def test_readings_are_independent_across_cells_inputs_rows_blocks_and_chips() -> None:
    cells, x = at_the_edge(0.01, 0.0)
    hits = read(cells, 0, x, ACCESS).astype(float)
    others = {
        "row": read(cells, 1, x, ACCESS),
        "block": read(cells, 0, x, Draws(0, 0, "acam", 1)),
        "chip": read(cells, 0, x, Draws(0, 1, "acam", 0)),
        "input": np.roll(hits, 1, axis=0),
        "cell": np.roll(hits, 1, axis=1),
    }
    for other in others.values():
        assert abs(np.corrcoef(hits.ravel(), other.ravel())[0, 1]) < FIVE / sqrt(hits.size)
    assert np.array_equal(hits, read(cells, 0, x, ACCESS))


def test_a_reading_belongs_to_its_place_in_the_block() -> None:
    """Fewer inputs, or fewer rows before it, change no reading."""
    cells, x = at_the_edge(0.01, 0.0)
    assert np.array_equal(read(cells, 1, x[:100], ACCESS), read(cells, 1, x, ACCESS)[:100])
