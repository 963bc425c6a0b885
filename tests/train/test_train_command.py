"""`accelsim train …` as a user meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from typer.testing import CliRunner

from accelsim.cli_train_options import AblationName, SetName, command_line
from accelsim.datasets import DATASETS
from accelsim.train.ablations import ABLATIONS
from accelsim.workload import load_workload

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
TRAINED = ("hybrid", "softmax", "cosine", "mbi", "cascade")


def accelsim(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accelsim.cli", "train", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=500)


def test_names_are_those_of_the_registries() -> None:
    assert get_args(SetName) == tuple(DATASETS)
    assert get_args(AblationName) == tuple(ABLATIONS)


def test_commands_are_listed_in_sections() -> None:
    text = accelsim("--help").stdout
    places = [text.index(f"{section}:") for section in ("Trained workloads", "Studies", "Made without training")]
    assert places == sorted(places)
    for command in (*TRAINED, "mbi-sweep", "ablate", "report", "mnist-cnn", "teacher", "paper-hybrid", "paper-mbi"):
        assert f"\n  {command} " in text
    assert "..." not in text.partition("Commands")[2]


@pytest.mark.parametrize("command", TRAINED)
def test_options_are_listed_in_sections(command: str) -> None:
    text = accelsim(command, "--help").stdout
    for section in ("Images", "Method", "Training", "Options"):
        assert f"\n{section}:\n" in text
    for option in ("--dataset", "--data-root", "--download", "--limit", "--seed", "--epochs", "--quick", "--run-dir"):
        assert f"\n  {option}" in text


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['accelsim', 'train', 'hybrid', '--help']\n"
        "from accelsim.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ([], ["--dataset", "mnist", "--seed", "0"]),
        (["--data-root", "/x", "--out", "y", "--run-dir", "z", "--download"], ["--dataset", "mnist", "--seed", "0"]),
        (
            ["--seed", "3", "--grey", "--alpha", "0.50"],
            ["--dataset", "mnist", "--grey", "--alpha", "0.5", "--seed", "3"],
        ),
        (["--colour", "--dataset", "cifar10"], ["--dataset", "cifar10", "--colour", "--seed", "0"]),
        (["--mbi", "a folder"], ["--dataset", "mnist", "--seed", "0", "--mbi", "'a folder'"]),
    ],
)
def test_a_manifest_keeps_the_command(typed: list[str], kept: list[str]) -> None:
    app, seen = typer.Typer(), list[str]()

    @app.command("thing")
    def thing(
        ctx: typer.Context,
        dataset: str = "mnist",
        grey: bool = typer.Option(True, "--grey/--colour"),
        alpha: float = 0.9,
        seed: int = 0,
        mbi: Path | None = None,
        out: str = "",
        data_root: str = "",
        run_dir: str = "",
        download: bool = typer.Option(False, "--download"),
    ) -> None:
        seen.append(command_line(ctx))

    result = CliRunner().invoke(app, typed)
    assert result.exit_code == 0, result.output
    assert seen == [" ".join(["accelsim", "train", "thing", *kept])]


@pytest.mark.parametrize("command", [*TRAINED, "ablate"])
@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_without_the_extra_it_says_what_to_install(command: str, tmp_path: Path) -> None:
    more = {"cascade": ["--mbi", str(tmp_path)], "ablate": ["pruning"]}.get(command, [])
    done = accelsim(command, *more, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr == "train: got no torch, need pip install 'accelsim[train]'\n"
    assert not (tmp_path / "out").exists()


def test_a_run_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "old.pt").write_text("")
    done = accelsim("mbi", "--out", tmp_path / "out", "--run-dir", tmp_path / "old.pt")
    assert (done.returncode, done.stderr) == (2, f'--run-dir: got the file "{tmp_path}/old.pt", need a folder\n')


@pytest.mark.torch
def test_a_run_folder_that_cannot_be_written(tmp_path: Path) -> None:
    done = accelsim("mbi", "--out", "out", "--run-dir", "/proc/nope/run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("--run-dir /proc/nope/run: got ")
    assert done.stderr.endswith(", need a folder that can be written\n")


@pytest.mark.torch
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--teacher none --alpha 0.9", "--alpha: got 0.9, need a teacher"),
        ("--teacher none --temperature 1", "--temperature: got 1.0, need a teacher"),
        ("--teacher none --teacher-epochs 3", "--teacher-epochs: got 3, need a teacher to be trained"),
        ("--epochs 0", "--epochs: got 0 with no --start, need at least 1, or --start"),
        ("--teacher start", "--teacher: got start with no --start, need --start, which is then the teacher"),
        ("--recipe paper --array-epochs 3", "--array-epochs: got 3, need --recipe best"),
        ("--pruning-epochs 3", "--pruning-epochs: got 3, need --sparsity above 0"),
        ("--noise-age-s 60", "--noise-age-s: got 60.0, need --noise"),
    ],
)
def test_options_that_would_do_nothing_are_refused(typed: str, message: str, tmp_path: Path) -> None:
    done = accelsim("hybrid", *typed.split(), "--out", "w", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{message}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
@pytest.mark.parametrize(("command", "title"), [("hybrid", "KMNIST"), ("mbi", "KMNIST"), ("softmax", "KMNIST")])
def test_absent_data_is_one_line(command: str, title: str, tmp_path: Path) -> None:
    done = accelsim(command, "--dataset", "kmnist", "--data-root", tmp_path, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{title}: got none in {tmp_path}, need its original files in ")
    assert "accelsim train … --dataset kmnist --download fetches them" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.torch
@pytest.mark.parametrize("option", ["--budget-nj", "--noise"])
def test_options_of_the_other_recipe(option: str, tmp_path: Path) -> None:
    done = accelsim("mbi", "--recipe", "paper", option, 3, "--out", "w", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{option}: got 3 with --recipe paper, need --recipe best\n")
    assert not list(tmp_path.iterdir())


def test_a_workload_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = accelsim("paper-mbi", "--out", "file", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, '--out: got the file "file", need a folder\n')
    assert (tmp_path / "file").read_text() == "mine"
    done = accelsim("paper-mbi", "--out", "/proc/nope/w", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("--out /proc/nope/w: got ")


@pytest.mark.torch
@pytest.mark.data
def test_colour_of_a_grey_set(data_root: Path, tmp_path: Path) -> None:
    options = ("--dataset", "mnist", "--colour", "--data-root", data_root, "--out", "w")
    done = accelsim("hybrid", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "--colour: got MNIST, whose images are grey; need --grey\n")


@pytest.mark.torch
@pytest.mark.data
@pytest.mark.parametrize(
    ("command", "options", "kind"),
    [
        ("hybrid", "--dataset cifar10 --recipe best --topology paper --seed 0 --quick --limit 100", "hybrid"),
        ("hybrid", "--dataset mnist --recipe paper --templates 2 --seed 3 --quick --limit 100", "hybrid"),
        ("cosine", "--dataset mnist --recipe paper --seed 0 --quick --limit 100", "cnn"),
        ("mbi", "--dataset mnist --recipe best --budget-nj 6.58 --seed 0 --quick --limit 100", "mbi"),
        ("mbi", "--dataset cifar10 --recipe paper --seed 0 --epochs 1 --quick --limit 100", "mbi"),
    ],
)
def test_quick_runs_make_workloads_and_go_on(
    command: str, options: str, kind: str, data_root: Path, tmp_path: Path
) -> None:
    arguments = (command, *options.split(), "--data-root", data_root, "--out", "w")
    done = accelsim(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("wrote w\n")
    made = load_workload(tmp_path / "w")
    assert made.manifest.kind == kind
    words = str(made.manifest.training["command"]).split()
    assert words[:3] == ["accelsim", "train", command]
    assert sorted(words[3:]) == sorted(options.split())
    again = accelsim(*arguments, cwd=tmp_path)
    stages = [line for line in (again.stderr + again.stdout).splitlines() if line.startswith("stage ")]
    assert stages
    assert all("done before" in line for line in stages)
    assert load_workload(tmp_path / "w").sha256 == made.sha256


@pytest.mark.torch
@pytest.mark.data
def test_an_interrupt_says_how_to_go_on(data_root: Path, tmp_path: Path) -> None:
    options = ("--quick", "--limit", "100", "--epochs", "100000", "--data-root", str(data_root), "--out", "w")
    command = [sys.executable, "-m", "accelsim.cli", "train", "mbi", *options]

    def interrupted_at(stage: str) -> str:
        def hear_interrupts() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        started: subprocess.Popen[str] = subprocess.Popen(
            command, cwd=tmp_path, env=ENVIRONMENT, text=True, preexec_fn=hear_interrupts, **pipes
        )
        assert started.stderr is not None
        said = ""
        for line in started.stderr:
            said += line
            if line.strip() == f"stage {stage}":
                break
        time.sleep(2)
        started.send_signal(signal.SIGINT)
        said += started.stderr.read()
        assert started.wait(60) == 130
        return said

    said = interrupted_at("tables")
    folder = Path("runs") / "train-w"
    ending = f"finished stages and checkpoints are in {folder}: the same command goes on\ninterrupted\n"
    assert said.endswith(ending)
    assert "Traceback" not in said
    assert not (tmp_path / "w").exists()
    said = interrupted_at("tables")
    assert f"stage teacher: done before, kept in {folder}\n" in said
    assert said.endswith(ending)
