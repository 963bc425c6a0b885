"""The SRAM distance array of the MBI chip as a circuit, from the same parameters as its model.

A column has two bit lines. Each has `n_rows` cells: the selected one is a stack of three NMOS (row, query, stored
bit), the others are off and lumped into one device. Beside them sit a reset NMOS, a precharge PMOS from the level
of the column's weight, and a transmission gate (CSUM) that joins the line to the sum line of its side: BL to SLP,
whose cells conduct where the query is 1 and the key 0, BLB to SLN, where the query is 0 and the key 1.

Columns in the same state are drawn once with a multiplicity; that is exact, as the circuit has no wire resistance.

*Source:* arXiv 2307.07631 §III-D for what is computed. Topology, minimum devices, boosted gates and the order of the
phases are our own reading, as no figure of the circuit was available.
*Not modelled:* wire resistance, layout parasitics other than the lumped line, temperature and supply corners, noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.components.distance_array import DistanceArraySpec
from accelsim.errors import RangeError
from accelsim.spice.card import Card
from accelsim.spice.netlist import EDGE_NS, capacitor, steps, transistor
from accelsim.spice.ngspice import Deck
from accelsim.sum_line import SumLine

Floats = npt.NDArray[np.float64]

SIDES = ("p", "n")
SHIFTED = ("row", "query", "stored", "precharge", "csum_n", "csum_p")
"""Minimum devices of a line whose thresholds a Monte Carlo shifts; the first three are the cell's."""
START_NS = 0.1
"""When the row line of `cells_deck` is half way up."""


class Column(NamedTuple):
    """One column: its weight (1 or 2), and the bits of the selected key and of the query."""

    weight: int
    stored: int
    query: int

    def conducting(self, side: str) -> tuple[int, int]:
        """Whether the query device and the stored-bit device of a side's cell are on."""
        return (self.query, 1 - self.stored) if side == "p" else (1 - self.query, self.stored)


@dataclass(frozen=True)
class Array:
    """What a deck is made from.

    Attributes:
        spec: rows and times; spec.sum_line or the like is not read, `line` is.
        line: voltages and capacitances.
        boost_v: highest gate level of CSUM; what it is above `v_high_v` its complement and the precharge gates of
            low lines go below 0.
        wire_ff: capacitance drawn at a line, so that with its devices it has `line.line_ff`.
    """

    card: Card
    spec: DistanceArraySpec
    line: SumLine
    boost_v: float
    wire_ff: float

    @property
    def ends_ns(self) -> dict[str, float]:
        """End of each phase."""
        ends, now = {}, 0.0
        for phase in ("reset", "precharge", "evaluate", "share", "sample"):
            now += getattr(self.spec, f"{phase}_ns")
            ends[phase] = now
        return ends


class Counts(NamedTuple):
    """Of one sum line: discharged lines of weight 2 and 1, and held ones whose query device is on."""

    high: int
    low: int
    open: int


def counts(columns: Sequence[Column], side: str) -> Counts:
    """What the law of a sum line depends on."""
    states = [(column.weight, *column.conducting(side)) for column in columns]
    high, low = (sum(state == (weight, 1, 1) for state in states) for weight in (2, 1))
    return Counts(high, low, sum(state[1:] == (1, 0) for state in states))


VECTORS = ("v(slp)", "v(sln)", "i(vhigh)", "i(vlow)")
LIGHTEST = "v(bp0)"
"""In `array_deck`, a bit line of the lowest weight there is."""


def array_deck(name: str, array: Array, columns: Sequence[Column]) -> Deck:
    """One comparison; columns in the same state share their devices."""
    text: list[str] = []
    for i, (column, count) in enumerate(sorted(Counter(columns).items())):
        for side in SIDES:
            text += _line(array, f"{side}{i}", column, side, {}, count)
    return _deck(name, array, text, (*VECTORS, LIGHTEST))


def sampled_deck(name: str, array: Array, columns: Sequence[Column], shifts_v: Floats) -> Deck:
    """One comparison, every device drawn and shifted.

    Args:
        shifts_v: V_TH above nominal, `[n_columns, 2 sides, len(SHIFTED)]`.
    """
    text: list[str] = []
    for i, column in enumerate(columns):
        for j, side in enumerate(SIDES):
            shift = dict(zip(SHIFTED, (float(v) for v in shifts_v[i, j]), strict=True))
            text += _line(array, f"{side}{i}", column, side, shift, 1)
    return _deck(name, array, text, VECTORS)


def cells_deck(name: str, array: Array, shifts_v: Floats, stop_ns: float) -> Deck:
    """Lines precharged to `v_high_v` that one cell each discharges from `START_NS` on, all in one deck.

    Args:
        shifts_v: V_TH above nominal of the row, query and stored-bit device, `[n_cells, 3]`.

    Vector `v(bp<i>)` is the line of cell i.
    """
    line = array.line
    off = [f"v{gate} {gate} 0 {line.v_high_v:g}" for gate in ("preh", "csumb", "query", "high", "well")]
    text = [*off, "vreset reset 0 0", "vcsum csum 0 0", "vslp slp 0 0"]
    text.append(steps("row", "row", 0, [(START_NS - EDGE_NS / 2, line.v_high_v)]))
    for i, shift in enumerate(shifts_v):
        named = dict(zip(SHIFTED, (float(v) for v in shift), strict=False))
        text += [*_line(array, f"p{i}", Column(2, 0, 1), "p", named, 1), f".ic v(bp{i})={line.v_high_v:g}"]
    return Deck(
        name=name,
        circuit=(*array.card.lines, *text),
        analysis=f"tran 0.01n {stop_ns:g}n uic",
        vectors=tuple(f"v(bp{i})" for i in range(len(shifts_v))),
        stop=stop_ns * 1e-9,
    )


def _line(array: Array, tag: str, column: Column, side: str, shift: Mapping[str, float], count: int) -> list[str]:
    """A bit line with all that hangs on it."""
    pair, at = array.card.core, f"b{tag}"
    query, stored = column.conducting(side)
    level, gate = ("high", "preh") if column.weight == 2 else ("low", "prel")

    def device(what: str, nodes: str, channel: str, copies: int = 1) -> str:
        vth_v = shift.get(what, 0.0)
        return transistor(f"{what}_{tag}", nodes, pair, channel, count=count * copies, vth_v=vth_v)

    return [
        device("row", f"{at} row x{tag} 0", "n"),
        device("query", f"x{tag} {'query' if query else '0'} y{tag} 0", "n"),
        device("stored", f"y{tag} {'well' if stored else '0'} 0 0", "n"),
        device("others", f"{at} 0 0 0", "n", array.spec.n_rows - 1),
        device("reset", f"{at} reset 0 0", "n"),
        device("precharge", f"{at} {gate} {level} well", "p"),
        device("csum_n", f"{at} csum sl{side} 0", "n"),
        device("csum_p", f"{at} csumb sl{side} well", "p"),
        capacitor(tag, at, array.wire_ff * count),
    ]


def _deck(name: str, array: Array, lines: list[str], vectors: tuple[str, ...]) -> Deck:
    ends, line, pair = array.ends_ns, array.line, array.card.core
    boost = array.boost_v - line.v_high_v
    if boost < 0 or array.wire_ff < 0:
        raise RangeError(
            f"{name}: got gates at {array.boost_v:g} V and {array.wire_ff:.3g} fF of wire, need gates of at least "
            f"v_high_v = {line.v_high_v:g} V and a line_ff of at least what its devices have"
        )
    reset, precharge, evaluate = ends["reset"], ends["precharge"], ends["evaluate"]
    before = reset - EDGE_NS  # a phase has ended when the next begins
    drivers = [
        f"vwell well 0 {line.v_high_v:g}",
        f"vhigh high 0 {line.v_high_v:g}",
        f"vlow low 0 {line.v_low_v:g}",
        steps("reset", "reset", line.v_high_v, [(before, 0)]),
        steps("preh", "preh", line.v_high_v, [(reset, 0), (precharge - EDGE_NS, line.v_high_v)]),
        steps("prel", "prel", line.v_high_v, [(reset, -boost), (precharge - EDGE_NS, line.v_high_v)]),
        steps("query", "query", 0, [(precharge, line.v_high_v)]),
        steps("row", "row", 0, [(precharge, line.v_high_v), (evaluate, 0)]),
        steps("csum", "csum", 0, [(evaluate + EDGE_NS, array.boost_v)]),
        steps("csumb", "csumb", line.v_high_v, [(evaluate + EDGE_NS, -boost)]),
    ]
    sums = []
    for side in SIDES:
        sums += [
            capacitor(f"sl{side}", f"sl{side}", line.sum_ff),
            transistor(f"sl{side}", f"sl{side} reset 0 0", pair, "n"),
        ]
    stop = ends["sample"]
    return Deck(
        name=name,
        circuit=(*array.card.lines, *drivers, *sums, *lines),
        analysis=f"tran 0.05n {stop:g}n",
        vectors=vectors,
        stop=stop * 1e-9,
    )
