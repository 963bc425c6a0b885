"""`accelsim run` as a user meets it: what it prints and writes, and one clear line for whatever goes wrong."""

from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from accelsim.report.markdown import report
from tests.readme import read_ledger

ROOT = Path(__file__).resolve().parents[1]
HYBRID, MBI = ROOT / "arch_specs/hybrid_paper.yaml", ROOT / "arch_specs/mbi_paper.yaml"
PAPER_HYBRID, PAPER_MBI = ROOT / "workloads/paper_hybrid", ROOT / "workloads/paper_mbi"

# The contract of design.md §8: these keys stay.
SUMMARY_KEYS = {
    "schema_version", "command", "spec", "spec_sha256", "overrides", "workload", "workload_sha256", "method",
    "accounting", "engine", "arrivals", "seed", "n_inputs", "n_chips", "n_jobs", "accuracy", "accuracy_ideal",
    "accuracy_ci95", "accuracy_per_chip", "coverage", "tie_rate", "latency_s", "response_s", "throughput_per_s",
    "tick_hz", "makespan_ticks", "makespan_s", "cycles", "energy_pj", "energy_dynamic_pj", "energy_static_pj",
    "energy_by_instance_pj", "energy_by_action_pj", "energy_by_basis_pj", "programming", "area_by_instance_um2",
    "utilisation", "timeline_sha256", "versions",
}
ADDED = {
    "not_charged", "inputs_from", "jobs_per_input_max",  # decision 0005
    "kind", "notes", "age_s", "ideal_parts", "largest_consumers", "assumed_share", "edited_share",  # decision 0007
    "energy_interval_pj", "assumed_without_range", "population", "counters",
}


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
FILES = ["energy.csv", "inputs.parquet", "report.md", "summary.json"]


def accelsim(
    *arguments: object, cwd: Path = ROOT, stdout: Any = subprocess.PIPE, stderr: Any = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accelsim.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, stdout=stdout, stderr=stderr, text=True, timeout=300)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2 and one line on stderr that says these things."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("run")
    done = accelsim("run", HYBRID, PAPER_HYBRID, "--inputs", 32, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_the_main_job_prints_what_it_found(finished: tuple[Path, str]) -> None:
    text = " ".join(finished[1].split())
    figures = ("96,230.0", "1,450.4", "97,680.4 pJ")
    for part in ("accounting: paper-claim", *figures, "latency", "throughput", "Not charged"):
        assert part in text


def test_summary_keeps_its_contract(finished: tuple[Path, str]) -> None:
    summary = json.loads((finished[0] / "summary.json").read_text())
    assert set(summary) == SUMMARY_KEYS | ADDED
    assert summary["energy_pj"]["mean"] == pytest.approx(96_230 + 1450.4)
    assert summary["accuracy"] is None  # labels of a generated workload carry no meaning
    assert summary["area_by_instance_um2"]["acam"] is None
    states = summary["utilisation"]["engine"]
    assert sum(states.values()) == pytest.approx(1)
    assert sum(summary["energy_by_instance_pj"].values()) == pytest.approx(summary["energy_pj"]["mean"])
    assert sum(summary["energy_by_basis_pj"].values()) == pytest.approx(summary["energy_pj"]["mean"])
    assert (summary["population"], summary["counters"], summary["age_s"]) == (None, {}, 0)


def test_summary_and_table_name_what_the_energy_goes_to_and_rests_on(finished: tuple[Path, str]) -> None:
    summary = json.loads((finished[0] / "summary.json").read_text())
    total = 96_230 + 1450.4
    largest = summary["largest_consumers"]
    assert [one["name"] for one in largest] == ["engine.mac", "acam.match", "acam.mismatch"]
    assert largest[0]["energy_pj"] == pytest.approx(96_230)
    assert sum(one["energy_pj"] for one in largest) == pytest.approx(total)
    assert largest[0]["share"] == pytest.approx(96_230 / total)
    assert (summary["assumed_share"], summary["edited_share"]) == (0, 0)  # one is derived, the other published
    assert {name.split(".")[0] for name in summary["ideal_parts"]} == {"acam", "sense", "wta"}
    text = " ".join(finished[1].split())
    for part in ("Largest: engine.mac 96,230.0 pJ (98.5%), acam.match", "Assumptions: 0.0% of the energy rests"):
        assert part in text
    assert "Ideal (no imperfection modelled): acam, sense, wta" in text


def test_the_report_is_made_of_the_files_beside_it(finished: tuple[Path, str]) -> None:
    out, _ = finished
    page = (out / "report.md").read_text(encoding="utf-8")
    assert page == report(json.loads((out / "summary.json").read_text()), read_ledger(out / "energy.csv"))
    for part in ("Accounting: **paper-claim**", "| `engine.mac` | derived |", "| total |  |  | 97,680.4 | 100.0% |"):
        assert part in page
    for row in read_ledger(out / "energy.csv"):
        if (row.instance, row.action) in (("engine", "mac"), ("acam", "match"), ("acam", "mismatch")):
            assert " ".join(row.source.split()) in page


def test_files_agree_with_each_other(finished: tuple[Path, str]) -> None:
    out, _ = finished
    summary = json.loads((out / "summary.json").read_text())
    inputs = pq.read_table(out / "inputs.parquet").to_pydict()
    assert inputs["input"] == list(range(32))
    assert set(inputs["correct"]) == {None}  # labels of a generated workload carry no meaning
    assert sum(inputs["energy_pj"]) == pytest.approx(summary["energy_pj"]["total"])
    assert sum(inputs["latency_s"]) / 32 == pytest.approx(summary["latency_s"]["mean"])
    with (out / "energy.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["instance", "action", "phase", "count", "unit_pj", "energy_pj", "basis", "source"]
    assert sum(float(row["energy_pj"]) for row in rows) == pytest.approx(summary["energy_pj"]["total"])
    for row in rows:
        assert float(row["count"]) * float(row["unit_pj"]) == pytest.approx(float(row["energy_pj"]))
        assert row["source"]


def test_a_subset_is_the_beginning_of_the_whole(finished: tuple[Path, str], tmp_path: Path) -> None:
    assert accelsim("run", HYBRID, PAPER_HYBRID, "--inputs", 5, "--out", tmp_path).returncode == 0
    few, many = (pq.read_table(out / "inputs.parquet").to_pydict() for out in (tmp_path, finished[0]))
    for column in ("predicted", "tied", "start_s", "end_s", "energy_dynamic_pj"):
        assert few[column] == many[column][:5]


def test_one_edit_changes_exactly_that(finished: tuple[Path, str], tmp_path: Path) -> None:
    edit = "instances.acam.match_pj=0.37"
    done = accelsim("run", HYBRID, PAPER_HYBRID, "--inputs", 32, "--set", edit, "--out", tmp_path)
    assert done.returncode == 0
    before, after = (json.loads((out / "summary.json").read_text()) for out in (finished[0], tmp_path))
    assert after["overrides"] == [edit]
    assert f"changed: {edit}" in done.stdout
    assert after["spec_sha256"] != before["spec_sha256"]
    assert after["timeline_sha256"] == before["timeline_sha256"]
    moved = {
        name: after["energy_by_action_pj"][name] - pj
        for name, pj in before["energy_by_action_pj"].items()
        if after["energy_by_action_pj"][name] != pj
    }
    assert list(moved) == ["acam.match"]
    assert after["energy_by_action_pj"]["acam.match"] == pytest.approx(2 * before["energy_by_action_pj"]["acam.match"])
    assert after["energy_by_basis_pj"]["edited"] == pytest.approx(after["energy_by_action_pj"]["acam.match"])
    edited = after["energy_by_action_pj"]["acam.match"]
    assert after["edited_share"] == pytest.approx(edited / after["energy_pj"]["mean"])
    assert "on edited ones" in done.stdout


def test_several_chips_and_arrivals(tmp_path: Path) -> None:
    options = ("--inputs", 4, "--chips", 2, "--arrivals", "interval:2e6", "--age-s", 3600, "--max-latency-s", 1)
    done = accelsim("run", HYBRID, PAPER_HYBRID, *options, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "from arrival to answer" in done.stdout
    assert "mean of 2 chips; 3600 s after writing" in done.stdout
    assert "Yield: latency ≤ 1 s: 2 of 2 chips, 100.0%" in done.stdout
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["n_chips"], summary["age_s"]) == (2, 3600)
    assert summary["population"]["accuracy"] is None  # labels carry no meaning
    assert summary["population"]["energy_pj"]["mean"] == pytest.approx(summary["energy_pj"]["mean"])
    assert summary["population"]["latency_s"]["std"] == 0
    assert summary["population"]["yield"]["all"]["passed"] == 2
    assert "## Over 2 chips" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert summary["throughput_per_s"] == pytest.approx(4 / (3 * 2e-3 + summary["latency_s"]["mean"]))
    assert pq.read_table(tmp_path / "inputs.parquet").to_pydict()["chip"] == [0] * 4 + [1] * 4


def test_the_default_workload_is_looked_for_here_and_beside_the_specs(tmp_path: Path) -> None:
    def workload(out: str, cwd: Path) -> str:
        done = accelsim("run", HYBRID, "--inputs", 1, "--out", tmp_path / out, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return str(json.loads((tmp_path / out / "summary.json").read_text())["workload"])

    assert workload("beside", tmp_path) == str(PAPER_HYBRID)
    (tmp_path / "workloads").mkdir()
    (tmp_path / "workloads" / "paper_hybrid").symlink_to(PAPER_HYBRID)
    assert workload("here", tmp_path) == "workloads/paper_hybrid"


def test_without_a_default_workload_both_places_are_named(tmp_path: Path) -> None:
    spec = tmp_path / "specs" / "mine.yaml"
    spec.parent.mkdir()
    shutil.copy(HYBRID, spec)
    done = accelsim("run", "specs/mine.yaml", cwd=tmp_path)
    refused(done, f"need a workload folder (the default, paper_hybrid, is not in workloads/ or {tmp_path}/workloads/)")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((HYBRID, "no/such/folder"), ("no/such/folder",)),
        ((HYBRID, PAPER_MBI), ("kind", "hybrid")),
        (("no_such.yaml", PAPER_HYBRID), ("no_such.yaml",)),
        ((HYBRID, PAPER_HYBRID, "--inputs", 0), ("--inputs", "got 0", "need 1 to 256")),
        ((HYBRID, PAPER_HYBRID, "--inputs", 257), ("--inputs", "got 257", "need 1 to 256")),
        ((HYBRID, PAPER_HYBRID, "--age-s", "-1"), ("--age-s", "got -1.0", "need a time of at least 0 s")),
        ((HYBRID, PAPER_HYBRID, "--age-s", "nan"), ("--age-s", "got nan", "need a time of at least 0 s")),
        ((HYBRID, PAPER_HYBRID, "--age-s", "inf"), ("--age-s", "got inf", "need a time of at least 0 s")),
        ((HYBRID, PAPER_HYBRID, "--max-energy-pj", 5), ("--max-energy-pj", "got one chip", "need --chips")),
        ((HYBRID, PAPER_HYBRID, "--chips", 2, "--max-latency-s", 0), ("--max-latency-s", "got 0.0", "above 0")),
        ((HYBRID, PAPER_HYBRID, "--chips", 2, "--min-accuracy", 2), ("--min-accuracy", "got 2.0", "from 0 to 1")),
        ((HYBRID, PAPER_HYBRID, "--chips", 2, "--min-accuracy", 0.5), ("--min-accuracy", "without labels")),
        ((HYBRID, PAPER_HYBRID, "--arrivals", "often"), ("--arrivals", '"often"')),
        ((HYBRID, PAPER_HYBRID, "--arrivals", "poisson:1e-400"), ("--arrivals", '"poisson:1e-400"')),
        ((HYBRID, PAPER_HYBRID, "--arrivals", "interval:1e9999999"), ("--arrivals", '"interval:1e9999999"')),
        ((HYBRID, PAPER_HYBRID, "--arrivals", "interval:1e400"), ("--arrivals", '"interval:1e400"')),
        ((HYBRID, PAPER_HYBRID, "--arrivals", "poisson:1e17"), ("1e+17 inputs a second", "at most 2e+08")),
        ((HYBRID, PAPER_HYBRID, "--set", "instances.acam.mach_pj=1"), ("instances.acam.match_pj",)),
        ((HYBRID, PAPER_HYBRID, "--engine", "warp"), ("--engine", "'warp'")),
        ((HYBRID, PAPER_HYBRID, "--out", "/proc/nowhere"), ("--out", "/proc/nowhere")),
        ((HYBRID, PAPER_HYBRID, "--out", HYBRID), ("--out", "hybrid_paper.yaml")),
        ((HYBRID, PAPER_HYBRID, "--out", ""), ("--out", 'got ""')),
        ((HYBRID, PAPER_HYBRID, "--set", "instances.driver.n_columns=783"), ("acam.n_features", "at most 783")),
        ((HYBRID, PAPER_HYBRID, "--data-root", "/nowhere"), ("--data-root", "generated")),
    ],
)
def test_one_clear_line(tmp_path: Path, arguments: tuple[object, ...], parts: tuple[str, ...]) -> None:
    out = () if "--out" in arguments else ("--out", tmp_path / "new" / "out")
    refused(accelsim("run", *arguments, *out), *parts)
    assert names(tmp_path) == []


@pytest.mark.parametrize("command", ["mbi", "paper-mbi"])
def test_a_trained_workload_needs_a_folder_too(command: str) -> None:
    refused(accelsim("train", command, "--out", ""), '--out: got "", need a folder')


def read_by_nobody() -> int:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_a_closed_pipe_loses_no_results(tmp_path: Path) -> None:
    pipe = read_by_nobody()
    done = accelsim("run", HYBRID, PAPER_HYBRID, "--inputs", 1, "--out", tmp_path, stdout=pipe)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (1, "")
    assert names(tmp_path) == FILES


def test_a_full_disk_behind_stdout_is_one_line_and_loses_no_results(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = accelsim("run", HYBRID, PAPER_HYBRID, "--inputs", 1, "--out", tmp_path, stdout=full)
    assert done.returncode == 2
    assert done.stderr.endswith("No space left on device\n")
    assert len(done.stderr.splitlines()) == 1
    assert names(tmp_path) == FILES


@pytest.mark.parametrize("arguments", [("schema",), ("check", HYBRID), ("--version",)])
def test_other_commands_and_an_output_that_cannot_be_written(arguments: tuple[object, ...]) -> None:
    pipe = read_by_nobody()
    done = accelsim(*arguments, stdout=pipe)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (1, "")
    with open("/dev/full", "w") as full:
        done = accelsim(*arguments, stdout=full)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_progress_is_for_terminals(tmp_path: Path) -> None:
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here: {error}")
    done = accelsim("run", HYBRID, PAPER_HYBRID, "--inputs", 1, "--out", tmp_path, stderr=theirs)
    os.close(theirs)
    assert done.returncode == 0
    assert b"inputs" in os.read(ours, 10_000)
    os.close(ours)
    done = accelsim("run", HYBRID, PAPER_HYBRID, "--inputs", 1, "--out", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        ("truncate", ("model.safetensors",)),
        ("flip", ("model.safetensors", "SHA-256")),
        ("remove", ("eval.safetensors",)),
    ],
)
def test_a_damaged_workload_is_refused_and_earlier_results_stay(
    tmp_path: Path, damage: str, parts: tuple[str, ...]
) -> None:
    folder, out = tmp_path / "workload", tmp_path / "out"
    shutil.copytree(PAPER_HYBRID, folder)
    assert accelsim("run", HYBRID, folder, "--inputs", 1, "--out", out).returncode == 0
    earlier = {path.name: path.read_bytes() for path in out.iterdir()}
    model = folder / "model.safetensors"
    content = bytearray(model.read_bytes())
    if damage == "truncate":
        model.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[-1] ^= 1
        model.write_bytes(content)
    else:
        (folder / "eval.safetensors").unlink()
    refused(accelsim("run", HYBRID, folder, "--inputs", 1, "--out", out), *parts)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == earlier


def test_a_metric_other_than_the_trained_one_is_said(tmp_path: Path) -> None:
    metric = ("--set", "instances.arrays.metric=manhattan")
    done = accelsim("run", MBI, ROOT / "workloads/mnist_mbi", "--inputs", 1, *metric, "--out", tmp_path)
    assert "note: the tables were trained on metric circuit" in done.stdout


def test_training_leaves_a_folder_of_something_else_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep")
    done = accelsim("train", "paper-hybrid", "--out", tmp_path)
    refused(done, "--out", "need a new folder, or a workload to replace")
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    done = accelsim("train", "paper-hybrid", "--out", tmp_path / "new")
    assert (done.returncode, done.stdout) == (0, f"wrote {tmp_path / 'new'}\n")


def hear_interrupts() -> None:
    """A program started in the background of a shell without job control inherits that interrupts are ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_is_one_line_and_leaves_earlier_results(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert accelsim("run", MBI, PAPER_MBI, "--inputs", 1, "--out", out).returncode == 0
    earlier = {path.name: path.read_bytes() for path in out.iterdir()}
    many = ("--inputs", "256", "--chips", "500")
    command = [sys.executable, "-m", "accelsim.cli", "run", str(MBI), str(PAPER_MBI), *many]
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    time.sleep(5)
    assert process.poll() is None  # five hundred chips take minutes
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    assert stderr == "interrupted\n"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == earlier


# Runs accelsim, and interrupts it when the module named first is looked for.
INTERRUPTED_IMPORT = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[0]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
del sys.argv[0]
runpy.run_module("accelsim.cli", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["typer", "numpy", "pydantic", "pyarrow.parquet", "rich.progress", "accelsim.run"])
def test_an_interrupt_while_modules_load_is_one_line(tmp_path: Path, module: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, module, "run", HYBRID, PAPER_HYBRID, "--out", tmp_path / "out"]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=hear_interrupts,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    assert names(tmp_path) == []
