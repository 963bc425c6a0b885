"""What accelsim prints, in README.md and reports/README.md. `python -m tests.readme` writes it, a test checks it."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelsim.account import LedgerRow
from accelsim.chip import build_chip
from accelsim.report.intervals import wilson_interval
from accelsim.report.quantities import picojoules, seconds
from accelsim.spec import load_spec
from accelsim.workload import load_workload
from accelsim.workload_fit import fit_problems

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
REPORTS = ROOT / "reports" / "README.md"
OUTPUT = re.compile(r"<!-- output: accelsim (?P<command>[^\n]*) -->\n```\n.*?```", re.DOTALL)
TABLE = re.compile(r"<!-- table: (?P<name>\w+) -->\n(?:\|[^\n]*\n)*")
BAD_EDITS = (
    ("\n    match_pj: ", "\n    mach_pj: "),
    ("\n    n_rows: 10", "\n    n_rows: ten"),
    ("\n    component: winner_take_all", "\n    component: winner_takes_all"),
)
LOADS = [
    ("hybrid_physical", "cifar10_hybrid"),
    ("mbi_physical", "mnist_mbi"),
    ("full_chip", "mnist_cascade"),
]


def accelsim(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the command line, 100 columns wide."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    command = [sys.executable, "-m", "accelsim.cli", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def run_output(command: str) -> str:
    """What `accelsim run …` prints, but for the files it wrote."""
    with tempfile.TemporaryDirectory() as out:
        printed = accelsim(*command.split(), "--out", out).stdout
    lines = [line.rstrip() for line in printed.splitlines() if not line.startswith("wrote ")]
    return "\n".join(lines) + "\n"


def bad_check_output() -> str:
    """What `accelsim check` says of a spec with three mistakes."""
    text = (ROOT / "arch_specs" / "hybrid_paper.yaml").read_text(encoding="utf-8")
    for old, new in BAD_EDITS:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mine.yaml").write_text(text, encoding="utf-8")
        done = accelsim("check", "mine.yaml", cwd=Path(folder))
    assert done.returncode == 2
    return "$ accelsim check mine.yaml\n" + done.stderr


def read_ledger(path: Path) -> list[LedgerRow]:
    """The rows of an `energy.csv`."""
    numbers = ("count", "unit_pj", "energy_pj")
    with path.open(newline="", encoding="utf-8") as file:
        return [LedgerRow(**{**row, **{name: float(row[name]) for name in numbers}}) for row in csv.DictReader(file)]


def load_table() -> str:
    """Time and energy of the physical chips for one input at a time and at saturation."""
    rows = ["| chip, workload | load | latency | inputs/s | dynamic pJ | static pJ | total pJ |"]
    rows.append("|---|---|---:|---:|---:|---:|---:|")
    for spec, workload in LOADS:
        for load, in_flight in (("one at a time", 1), ("saturation", 2)):
            figures = summary(spec, workload, in_flight)
            cells = (
                f"`{spec}`, `{workload}`",
                load,
                seconds(figures["latency_s"]["mean"]),
                f"{figures['throughput_per_s']:,.0f}",
                *(picojoules(figures[f"energy_{part}pj"]["mean"]) for part in ("dynamic_", "static_", "")),
            )
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def summary(spec: str, workload: str, in_flight: int) -> dict[str, dict[str, float]]:
    """`summary.json` of a run with so many inputs in flight."""
    with tempfile.TemporaryDirectory() as out:
        files = (f"arch_specs/{spec}.yaml", f"workloads/{workload}")
        edit = f"instances.admission.max_inputs_in_flight={in_flight}"
        done = accelsim("run", *files, "--set", edit, "--out", out)
        assert done.returncode == 0, done.stderr
        figures: dict[str, dict[str, float]] = json.loads((Path(out) / "summary.json").read_text())
    return figures


def shipped_table() -> str:
    """The shipped workloads and what was measured on them."""
    rows = ["| workload | runs on | method | recorded inputs | accuracy |", "|---|---|---|---:|---|"]
    chips = {"hybrid": "`hybrid_*`", "mbi": "`mbi_*`", "cascade": "`full_chip`", "cnn": "`cnn_*`"}
    for folder in sorted((ROOT / "workloads").iterdir()):
        manifest = load_workload(folder).manifest
        measured = manifest.accuracy.measured
        shapes = manifest.content == "shapes"
        accuracy = "none (generated)" if measured is None else f"{measured:.2%}"
        recorded = "shapes only" if shapes else f"{manifest.dataset.n_inputs:,}"
        runs_on = _takers(folder) if shapes else chips[manifest.kind]
        cells = (f"`{manifest.name}`", runs_on, manifest.method, recorded, "none" if shapes else accuracy)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def trained_table() -> str:
    """The trained workloads: the command in each manifest, and what it measured."""
    rows = ["| workload | validation | test (95 % interval) | hours | made by |", "|---|---:|---|---:|---|"]
    for folder in sorted((ROOT / "workloads").iterdir()):
        manifest = load_workload(folder).manifest
        measured, training = manifest.accuracy.measured, manifest.training
        if measured is None:
            continue
        low, high = wilson_interval(measured, manifest.dataset.n_inputs)
        validation, hours = training.get("validation_accuracy"), training.get("hours")
        cells = (
            f"`{manifest.name}`",
            "–" if validation is None else f"{validation:.2%}",
            f"{measured:.2%} ({low:.2%} to {high:.2%})",
            "–" if hours is None else f"{hours:.1f}",
            f"`{training['command']}`",
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _takers(folder: Path) -> str:
    """The specs that a layer table fits; those of the compute-in-memory macros in one word."""
    workload = load_workload(folder)
    specs = sorted((ROOT / "arch_specs").glob("*.yaml"))
    fitting = [path.stem for path in specs if not fit_problems(workload, build_chip(load_spec(path)))]
    names = dict.fromkeys("cim_*" if name.startswith("cim_") else name for name in fitting)
    return ", ".join(f"`{name}`" for name in names)


def reports_table() -> str:
    """Headline figures of the committed runs."""
    headings = ("run", "accounting", "accuracy (95 % interval)", "coverage", "latency", "inputs/s", "pJ per input")
    rows = [f"| {' | '.join(headings)} | of it static | largest consumers | on assumptions |"]
    rows.append("|---|---|---|---:|---:|---:|---:|---:|---|---:|")
    for path in sorted(REPORTS.parent.glob("*/summary.json")):
        figures = json.loads(path.read_text(encoding="utf-8"))
        cells = (
            f"[`{path.parent.name}`]({path.parent.name}/report.md)",
            figures["accounting"],
            _accuracy(figures),
            f"{figures['coverage']:.1%}" if figures["kind"] == "cascade" else "",
            seconds(figures["latency_s"]["mean"]),
            f"{figures['throughput_per_s']:,.0f}",
            picojoules(figures["energy_pj"]["mean"]),
            picojoules(figures["energy_static_pj"]["mean"]),
            ", ".join(f"{one['name']} {one['share']:.0%}" for one in figures["largest_consumers"]),
            f"{figures['assumed_share']:.1%}",
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _accuracy(figures: dict[str, Any]) -> str:
    """With its interval, or with the spread over chips where there are several."""
    if figures["accuracy"] is None:
        return "not evaluated"
    if figures["population"]:
        over = figures["population"]["accuracy"]
        spread = f"{over['mean']:.2%} ± {over['std']:.2%} over {figures['n_chips']} chips"
        return f"{spread} (ideal {figures['accuracy_ideal']:.2%})"
    low, high = figures["accuracy_ci95"]
    return f"{figures['accuracy']:.2%} ({low:.2%} to {high:.2%})"


TABLES: dict[str, Callable[[], str]] = {
    "load": load_table,
    "shipped": shipped_table,
    "trained": trained_table,
    "reports": reports_table,
}


def filled(text: str) -> str:
    """The page with every output and table written anew."""

    def output(found: re.Match[str]) -> str:
        command = found["command"]
        printed = bad_check_output() if command.startswith("check") else run_output(command)
        return f"<!-- output: accelsim {command} -->\n```\n{printed}```"

    text = OUTPUT.sub(output, text)
    return TABLE.sub(lambda found: f"<!-- table: {found['name']} -->\n{TABLES[found['name']]()}", text)


if __name__ == "__main__":
    for page in (README, REPORTS):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {page}")
