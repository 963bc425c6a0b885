"""Training of the hybrid workload: exact quantisation, resumable runs, and folders that obey the format."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from accelsim.datasets import to_grey
from accelsim.errors import DataError, RangeError
from accelsim.train.templates import class_mean_templates, majority_templates, match, mean_thresholds
from accelsim.workload import load_workload

SMALL = 400


@pytest.fixture(scope="module")
def torch() -> Any:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


# --- the quantiser against plain Python integers ---


def pad(x: np.ndarray, padding: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding)))


def slow_layer(x: np.ndarray, layer: Any) -> tuple[np.ndarray, int]:
    """Output and non-zero multiply-accumulates of one input, product by product, in Python's own integers."""
    shape = layer.shape
    weight = layer.weight if shape.is_conv else layer.weight[:, :, None, None]
    image = pad(x, shape.padding) if shape.is_conv else x.reshape(-1, 1, 1)
    kernel = weight.shape[2]
    side = (image.shape[1] - kernel) // shape.stride + 1
    y, n_nonzero = np.zeros((len(weight), side, side), dtype=object), 0
    for o, row, column in product(range(len(weight)), range(side), range(side)):
        total = int(layer.bias[o])
        for c, i, j in product(range(weight.shape[1]), range(kernel), range(kernel)):
            a, w = int(image[c, row * shape.stride + i, column * shape.stride + j]), int(weight[o, c, i, j])
            total += a * w
            n_nonzero += a != 0 and w != 0
        if layer.multiplier is not None:
            shift = int(layer.shift[o])
            total = (total * int(layer.multiplier[o]) + 2 ** (shift - 1)) >> shift
            total = min(max(total, 0 if shape.relu else -128), 127)
        y[o, row, column] = total
    pooled = side // shape.max_pool
    windows = y[:, : pooled * shape.max_pool, : pooled * shape.max_pool]
    windows = windows.reshape(len(y), pooled, shape.max_pool, pooled, shape.max_pool)
    return windows.max(axis=(2, 4)), n_nonzero


def tiny_network(torch: Any, seed: int) -> Any:
    """Quantised: conv with stride, conv with padding and pooling, dense without ReLU, dense with logits."""
    from accelsim.train.quantise import FloatLayer, quantise

    random = torch.Generator().manual_seed(seed)

    def layer(name: str, *shape: int, **geometry: Any) -> Any:
        weight, bias = (torch.randn(*size, generator=random) for size in (shape, shape[:1]))
        weight[torch.rand(shape, generator=random) < 0.3] = 0
        weight[0] = 0  # a channel without weights
        return FloatLayer(name, weight, bias, **geometry)

    layers = [
        layer("a", 3, 2, 3, 3, in_shape=(2, 12, 12), stride=2),
        layer("b", 4, 3, 3, 3, in_shape=(3, 5, 5), padding=1, max_pool=2),
        layer("c", 6, 16, in_shape=(4, 2, 2), relu=False),
        layer("d", 5, 6, in_shape=(6,), relu=False, final=True),
    ]
    calibration = torch.randint(-128, 128, (50, 2, 12, 12), generator=random)
    return quantise(layers, calibration, 1 / 64), calibration[:4].to(torch.int8)


@pytest.mark.torch
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("float32_exact", [2**24, 0], ids=["float32", "float64"])
def test_evaluation_is_integer_exact(
    torch: Any, seed: int, float32_exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train import quantise

    layers, x = tiny_network(torch, seed)
    monkeypatch.setattr(quantise, "FLOAT32_EXACT", float32_exact)
    assert layers[1].shape.out_shape == (4, 2, 2)
    for depth in range(1, 5):
        output, macs = quantise.evaluate(layers[:depth], x, batch_size=3)
        for i, image in enumerate(x.numpy()):
            y, counts = image, []
            for layer in layers[:depth]:
                y, n_nonzero = slow_layer(y, layer)
                counts.append(n_nonzero)
            assert output[i].tolist() == y.flatten().tolist()
            assert macs[i].tolist() == counts
        assert output.dtype == (np.int32 if depth == 4 else np.int8)
        assert len(np.unique(output)) > 3


@pytest.mark.torch
def test_a_wide_layer_is_exact_in_float32(torch: Any) -> None:
    """A size at which a fast convolution algorithm would be tempting."""
    from accelsim.train.quantise import FloatLayer, IntegerLayer

    random = np.random.default_rng(3)
    weight = random.integers(-60, 61, (64, 256, 3, 3), dtype=np.int8)
    bias = random.integers(-1000, 1000, 64, dtype=np.int32)
    shape = FloatLayer("wide", torch.from_numpy(weight), torch.from_numpy(bias), (256, 7, 7), padding=1)
    x = random.integers(-128, 128, (2, 256, 7, 7))
    found = IntegerLayer(shape, weight, bias, None, None).accumulate(torch.from_numpy(x)).numpy()
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3)
    )
    expected = np.einsum("ncrsij,ocij->nors", windows, weight.astype(np.int64)) + bias[:, None, None]
    assert np.abs(weight.astype(int)).sum(axis=(1, 2, 3)).max() * 128 + 1000 <= 2**24
    np.testing.assert_array_equal(found, expected)


@pytest.mark.torch
def test_the_integers_follow_the_float_network(torch: Any) -> None:
    """One convolution with folded batch norm: within the rounding of weights, inputs and outputs."""
    from accelsim.train.quantise import FloatLayer, evaluate, fold_batch_norm, quantise

    torch.manual_seed(1)
    convolution, batch_norm = torch.nn.Conv2d(4, 8, 3), torch.nn.BatchNorm2d(8)
    batch_norm.running_mean.normal_()
    batch_norm.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(batch_norm.weight)
    x = torch.randint(-128, 128, (64, 4, 6, 6))
    with torch.no_grad():
        real = batch_norm.eval()(convolution(x / 64)).relu().flatten(1).numpy()
    folded = FloatLayer("conv", *fold_batch_norm(convolution, batch_norm), (4, 6, 6))
    found, _ = evaluate(quantise([folded], x, 1 / 64), x.to(torch.int8))
    scale = (found * real).sum() / (found.astype(float) ** 2).sum()
    assert np.sqrt(((found * scale - real) ** 2).mean()) < 0.02 * real.max()


@pytest.mark.torch
def test_accumulators_that_could_overflow_are_refused(torch: Any) -> None:
    from accelsim.train.quantise import FloatLayer, quantise

    n_in = 2**31 // (127 * 128) + 1
    layer = FloatLayer("fc", torch.ones(1, n_in), torch.zeros(1), (n_in,), final=True)
    with pytest.raises(RangeError, match=r"^layer fc: accumulators reach \d+, need at most 2147483647$"):
        quantise([layer], torch.zeros(1, n_in), 1.0)


# --- templates ---


def test_templates_are_the_rules_in_words() -> None:
    random = np.random.default_rng(5)
    features = random.integers(-20, 128, (40, 7), dtype=np.int8)
    labels = np.arange(40, dtype=np.uint8) % 3
    thresholds = mean_thresholds(features)
    bits = features > features.mean(axis=0)
    np.testing.assert_array_equal(features > thresholds, bits)
    majority = majority_templates(features, labels, thresholds, 3)
    by_mean = class_mean_templates(features, labels, thresholds, 3)
    for c, i in product(range(3), range(7)):
        assert majority[c, i] == (2 * bits[labels == c, i].sum() > (labels == c).sum())
        assert by_mean[c, i] == (features[labels == c, i].mean() > thresholds[i])
    expected = [[sum(int(b == t) for b, t in zip(bit, row, strict=True)) for row in majority] for bit in bits]
    assert match(bits.astype(np.uint8), majority).tolist() == expected


# --- runs ---


@pytest.mark.torch
def test_a_stopped_run_continues_where_it_was(torch: Any, tmp_path: Path) -> None:
    from rich.progress import Progress

    from accelsim.train.student import Recipe, build_student, fit
    from accelsim.train.template_objective import TemplateObjective

    pixels = torch.randint(0, 256, (64, 32, 32), dtype=torch.uint8)
    labels = torch.arange(64) % 10
    recipe = Recipe(epochs=3, seed=7, batch_size=32)

    def run(checkpoint: Path | None, stop_after: int) -> Any:
        model = build_student(7)
        objective = TemplateObjective(model, pixels, labels)
        epochs = iter(range(1, stop_after))

        def validate() -> float:
            return float(next(epochs))

        with Progress(disable=True) as progress:
            try:
                fit(
                    model, pixels, labels, recipe, objective,
                    validate=validate, progress=progress, checkpoint=checkpoint,
                )  # fmt: skip
            except StopIteration:
                return None
        return [*model.parameters(), objective.thresholds, objective.shares]

    undisturbed = run(None, stop_after=9)
    assert run(tmp_path / "state.pt", stop_after=2) is None
    resumed = run(tmp_path / "state.pt", stop_after=9)
    for one, other in zip(undisturbed, resumed, strict=True):
        assert torch.equal(one, other)

    recipe = Recipe(epochs=3, seed=8, batch_size=32)
    with pytest.raises(DataError, match=r"state\.pt: got a checkpoint of"):
        run(tmp_path / "state.pt", stop_after=9)
    (tmp_path / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"state\.pt: got a damaged file"):
        run(tmp_path / "state.pt", stop_after=9)


@pytest.mark.torch
def test_absent_images_are_one_line(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.hybrid import train_hybrid

    with pytest.raises(DataError, match=r"^CIFAR-10 not found, or damaged, in [^\n]*$"):
        train_hybrid(data_root=tmp_path, out=tmp_path / "out", epochs=1, seed=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.torch
@pytest.mark.parametrize(("epochs", "limit"), [(0, None), (1, 99)])
def test_too_little_to_train_on_is_refused(
    torch: Any, epochs: int, limit: int | None, tmp_path: Path
) -> None:
    from accelsim.train.hybrid import train_hybrid

    with pytest.raises(RangeError, match=r"^got \d epochs of \w+ images, need at least 1 of 100$"):
        train_hybrid(data_root=tmp_path, out=tmp_path, epochs=epochs, seed=0, limit=limit)


@pytest.fixture(scope="module")
def trained(torch: Any, data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from accelsim.train.hybrid import train_hybrid

    folder = tmp_path_factory.mktemp("hybrid")
    train_hybrid(data_root=data_root, out=folder, epochs=2, seed=5, limit=SMALL)
    return folder


def integer_features(grey: np.ndarray, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The format page's inference in int64: features [n, n_features] and non-zero macs [n, n_layers]."""
    cnn, model = load_workload(folder).cnn, load_file(folder / "model.safetensors")
    x = (grey.astype(np.int64)[:, None] - cnn.input.offset) >> cnn.input.shift
    macs = []
    for layer in cnn.layers:
        weight = model[f"{layer.name}.weight"].astype(np.int64)
        border = ((0, 0), (0, 0), (layer.padding, layer.padding), (layer.padding, layer.padding))
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, border), (3, 3), (2, 3))
        windows = windows[:, :, :: layer.stride, :: layer.stride]
        path = {"optimize": True}
        acc = np.einsum("ncrsij,ocij->nors", windows, weight, **path)
        macs.append(np.einsum("ncrsij,ocij->n", (windows != 0) * 1, (weight != 0) * 1, **path))
        bias, multiplier, shift = (
            model[f"{layer.name}.{name}"].astype(np.int64)[:, None, None]
            for name in ("bias", "multiplier", "shift")
        )
        x = np.clip(((acc + bias) * multiplier + (1 << (shift - 1))) >> shift, 0, 127)
    return x.reshape(len(x), -1), np.stack(macs, axis=1)


@pytest.mark.torch
@pytest.mark.data
def test_the_folder_obeys_the_format_and_its_own_claims(trained: Path, data_root: Path) -> None:
    from accelsim.datasets import load_cifar10

    workload = load_workload(trained)
    test = load_cifar10(data_root, train=False).first(20)
    features, macs = integer_features(to_grey(test.images), trained)
    np.testing.assert_array_equal(workload.evaluation["features"][:20], features)
    np.testing.assert_array_equal(workload.evaluation["nonzero_macs"][:20], macs)
    np.testing.assert_array_equal(workload.labels[:20], test.labels)

    bits = workload.evaluation["features"] > workload.model["thresholds"][:, 0]
    counts = np.stack([(bits == row).sum(axis=1) for row in workload.model["template_low"]], axis=1)
    assert (counts.argmax(axis=1) == workload.labels).mean() == workload.manifest.accuracy.measured
    np.testing.assert_array_equal(workload.model["template_low"], workload.model["template_high"])
    assert workload.n_inputs == SMALL
    assert workload.manifest.method in ("mean_threshold", "template_finetune")
