"""`accelsim sensitivity`: what each constant moves is what a run with `--set` says, widest first; clear refusals."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from accelsim import account, yamlfile
from accelsim.chip_run import RunOptions
from accelsim.run import Run, simulate
from accelsim.sensitivity import figure
from accelsim.spec import load_spec
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.test_run_command import accelsim, names, refused
from tests.workload.builders import hybrid, write_folder

N_INPUTS = 6
RANGES: dict[str, tuple[float, float]] = {
    "instances.engine.mac_pj": (0.05, 0.3),
    "instances.acam.match_pj": (0.16, 0.2),
    "instances.acam.leakage_uw": (0.5, 3.0),
    "instances.acam.search_ns": (10.0, 95.0),
    "instances.driver.settle_ns": (11.0, 12.5),
    "instances.acam.pulse_pj": (1.0, 20.0),
    "clocks.acam.clock_mhz": (20.0, 50.0),
}


def write_spec(folder: Path, ranges: dict[str, tuple[float, float]]) -> Path:
    data = chips.spec_data("hybrid")
    for path, ends in ranges.items():
        *owner, field = path.split(".")
        part = data
        for name in owner:
            part = part[name]
        part["sources"][field]["range"] = list(ends)
    file = folder / "chip.yaml"
    file.write_text(yamlfile.dump(data), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = hybrid(1, n_inputs=N_INPUTS)
    parts.manifest["accuracy"] = {"measured": 0.5, "note": "for a test"}
    return write_folder(tmp_path_factory.mktemp("workload") / "w", parts)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory, workload: Path) -> tuple[Path, Path, str]:
    """The spec's file, the folder of results, and what was printed."""
    folder = tmp_path_factory.mktemp("study")
    spec, out = write_spec(folder, RANGES), folder / "out"
    done = accelsim("sensitivity", spec, workload, "--inputs", N_INPUTS, "--seed", 7, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    return spec, out, done.stdout


def found(out: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((out / "sensitivity.json").read_text(encoding="utf-8"))
    return data


def run(spec: Path, workload: Path, *overrides: str) -> Run:
    return simulate(load_spec(spec, overrides), load_workload(workload), RunOptions(N_INPUTS, seed=7))


def energy_pj(spec: Path, workload: Path, *overrides: str) -> float:
    done = run(spec, workload, *overrides)
    return account.total_pj(done.chips[0].ledger) / N_INPUTS


def test_both_ends_are_runs_with_that_value(studied: tuple[Path, Path, str], workload: Path) -> None:
    spec, out, _ = studied
    study = found(out)
    assert study["nominal"] == pytest.approx(energy_pj(spec, workload), rel=1e-12)
    paths = {bar["path"] for bar in study["constants"]}
    assert paths == set(RANGES) - {"instances.acam.pulse_pj"}  # prices programming alone
    for bar in study["constants"]:
        assert (bar["low"], bar["high"]) == RANGES[bar["path"]]
        for end in ("low", "high"):
            expected = energy_pj(spec, workload, f"{bar['path']}={bar[end]!r}")
            assert bar[f"at_{end}"] == pytest.approx(expected, rel=1e-12), (bar["path"], end)
        priced = bar["path"].endswith(("_pj", "_uw"))
        assert bar["method"] == ("re-costed" if priced else "re-simulated")


def test_the_widest_comes_first_and_shares_are_of_all_spans(studied: tuple[Path, Path, str]) -> None:
    study = found(studied[1])
    spans = [bar["span"] for bar in study["constants"]]
    assert spans == sorted(spans, reverse=True)
    assert spans[0] > spans[-1]
    for bar in study["constants"]:
        reached = (study["nominal"], bar["at_low"], bar["at_high"])
        assert bar["span"] == max(reached) - min(reached)
        assert bar["share"] == pytest.approx(bar["span"] / math.fsum(spans), rel=1e-12)


def test_intervals_are_of_prices_together_and_of_all_apart(studied: tuple[Path, Path, str], workload: Path) -> None:
    spec, out, _ = studied
    study = found(out)
    for end, value in enumerate(study["interval"]["all_prices_together"]):
        priced = ("mac_pj", "match_pj", "leakage_uw")
        prices = [f"{path}={ends[end]}" for path, ends in RANGES.items() if path.endswith(priced)]
        assert len(prices) == 3
        assert value == pytest.approx(energy_pj(spec, workload, *prices), rel=1e-12)
    nominal = study["nominal"]
    moves = [[bar[f"at_{end}"] - nominal for end in ("low", "high")] for bar in study["constants"]]
    down = math.sqrt(sum(min(0, *move) ** 2 for move in moves))
    up = math.sqrt(sum(max(0, *move) ** 2 for move in moves))
    assert study["interval"]["independent"] == pytest.approx([nominal - down, nominal + up], rel=1e-9)


def test_what_is_printed_and_the_page_say_the_same(studied: tuple[Path, Path, str]) -> None:
    _, out, printed = studied
    page = (out / "sensitivity.md").read_text(encoding="utf-8")
    widest = found(out)["constants"][0]["path"]
    assert names(out) == ["sensitivity.json", "sensitivity.md"]
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert rows[:2] == ["constant", widest]
    for text in (printed, page):
        assert "accounting" in text.lower()
        for path in RANGES:
            assert (path in text) == (path != "instances.acam.pulse_pj"), path
        assert "bounds: " in text
        assert "if errors are independent: " in text
        assert "assumed, no range stated, not judged: dies.digital.node_nm" in text


def test_latency_moves_with_delays_alone(studied: tuple[Path, Path, str], workload: Path, tmp_path: Path) -> None:
    spec = studied[0]
    done = accelsim("sensitivity", spec, workload, "--metric", "latency", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    study = found(tmp_path)
    bars = {bar["path"]: bar for bar in study["constants"]}
    assert set(bars) == {"instances.acam.search_ns", "instances.driver.settle_ns", "clocks.acam.clock_mhz"}
    assert study["nominal"] == figure(run(spec, workload), "latency")
    # The ACAM clock has 20 ns: a search of 10 to 95 ns takes 1 to 5 cycles where 15.15 ns take 1, settling one anyway.
    search = bars["instances.acam.search_ns"]
    assert search["at_low"] == study["nominal"]
    assert search["at_high"] > study["nominal"]
    assert bars["instances.driver.settle_ns"]["span"] == 0
    assert "no effect over their ranges: instances.driver.settle_ns" in done.stdout
    assert study["interval"]["all_prices_together"] is None


def test_accuracy_of_ideal_parts_does_not_move(studied: tuple[Path, Path, str], workload: Path, tmp_path: Path) -> None:
    done = accelsim("sensitivity", studied[0], workload, "--metric", "accuracy", "--chips", 2, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    study = found(tmp_path)
    assert {bar["span"] for bar in study["constants"]} == {0}
    assert {bar["share"] for bar in study["constants"]} == {0}
    assert study["nominal"] == run(studied[0], workload).chips[0].columns["correct"].mean()
    assert "one answer on one chip is 8.33%" in done.stdout  # of 6 inputs on 2 chips


def test_an_end_that_no_chip_can_have_is_said(workload: Path, tmp_path: Path) -> None:
    """3e-6 MHz is three hertz, and 1e-7 MHz is no whole number of hertz."""
    spec = write_spec(tmp_path, {"clocks.acam.clock_mhz": (1e-7, 50.0), "instances.acam.match_pj": (0.1, 0.2)})
    done = accelsim("sensitivity", spec, workload, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    bars = {bar["path"]: bar for bar in found(tmp_path / "out")["constants"]}
    clock = bars["clocks.acam.clock_mhz"]
    assert (clock["at_low"], clock["at_high"]) == (None, found(tmp_path / "out")["nominal"])
    assert clock["problem"].startswith("low end: ")
    assert "whole number of hertz" in clock["problem"]
    assert "whole number of hertz" in done.stdout


def test_a_change_of_the_user_is_kept_and_has_no_range(
    studied: tuple[Path, Path, str], workload: Path, tmp_path: Path
) -> None:
    spec = studied[0]
    edit = "instances.engine.mac_pj=0.25"
    assert accelsim("sensitivity", spec, workload, "--set", edit, "--out", tmp_path).returncode == 0
    study = found(tmp_path)
    assert study["overrides"] == [edit]
    assert study["nominal"] == pytest.approx(energy_pj(spec, workload, edit), rel=1e-12)
    assert "instances.engine.mac_pj" not in {bar["path"] for bar in study["constants"]}


@pytest.mark.parametrize(
    ("ranges", "options", "parts"),
    [
        ({}, (), ("chip.yaml: got no constant with a range that can move energy", "need sources with range: [")),
        ({"instances.acam.match_pj": (0.1, 0.2)}, ("--metric", "latency"), ("that can move latency",)),
        (RANGES, ("--metric", "speed"), ("--metric: got 'speed', need energy, latency, accuracy",)),
        (RANGES, ("--inputs", 99), ("--inputs: got 99, need 1 to 6",)),
        (RANGES, ("--age-s", "-1"), ("--age-s: got -1.0, need a time of at least 0 s",)),
        (RANGES, ("--set", "instances.acam.mach_pj=1"), ("match_pj",)),
    ],
)
def test_one_clear_line(
    tmp_path: Path, workload: Path, ranges: dict[str, Any], options: tuple[object, ...], parts: tuple[str, ...]
) -> None:
    spec = write_spec(tmp_path, ranges)
    refused(accelsim("sensitivity", spec, workload, *options, "--out", tmp_path / "out"), *parts)
    assert names(tmp_path) == ["chip.yaml"]


def test_accuracy_needs_labels(tmp_path: Path) -> None:
    parts = hybrid(1, n_inputs=2)
    folder = write_folder(tmp_path / "w", parts)
    spec, out = write_spec(tmp_path, RANGES), tmp_path / "out"
    done = accelsim("sensitivity", spec, folder, "--metric", "accuracy", "--out", out)
    refused(done, "--metric: got accuracy, need a workload whose accuracy is evaluated")


def test_earlier_results_stay_when_a_file_cannot_be_written(
    studied: tuple[Path, Path, str], workload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(studied[1], out)
    (out / "sensitivity.md").unlink()
    (out / "sensitivity.md").mkdir()  # a folder cannot be replaced by a file
    (out / "sensitivity.md" / "inner").touch()
    before = (out / "sensitivity.json").read_bytes()
    done: subprocess.CompletedProcess[str] = accelsim(
        "sensitivity", studied[0], workload, "--metric", "latency", "--out", out
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert names(out) == ["sensitivity.json", "sensitivity.md"]
    assert (out / "sensitivity.json").read_bytes() == before
