"""A student that begins as a workload's network: the same function in floats, and clear refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import RangeError, UsageError, WorkloadError
from accelsim.workload import load_workload

pytestmark = pytest.mark.torch

WORKLOADS = Path(__file__).resolve().parents[2] / "workloads"
N_IMAGES = 60


@pytest.fixture(scope="module")
def torch() -> Any:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


def pixels(torch: Any) -> Any:
    """Smooth noise: of white noise int8 clips much, which the float network does not."""
    coarse = torch.randint(0, 256, (N_IMAGES, 1, 5, 5), generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(coarse.float(), (32, 32), mode="bilinear").to(torch.uint8)


@pytest.mark.parametrize(("name", "topology"), [("cifar10_hybrid", "residual"), ("cifar10_hybrid_paper", "paper")])
def test_the_float_network_is_the_integer_one_but_for_rounding(torch: Any, name: str, topology: str) -> None:
    from accelsim.train import networks
    from accelsim.train.augment import to_input
    from accelsim.train.quantise import evaluate, float_layers, from_arrays
    from accelsim.train.start import STEP, load_start, start_student

    layers = networks.topology(topology, 1)
    workload = load_start(WORKLOADS / name, layers)
    seen, labels = pixels(torch), torch.arange(N_IMAGES) % 10
    student = start_student(workload, layers, 10, to_input(seen), labels)
    integer = from_arrays(float_layers(student)[:-1], {key: array.copy() for key, array in workload.model.items()})
    whole = np.maximum(evaluate(integer, (seen.short() - 128).to(torch.int8))[0].astype(float), 0)
    with torch.no_grad():
        real = student.features(to_input(seen)).numpy() / STEP
    # Rounding alone: less than half a step on average; a wrong scale anywhere would be tens of per cent.
    assert np.abs(real - whole).mean() < 0.25
    assert np.corrcoef(real.ravel(), whole.ravel())[0, 1] > 0.99
    for spec in layers:
        lengths = student.convolutions[spec.name].weight.detach().flatten(1).norm(dim=1)
        assert ((lengths - 1).abs().lt(1e-4) | lengths.eq(0)).all(), spec.name
    assert not student.pruned


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar10_hybrid_paper", r"--start: got .*cifar10_hybrid_paper, whose network has conv1: .*, need stem: "),
        ("mnist_mbi", "--start: got .*, of kind mbi, need a trained workload of kind hybrid or cnn"),
        ("resnet50_cifar_stem", "--start: got .*, of kind cnn, need a trained workload"),
    ],
)
def test_other_networks_are_refused(torch: Any, name: str, message: str) -> None:
    from accelsim.train.networks import topology
    from accelsim.train.start import load_start

    with pytest.raises(RangeError, match=message):
        load_start(WORKLOADS / name, topology("residual", 1))


def test_a_folder_that_is_no_workload(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.networks import topology
    from accelsim.train.start import load_start

    with pytest.raises(WorkloadError):
        load_start(tmp_path, topology("residual", 1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"teacher": "start"}, r"--teacher: got start with no --start, need --start"),
        ({"no_epochs": True}, r"--epochs: got 0 with no --start, need at least 1, or --start"),
        ({"teacher": "start", "start": WORKLOADS, "n_teachers": 2}, "--teachers: got --teacher start, need"),
    ],
)
def test_options_that_need_a_start(torch: Any, given: dict[str, Any], message: str, tmp_path: Path) -> None:
    from accelsim.train.hybrid_options import Epochs, HybridOptions

    if given.pop("no_epochs", False):
        given["epochs"] = Epochs(student=0)
    with pytest.raises(UsageError, match=message):
        HybridOptions(tmp_path, **given)


@pytest.mark.data
def test_a_shipped_network_is_pruned_and_teaches_itself(
    torch: Any, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train import hybrid_stages
    from accelsim.train.baselines import train_softmax
    from accelsim.train.hybrid_options import Epochs, HybridOptions

    def refuse(*args: Any, **how: Any) -> Any:
        raise AssertionError("no teacher is trained")

    monkeypatch.setattr(hybrid_stages, "train_teacher", refuse)
    options = HybridOptions(
        data_root, out=tmp_path / "w", run_dir=tmp_path / "run", start=WORKLOADS / "cifar10_hybrid", teacher="start",
        sparsity=0.5, epochs=Epochs(student=0, pruning=1, int8=0), limit=200, n_views=2, mixed_views=1, seed=5,
    )  # fmt: skip
    train_softmax(options)
    made = load_workload(tmp_path / "w").manifest
    assert (made.training["start"], made.training["teacher"]) == ("cifar10_hybrid", "start")
    assert made.training["zeros"] == pytest.approx(0.5, abs=0.001)
    # Half of the weights gone and one epoch on 200 images: far from what it began with, but well above chance.
    assert made.training["validation_accuracy_start"] > 0.75
    assert made.accuracy.measured is not None
    assert made.accuracy.measured > 0.2
    assert "begun as the network of cifar10_hybrid, taught by its start and labels" in made.description
