"""A segment of a charge-type analog CAM row (9T4R cells) as a circuit, from the parameters of its model.

A cell compares its column's voltage with two thresholds, each an inverter with RRAM in both its legs; the ratio of
the two sets the threshold. The second is restored by a plain inverter. Each drives a PMOS switch from the supply;
inside the window both conduct and feed a PMOS current source, whose drain is the line. The source's gate is lowered
for the search time, to where, by a DC sweep, a match delivers `q_match_fc` while its line is half way up.

The switches sit at the supply. Between source and line they would take charge as the line rises above a threshold of
theirs: the same law was then off by 25 mV of 1.6 V.

Cells in the same state are drawn once with a multiplicity; that is exact, as the line has no resistance.

*Source:* the transistor count and thresholds by RRAM-CMOS inverters are those of arXiv 2410.03414; the topology is
our own guess, and so are 10 kohm and 1 Mohm (devices of 100 and 1 uS) and the thick pair of our card.
*Not modelled:* the line's resistance, mismatch of the devices, RRAM that is not linear.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.charge_row import ChargeRow, line_v
from accelsim.spice.card import Card
from accelsim.spice.netlist import capacitor, resistor, steps, transistor
from accelsim.spice.ngspice import Deck, Ngspice, SpiceError

LOW_OHM, HIGH_OHM = 10e3, 1e6
START_NS = 0.5
SETTLE_NS = 1.0
"""From the end of the search time to where the line is read."""


class Segment(NamedTuple):
    """A search of a segment: its cells, and how many match, are below and above their window."""

    n_cells: int
    matches: int
    below: int
    above: int


def segment_deck(card: Card, row: ChargeRow, search_ns: float, gate_v: float, segment: Segment) -> Deck:
    """One search; `gate_v` is the source's gate while it conducts."""
    supply = card.thick.supply_v
    end = START_NS + search_ns
    circuit = [
        *card.lines,
        f"vdd vdd 0 {supply:g}",
        steps("gate", "gate", supply, [(START_NS, gate_v), (end, supply)]),
        capacitor("line", "line", row.sense_ff + segment.n_cells * row.cell_ff),
        ".ic v(line)=0",
    ]
    groups = (("m", segment.matches, 0.5), ("b", segment.below, 0.0), ("a", segment.above, 1.0))
    for tag, count, level in groups:
        if count:
            circuit += [f"vx{tag} x{tag} 0 {level * supply:g}", *_cell(card, tag, count)]
    stop = end + SETTLE_NS
    name = "row-" + "-".join(str(number) for number in segment)
    return Deck(name, tuple(circuit), f"tran 0.05n {stop:g}n", ("v(line)", "i(vdd)"), stop * 1e-9)


def _cell(card: Card, tag: str, count: int) -> list[str]:
    pair = card.thick

    def inverter(name: str, out: str, up_ohm: float, down_ohm: float) -> list[str]:
        return [
            resistor(f"u{name}{tag}", f"vdd u{name}{tag}", up_ohm / count),
            transistor(f"p{name}{tag}", f"{out}{tag} x{tag} u{name}{tag} vdd", pair, "p", count=count),
            transistor(f"n{name}{tag}", f"{out}{tag} x{tag} d{name}{tag} 0", pair, "n", count=count),
            resistor(f"d{name}{tag}", f"d{name}{tag} 0", down_ohm / count),
        ]

    return [
        *inverter("lo", "lo", HIGH_OHM, LOW_OHM),  # weak pull-up: a low threshold; low above it
        *inverter("hi", "hi", LOW_OHM, HIGH_OHM),  # weak pull-down: a high threshold; low above it
        transistor(f"rp{tag}", f"hib{tag} hi{tag} vdd vdd", pair, "p", count=count),
        transistor(f"rn{tag}", f"hib{tag} hi{tag} 0 0", pair, "n", count=count),
        transistor(f"swl{tag}", f"s{tag} lo{tag} vdd vdd", pair, "p", count=count),
        transistor(f"swh{tag}", f"t{tag} hib{tag} s{tag} vdd", pair, "p", count=count),
        transistor(f"src{tag}", f"line gate t{tag} vdd", pair, "p", count=count),
    ]


def source_gate_v(ngspice: Ngspice, card: Card, row: ChargeRow, search_ns: float, n_cells: int) -> float:
    """Gate voltage at which a source with both switches on delivers `q_match_fc` in the search time.

    Raises:
        SpiceError: if no gate voltage does.
    """
    pair, half = card.thick, line_v(row, n_cells, n_cells) / 2
    circuit = [
        *card.lines,
        f"vdd vdd 0 {pair.supply_v:g}",
        f"vgate gate 0 {pair.supply_v:g}",
        f"vline line 0 {half:g}",
        transistor("swl", "s 0 vdd vdd", pair, "p"),
        transistor("swh", "t 0 s vdd", pair, "p"),
        transistor("src", "line gate t vdd", pair, "p"),
    ]
    deck = Deck("row-gate", tuple(circuit), f"dc vgate 0 {pair.supply_v:g} 0.01", ("i(vline)",), pair.supply_v)
    waves = ngspice.run(deck)
    wanted, currents = row.q_match_fc / search_ns * 1e-6, waves.y["i(vline)"]
    if not currents[-1] < wanted < currents[0]:
        raise SpiceError(
            f"row: got at most {currents[0]:.3g} A of a minimum source at {pair.supply_v:g} V, need {wanted:.3g} A "
            f"for q_match_fc {row.q_match_fc:g} in {search_ns:g} ns"
        )
    return float(np.interp(wanted, currents[::-1], waves.x[::-1]))
