"""Writing a workload folder, and the grey conversion: neither needs torch."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from accelsim import yamlfile
from accelsim.datasets import to_grey
from accelsim.errors import OutputError
from accelsim.train.save import name_of, save_workload

MANIFEST = {"schema_version": 1, "name": "tiny", "training": {"note": "yes", "rate": 1e-3}}
ARRAYS = {"model.safetensors", "eval.safetensors"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def save(folder: Path, value: int) -> None:
    array = np.full((2, 3), value, dtype=np.int8)
    save_workload(folder, MANIFEST, {"a": array}, {"b": array.T})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.int8).reshape(2, 3)
    save_workload(tmp_path / "new" / "folder", MANIFEST, {"a": array}, {"b": array.T})
    found = contents(tmp_path / "new" / "folder")
    manifest = yamlfile.read(tmp_path / "new" / "folder" / "manifest.yaml").data
    hashes = {name: hashlib.sha256(found[name]).hexdigest() for name in ARRAYS}
    assert manifest == {**MANIFEST, "files": hashes}
    assert set(found) == {"manifest.yaml", *ARRAYS}
    # b is a transposed view: its values must arrive, not its buffer
    np.testing.assert_array_equal(
        load_file(tmp_path / "new" / "folder" / "eval.safetensors")["b"], [[0, 3], [1, 4], [2, 5]]
    )


@pytest.mark.parametrize("failing", ["model", "eval", "manifest"])
def test_a_failing_write_leaves_the_old_folder(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)
    before = contents(tmp_path)
    write = Path.write_bytes

    def full_disk(path: Path, data: Any) -> int:
        if failing in path.name:
            write(path, data[:5])
            raise OSError("no space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OutputError, match="no space left on device"):
        save(tmp_path, 2)
    assert contents(tmp_path) == before
    monkeypatch.undo()
    save(tmp_path, 2)
    assert contents(tmp_path) != before


def test_grey_is_the_integer_formula() -> None:
    rgb = np.array(
        [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [12, 200, 77]], np.uint8
    )
    expected = [(19595 * int(r) + 38470 * int(g) + 7471 * int(b) + 32768) // 65536 for r, g, b in rgb]
    assert to_grey(rgb).tolist() == expected == [0, 255, 76, 150, 29, 130]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("mine", "mine"),
        ("Mine-2.mbi", "Mine_2_mbi"),
        ("9x", "workload_9x"),
        ("Über alles", "workload__ber_alles"),
        ("a" * 80, "a" * 64),
    ],
)
def test_a_workload_is_called_as_its_folder_as_far_as_names_go(tmp_path: Path, folder: str, name: str) -> None:
    assert name_of(tmp_path / folder) == name
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name)
