"""CONTRIBUTING.md taken at its word: its files and edits are made in a copy of the repository, and used."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = r"\n\n```(?:python|yaml)\n(?P<code>.*?)```"
NEW_FILE = re.compile(r"New file `(?P<path>[^`]+)`:" + FENCE, re.DOTALL)
INSERT = re.compile(r"In\s`(?P<path>[^`]+)`, after `(?P<line>[^`]+)`:" + FENCE, re.DOTALL)
APPEND = re.compile(r"At the end of a copy of `(?P<path>[^`]+)`:" + FENCE, re.DOTALL)


def shell(copy: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run([sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_walk_through_works(tmp_path: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    copy = tmp_path / "repository"
    for part in ("accelsim", "arch_specs", "tests/components"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for found in NEW_FILE.finditer(page):
        (copy / found["path"]).write_text(found["code"], encoding="utf-8")
    edits = list(INSERT.finditer(page))
    assert len(edits) == 6
    for found in edits:
        path = copy / found["path"]
        text = path.read_text(encoding="utf-8")
        assert text.count(found["line"] + "\n") == 1, f"{found['path']} has no single line {found['line']!r}"
        path.write_text(text.replace(found["line"] + "\n", found["line"] + "\n" + found["code"]), encoding="utf-8")
    (found,) = APPEND.finditer(page)
    spec = copy / "arch_specs" / "mine.yaml"
    spec.write_text((copy / found["path"]).read_text(encoding="utf-8") + found["code"], encoding="utf-8")

    tested = shell(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/components/test_output_port.py")
    assert "1 passed" in tested
    workload = str(ROOT / "workloads" / "paper_mbi")
    shell(copy, "-m", "accelsim.cli", "run", str(spec), workload, "--inputs", "4", "--out", str(tmp_path / "out"))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["energy_by_action_pj"]["output.bit"] == 4 * 0.8
