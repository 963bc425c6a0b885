"""The command line: what it prints, exit codes, and no traceback for anything a user can cause."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim import cli
from accelsim.spec import load_spec
from accelsim.template import ORIGINS

from .editing import SMALL, edited

ROOT = Path(__file__).parents[2]


@pytest.fixture
def accelsim(monkeypatch, capsys):
    """Runs the command line with arguments; returns (exit code, standard output, standard error)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["accelsim", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'pydantic', 'yaml', 'rich', 'torch'}"
    code = f"import sys, accelsim.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_check_prints_delays_and_what_is_not_charged(accelsim) -> None:
    code, out, err = accelsim("check", SMALL, "--set", "instances.acam.match_pj=0")
    assert (code, err) == (0, "")
    assert out.startswith(f"{SMALL}: small_hybrid, kind hybrid, accounting physical\n")
    assert "clocks: engine 200 MHz, acam 66 MHz; common tick 6600 MHz" in out
    row = next(line for line in out.splitlines() if line.startswith("acam"))
    assert row.split() == ["acam", "acam_array", "acam", "acam", "1", "search", "1", "1", "14.2"]
    assert "not charged: acam.match\n" in out


def test_check_reports_every_file(accelsim, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(edited({"instances.acam.match_pj": "match_pj: -1"}), encoding="utf-8")
    code, out, err = accelsim("check", bad, tmp_path / "none.yaml", SMALL)
    assert code == 2
    assert out.startswith(f"{SMALL}: small_hybrid")
    assert err == (
        f"{bad}:225 instances.acam.match_pj: got -1, need a number ≥ 0\n"
        f"{tmp_path / 'none.yaml'}: got no such file or directory, need a readable file\n"
    )


def test_schema_describes_what_load_spec_accepts(accelsim, tmp_path: Path) -> None:
    code, out, _ = accelsim("schema")
    assert code == 0
    assert json.loads(out)["title"] == "Spec"
    assert accelsim("schema", "--out", tmp_path / "s.json")[0] == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == out


@pytest.mark.parametrize("kind", ["hybrid", "mbi", "cascade", "cnn"])
def test_new_writes_a_valid_commented_spec_once(accelsim, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "My chip.yaml"
    code, out, _ = accelsim("new", kind, path)
    assert (code, out) == (0, f"{path}: edit it, then accelsim check {path}\n")
    spec = load_spec(path)
    assert (spec.name, spec.kind, spec.accounting) == ("my_chip", kind, "physical")
    written = path.read_text(encoding="utf-8")
    assert accelsim("new", kind, path) == (2, "", f"{path}: exists, and is not overwritten\n")
    assert path.read_text(encoding="utf-8") == written


def test_templates_are_copies_of_shipped_specs() -> None:
    for kind, origin in ORIGINS.items():
        copy = ROOT / "accelsim" / "templates" / f"{kind}.yaml"
        assert copy.read_bytes() == (ROOT / "arch_specs" / f"{origin}.yaml").read_bytes()


def test_list_shows_what_fits(accelsim) -> None:
    code, out, err = accelsim("list", "--root", ROOT)
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert "paper_hybrid" in rows["hybrid_physical.yaml"]
    assert "paper_mbi" not in rows["hybrid_physical.yaml"]
    assert rows["paper_hybrid"].split()[1:4] == ["hybrid", "paper_geometry", "256"]


def test_list_of_a_folder_without_anything(accelsim, tmp_path: Path) -> None:
    out = accelsim("list", "--root", tmp_path)[1]
    assert out == f"no specs in {tmp_path / 'arch_specs'}\n\nno workloads in {tmp_path / 'workloads'}\n"


def test_a_damaged_file_does_not_stop_the_list(accelsim, tmp_path: Path) -> None:
    (tmp_path / "arch_specs").mkdir()
    (tmp_path / "arch_specs" / "bad.yaml").write_text("[]", encoding="utf-8")
    (tmp_path / "workloads" / "bad").mkdir(parents=True)
    (tmp_path / "workloads" / "bad" / "manifest.yaml").write_text("", encoding="utf-8")
    code, out, _ = accelsim("list", "--root", tmp_path)
    assert code == 0
    assert "bad.yaml:1: got a list, need a mapping (key: value)" in out
    assert "manifest.yaml:1: got an empty file, need a mapping (key: value)" in out


MISTAKES = {
    ("check",): "Missing argument",
    ("chekc",): "No such command 'chekc'",
    ("check", "."): ".: got is a directory, need a readable file",
    ("check", str(SMALL), "--set"): "--set",
    ("new", "cam", "x.yaml"): "new: got cam, need one of hybrid, mbi, cascade, cnn",
    ("new", "hybrid", "none/x.yaml"): "none/x.yaml: cannot be written (No such file or directory)",
    ("list", "--root", "/nope"): '--root: got "/nope", need a folder that has arch_specs and workloads\n',
    ("schema", "--out", "."): ".: cannot be written (Is a directory)",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_are_one_message_and_exit_code_2(accelsim, monkeypatch, tmp_path: Path, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = accelsim(*arguments)
    assert (code, out) == (2, "")
    assert MISTAKES[arguments] in err
    assert "Traceback" not in err


def test_an_interrupt_is_one_line(accelsim, monkeypatch) -> None:
    def interrupt(path: object, overrides: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("accelsim.spec.load_spec", interrupt)
    assert accelsim("check", SMALL) == (130, "", "interrupted\n")
