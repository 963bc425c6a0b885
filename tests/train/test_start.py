"""A student that begins as a workload's network: the same function in floats, and clear refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import RangeError, UsageError, WorkloadError
from accelsim.manifest_cnn import DenseLayer
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


@pytest.mark.parametrize(
    ("name", "topology"),
    [("cifar10_hybrid", "residual"), ("cifar10_softmax", "residual"), ("cifar10_hybrid_paper", "paper")],
)
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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar10_hybrid_paper", "--start: got .*_paper, need --topology paper --grey for its network"),
        ("mnist_cnn", "--start: got .*, whose network has conv1: .*, ReLU, max-pooling 2, need stem: "),
        ("mnist_mbi", "--start: got .*, of kind mbi and method .*, need a trained workload of kind hybrid or cnn"),
        ("paper_hybrid", "--start: got .*, of kind hybrid and method paper_geometry, need a trained workload"),
        ("resnet50_cifar_stem", "--start: got .*, of kind cnn and method layer_table, need a trained workload"),
    ],
)
def test_other_networks_are_refused(torch: Any, name: str, message: str) -> None:
    from accelsim.train.networks import topology
    from accelsim.train.start import load_start

    with pytest.raises(RangeError, match=message):
        load_start(WORKLOADS / name, topology("residual", 1))


@pytest.mark.parametrize(
    ("layer", "changes", "message"),
    [
        (3, {"relu": False}, "whose network has block1b: .*, plus block1s, need block1b: .*, plus block1s, ReLU"),
        (0, {"max_pool": 2}, "whose network has stem: .*, ReLU, max-pooling 2, need stem: .*, ReLU$"),
        (None, {}, "whose network has 16 layers before the softmax layer, need 15"),
        (None, {"offset": 0}, "which sees other inputs, need 32 x 32 pixels less 128"),
    ],
)
def test_a_network_that_computes_something_else_is_refused(
    torch: Any, layer: int | None, changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train import start
    from accelsim.train.networks import topology

    found = load_workload(WORKLOADS / "cifar10_hybrid")
    cnn = found.cnn
    if "offset" in changes:
        cnn = cnn.model_copy(update={"input": cnn.input.model_copy(update=changes)})
    elif layer is None:
        dense = DenseLayer(name="hidden", op="dense", in_features=784, out_features=784, relu=True)
        cnn = cnn.model_copy(update={"layers": (*cnn.layers, dense)})
    else:
        changed = cnn.layers[layer].model_copy(update=changes)
        cnn = cnn.model_copy(update={"layers": (*cnn.layers[:layer], changed, *cnn.layers[layer + 1 :])})
    other = replace(found, manifest=found.manifest.model_copy(update={"cnn": cnn}))
    monkeypatch.setattr(start, "load_workload", lambda folder: other)
    with pytest.raises(RangeError, match=message):
        start.load_start(Path("w"), topology("residual", 1))


def test_zeros_of_a_pruned_network_are_kept(torch: Any) -> None:
    from accelsim.train import networks
    from accelsim.train.augment import to_input
    from accelsim.train.prune import Pruning, mask_of, pruned_layers, zeros
    from accelsim.train.start import load_start, start_student

    layers, labels = networks.topology("paper", 1), torch.arange(N_IMAGES) % 10
    workload = load_start(WORKLOADS / "cifar10_hybrid_paper", layers)
    student = start_student(workload, layers, 10, to_input(pixels(torch)), labels)
    assert student.pruned
    # Rounding to int8 adds some zeros to the pruned ones.
    assert workload.manifest.training["zeros"] <= zeros(student) < workload.manifest.training["zeros"] + 0.02
    assert student.mask_conv1.all()  # the first layer is not pruned

    # Pruned further, no zero comes back, whatever the optimiser has made of the weights below the masks.
    begun = {name: mask_of(student, name).clone() for name in pruned_layers(student)}
    with torch.no_grad():
        for name in begun:
            student.convolutions[name].weight.add_(100.0 * (begun[name] == 0))
    pruning = Pruning(student, 0.9, 100, 10)
    for _ in range(70):
        pruning.after_step()
        assert all((mask_of(student, name) <= mask).all() for name, mask in begun.items())
    assert zeros(student) == pytest.approx(0.9, abs=0.001)


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
        (
            {"teacher": "start", "start": WORKLOADS, "n_teachers": 2},
            "--teachers: got --teacher start, need --teacher fast or resnet50",
        ),
        ({"start": WORKLOADS, "out": WORKLOADS / "x" / ".."}, "--out: got .*, the folder of --start, need another"),
        ({"start": WORKLOADS, "no_epochs": True, "curriculum": True}, "--curriculum: got --epochs 0, need --epochs"),
    ],
)
def test_options_that_need_a_start(torch: Any, given: dict[str, Any], message: str, tmp_path: Path) -> None:
    from accelsim.train.hybrid_options import Epochs, HybridOptions

    if given.pop("no_epochs", False):
        given["epochs"] = Epochs(student=0)
    with pytest.raises(UsageError, match=message):
        HybridOptions(tmp_path, **given)


def test_a_teacher_that_nothing_learns_from_is_refused(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.baselines import train_cosine
    from accelsim.train.hybrid_options import Epochs, HybridOptions

    options = HybridOptions(tmp_path, start=WORKLOADS / "cifar10_hybrid", epochs=Epochs(student=0, int8=0))
    with pytest.raises(UsageError, match="--teacher: got fast with nothing that is trained, need --teacher none"):
        train_cosine(options)


@pytest.mark.data
def test_the_array_goes_on_from_a_start_and_the_teacher_is_shared(torch: Any, data_root: Path, tmp_path: Path) -> None:
    """Of two runs in one folder, one with a start: they have one teacher."""
    from accelsim.train.baselines import train_softmax
    from accelsim.train.hybrid import train_hybrid
    from accelsim.train.hybrid_options import Epochs, HybridOptions

    quick = HybridOptions(
        data_root, out=tmp_path / "w", run_dir=tmp_path / "run", epochs=Epochs(1, 1, 1, 1, 0), limit=120, n_views=1
    )
    train_softmax(quick)
    train_hybrid(replace(quick, start=WORKLOADS / "cifar10_hybrid", epochs=Epochs(1, 0, 1, 1, 0)))
    made = load_workload(tmp_path / "w").manifest
    assert (made.kind, made.training["start"], made.training["teacher"]) == ("hybrid", "cifar10_hybrid", "fast")
    assert made.training["validation_accuracy_start"] > 0.6
    kept = [path.name.partition("-")[0] for path in (tmp_path / "run").glob("*.safetensors")]
    assert (kept.count("teacher"), kept.count("start"), kept.count("student")) == (1, 1, 2)


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
    begun = load_workload(WORKLOADS / "cifar10_hybrid")
    assert (made.training["start"], made.training["start_sha256"]) == ("cifar10_hybrid", begun.sha256)
    assert (made.training["teacher"], made.training["curriculum"]) == ("start", False)
    assert made.training["zeros"] == pytest.approx(0.5, abs=0.001)
    # Half of the weights gone and one epoch on 200 images: far from what it began with, but well above chance.
    assert made.training["validation_accuracy_start"] > 0.75
    assert made.accuracy.measured is not None
    assert made.accuracy.measured > 0.2
    monkeypatch.setattr(hybrid_stages, "prune_student", refuse)
    train_softmax(options)  # every stage is kept
    with pytest.raises(AssertionError, match="no teacher is trained"):
        train_softmax(replace(options, teacher="fast"))
    other = replace(options, start=WORKLOADS / "cifar10_hybrid_paper", topology="paper")
    with pytest.raises(AssertionError, match="no teacher is trained"):
        train_softmax(other)  # prunes another network
    assert "begun as the network of cifar10_hybrid, taught by its start and labels" in made.description
