"""The quantiser and its exact evaluation, against plain Python integers and against the simulated engine."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from accelsim.dataflows import cnn_values
from accelsim.errors import RangeError
from accelsim.manifest_cnn import Cnn

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def slow_layer(x: np.ndarray, layer: Any, skip: np.ndarray | None) -> tuple[np.ndarray, int]:
    """Output and non-zero multiply-accumulates of one input, product by product, in Python's own integers."""
    shape = layer.shape
    weight = layer.weight if shape.is_conv else layer.weight[:, :, None, None]
    border = ((0, 0), (shape.padding,) * 2, (shape.padding,) * 2)
    image = np.pad(x, border) if shape.is_conv else x.reshape(-1, 1, 1)
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
            total *= int(layer.multiplier[o])
            if skip is not None:
                total += int(skip[o, row, column]) * int(layer.skip_multiplier[o])
            total = (total + 2 ** (shift - 1)) >> shift
            total = min(max(total, 0 if shape.relu else -128), 127)
        y[o, row, column] = total
    pooled = side // shape.max_pool
    windows = y[:, : pooled * shape.max_pool, : pooled * shape.max_pool]
    windows = windows.reshape(len(y), pooled, shape.max_pool, pooled, shape.max_pool)
    return windows.max(axis=(2, 4)), n_nonzero


def tiny_network(torch: Any, seed: int) -> Any:
    """Quantised: strided and pooled convolutions, a branch that is added before pooling, two dense layers."""
    from accelsim.train.quantise import FloatLayer, quantise

    random = torch.Generator().manual_seed(seed)

    def layer(name: str, *shape: int, **geometry: Any) -> Any:
        weight, bias = (torch.randn(*size, generator=random) for size in (shape, shape[:1]))
        weight[torch.rand(shape, generator=random) < 0.3] = 0
        weight[0] = 0  # a channel without weights
        return FloatLayer(name, weight, bias, **geometry)

    layers = [
        layer("a", 3, 2, 3, 3, in_shape=(2, 12, 12), stride=2),
        layer("s", 4, 3, 1, 1, in_shape=(3, 5, 5), relu=False),
        layer("b", 4, 3, 3, 3, in_shape=(3, 5, 5), padding=1, max_pool=2, source="a", add="s"),
        layer("c", 4, 4, 3, 3, in_shape=(4, 2, 2), padding=1, add="b"),
        layer("d", 6, 16, in_shape=(4, 2, 2), relu=False),
        layer("e", 5, 6, in_shape=(6,), relu=False, final=True),
    ]
    calibration = torch.randint(-128, 128, (50, 2, 12, 12), generator=random)
    return quantise(layers, calibration, 1 / 64), calibration[:4].to(torch.int8)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("exact", [(2**24, 2**53), (0, 0)], ids=["fast", "wide"])
def test_evaluation_is_integer_exact(
    torch: Any, seed: int, exact: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train import integer_network

    layers, x = tiny_network(torch, seed)
    for name, limit in zip(("FLOAT32_EXACT", "FLOAT64_EXACT"), exact, strict=True):
        monkeypatch.setattr(integer_network, name, limit)
    for depth in range(1, len(layers) + 1):
        output, macs = integer_network.evaluate(layers[:depth], x, batch_size=3)
        for i, image in enumerate(x.numpy()):
            y, outputs, counts = image, {}, []
            for layer in layers[:depth]:
                shape = layer.shape
                y = outputs[shape.source] if shape.source else y
                y, n_nonzero = slow_layer(y, layer, outputs[shape.add] if shape.add else None)
                outputs[shape.name] = y
                counts.append(n_nonzero)
            assert output[i].tolist() == y.flatten().tolist()
            assert macs[i].tolist() == counts
        assert output.dtype == (np.int32 if depth == len(layers) else np.int8)
        assert len(np.unique(output)) > 3


def test_a_wide_layer_is_exact_in_float32(torch: Any) -> None:
    """A size at which a fast convolution algorithm would be tempting."""
    from accelsim.train.integer_network import FLOAT32_EXACT, largest_accumulator
    from accelsim.train.quantise import FloatLayer, IntegerLayer

    random = np.random.default_rng(3)
    weight = random.integers(-60, 61, (64, 256, 3, 3), dtype=np.int8)
    bias = random.integers(-1000, 1000, 64, dtype=np.int32)
    shape = FloatLayer("wide", torch.from_numpy(weight), torch.from_numpy(bias), (256, 7, 7), padding=1)
    x = random.integers(-128, 128, (2, 256, 7, 7))
    found = IntegerLayer(shape, weight, bias, None, None).accumulate(torch.from_numpy(x)).numpy()
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    expected = np.einsum("ncrsij,ocij->nors", windows, weight.astype(np.int64)) + bias[:, None, None]
    assert largest_accumulator(weight, bias) <= FLOAT32_EXACT
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_the_largest_sum_is_reached_and_never_exceeded() -> None:
    from accelsim.train.integer_network import largest_sum

    random = np.random.default_rng(4)
    weight, bias = random.integers(-127, 128, (3, 6), dtype=np.int8), random.integers(-99, 99, 3).astype(np.int32)
    for low, high in ((0, 127), (-128, 127), (-5, 0)):
        corners = np.array(list(product((low, high), repeat=6)))
        reached = np.abs(corners @ weight.T.astype(int)).max(axis=0) + np.abs(bias)
        assert largest_sum(weight, bias, low, high) == reached.max()


def test_the_integers_follow_the_float_network(torch: Any) -> None:
    """Folded batch norm and an added shortcut: within the rounding of weights, inputs and outputs."""
    from accelsim.train.quantise import FloatLayer, evaluate, fold_batch_norm, quantise

    torch.manual_seed(1)
    first, second = torch.nn.Conv2d(4, 8, 3), torch.nn.Conv2d(8, 8, 3, padding=1)
    norm = torch.nn.BatchNorm2d(8)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(norm.weight)
    x = torch.randint(-128, 128, (64, 4, 6, 6))
    with torch.no_grad():
        y = norm.eval()(first(x / 64)).relu()
        real = (second(y) + y).relu().flatten(1).numpy()
    weight, bias = second.weight.detach(), second.bias.detach()
    layers = [
        FloatLayer("first", *fold_batch_norm(first, norm), (4, 6, 6)),
        FloatLayer("second", weight, bias, (8, 4, 4), padding=1, add="first"),
    ]
    integers = quantise(layers, x, 1 / 64)
    found, _ = evaluate(integers, x.to(torch.int8))
    assert np.sqrt(((found * integers[-1].scale - real) ** 2).mean()) < 0.02 * real.max()


@pytest.mark.parametrize(("name", "channels"), [("paper", 1), ("residual", 3)])
def test_the_simulated_engine_gives_the_same_integers(torch: Any, name: str, channels: int) -> None:
    """Features and non-zero products of a student with pruned weights, grey and RGB, softmax head and array's head."""
    from accelsim.train.augment import INPUT_OFFSET, INPUT_SCALE
    from accelsim.train.networks import Student, topology
    from accelsim.train.prune import prune
    from accelsim.train.quantise import evaluate, float_layers, quantise, to_arrays, to_manifest

    student = Student(topology(name, channels), 10, 0).eval()
    prune(student, 0.8)
    random = np.random.default_rng(2)
    images = random.integers(0, 256, (60, 32, 32, channels), dtype=np.uint8)
    planes = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.int16))
    x = (planes - INPUT_OFFSET).to(torch.int8)
    layers = quantise(float_layers(student), x, INPUT_SCALE)
    for n_layers, head in ((len(layers), "argmax"), (len(layers) - 1, "acam")):
        kept = layers[:n_layers]
        cnn = Cnn.model_validate(
            {
                "input": {"channels": channels, "height": 32, "width": 32, "offset": INPUT_OFFSET, "shift": 0},
                "grey": channels == 1,
                "head": head,
                "layers": [to_manifest(layer.shape) for layer in kept],
            }
        )
        simulated = cnn_values.evaluate(cnn, to_arrays(kept), images[:6])
        output, macs = evaluate(kept, x[:6])
        np.testing.assert_array_equal(simulated.features, output)
        np.testing.assert_array_equal(simulated.nonzero_macs, macs)
        assert len(np.unique(output)) > 10


def test_arrays_give_the_layers_back(torch: Any) -> None:
    from accelsim.train.quantise import evaluate, from_arrays, to_arrays

    layers, x = tiny_network(torch, 2)
    again = from_arrays([layer.shape for layer in layers], to_arrays(layers))
    np.testing.assert_array_equal(evaluate(again, x)[0], evaluate(layers, x)[0])


def test_accumulators_that_could_overflow_are_refused(torch: Any) -> None:
    from accelsim.train.quantise import FloatLayer, quantise

    n_in = 2**31 // (127 * 128) + 1
    layer = FloatLayer("fc", torch.ones(1, n_in), torch.zeros(1), (n_in,), final=True)
    with pytest.raises(RangeError, match=r"^layer fc: accumulators reach \d+, need at most 2147483647$"):
        quantise([layer], torch.zeros(1, n_in), 1.0)
