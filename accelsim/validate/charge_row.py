"""The charge-type match line against its circuit.

The two charges are fitted to segments of 8 and 16 cells; the law is judged on segments of the chip's own length.
The circuit's current source was set at one point beforehand (a matching cell, its line half way up, gives
`q_match_fc`), so the fitted charge also shows how far the whole search is from that point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.charge_row import ChargeRow, line_v, volts_per_count
from accelsim.spice.charge_deck import START_NS, Segment, segment_deck, source_gate_v
from accelsim.spice.ngspice import Waves
from accelsim.validate.bench import HYBRID, Bench
from accelsim.validate.check import Check, compared, judged, off_percent
from accelsim.validate.fit import deviation, linear

Floats = npt.NDArray[np.float64]

GROUP = "Charge-type row of the analog CAM, against ngspice"
SOURCE = f"ngspice on the 9T4R circuit of accelsim/spice/charge_deck.py, from the acam of {HYBRID}"
FITTED_CELLS = (8, 16)
PARTS = 7
"""Counts of matches looked at in a segment, beside none."""
MEASURED_MATCH_PJ, MEASURED_MISMATCH_PJ = 0.16, 0.036
"""Energy of a cell of the 180 nm prototype at 3 V, arXiv 2410.03414."""


def _segments(sizes: Sequence[int]) -> list[Segment]:
    """Matches from none to all; what does not match is below and above its window in turn."""
    found = []
    for n in sizes:
        for matches in sorted({round(n * part / PARTS) for part in range(PARTS + 1)}):
            below = (n - matches) // 2
            found.append(Segment(n, matches, below, n - matches - below))
    return found


def checks(bench: Bench) -> list[Check]:
    """All of them; leaves what was fitted in `bench.fitted`."""
    row, n = bench.row, bench.acam.segment_cells
    gate_v = source_gate_v(bench.ngspice, bench.card, row, bench.acam.search_ns, n)
    seen, unseen = _segments(FITTED_CELLS), _segments((n,))
    fitting, judging = (_simulate(bench, gate_v, segments) for segments in (seen, unseen))
    fitted = fit_charges(row, seen, _volts(fitting))
    bench.fitted["row"] = {"q_match_fc": fitted.q_match_fc, "q_mismatch_fc": fitted.q_mismatch_fc}
    errors, near = (
        deviation([(line_v(fitted, s.matches, s.n_cells) - v) * 1e3 for s, v in zip(group, _volts(runs), strict=True)])
        for group, runs in ((unseen, judging), (seen, fitting))
    )
    full_mv, count_mv = line_v(fitted, n, n) * 1e3, volts_per_count(fitted, n) * 1e3
    match_pj, mismatch_pj = (_cell_pj(bench, judging[i], n) for i in (-1, 0))
    return [
        judged(
            GROUP,
            "row",
            f"V = (S q_match + (N - S) q_mismatch) / (C_sense + N c_cell): largest error on segments of {n} cells",
            limit=5,
            result=errors.largest,
            unit="mV",
            figures=f"rms {errors.rms:.2f} mV of {full_mv:.0f} mV; a count is {count_mv:.1f} mV; fitted to "
            f"{len(seen)} segments of {' and '.join(map(str, FITTED_CELLS))} cells ({near.largest:.2f} mV): q_match "
            f"{fitted.q_match_fc:.2f} fC, q_mismatch {fitted.q_mismatch_fc:.3f} fC",
            source=SOURCE,
            remark="the cell's topology is our guess and matters: with its switches between source and line, as "
            "drawn first, the law was off by 25 mV. Every cell is nominal: their spread of 4.4 % is not checked",
        ),
        compared(
            GROUP,
            "row.charge",
            f"fitted charge of a match against q_match_fc of {HYBRID}",
            result=off_percent(fitted.q_match_fc, row.q_match_fc),
            unit="%",
            figures=f"{fitted.q_match_fc:.2f} fC against {row.q_match_fc:g} fC",
            source=SOURCE,
            remark="the source weakens as its line rises, and starts at full current",
        ),
        compared(
            GROUP,
            "row.energy",
            "energy of a matching cell in our circuit against the measured one",
            result=off_percent(match_pj, MEASURED_MATCH_PJ),
            unit="%",
            figures=f"match {match_pj:.4f} pJ against {MEASURED_MATCH_PJ:g}; mismatch {mismatch_pj:.4f} against "
            f"{MEASURED_MISMATCH_PJ:g} pJ",
            source="arXiv 2410.03414: measured, 180 nm, 3 V, 66 MHz",
            remark="our circuit is a guess at the cell: its mismatching cells draw next to nothing, so what costs "
            "0.036 pJ in the real one (drivers, switching of the inverters, columns) is not in it",
        ),
    ]


def _simulate(bench: Bench, gate_v: float, segments: Sequence[Segment]) -> list[Waves]:
    search_ns = bench.acam.search_ns
    decks = (segment_deck(bench.card, bench.row, search_ns, gate_v, segment) for segment in segments)
    return [bench.ngspice.run(deck) for deck in decks]


def _volts(runs: Sequence[Waves]) -> list[float]:
    return [float(waves.y["v(line)"][-1]) for waves in runs]


def fit_charges(row: ChargeRow, segments: Sequence[Segment], volts: Sequence[float]) -> ChargeRow:
    """The row with its charges fitted; the law is linear in them, so each column is the law with one of them at 1."""
    units = [row.model_copy(update={"q_match_fc": m, "q_mismatch_fc": 1.0 - m}) for m in (1.0, 0.0)]
    features: Floats = np.array([[line_v(unit, s.matches, s.n_cells) for unit in units] for s in segments])
    q_match, q_mismatch = (float(q) for q in linear(features, np.array(volts)))
    return row.model_copy(update={"q_match_fc": q_match, "q_mismatch_fc": q_mismatch})


def _cell_pj(bench: Bench, waves: Waves, n_cells: int) -> float:
    """Energy from the supply of one cell of a segment in a search."""
    charge_pc = waves.charge("i(vdd)", START_NS * 1e-9, float(waves.x[-1])) * 1e12
    return charge_pc * bench.card.thick.supply_v / n_cells
