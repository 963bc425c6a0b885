"""`accelsim validate` without a simulator: outcomes, exit codes, files, and the committed report."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from accelsim.validate import adc_survey, memories, published
from accelsim.validate.check import Check, compared, judged, skipped, tally
from accelsim.validate.report import document, page, print_document
from accelsim.validate.suite import Outcome
from tests.spice.parts import pretend

ROOT = Path(__file__).parents[2]
SPECS, WORKLOADS, REPORTS = ROOT / "arch_specs", ROOT / "workloads", ROOT / "reports"
SKIPPED = "spice check: skipped - ngspice not found (Debian: apt-get install ngspice)"


def make(result: float, id: str = "a") -> Check:
    return judged("G", id, "what", limit=5, result=result, unit="%", figures="f", source="s", remark="wrong here")


def command(*arguments: str, path: str = "", root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the command in a folder of its own choice, with nothing on the PATH unless given."""
    return subprocess.run(
        [sys.executable, "-m", "accelsim.cli", "validate", "--root", str(root), *arguments],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("result", "status"), [(5.0, "passed"), (5.0001, "failed"), (float("nan"), "failed"), (float("inf"), "failed")]
)
def test_what_passes(result: float, status: str) -> None:
    check = make(result)
    assert (check.status, check.tolerance) == (status, "at most 5 %")


def test_a_skip_is_no_pass() -> None:
    checks = [make(1.0), make(9.0), skipped("G", "c", "what", source="s", reason="no program")]
    checks.append(compared("G", "d", "what", result=3, unit="%", figures="f", source="s", remark="r"))
    assert tally(checks) == {"passed": 1, "failed": 1, "skipped": 1, "compared": 1}


def test_tolerance_comes_before_result_and_a_failure_is_called_one() -> None:
    outcome = Outcome([make(1.0, "good"), make(9.0, "bad")])
    data = document(outcome, "accelsim validate", "0")
    written = page(data)
    row = next(line for line in written.splitlines() if line.startswith("| `bad`"))
    assert row == "| `bad` | what | at most 5 % | 9 % | **failed** |"
    assert "| check | what | tolerance | result | outcome |" in written
    assert "- `bad` (failed), `good`: wrong here" in written
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    print_document(data, console)
    shown = next(line for line in console.export_text().splitlines() if " bad " in line)
    assert shown.split()[:8] == ["bad", "at", "most", "5", "%", "9", "%", "failed"]


def test_the_page_names_what_is_not_covered() -> None:
    written = page(document(Outcome([make(1.0)]), "c", "0"))
    for words in ("PTM-MG", "Verilog-A", "layout parasitics", "winner-take-all", "converters", "noise"):
        assert words in written.partition("## What is not covered")[2]


def test_macro_energies_by_hand() -> None:
    """10 x 784 cells at 0.16 and 0.036 pJ: 1.2544 and 0.28224 nJ, which papers round to 1.25 and 0.28."""
    found = {check.id: check for check in published.checks(SPECS, WORKLOADS)}
    assert found["macro-match"].figures.startswith(f"{10 * 784 * 0.16 / 1e3:.4f} nJ against 1.2544 nJ")
    assert found["macro-mismatch"].figures.startswith(f"{10 * 784 * 0.036 / 1e3:.4f} nJ against 0.2822 nJ")
    assert {id: check.status for id, check in found.items()} == {
        **dict.fromkeys(("macro-match", "macro-mismatch"), "passed"),
        **dict.fromkeys(("hybrid-front-end", "hybrid-back-end", "mbi-lookups"), "passed"),
        "mlperf-tiny": "compared",
    }


def test_memories_and_converters() -> None:
    assert {check.status for check in memories.checks(SPECS)} == {"passed", "compared"}
    assert {check.status for check in adc_survey.checks(SPECS)} == {"passed", "compared"}


def test_survey_by_hand() -> None:
    """5 bits at 16 nm, 1 GS/s: SNDR 31.86 dB; 213.78 - 2.8719 ln 1e9 = 154.27 dB, clipped to 144.41 dB."""
    joules_rel = 1 / (2 * 10 ** ((144.41 - 31.86) / 10))
    factor = 2.718281828459045 ** (26.0496 + 1.88004 * 2.772588722 - 2.82913 * 1.609437912 - 1.47020)
    assert adc_survey.energy_pj(5, 16, 1e9) == pytest.approx(joules_rel * factor, rel=1e-6)


def test_a_spec_that_is_wrong_fails(tmp_path: Path) -> None:
    """A cell energy that is not the macro's, a memory that is not its point: named, and exit 1."""
    shutil.copytree(SPECS, tmp_path / "arch_specs")
    (tmp_path / "workloads").symlink_to(WORKLOADS)
    spec = tmp_path / "arch_specs" / "hybrid_physical.yaml"
    spec.write_text(spec.read_text().replace("match_pj: 0.16\n", "match_pj: 0.17\n", 1))
    done = command("--out", str(tmp_path / "out"), root=tmp_path)
    assert done.returncode == 1, done.stderr
    checks = {check["id"]: check for check in json.loads((tmp_path / "out" / "validation.json").read_text())["checks"]}
    assert checks["macro-match"]["status"] == "failed"
    assert checks["macro-match"]["result"] == pytest.approx(6.25)  # 0.17 / 0.16 - 1
    assert checks["macro-mismatch"]["status"] == "passed"


def test_without_ngspice(tmp_path: Path) -> None:
    """Skipped with its reason and exit 0; exit 1 where it was required; never a pass."""
    arguments = ("--spice", "--out", str(tmp_path / "out"))
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    assert SKIPPED in done.stdout.splitlines()
    data = json.loads((tmp_path / "out" / "validation.json").read_text())
    assert data["tally"]["skipped"] == 1
    assert [check["id"] for check in data["checks"] if check["status"] == "skipped"] == ["spice"]
    assert command(*arguments, "--require-spice").returncode == 1
    assert (tmp_path / "out" / "validation.md").read_text() == page(
        json.loads((tmp_path / "out" / "validation.json").read_text())
    )


def test_an_ngspice_that_does_nothing_is_an_error(tmp_path: Path) -> None:
    """Exit 2, one line and what it said; no result is written."""
    done = command("--spice", "--out", str(tmp_path / "out"), "--ngspice", str(pretend(tmp_path, "exit 0")))
    assert done.returncode == 2
    assert "ngspice: probe: got no data" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--full", "--require-spice", "--card=x", "--keep-decks=x", "--save-calibration=x"])
def test_circuit_options_without_circuits(tmp_path: Path, option: str) -> None:
    done = command(option, "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (2, f"{option.partition('=')[0]}: got no --spice, need it as well\n")


def test_committed_report_is_what_the_code_renders() -> None:
    data = json.loads((REPORTS / "validation.json").read_text(encoding="utf-8"))
    assert (REPORTS / "validation.md").read_text(encoding="utf-8") == page(data)
    assert data["tally"] == tally(Check(**check) for check in data["checks"])
    assert data["tally"]["skipped"] == 0, "made without ngspice"


def test_committed_report_holds() -> None:
    """What needs no simulator is computed anew and must be what the report says."""
    data = json.loads((REPORTS / "validation.json").read_text(encoding="utf-8"))
    reported = {check["id"]: check for check in data["checks"]}
    for check in [*published.checks(SPECS, WORKLOADS), *memories.checks(SPECS), *adc_survey.checks(SPECS)]:
        assert reported[check.id]["status"] == check.status
        assert reported[check.id]["figures"] == check.figures
