"""Loading a workload folder: what comes back, and what a folder with bad files gives."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from accelsim.errors import InvariantError, WorkloadError
from accelsim.workload import MAX_FILE_BYTES, load_workload
from tests.workload.builders import hybrid, mbi, write_cascade, write_folder, write_hybrid, write_mbi
from tests.workload.parts import Built

SHIPPED = Path(__file__).parents[2] / "workloads"

WRITERS: list[tuple[Callable[..., Built], dict[str, Any]]] = [
    (write_hybrid, {}),
    (write_hybrid, {"dense_features": 9, "max_pool": 2, "feature_levels": 4, "channels": (3, 5, 2)}),
    (write_mbi, {}),
    (write_mbi, {"depth": 4, "decision": "last", "metric": "manhattan", "n_patches": 5, "hidden_bits": 45}),
    (write_cascade, {}),
    (write_cascade, {"head": "acam", "abort": "after_all", "depth": 2, "n_classes": 256}),
]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("write", "sizes"), WRITERS)
def test_what_was_written_comes_back(
    tmp_path: Path, write: Callable[..., Built], sizes: dict[str, Any], seed: int
) -> None:
    parts = write(tmp_path, seed, **sizes)
    workload = load_workload(tmp_path)
    assert workload.folder == tmp_path
    assert workload.n_inputs == 8
    assert workload.manifest.kind == parts.manifest["kind"]
    np.testing.assert_array_equal(workload.labels, parts.evaluation["labels"])
    for read, written in ((workload.model, parts.model), (workload.evaluation, parts.evaluation)):
        assert read.keys() == written.keys()
        for name, array in written.items():
            np.testing.assert_array_equal(read[name], array, strict=True)
            assert not read[name].flags.writeable


def test_hash_is_over_manifest_and_file_hashes(tmp_path: Path) -> None:
    write_mbi(tmp_path)
    content = (tmp_path / "manifest.yaml").read_bytes()
    for name in ("model.safetensors", "eval.safetensors"):
        content += hashlib.sha256((tmp_path / name).read_bytes()).hexdigest().encode()
    assert load_workload(tmp_path).sha256 == hashlib.sha256(content).hexdigest()


def test_blocks_of_another_kind_are_not_there(tmp_path: Path) -> None:
    write_mbi(tmp_path)
    workload = load_workload(tmp_path)
    assert workload.mbi.n_splits == 2
    with pytest.raises(InvariantError, match=r"^workload: no cnn in a workload of this kind$"):
        _ = workload.cnn


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in SHIPPED.glob("*/manifest.yaml")))
def test_shipped_workloads_load_quickly(folder: str) -> None:
    start = time.perf_counter()
    load_workload(SHIPPED / folder)
    assert time.perf_counter() - start < 5  # 0.03 s for the 207,264 keys of paper_mbi on a quiet machine


def test_checks_of_large_tables_are_quick(tmp_path: Path) -> None:
    parts = mbi(n_glimpses=1, n_tables=1, hidden_bits=16, n_patches=4)
    n_nodes, rng = 8192, np.random.default_rng(0)
    n_keys = n_nodes * 32
    key_next = -1 - np.arange(n_keys, dtype=np.int32)
    key_next[: n_nodes - 1] = np.arange(1, n_nodes)  # key k of a 32-way tree owns node k + 1
    parts.model |= {
        "keys": rng.integers(0, 256, (n_keys, 6), dtype=np.uint8),
        "key_next": key_next,
        "node_start": np.arange(0, n_keys + 1, 32, dtype=np.int32),
        "roots": np.zeros((1, 1), dtype=np.int32),
        "value_hidden": np.zeros((n_keys, 2), dtype=np.uint8),
        "value_votes": np.zeros((n_keys, 3), dtype=np.int8),
    }
    write_folder(tmp_path, parts)
    start = time.perf_counter()
    load_workload(tmp_path)
    assert time.perf_counter() - start < 5


def fails(folder: Path) -> str:
    with pytest.raises(WorkloadError) as caught:
        load_workload(folder)
    return str(caught.value)


def test_missing_folder(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    assert fails(folder) == f"{folder}: got no such file or directory, need a workload folder"


def test_file_instead_of_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kind: mbi")
    assert fails(path) == f"{path}: got a file, need a workload folder"


def test_impossible_folder_name() -> None:
    assert fails(Path("a\0b")).endswith("got embedded null byte, need a workload folder")


@pytest.mark.parametrize("name", ["manifest.yaml", "model.safetensors", "eval.safetensors"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    write_hybrid(tmp_path)
    (tmp_path / name).unlink()
    assert fails(tmp_path) == f"{tmp_path / name}: got no such file or directory, need a readable file"


@pytest.mark.parametrize("name", ["model.safetensors", "eval.safetensors"])
def test_folder_instead_of_file(tmp_path: Path, name: str) -> None:
    write_hybrid(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert fails(tmp_path) == f"{tmp_path / name}: got no regular file, need a readable file"


def test_file_too_large(tmp_path: Path) -> None:
    write_hybrid(tmp_path)
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # sparse: takes no room on the disk
    assert fails(tmp_path) == f"{path}: got {MAX_FILE_BYTES + 1} bytes, need at most {MAX_FILE_BYTES}"


def test_files_at_fault_come_together(tmp_path: Path) -> None:
    write_hybrid(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "eval.safetensors").unlink()
    assert [line.split(":")[0] for line in fails(tmp_path).splitlines()] == [
        str(tmp_path / "model.safetensors"),
        str(tmp_path / "eval.safetensors"),
    ]


def test_other_file_than_the_manifest_means(tmp_path: Path) -> None:
    write_hybrid(tmp_path)
    path = tmp_path / "model.safetensors"
    meant = hashlib.sha256(path.read_bytes()).hexdigest()
    content = save(hybrid(seed=1).model)
    path.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    assert fails(tmp_path) == f"{path}: got SHA-256 {found}, need {meant} (files in manifest.yaml)"


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 100, 1000, -1])
def test_truncated_file(tmp_path: Path, keep: int) -> None:
    write_hybrid(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    text = fails(tmp_path)
    assert text.startswith(f"{path}: got a truncated or damaged file (")
    assert text.endswith("), need a safetensors file")
    assert "\n" not in text


def test_truncated_file_whose_hash_agrees(tmp_path: Path) -> None:
    parts = hybrid()
    write_folder(tmp_path, parts)
    path = tmp_path / "eval.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "manifest.yaml").write_text(
        (tmp_path / "manifest.yaml")
        .read_text()
        .replace(
            hashlib.sha256(save(parts.evaluation)).hexdigest(), hashlib.sha256(path.read_bytes()).hexdigest()
        )
    )
    assert fails(tmp_path).startswith(f"{path}: got a truncated or damaged file (")
