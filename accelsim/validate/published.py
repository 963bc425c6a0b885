"""Published figures that counts and stated unit energies must give back: the two papers, and the published 9T4R macro.

These checks show that nothing is lost or added between the counts of a simulation and its total. They do not show
that the unit energies are right: those are the publications' own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from accelsim.account import total_pj, unit_pj
from accelsim.chip import Instance, build_chip
from accelsim.components import acam_array
from accelsim.ideal import ideal_spec
from accelsim.rng import Draws
from accelsim.run import Run, RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.validate.check import Check, compared, judged, off_percent
from accelsim.workload import load_workload

MACRO = "Published 9T4R macro"
MACRO_SOURCE = "arXiv 2410.03414: 0.16 pJ a matching and 0.036 pJ a mismatching cell (abstract), 180 nm, 3 V, 66 MHz"
PAPERS = "Figures of the two papers, from counts"
MEASURED = "A measured chip beside ours"
N_INPUTS = 4


def checks(specs: Path, workloads: Path) -> list[Check]:
    """All of them."""
    return [*_macro(specs), *_papers(specs, workloads), _resnet8(specs, workloads)]


def _macro(specs: Path) -> list[Check]:
    spec = load_spec(specs / "hybrid_physical.yaml")
    chip = build_chip(ideal_spec(spec) or spec)
    acam = chip["acam"]
    n_rows, n_cells = acam.spec.n_rows, acam.spec.row_cells
    found = []
    for id, what, level, cell_pj in (("macro-match", "match", 1, 0.16), ("macro-mismatch", "mismatch", 0, 0.036)):
        cells_pj, whole_pj = _search_pj(acam, level)
        expected = n_rows * n_cells * cell_pj
        found.append(
            judged(
                MACRO,
                id,
                f"one search of {n_rows} x {n_cells} cells that all {what}, simulated, against cells x {cell_pj:g} pJ",
                limit=0.01,
                result=off_percent(cells_pj, expected),
                unit="%",
                figures=f"{cells_pj / 1e3:.4f} nJ against {expected / 1e3:.4f} nJ; with combining and wake-up "
                f"{whole_pj / 1e3:.4f} nJ",
                source=MACRO_SOURCE,
                remark="the unit energies are the macro's own, of 32 x 48 cells: this shows that 7,840 are counted, "
                "not that a row of 784 costs as much a cell",
            )
        )
    return found


def _search_pj(acam: Instance, level: int) -> tuple[float, float]:
    """Energy of the cells and of the whole array in one search whose every feature is `level`, templates being 1."""
    ones = np.ones((acam.spec.n_rows, acam.spec.row_cells), dtype=np.uint8)
    draws = Draws(0, 0, "acam")
    state = acam_array.program(acam.spec, (ones, ones), draws).state
    result = acam_array.search(acam.spec, state, np.full((1, acam.spec.row_cells), level, dtype=np.uint8), draws)
    energy = {action: float(count[0]) * unit_pj(acam, action) for action, count in result.activity.items()}
    return energy["match"] + energy["mismatch"], sum(energy.values())


def _papers(specs: Path, workloads: Path) -> list[Check]:
    hybrid = _simulate(specs / "hybrid_paper.yaml", workloads / "paper_hybrid")
    mbi = _simulate(specs / "mbi_paper.yaml", workloads / "paper_mbi")
    front_pj, back_pj = (_per_input_pj(hybrid, instance) for instance in ("engine", "acam"))
    cases = (
        (
            *("hybrid-front-end", "CNN of the hybrid chip", front_pj, 96_230.0),
            "arXiv 2502.10089, abstract: 96.23 nJ",
            "the unit energy is 96.23 nJ over our count of operations (5.3 fJ): a reproduction of a claim, 43 times "
            "below the arithmetic alone at 45 nm",
        ),
        (
            *("hybrid-back-end", "ACAM of the hybrid chip", back_pj, 10 * 784 * 0.185),
            "arXiv 2502.10089: 185 fJ a cell and search, 10 x 784 cells; its 1.45 nJ is this product",
            "cells only: no drivers, sense amplifiers, winner-take-all, clock",
        ),
        (
            *("mbi-lookups", "look-ups of the MBI chip", _per_input_pj(mbi, "arrays"), 5 * 3.5 * 32 * 5 * 4.7),
            "arXiv 2307.07631, Table I: 13.16 nJ = 5 glimpses x 3.5 levels x 32 keys x 5 splits x 4.7 pJ",
            "comparisons only: no table memory, clock or leakage",
        ),
    )
    return [
        judged(
            PAPERS,
            id,
            f"energy of the {what}, counted in simulation, against the paper's",
            limit=1e-6,
            result=off_percent(got, expected),
            unit="%",
            figures=f"{got:,.1f} pJ against {expected:,.1f} pJ",
            source=source,
            remark=remark,
        )
        for id, what, got, expected, source, remark in cases
    ]


def _simulate(spec: Path, workload: Path) -> Run:
    return simulate(load_spec(spec), load_workload(workload), RunOptions(N_INPUTS))


def _per_input_pj(run: Run, instance: str) -> float:
    return total_pj(row for row in run.chips[0].ledger if row.instance == instance) / N_INPUTS


def _resnet8(specs: Path, workloads: Path) -> Check:
    """Energy a multiply-accumulate of our physical engine beside a measured chip of another network."""
    run = _simulate(specs / "hybrid_physical.yaml", workloads / "cifar10_hybrid")
    ledger = run.chips[0].ledger
    macs = sum(row.count for row in ledger if row.instance == "engine" and row.action.startswith("mac"))
    got, measured = total_pj(ledger) / macs, 101.8e6 / 12.5e6
    return compared(
        MEASURED,
        "mlperf-tiny",
        "energy a multiply-accumulate of hybrid_physical against that of a chip measured on another network",
        result=off_percent(got, measured),
        unit="%",
        figures=f"{got:.1f} pJ (65 nm, {macs / N_INPUTS / 1e6:.1f} M an input, gated ones counted) against "
        f"{measured:.1f} pJ (101.8 uJ, 12.5 M)",
        source="MLPerf Tiny v1.2, Syntiant NDP9120, 0.9 V, ResNet-8, CIFAR-10 (mlcommons/tiny_results_v1.2@cadb362)",
        remark="another network, node and clock, and 12.5 M is not in that table: orders of magnitude, nothing more",
    )
