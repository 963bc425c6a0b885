"""Ablations with --quick: every stage runs, the record holds what the page needs, and nothing is computed twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import DataError, UsageError
from accelsim.train.ablations import ABLATIONS
from accelsim.train.ablations.record import Record, load

pytestmark = pytest.mark.torch

PACKAGE = Path(__file__).resolve().parents[2] / "accelsim" / "train" / "ablations"
N_ROWS = {
    "distillation": 1 + 4 * 3 + 3,
    "pruning": 3 * 6,
    "thresholds": 8 * 2,
    "templates": 4 * (1 + 3 + 3),
    "bits": 3 * 4 * 2,
    "table-rows": 2 * 2,
    "prototypes": 5 * 3 + 3,
    "threshold-curve": 3 * 8,
}


def measured(name: str, folder: Path, data_root: Path) -> Record:
    from accelsim.train.ablations.command import AblateOptions, ablate

    options = AblateOptions(name, data_root, False, True, 0, folder / "out", folder / "run")
    return load(ablate(options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that a teacher and a student are trained once."""
    return tmp_path_factory.mktemp("ablations")


@pytest.mark.data
@pytest.mark.parametrize("name", ABLATIONS)
def test_each_runs_and_resumes(name: str, folder: Path, data_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record = measured(name, folder, data_root)
    assert record.command == f"accelsim train ablate {name} --seed 0 --quick"
    assert record.quick
    assert len(record.rows) == N_ROWS[name]
    accuracies = [row["validation_accuracy"] for row in record.rows]
    n_images = record.sizes["validation_images"]
    assert all(0 <= accuracy <= 1 and round(accuracy * n_images, 6).is_integer() for accuracy in accuracies)
    assert (record.histogram is None) == (not record.ablation.histogram)
    capfd.readouterr()
    again = measured(name, folder, data_root)
    stages = [line for line in capfd.readouterr().err.splitlines() if line.startswith("stage ")]
    assert stages
    assert all("done before" in line for line in stages)
    assert again == record


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'^ablate: got "luck", need one of distillation, pruning, '):
        measured("luck", tmp_path, tmp_path)


def test_absent_data_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^MNIST: got none in "):
        measured("prototypes", tmp_path, tmp_path / "nowhere")


def test_no_ablation_can_read_a_test_image() -> None:
    for path in PACKAGE.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "load_test" not in text, path
        assert "train=False" not in text, path


def test_pruned_shares_are_those_asked_for(folder: Path, data_root: Path) -> None:
    path = folder / "out" / "pruning.json"
    if not path.is_file():
        pytest.skip("needs the record of the test above")
    for row in load(path).rows:
        assert row["zeros"] == pytest.approx(row["sparsity"], abs=1e-4)


def test_coverages_are_those_aimed_at(folder: Path) -> None:
    path = folder / "out" / "threshold-curve.json"
    if not path.is_file():
        pytest.skip("needs the record of the test above")
    found: dict[Any, list[float]] = {}
    for row in load(path).rows:
        assert row["coverage"] >= row["aimed"] - 1e-9
        found.setdefault((row["tables"], row["criterion"]), []).append(row["coverage"])
    for coverages in found.values():
        assert coverages == sorted(coverages)
        assert coverages[-1] == 1
