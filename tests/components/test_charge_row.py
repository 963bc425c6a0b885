"""Charge-type rows: a segment by its physics, and the moments of cell spread, gain and offset."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from pydantic import ValidationError

from accelsim.charge_row import converted, draw_errors, line_v, segment_errors, segment_sums, volts_per_count
from accelsim.errors import RangeError
from accelsim.rng import Draws
from tests.components.acam_blocks import row

CHIP = Draws(0, 0, "acam")
COUNT = 2**20
FIVE = 5.0
SHARE = 41.7 / 41.36  # a match's charge in counts: q_match / (q_match - q_mismatch)
SPREADS = {"cell_spread_rel": 0.044, "segment_gain_rel": 0.005, "segment_offset_v": 0.001}


def require_moments(sample: np.ndarray, sigma: float) -> None:
    """Mean 0 and the stated sigma, within five standard errors of each."""
    n = sample.size
    assert abs(sample.mean()) < FIVE * sigma / sqrt(n)
    assert abs(sample.std() - sigma) < FIVE * sigma / sqrt(2 * n)


def test_voltages_by_hand() -> None:
    """49 cells: 20 + 49 x 25 = 1245 fF; a count is 41.36 / 1245 V, no match 49 x 0.34 fC on them."""
    assert volts_per_count(row(), 49) == pytest.approx(41.36 / 1245, rel=1e-12)
    assert line_v(row(), 0, 49) == pytest.approx(49 * 0.34 / 1245, rel=1e-12)
    assert line_v(row(), 49, 49) == pytest.approx(49 * 41.7 / 1245, rel=1e-12)


def test_no_spread_no_error() -> None:
    errors = draw_errors(row(), 10, 16, 49, 784, CHIP)
    assert errors.cells.dtype == errors.segments.dtype == np.int64
    assert not errors.cells.any()
    assert not errors.segments.any()


def test_a_segment_by_its_physics() -> None:
    """Charges summed, divided by the capacitance, gain and offset applied: the error is that voltage in counts."""
    n_rows, n_segments, n = 3, 4, 7
    n_features = 24  # the last segment has 3 cells with features and 4 unused ones
    errors = draw_errors(row(**SPREADS), n_rows, n_segments, n, n_features, CHIP)
    gain = 0.005 * CHIP.generator("row", "gain").standard_normal((n_rows, n_segments))
    offset = 0.001 * CHIP.generator("row", "offset").standard_normal((n_rows, n_segments))
    spread = 0.044 * CHIP.generator("row", "cells").standard_normal((n_rows, n_segments * n))
    hits = np.random.default_rng(0).random((5, n_features)) < 0.6
    unit = volts_per_count(row(), n)
    for r in range(n_rows):
        found = segment_errors(errors, r, hits, n)
        for i, s in np.ndindex(5, n_segments):
            matching = [c for c in range(s * n, (s + 1) * n) if c >= n_features or hits[i, c]]
            charge = sum(41.7 * (1 + spread[r, c]) for c in matching) + (n - len(matching)) * 0.34
            volts = (1 + gain[r, s]) * charge / (20 + n * 25) + offset[r, s]
            error = (volts - line_v(row(), len(matching), n)) / unit
            # Every cell and the segment itself are rounded to 2^-20 counts.
            assert found[i, s] / COUNT == pytest.approx(error, abs=(n + 1) / 2 / COUNT)


@pytest.mark.parametrize("cells", [49, 7])
def test_each_spread_has_the_stated_moments(cells: int) -> None:
    """Alone, over 40 rows of 784 cells."""
    n_segments = 784 // cells

    def alone(field: str) -> tuple[np.ndarray, np.ndarray]:
        return draw_errors(row(**{field: SPREADS[field]}), 40, n_segments, cells, 784, CHIP)

    by_cell, none = alone("cell_spread_rel")
    require_moments(by_cell / COUNT, 0.044 * SHARE)
    assert not none.any()
    none, by_segment = alone("segment_offset_v")
    require_moments(by_segment / COUNT, 0.001 / (41.36 / (20 + cells * 25)))
    assert not none.any()
    by_cell, by_segment = alone("segment_gain_rel")
    require_moments(by_cell[:, ::cells] / COUNT, 0.005)  # every cell of a segment has its gain
    assert (by_cell.reshape(40, n_segments, cells) == by_cell[:, ::cells, np.newaxis]).all()
    require_moments(by_segment / COUNT, 0.005 * cells * 0.34 / 41.36)


def test_cells_segments_rows_and_chips_are_independent() -> None:
    spreads = row(**SPREADS)
    here, there = (draw_errors(spreads, 40, 16, 49, 784, Draws(0, chip, "acam")) for chip in (0, 1))
    for a, b in ((here.cells, there.cells), (here.segments, there.segments)):
        pairs = [(a, b), (a[1:], a[:-1])]
        for x, y in pairs:
            assert abs(np.corrcoef(x.ravel(), y.ravel())[0, 1]) < FIVE / sqrt(x.size)
    alone = draw_errors(row(cell_spread_rel=0.044), 40, 16, 49, 784, CHIP).cells
    assert abs(np.corrcoef(alone[:, 1:].ravel(), alone[:, :-1].ravel())[0, 1]) < FIVE / sqrt(alone[:, 1:].size)
    again = draw_errors(spreads, 40, 16, 49, 784, Draws(0, 0, "acam"))
    assert np.array_equal(here.cells, again.cells)
    assert np.array_equal(here.segments, again.segments)


def test_segment_sums_leave_unused_segments_empty() -> None:
    values = np.arange(1, 8)[np.newaxis]
    assert segment_sums(values, 4, 3).tolist() == [[1 + 2 + 3, 4 + 5 + 6, 7, 0]]


def test_conversion_by_hand() -> None:
    """Two segments of 4 cells, the second with 3 unused ones. Errors in counts → nearest whole number, 0 … 4."""
    cases = [
        ((2, 1), (0.49, 0.0), 0, 0),
        ((2, 1), (0.5, 0.0), 1, 0),  # a half goes up
        ((2, 1), (-0.5, 0.0), 0, 0),
        ((2, 1), (-0.51, 0.0), -1, 0),
        ((4, 0), (0.6, 0.0), 0, 1),  # 5 is beyond 4 cells
        ((0, 0), (-0.6, 2.0), 1, 2),  # -1 becomes 0; 3 unused cells + 2 are 5, of which 4 are kept
        ((3, 1), (1.2, -1.7), 1 - 2, 0),
    ]
    matches, errors, extra, clipped = (np.array(column) for column in zip(*cases, strict=True))
    found, saturated = converted(matches, np.rint(errors * COUNT).astype(np.int64), 5, 4)
    assert found.tolist() == (extra * COUNT).tolist()
    assert saturated.tolist() == clipped.tolist()


def test_spreads_without_sense_raise() -> None:
    with pytest.raises(RangeError, match=r"row: got errors of .* counts in a row, need less than 4.29497e\+09"):
        draw_errors(row(cell_spread_rel=1e12), 1, 16, 49, 784, CHIP)


def test_a_mismatch_must_charge_less() -> None:
    with pytest.raises(ValidationError, match=r"q_mismatch_fc: got 41.7, need less than q_match_fc 41.7"):
        row(q_mismatch_fc=41.7)
