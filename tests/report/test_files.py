"""The output folder: tried before a run, made after it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from accelsim.errors import OutputError
from accelsim.report.files import require_writable


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


NAMES = (".", "old", "new", "new/inner/most", "new/../other", "new/../old", "link/new", "link")


@pytest.mark.parametrize("name", NAMES)
def test_a_trial_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "summary.json").write_text("{}", encoding="utf-8")
    (tmp_path / "link").symlink_to("old", target_is_directory=True)
    before = tree(tmp_path)
    require_writable(tmp_path / name)
    assert tree(tmp_path) == before


def test_a_trial_in_an_empty_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("", "new/..", "runs/new"):
        require_writable(Path(name))
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "Not a directory"),
        ("file/new", "Not a directory"),
        ("loop/new", "File exists"),
        ("x" * 300, "too long"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=f"^--out .*: got .*{reason}.*, need a folder that can be written$"):
        require_writable(tmp_path / name)
    assert tree(tmp_path) == before
