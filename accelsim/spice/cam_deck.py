"""An analog CAM row that discharges (6T2M cells, NOR), and one of its dividers, as circuits.

A cell has two dividers, each an RRAM from the search supply to a node that an NMOS with the column's voltage pulls
down. The first node drives a pull-down of the match line itself (it conducts below the window), the second does so
through an inverter (it conducts above the window). RRAM is a linear resistor here.

Cells in the same state are drawn once with a multiplicity; that is exact, as the line has no resistance.

*Source:* cell of Li et al., Nat. Commun. 11:1638, 2020, as its text describes it; core pair, minimum devices. Our own
choice: 0.1 fF of wire a cell and 5 fF of sense node, bounds of 100 and 30 kohm, columns that wait between them.
*Not modelled:* the precharge device, the line's resistance, RRAM that is not linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from accelsim.spice.card import Card
from accelsim.spice.netlist import capacitor, resistor, steps, transistor
from accelsim.spice.ngspice import Deck

WIRE_FF, SENSE_FF = 0.1, 5.0
LOW_OHM, HIGH_OHM = 100e3, 30e3
WAIT_REL = 2 / 3
"""Level in supplies at which columns wait; on the core pair the bounds are at 0.57 and 0.79 supplies."""
EDGE_NS = 0.005
START_NS = 0.1
"""When the columns are half way to their new level."""
LEAST_UA = 2.5
"""Current of a pull-down below which a search is not waited for."""
DEVICES_FF = 0.5
"""Upper estimate of what a cell's transistors add to the line, for the time to wait."""


class Row(NamedTuple):
    """A search: cells, and how many of them are below and above their window."""

    n_cells: int
    below: int
    above: int


def row_deck(card: Card, row: Row) -> Deck:
    """A precharged line whose mismatching columns leave the window for 0 V (below) or the supply (above)."""
    supply = card.core.supply_v
    waiting = WAIT_REL * supply
    groups = (("m", row.n_cells - row.below - row.above, waiting), ("b", row.below, 0.0), ("a", row.above, supply))
    circuit = [
        *card.lines,
        f"vdd vdd 0 {supply:g}",
        capacitor("line", "ml", SENSE_FF + row.n_cells * WIRE_FF),
        f".ic v(ml)={supply:g}",
    ]
    for tag, count, to_v in groups:
        if count:
            circuit.append(steps(f"dl{tag}", f"dl{tag}", waiting, [(START_NS - EDGE_NS / 2, to_v)], EDGE_NS))
            circuit += _cell(card, tag, count)
    stop_ns = round(START_NS + _patience_ns(row, supply), 3)
    return Deck(
        name=f"cam-{row.n_cells}-{row.below}-{row.above}",
        circuit=tuple(circuit),
        analysis=f"tran {stop_ns / 2000:.4g}n {stop_ns:g}n",
        vectors=("v(ml)",),
        stop=stop_ns * 1e-9,
    )


def _patience_ns(row: Row, supply_v: float) -> float:
    """Time by which even slow pull-downs have halved the line."""
    line_ff = SENSE_FF + row.n_cells * (WIRE_FF + DEVICES_FF)
    return 0.2 + line_ff * supply_v / 2 / (LEAST_UA * (row.below + row.above))


def _cell(card: Card, tag: str, count: int) -> list[str]:
    pair = card.core
    return [
        resistor(f"lo{tag}", f"vdd lo{tag}", LOW_OHM / count),
        transistor(f"lo{tag}", f"lo{tag} dl{tag} 0 0", pair, "n", count=count),
        resistor(f"hi{tag}", f"vdd hi{tag}", HIGH_OHM / count),
        transistor(f"hi{tag}", f"hi{tag} dl{tag} 0 0", pair, "n", count=count),
        transistor(f"invn{tag}", f"inv{tag} hi{tag} 0 0", pair, "n", count=count),
        transistor(f"invp{tag}", f"inv{tag} hi{tag} vdd vdd", pair, "p", count=count),
        transistor(f"pda{tag}", f"ml lo{tag} 0 0", pair, "n", count=count),
        transistor(f"pdb{tag}", f"ml inv{tag} 0 0", pair, "n", count=count),
    ]


def bound_deck(card: Card, conductances_us: Sequence[float]) -> Deck:
    """Dividers of several conductances (uS) under one swept column: `v(d<i>)` is half the supply at a bound."""
    supply = card.core.supply_v
    circuit = [*card.lines, f"vdd vdd 0 {supply:g}", "vdl dl 0 0"]
    for i, conductance in enumerate(conductances_us):
        circuit += [
            resistor(f"d{i}", f"vdd d{i}", 1e6 / conductance),
            transistor(f"d{i}", f"d{i} dl 0 0", card.core, "n"),
        ]
    vectors = tuple(f"v(d{i})" for i in range(len(conductances_us)))
    return Deck("bound", tuple(circuit), f"dc vdl 0 {supply:g} 0.001", vectors, supply)
