"""Charge-type match line of an analog CAM: every matching cell adds a packet of charge to its segment's line.

    V(S) = (S q_match + (N - S) q_mismatch) / (C_sense + N c_cell)

with S matches among N cells of a segment. The same parameters make the SPICE deck of `accelsim validate --spice`.

On a real chip a matching cell gives q_match (1 + d) with a d of its own, and a segment's line reads (1 + g) V + o
with g and o of its own, all fixed. In counts (one count = the voltage of one more match) a segment reads

    S + e,   e = sum over matching cells of [(1 + g) d k + g] + g N k_0 + o / v_count,

with k = q_match / (q_match - q_mismatch) and k_0 = k - 1. Every term is rounded to 2^-20 counts when the chip is
drawn, so that sums are whole numbers and the same in any order.

*Source:* form and deviations by circuit simulation (ngspice 39, sky130 9T4R-like cell, 25 fF a cell: rms 1.6 mV of
870 mV, q_match 23.0 fC, q_mismatch 0.19 fC, 4.4 % spread of a matching cell's charge under the foundry's mismatch);
the published cell is arXiv 2410.03414, which gives neither charge nor capacitance.
*Valid for:* lines far from saturation, whose cells have stopped charging when they are sensed.
*Not modelled:* spread of q_mismatch_fc (a hundredth of q_match_fc), noise of an access (kT/C of a picofarad is 0.06
mV), bow.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from accelsim.component import Imperfection, NonNegative, Positive
from accelsim.errors import RangeError
from accelsim.rng import Draws

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

COUNT_BITS = 20  # a count is 2^20 steps of the fixed-point errors
_MAX_COUNTS = 2.0**32  # of a row's error: in steps, it then is exact as an integer and as a float64


class ChargeRow(Imperfection):
    """Electrical parameters of a row's segments and their spread.

    Attributes:
        q_match_fc, q_mismatch_fc: charge that one matching or mismatching cell puts on its segment's line.
        cell_ff, sense_ff: capacitance of the line a cell, and of the sense node a segment.
        cell_spread_rel: sigma of a matching cell's charge relative to q_match_fc (per chip and cell, fixed).
        segment_gain_rel: sigma of a segment's gain (per chip and segment, fixed).
        segment_offset_v: sigma of a segment's offset (per chip and segment, fixed).
    """

    q_match_fc: Positive
    q_mismatch_fc: NonNegative
    cell_ff: Positive
    sense_ff: NonNegative
    cell_spread_rel: NonNegative
    segment_gain_rel: NonNegative
    segment_offset_v: NonNegative

    @model_validator(mode="after")
    def _match_charges_more(self) -> Self:
        if self.q_mismatch_fc >= self.q_match_fc:
            raise ValueError(f"q_mismatch_fc: got {self.q_mismatch_fc}, need less than q_match_fc {self.q_match_fc}")
        return self


class RowErrors(NamedTuple):
    """One chip's deviations in steps of 2^-20 counts.

    Attributes:
        cells: what each cell that holds a feature adds when it matches, `[n_rows, n_features]` int64.
        segments: what each segment reads beside them, its unused cells matching, `[n_rows, n_segments]` int64.
    """

    cells: IntArray
    segments: IntArray


def line_v(row: ChargeRow, matches: float, n_cells: int) -> float:
    """Voltage of a segment's line, of `n_cells` cells of which `matches` match (fC / fF = V)."""
    charge = matches * row.q_match_fc + (n_cells - matches) * row.q_mismatch_fc
    return charge / (row.sense_ff + n_cells * row.cell_ff)


def volts_per_count(row: ChargeRow, n_cells: int) -> float:
    """By how much one more match raises a segment's line."""
    return line_v(row, 1, n_cells) - line_v(row, 0, n_cells)


def draw_errors(
    row: ChargeRow, n_rows: int, n_segments: int, segment_cells: int, n_features: int, draws: Draws
) -> RowErrors:
    """Deviations of one chip's rows, whose first `n_features` cells hold features; the others match in every search.

    Raises:
        RangeError: if they are so large that their sum is not exact.
    """
    n_cells = n_segments * segment_cells
    share = row.q_match_fc / (row.q_match_fc - row.q_mismatch_fc)
    gain = row.segment_gain_rel * draws.generator("row", "gain").standard_normal((n_rows, n_segments))
    offset = row.segment_offset_v * draws.generator("row", "offset").standard_normal((n_rows, n_segments))
    spread = row.cell_spread_rel * draws.generator("row", "cells").standard_normal((n_rows, n_cells))
    of_cell = np.repeat(gain, segment_cells, axis=1)
    cells = (1 + of_cell) * spread * share + of_cell
    segments = gain * segment_cells * (share - 1) + offset / volts_per_count(row, segment_cells)
    largest = float((np.abs(cells).sum(axis=1) + np.abs(segments).sum(axis=1)).max())
    if not largest < _MAX_COUNTS:
        raise RangeError(f"row: got errors of {largest:g} counts in a row, need less than {_MAX_COUNTS:g}")
    steps, unused = _steps(cells), np.arange(n_cells) >= n_features
    always = (steps * unused).reshape(n_rows, n_segments, segment_cells).sum(axis=2)
    return RowErrors(steps[:, :n_features], _steps(segments) + always)


def _steps(counts: npt.NDArray[np.float64]) -> IntArray:
    return np.rint(counts * 2.0**COUNT_BITS).astype(np.int64)


def segment_sums(values: npt.NDArray[Any], n_segments: int, segment_cells: int) -> IntArray:
    """Sums over the cells of each segment, `[n_inputs, n_segments]`, of values `[n_inputs, n_features]`."""
    starts = np.arange(0, values.shape[1], segment_cells)
    sums = np.zeros((len(values), n_segments), dtype=np.int64)
    sums[:, : len(starts)] = np.add.reduceat(values, starts, axis=1, dtype=np.int64)
    return sums


def segment_errors(errors: RowErrors, row: int, hits: BoolArray, segment_cells: int) -> IntArray:
    """Errors of a row's segments in steps of 2^-20 counts, `[n_inputs, n_segments]`.

    Args:
        hits: which cells match, `[n_inputs, n_features]`.
    """
    adds = np.where(hits, errors.cells[row], 0)
    sums: IntArray = segment_sums(adds, errors.segments.shape[1], segment_cells) + errors.segments[row]
    return sums


def converted(matches: IntArray, error: IntArray, n_features: int, segment_cells: int) -> tuple[IntArray, IntArray]:
    """What a row reads too much when each segment's analog count is converted to a whole number by itself.

    Args:
        matches: matching cells of each segment, unused cells left out, `[n_inputs, n_segments]`.
        error: errors of the segments in steps of 2^-20 counts.

    Returns:
        Sum over the segments of (the nearest whole number, a half upwards, from 0 to `segment_cells`) minus (the
        cells that match, unused ones included), in steps of 2^-20 counts; and conversions that met an end.
        `[n_inputs]` each.
    """
    used = np.clip(n_features - np.arange(matches.shape[1]) * segment_cells, 0, segment_cells)
    matching = matches + segment_cells - used
    nearest = matching + ((error + 2 ** (COUNT_BITS - 1)) >> COUNT_BITS)
    codes = np.clip(nearest, 0, segment_cells)
    return (codes - matching).sum(axis=1) << COUNT_BITS, (codes != nearest).sum(axis=1)
