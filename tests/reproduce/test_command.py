"""Simulations that are not there, files that are written whole, pages made from the dictionary alone."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from accelsim.errors import OutputError, UsageError
from accelsim.reproduce.claims import Claim, Contradiction, Measured, Reading, Recipe, Seed, Unchecked
from accelsim.reproduce.command import JSON_FILE, PAGE_FILE, write
from accelsim.reproduce.document import document
from accelsim.reproduce.pages import page
from accelsim.reproduce.quantity import given
from accelsim.reproduce.simulations import NotRun, Pair, Runs, Simulated
from accelsim.reproduce.terminal import print_document
from accelsim.reproduce.verdict import STATUSES

ROOT = Path(__file__).resolve().parents[2]
PAPER = Pair("hybrid_paper", "paper_hybrid", 2)
LATER = Pair("hybrid_paper", "trained_later", comes_with="a later issue")
CLAIM = given("accuracy", "70.91", "%", "somewhere")


def runs() -> Runs:
    made = Runs(ROOT)
    made.make((PAPER,), (LATER,), lambda: None)
    return made


def later(runs: Runs) -> Measured:
    answers = runs.answers("hybrid_paper", "trained_later")
    return Measured.share(answers.accuracy(), answers.n_inputs)


def cells_of(run: Simulated) -> float:
    return run.count("acam.match", "acam.mismatch")


def trained(runs: Runs) -> Measured:
    return Measured.share(0.70, 10_000)


def seed(recipe: Recipe) -> Seed:
    cells = Claim(
        "cells",
        "circuit",
        given("cells", "7,840", "", "somewhere", exact=True),
        given("rows", "10", "", "s", exact=True) * given("columns", "784", "", "s", exact=True),
        paper=Reading("counted", lambda r: cells_of(r.energy("hybrid_paper", "paper_hybrid"))),
        refs=("X1",),
    )
    accuracy = Claim("accuracy", "accuracy", CLAIM, Unchecked("training", "train it"), recipe=recipe)
    return Seed("0", "a paper: title", "its text", (cells, accuracy), (Contradiction("X1", "said", lambda r: "found"),))


def test_a_workload_that_is_not_there_says_what_brings_it() -> None:
    made = runs()
    with pytest.raises(NotRun, match="a later issue"):
        made.answers("hybrid_paper", "trained_later")
    found = document((seed(Recipe("ours", later)),), made)
    cells, accuracy = found["seeds"][0]["claims"]
    assert (cells["status"], cells["paper"]["value"]) == ("recomputes", 7840.0)
    assert (accuracy["status"], accuracy["recipe"]["comes_with"]) == ("training", "a later issue")
    assert found["not_there"] == {"hybrid_paper on trained_later": "a later issue"}


def test_a_recipe_that_is_there_is_compared() -> None:
    found = document((seed(Recipe("ours", trained)),), runs())
    accuracy = found["seeds"][0]["claims"][1]
    # 95 % Wilson interval of 0.7 in 10,000: 70 ± 1.96 · sqrt(0.7 · 0.3 / 10,000) = ± 0.9 points, without 70.91
    assert accuracy["recipe"]["low"] == pytest.approx(70 - 0.90, abs=0.01)
    assert accuracy["recipe"]["high"] == pytest.approx(70 + 0.89, abs=0.01)
    assert accuracy["status"] == "measured_differs"


def test_the_page_needs_nothing_but_the_file(tmp_path: Path) -> None:
    found = document((seed(Recipe("ours", later)),), runs())
    write(found, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [JSON_FILE, PAGE_FILE]
    read = json.loads((tmp_path / JSON_FILE).read_text(encoding="utf-8"))
    assert page(read) == (tmp_path / PAGE_FILE).read_text(encoding="utf-8")
    assert STATUSES["recomputes"] in page(read)


def test_what_cannot_be_written_leaves_earlier_files(tmp_path: Path) -> None:
    found = document((seed(Recipe("ours", later)),), runs())
    (tmp_path / JSON_FILE).write_text("before")
    (tmp_path / PAGE_FILE).mkdir()  # cannot be replaced by a file
    with pytest.raises(OutputError, match="need room and permission to write"):
        write(found, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [JSON_FILE, PAGE_FILE]


def test_a_folder_without_specs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got no arch_specs/ in .*, need a checkout"):
        Runs(tmp_path)


def test_the_command_line_says_so_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accelsim.cli", "reproduce"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"reproduce: got no arch_specs/ in {tmp_path}, need a checkout of the repository\n"
    assert not list(tmp_path.iterdir())


def test_the_terminal_hides_only_what_nothing_stands_beside() -> None:
    bare = Claim("bare", "size", given("a bare input", "7", "", "somewhere"), Unchecked("input", "chosen"))
    whole = seed(Recipe("ours", later))
    found = document((replace(whole, claims=(*whole.claims, bare)),), runs())
    screen = io.StringIO()
    print_document(found, Console(file=screen, width=120))
    printed = screen.getvalue()
    assert "3 claims" in printed
    assert "1 bare inputs" in printed
    assert "a bare input" not in printed
    assert "7,840" in printed
    assert "70.91%" in printed
