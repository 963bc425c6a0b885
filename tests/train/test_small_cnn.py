"""The cascade's network as a workload of its own: the shipped one is what the command makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import DataError
from accelsim.train.small_cnn import extract_cnn
from accelsim.workload import load_workload
from tests.workload import builders

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_workload_is_the_extracted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    extract_cnn(Path("workloads/mnist_cascade"), tmp_path / "mnist_cnn")
    made, shipped = (load_workload(folder / "mnist_cnn") for folder in (tmp_path, ROOT / "workloads"))
    assert made.manifest == shipped.manifest
    assert made.sha256 == shipped.sha256


def test_its_arrays_are_the_cascades() -> None:
    cascade, cnn = (load_workload(ROOT / "workloads" / name) for name in ("mnist_cascade", "mnist_cnn"))
    assert cnn.cnn == cascade.cnn
    n_macs = sum(layer.n_macs for layer in cnn.cnn.layers)
    assert f"{n_macs:,} multiply-accumulates" in cnn.manifest.description
    names = {layer.name for layer in cnn.cnn.layers}
    assert set(cnn.model) == {name for name in cascade.model if name.split(".")[0] in names}
    for name, array in cnn.model.items():
        assert np.array_equal(array, cascade.model[name])
    right = (cascade.evaluation["features"].argmax(axis=1) == cascade.labels).sum()
    assert cnn.manifest.accuracy.measured == right / 10_000


def test_a_cascade_from_elsewhere_may_say_nothing_of_its_training(tmp_path: Path) -> None:
    parts = builders.cascade(head="argmax")
    parts.manifest["training"] = {}
    builders.write_folder(tmp_path / "cascade", parts)
    extract_cnn(tmp_path / "cascade", tmp_path / "made")
    training = load_workload(tmp_path / "made").manifest.training
    assert set(training) == {"command", "cascade_model_sha256"}


def test_other_workloads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got kind mbi, need a cascade whose network ends in logits"):
        extract_cnn(ROOT / "workloads" / "mnist_mbi", tmp_path)
    assert list(tmp_path.iterdir()) == []
