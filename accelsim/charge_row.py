"""Charge-type match line of an analog CAM: every matching cell adds a packet of charge to its segment's line.

    V(S) = (S q_match + (N - S) q_mismatch) / (C_sense + N c_cell)

with S matches among N cells of a segment. The same parameters make the SPICE deck of `accelsim validate --spice`.

*Source:* form and deviations by circuit simulation (ngspice 39, sky130 9T4R-like cell, 25 fF a cell: rms 1.6 mV of 870
mV, q_match 23.0 fC, q_mismatch 0.19 fC, 4.4 % spread of a matching cell's charge under the foundry's mismatch); the
published cell is arXiv 2410.03414, which gives neither charge nor capacitance.
*Valid for:* lines far from saturation, whose cells have stopped charging when they are sensed.
"""

from __future__ import annotations

from accelsim.component import Imperfection, NonNegative, Positive


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


def line_v(row: ChargeRow, matches: float, n_cells: int) -> float:
    """Voltage of a segment's line, of `n_cells` cells of which `matches` match (fC / fF = V)."""
    charge = matches * row.q_match_fc + (n_cells - matches) * row.q_mismatch_fc
    return charge / (row.sense_ff + n_cells * row.cell_ff)


def volts_per_count(row: ChargeRow, n_cells: int) -> float:
    """By how much one more match raises a segment's line."""
    return line_v(row, 1, n_cells) - line_v(row, 0, n_cells)
