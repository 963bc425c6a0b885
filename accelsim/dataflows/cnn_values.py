"""What a network gives for images, in whole numbers as `docs/workload-format.md` defines them; no chip is needed.

A layer reads and adds outputs of earlier layers by name; each output is held until its last use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.components import cnn_engine, post_unit
from accelsim.jobs import IntArray
from accelsim.manifest_cnn import NETWORK_INPUT, Cnn, ConvLayer, DenseLayer

Arrays = Mapping[str, npt.NDArray[Any]]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True)
class CnnValues:
    """What the network computes for a block.

    Attributes:
        features: `[n, n_features]` int8 (head acam) or `[n, n_classes]` int32 logits (head argmax); head none: nothing.
        nonzero_macs: `[n, n_layers]` int64.
    """

    features: Int8Array | Int32Array
    nonzero_macs: IntArray


def evaluate(cnn: Cnn, model: Arrays, images: npt.NDArray[np.uint8]) -> CnnValues:
    """The network on `images`, `[n, height, width]` or `[n, height, width, channels]`; `model` as it is stored.

    Raises:
        RangeError: if an accumulator leaves int32.
    """
    outputs: dict[int, Int8Array] = {NETWORK_INPUT: _network_input(cnn, images)}
    features: Int8Array | Int32Array = outputs[NETWORK_INPUT]
    nonzero = []
    for index, layer in enumerate(cnn.layers):
        x = outputs[cnn.source(index)].reshape(len(images), *layer.in_shape)
        acc, n_macs = _accumulate(layer, model, x)
        nonzero.append(n_macs)
        if cnn.ends_at_accumulators(index):
            features = acc
            break
        added = cnn.added(index)
        skip = None if added is None else outputs[added].reshape(acc.shape)
        features = outputs[index] = _written_back(layer, model, acc, skip)
        outputs = {number: y for number, y in outputs.items() if number == index or _needed(cnn, number, index)}
    return CnnValues(features.reshape(len(images), -1), np.stack(nonzero, axis=1))


def _needed(cnn: Cnn, output: int, after: int) -> bool:
    """Whether a layer after number `after` reads or adds the output of number `output`."""
    return output != NETWORK_INPUT and cnn.last_use(output) > after


def _network_input(cnn: Cnn, images: npt.NDArray[np.uint8]) -> Int8Array:
    """`[n, channels, height, width]` int8."""
    shape = cnn.input
    pixels = images.reshape(len(images), shape.height, shape.width, shape.channels).transpose(0, 3, 1, 2)
    return ((pixels.astype(np.int16) - shape.offset) >> shape.shift).astype(np.int8)


def _accumulate(layer: ConvLayer | DenseLayer, model: Arrays, x: Int8Array) -> tuple[Int32Array, IntArray]:
    """Accumulators of a layer, and its multiply-accumulates without a zero operand, `[n]`, for `x` `[n, *in_shape]`."""
    weight, bias = model[f"{layer.name}.weight"], model[f"{layer.name}.bias"]
    if isinstance(layer, DenseLayer):
        return cnn_engine.dense(x, weight, bias), cnn_engine.nonzero_macs(x, weight)
    acc = cnn_engine.convolve(x, weight, bias, layer.stride, layer.padding)
    return acc, cnn_engine.nonzero_macs(x, weight, layer.stride, layer.padding)


def _written_back(layer: ConvLayer | DenseLayer, model: Arrays, acc: Int32Array, skip: Int8Array | None) -> Int8Array:
    """The layer's output: requantised with what is added to it, and pooled."""
    multiplier, shift = model[f"{layer.name}.multiplier"], model[f"{layer.name}.shift"]
    skip_multiplier = None if skip is None else model[f"{layer.name}.skip_multiplier"]
    y = post_unit.requantise(acc, multiplier, shift, layer.relu, skip, skip_multiplier)
    return post_unit.max_pool(y, layer.max_pool) if isinstance(layer, ConvLayer) else y
