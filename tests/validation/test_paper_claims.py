"""The papers' own figures, from counts of simulated actions on the generated workloads of the papers' geometry.

Sources: abstract of arXiv 2502.10089 (96.23 nJ front end, 1.45 nJ back end; 185 fJ a cell and operation), and Table I
of arXiv 2307.07631 (13.16 nJ = 5 glimpses x 3.5 levels x 32 keys x 5 splits x 4.7 pJ).
"""

from pathlib import Path

import pytest

from accelsim.run import Run, RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.workload import load_workload

ROOT = Path(__file__).resolve().parents[2]
N_INPUTS = 16


def run(spec: str, workload: str) -> Run:
    return simulate(
        load_spec(ROOT / "arch_specs" / f"{spec}.yaml"),
        load_workload(ROOT / "workloads" / workload),
        RunOptions(N_INPUTS),
    )


def per_input(run: Run, instance: str, action: str | None = None) -> tuple[float, float]:
    """Count and pJ of an instance's actions, a mean input."""
    rows = [r for r in run.chips[0].ledger if r.instance == instance and (action is None or r.action == action)]
    return sum(r.count for r in rows) / N_INPUTS, sum(r.energy_pj for r in rows) / N_INPUTS


def test_hybrid_front_end_and_acam() -> None:
    finished = run("hybrid_paper", "paper_hybrid")
    macs, front_pj = per_input(finished, "engine", "mac")
    assert macs == 64_800 + 1_806_336 + 14_450_688 + 1_806_336 == 18_128_160
    assert front_pj == pytest.approx(96_230, rel=1e-9)
    cells = per_input(finished, "acam", "match")[0] + per_input(finished, "acam", "mismatch")[0]
    assert cells == 10 * 784
    assert per_input(finished, "acam")[1] == pytest.approx(10 * 784 * 0.185, rel=1e-12) == pytest.approx(1450.4)
    total = sum(row.energy_pj for row in finished.chips[0].ledger) / N_INPUTS
    assert total == pytest.approx(96_230 + 1450.4, rel=1e-9)  # nothing else is charged


def test_mbi_lookups() -> None:
    finished = run("mbi_paper", "paper_mbi")
    compares, pj = per_input(finished, "arrays", "compare")
    assert compares == 5 * 3.5 * 32 * 5 == 2800
    assert pj == pytest.approx(5 * 3.5 * 32 * 5 * 4.7, rel=1e-12) == pytest.approx(13_160)
    total = sum(row.energy_pj for row in finished.chips[0].ledger) / N_INPUTS
    assert total == pytest.approx(13_160, rel=1e-12)
