"""The paper's recipe from images to a folder that obeys the format, and its stages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.train.mbi_tables import unpack, walk
from accelsim.workload import load_workload

pytestmark = pytest.mark.torch

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
for needed in ("torchvision", "sklearn", "optuna"):
    pytest.importorskip(needed, reason=f"{needed} is not installed")

from accelsim.train import mbi_paper, mbi_paper_stages  # noqa: E402
from accelsim.train.episode_tables import table_arrays, table_geometry  # noqa: E402
from accelsim.train.episodes import Rows  # noqa: E402
from accelsim.train.images import Images, Split, load_split  # noqa: E402
from accelsim.train.mbi_paper import train_mbi_paper  # noqa: E402
from accelsim.train.mbi_paper_figures import AIMED_COVERAGES, curve_at, mixed_curve, share_within  # noqa: E402
from accelsim.train.mbi_paper_stages import Job, Plan  # noqa: E402
from accelsim.train.ram import RamConfig  # noqa: E402
from accelsim.train.tree import Tree  # noqa: E402
from accelsim.train.weights import Weights  # noqa: E402

TINY = Plan(epochs=40, n_rows=800, passes=2, trials=2, search_images=100, limit=400)


@pytest.fixture(scope="module")
def made(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the workload and of the run."""
    if not data_root.is_dir():
        pytest.skip(f"needs data sets in {data_root}")
    out, run = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("run")
    train_mbi_paper(data_root=data_root, out=out, seed=1, run=run, plan=TINY, command="by hand")
    return out, run


@pytest.mark.data
def test_the_folder_obeys_the_format_and_gives_the_stated_accuracy(made: tuple[Path, Path]) -> None:
    workload = load_workload(made[0])
    manifest, model, recorded = workload.manifest, workload.model, workload.evaluation
    assert (manifest.name, manifest.method, manifest.dataset.name) == (made[0].name, "paper_recipe", "MNIST")
    assert (manifest.training["command"], manifest.training["seed"]) == ("by hand", 1)
    geometry = mbi_paper.Geometry.from_manifest(workload.mbi.model_dump())
    walked = walk(model, geometry, recorded["patches"], recorded["locations"])
    assert (walked.predicted == recorded["labels"]).mean() == manifest.accuracy.measured > 0.2
    assert recorded["locations"][:, 0].tolist() == [[16, 16]] * 400
    assert (workload.mbi.location_weighted, workload.mbi.n_splits) == (False, 5)
    weights = [manifest.training[f"weight_{part}"] for part in ("patch", "hidden", "location")]
    assert model["split_weights"].tolist() == [np.repeat(weights[:2], (3, 2)).tolist()] * 5
    assert weights[2] == 0
    assert 1 <= manifest.training["searched_weight_location"] <= 127


@pytest.mark.data
def test_validation_figures_are_those_of_the_written_tables(made: tuple[Path, Path], data_root: Path) -> None:
    """Of the images after the 100 that weights were searched on."""
    workload = load_workload(made[0])
    images = load_split("mnist", data_root, limit=TINY.limit).validation
    unseen = Images(images.pixels[100:], images.labels[100:])
    geometry = mbi_paper.Geometry.from_manifest(workload.mbi.model_dump())
    walked = mbi_paper.walk_images(workload.model, geometry, unseen.grey)
    training = workload.manifest.training
    assert (training["search_images"], training["validation_images"]) == (100, len(unseen)) == (100, 300)
    right = (walked.predicted == unseen.label_bytes).mean()
    assert right == pytest.approx(training["validation_accuracy"], abs=1e-6)
    near = walked.distance.max(axis=(1, 2)) <= training["mixed_threshold"]
    assert near.mean() == pytest.approx(training["validation_coverage_mixed"], abs=1e-6)
    assert near.mean() >= 0.6965
    assert 0 <= training["gap_median"] <= training["gap_p95"]
    assert (training["gap_median"] < 0.1) == (training["share_within_10_percent"] > 0.5)


@pytest.mark.data
def test_finished_stages_are_not_repeated(
    made: tuple[Path, Path], data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def repeated(*args: Any, **keywords: Any) -> None:
        raise AssertionError("a finished stage was repeated")

    for name in ("train_ram", "sample_rows", "optimise", "build_tree", "mixed_curve"):
        monkeypatch.setattr(mbi_paper_stages, name, repeated)
    monkeypatch.setattr(mbi_paper, "load_test", repeated)
    run = shutil.copytree(made[1], tmp_path / "run")
    again = tmp_path / made[0].name  # a workload has the name of its folder
    train_mbi_paper(data_root=data_root, out=again, seed=1, run=run, plan=TINY, command="by hand")
    for name in ("manifest.yaml", "model.safetensors", "eval.safetensors"):
        assert (again / name).read_bytes() == (made[0] / name).read_bytes()
    with pytest.raises(AssertionError, match="repeated"):
        train_mbi_paper(data_root=data_root, out=again, seed=2, run=run, plan=TINY)


def test_weights_are_searched_on_half_the_validation_images_at_most() -> None:
    def images(n: int) -> Images:
        return Images(torch.zeros(n, 1, 2, 2, dtype=torch.uint8), torch.arange(n))

    split = Split(images(5), images(9))
    for search_images, searched in ((3, 3), (1000, 4)):
        job = Job.of(split, Plan(search_images=search_images), seed=0, run=None)
        assert job.sizes.search_images == searched
        assert [*job.searched.labels, *job.unseen.labels] == list(range(9))
        assert len(job.searched) == searched


def test_the_share_of_small_gaps() -> None:
    assert share_within({"edges": [0.0, 0.05, 0.1, 0.2], "shares": [0.5, 0.25, 0.125]}, 0.1) == 0.75


def test_rows_of_one_value_share_it() -> None:
    config = RamConfig(hidden=8)
    rng = np.random.default_rng(0)
    next_hidden = rng.integers(0, 2, (3, 8), dtype=np.uint8)[[0, 1, 0, 2]]
    next_location = np.array([[1, 2], [3, 4], [1, 2], [1, 2]], np.uint8)
    label = np.array([5, 6, 5, 7], np.uint8)
    empty = np.zeros((4, 0), np.uint8)
    rows = Rows(empty, empty, empty, next_hidden, next_location, label)
    # The root's keys 0 and 1 lead to the leaves 1 (rows 2 and 0) and 2 (rows 1 and 3).
    keys = rng.integers(0, 2, (6, 96 + 8 + 10), dtype=np.uint8)
    tree = Tree(keys, np.array([1, 2, -3, -1, -2, -4], np.int32), np.array([0, 2, 4, 6], np.int32))
    geometry = table_geometry(config, (28, 28), 10, located=True)
    arrays = table_arrays(geometry, config, rows, tree, Weights(9, 8, 7))
    assert len(arrays["value_class"]) == 3
    assert arrays["key_next"][:2].tolist() == [1, 2]
    stored = -1 - arrays["key_next"][2:]
    assert arrays["value_class"][stored].tolist() == [5, 5, 6, 7]
    assert arrays["value_location"][stored].tolist() == [[1, 2], [1, 2], [3, 4], [1, 2]]
    assert np.array_equal(unpack(arrays["value_hidden"], 8)[stored], next_hidden[[2, 0, 1, 3]])
    assert arrays["split_weights"].tolist() == [[9, 9, 9, 8, 7]] * 5


def test_the_mixed_curve_by_hand() -> None:
    distance = np.array([[1, 5], [2, 2], [9, 0], [3, 1]])  # farthest: 5, 2, 9, 3
    by_tables, by_network = np.array([False, True, False, True]), np.array([True, False, True, True])
    at_3, at_5 = curve_at([3, 5], distance, by_tables, by_network)
    assert at_3 == {"threshold": 3, "coverage": 0.5, "covered_accuracy": 1.0, "accuracy": 1.0}
    assert at_5 == {"threshold": 5, "coverage": 0.75, "covered_accuracy": pytest.approx(2 / 3), "accuracy": 0.75}
    assert curve_at([0], distance, by_tables, by_network)[0]["covered_accuracy"] is None
    curve = mixed_curve(distance, by_tables, by_network)
    assert [point["aimed"] for point in curve] == list(AIMED_COVERAGES)
    assert all(point["coverage"] >= point["aimed"] for point in curve)
    assert curve[-1]["accuracy"] == by_tables.mean()
    assert mixed_curve(distance, by_tables, by_network, (0.5,)) == [{"aimed": 0.5, **at_3}]
