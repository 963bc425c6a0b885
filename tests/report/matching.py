"""`python -m tests.report.matching` writes reports/matching.md anew; `test_matching.py` holds it to the code."""

from __future__ import annotations

from pathlib import Path

from accelsim.report.matching import page
from accelsim.report.matching_costs import Side, side
from accelsim.run import Run, RunOptions, correct_answers, simulate
from accelsim.spec import load_spec
from accelsim.workload import load_workload

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "reports" / "matching.md"
SPECS = {"hybrid_physical": 8, "hybrid_digital_180nm": 1, "hybrid_digital_65nm": 1}  # and how many chips
WORKLOAD = "cifar10_hybrid"
N_INPUTS = 512  # for energies and times, which hardly differ between inputs; accuracy is that of all


def run(spec: str, n_inputs: int = N_INPUTS, n_chips: int = 1) -> Run:
    """A run of a shipped spec."""
    chip = load_spec(ROOT / "arch_specs" / f"{spec}.yaml")
    return simulate(chip, load_workload(ROOT / "workloads" / WORKLOAD), RunOptions(n_inputs, n_chips=n_chips))


def accuracies(spec: str, n_chips: int) -> list[float]:
    """Of each chip, on all recorded inputs; values alone, no times."""
    chip, workload = load_spec(ROOT / "arch_specs" / f"{spec}.yaml"), load_workload(ROOT / "workloads" / WORKLOAD)
    options = RunOptions(workload.n_inputs, n_chips=n_chips)
    return [right / workload.n_inputs for right in correct_answers(chip, workload, options)]


def sides() -> list[Side]:
    """What the page compares."""
    return [side(run(spec, n_chips=n), accuracies(spec, n)) for spec, n in SPECS.items()]


def text() -> str:
    """The page."""
    made_by = (
        f"`{WORKLOAD}`, {SPECS['hybrid_physical']} chips of the analog one (the digital ones are exact, so that one "
        f"stands for all). Energies and times: the first {N_INPUTS} inputs, one after the other. Accuracy: all "
        f"{load_workload(ROOT / 'workloads' / WORKLOAD).n_inputs:,} recorded inputs, the same for every chip; ± is the "
        "standard deviation over chips, not over inputs. Made by `python -m tests.report.matching`."
    )
    return page(sides(), made_by)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE}")
