"""A shape-only workload stands for recordings that are the same for every input: counts, and what is said of it."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from accelsim import yamlfile
from accelsim.datasets import load_images
from accelsim.errors import DataError
from accelsim.report.overview import listing
from accelsim.workload import Workload, load_workload
from tests.dataflows import chips
from tests.test_run_command import accelsim, refused
from tests.workload.builders import shapes, write_folder

# conv1: 8 channels of 3 x 3 outputs, 27 weights each; conv2: 6 channels of 4 x 4, each sees 2 of 4; fc: 3 x 20.
DENSE = [8 * 9 * 27, 6 * 16 * 2, 3 * 20]


def workload(folder: Path, **sizes: Any) -> Workload:
    return load_workload(write_folder(folder / "w", shapes(**sizes)))


@pytest.mark.parametrize("batch", [1, 3])
def test_counts_by_hand(tmp_path: Path, batch: int) -> None:
    loaded = workload(tmp_path, batch=batch, n_inputs=5)
    assert [layer.n_macs for layer in loaded.cnn.layers] == DENSE
    kept = [Fraction(3, 4) * Fraction(1, 2), Fraction(1, 10), Fraction(7, 8)]  # exact, though 0.9 is no float
    rounded = [int(batch * dense * share + Fraction(1, 2)) for dense, share in zip(DENSE, kept, strict=True)]
    assert loaded.evaluation["nonzero_macs"].tolist() == [rounded] * 5
    assert loaded.evaluation["labels"].tolist() == [0] * 5
    assert (loaded.n_inputs, loaded.shapes_only, dict(loaded.model)) == (5, True, {})


def test_the_outputs_decide_nothing(tmp_path: Path) -> None:
    """No logit is tied with the first; with head none there are none, however wide the last layer is."""
    assert workload(tmp_path).evaluation["features"].tolist() == [[1, 0, 0]] * 8
    assert workload(tmp_path, head="none").evaluation["features"].shape == (8, 1)


def test_half_a_multiply_accumulate_is_rounded_up(tmp_path: Path) -> None:
    built = shapes()
    built.manifest["cnn"]["layers"][2] |= {"in_features": 1, "activation_zeros": 0.5}
    loaded = load_workload(write_folder(tmp_path, built))
    assert loaded.evaluation["nonzero_macs"][0, 2] == 2  # 3 x 1/2


def test_a_million_inputs_take_the_memory_of_one(tmp_path: Path) -> None:
    loaded = workload(tmp_path, n_inputs=10**7)
    for array in loaded.evaluation.values():
        assert array.strides[0] == 0
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_hash_is_that_of_the_manifest(tmp_path: Path) -> None:
    loaded = workload(tmp_path)
    assert loaded.sha256 == hashlib.sha256((tmp_path / "w" / "manifest.yaml").read_bytes()).hexdigest()
    assert loaded.manifest.hashes == {}


def test_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^--data-root: got layer shapes alone in .*w, need a workload with weights$"):
        load_images(workload(tmp_path), tmp_path, 1)


def test_the_list_says_what_it_is(tmp_path: Path) -> None:
    workload(tmp_path / "workloads")
    (row,) = (line for line in listing(tmp_path, tmp_path / "workloads").splitlines() if "tiny_shapes" in line)
    assert row.split(maxsplit=4) == ["tiny_shapes", "cnn", "random", "8", "not evaluated (shape-only workload)"]


def test_a_run_evaluates_nothing(tmp_path: Path) -> None:
    workload(tmp_path)
    spec = tmp_path / "chip.yaml"
    spec.write_text(yamlfile.dump(chips.spec_data("cnn")), encoding="utf-8")
    done = accelsim("run", spec, tmp_path / "w", "--inputs", 3, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "not evaluated (shape-only workload)" in done.stdout
    assert "ties" not in done.stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["accuracy"], summary["inputs_from"], summary["n_inputs"]) == (None, "layer shapes", 3)
    inputs = pq.read_table(tmp_path / "out" / "inputs.parquet").to_pydict()
    assert inputs["correct"] == [None] * 3
    assert len(set(inputs["energy_dynamic_pj"])) == 1  # all inputs are alike
    done = accelsim("run", spec, tmp_path / "w", "--data-root", tmp_path, "--out", tmp_path / "out")
    refused(done, "--data-root: got layer shapes alone in ")
