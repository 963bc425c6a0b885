"""All checks in order, and what none of them covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.spice.card import own_card, probe, user_card
from accelsim.spice.ngspice import NOT_FOUND, Ngspice, find
from accelsim.validate import adc_survey, cam, charge_row, eyeriss_checks, memories, published, sum_line
from accelsim.validate.bench import Bench
from accelsim.validate.check import Check, skipped

NOT_COVERED = (
    "No measured per-layer figures of any ACAM or MBI chip exist: accuracy, latency and energy of the whole chips are "
    "checked against nothing measured.",
    "The circuits are our own reading of the texts (no figures were available): agreement means that a formula "
    "reproduces our circuit, not that a paper is reproduced.",
    "Circuits: PTM-MG and other FinFET cards (BSIM-CMG), Verilog-A models, dynamics of RRAM (it is a linear resistor), "
    "layout parasitics and wire resistance, temperature and supply corners (27 C, nominal), noise.",
    "Circuits: offsets of winner-take-all and sense amplifiers, converters, spread of cell charges (it needs a "
    "foundry's mismatch data), drift and programming of RRAM.",
)
NOT_ASKED = "circuit simulation was not asked for (--spice)"
QUICK = "the long circuit checks were not asked for (--full): Monte Carlo of the sum line, rows of 784 cells"


@dataclass(frozen=True)
class Circuits:
    """What was asked for of circuit simulation."""

    full: bool = False
    ngspice: Path | None = None
    card: Path | None = None
    keep_decks: Path | None = None


@dataclass
class Outcome:
    """What a validation found.

    Attributes:
        checks: in order.
        circuit: simulator and card, empty where none ran.
        fitted: group → parameter → value that the circuit checks fitted.
        left_out: what was not asked for.
    """

    checks: list[Check]
    circuit: dict[str, Any] = field(default_factory=dict)
    fitted: dict[str, dict[str, float]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def validate(specs: Path, workloads: Path, circuits: Circuits | None, say: Callable[[str], None]) -> Outcome:
    """Makes every check.

    Args:
        circuits: None where circuit simulation was not asked for.
        say: told what is being done.
    """
    found: list[Check] = []
    steps: dict[str, Callable[[], list[Check]]] = {
        "Eyeriss": lambda: eyeriss_checks.checks(specs, workloads),
        "macro and papers": lambda: published.checks(specs, workloads),
        "memories": lambda: memories.checks(specs),
        "converters": lambda: adc_survey.checks(specs),
    }
    for what, step in steps.items():
        say(what)
        found += step()
    outcome = Outcome(found)
    if circuits is None:
        outcome.left_out.append(NOT_ASKED)
    else:
        _simulate(specs, circuits, outcome, say)
    return outcome


def _simulate(specs: Path, circuits: Circuits, outcome: Outcome, say: Callable[[str], None]) -> None:
    """Adds the circuit checks, or that they were skipped."""
    program = find(circuits.ngspice)
    if program is None:
        outcome.checks.append(
            skipped(
                "Circuits",
                "spice",
                "laws of sum line, cells, analog CAM and charge row against circuit simulation",
                source="ngspice",
                reason=NOT_FOUND,
            )
        )
        return
    ngspice = Ngspice(program, circuits.keep_decks)
    card = own_card() if circuits.card is None else user_card(circuits.card)
    probed = probe(ngspice, card)
    bench = Bench.load(specs, ngspice, card, probed, circuits.full)
    for what, step in (("sum line", sum_line.checks), ("analog CAM", cam.checks), ("charge row", charge_row.checks)):
        say(f"ngspice: {what}")
        outcome.checks += step(bench)
    outcome.fitted = bench.fitted
    outcome.circuit = {
        "ngspice": ngspice.version,
        "card": card.name,
        "card_sha256": card.sha256,
        "models": [card.core.nmos, card.core.pmos, card.thick.nmos, card.thick.pmos],
        "core_on_a": probed.on_a,
        "core_off_a": probed.off_a,
        "core_vth_n_v": probed.vth_n_v,
        "core_vth_p_v": probed.vth_p_v,
    }
    outcome.left_out += [] if circuits.full else [QUICK]
