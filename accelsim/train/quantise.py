"""From a small float network to the integers of docs/workload-format.md, without fine-tuning (`qat.py` fine-tunes).

- batch norm (evaluation mode) is folded into the convolution before it;
- weights: symmetric int8 in -127 … 127, one scale per output channel (the largest weight maps to 127). A
  final layer, whose accumulators are the logits, has one scale for all channels, because they are compared;
- activations: symmetric int8, one scale a layer, measured on calibration images: the candidate with the least
  mean squared error of rounding and clipping, among 20 fractions (0.05 … 1) of the largest output seen;
- the scale change is a multiplier of up to 28 bits and a right shift: exact to 2**-27, and exact in float64 for
  accumulators up to 2**24 (`integer_network.py`). A layer that is added has a multiplier at the same shift, which
  the larger of the two sets; the other is then exact to 2**-28 of an output step for each step of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from accelsim.errors import RangeError
from accelsim.train.integer_network import (
    ACTIVATION_MAX,
    ACTIVATION_MIN,
    INT32_MAX,
    FloatLayer,
    IntegerLayer,
    Outputs,
    evaluate,
    largest_accumulator,
)
from accelsim.train.networks import IMAGE_SIDE, N_FEATURES, Student

__all__ = [
    "FloatLayer",
    "IntegerLayer",
    "evaluate",
    "float_layers",
    "fold_batch_norm",
    "from_arrays",
    "quantise",
    "to_arrays",
    "to_manifest",
]

WEIGHT_MAX = 127
BIAS_MAX = 2**30
MAX_SHIFT = 62
MULTIPLIER_BITS = 28
SCALE_CANDIDATES = 20
SCALE_VALUES = 2**19
"""Outputs, evenly spread over the calibration images, on which an output scale's error is measured, about."""

Real = npt.NDArray[np.float64]


def fold_batch_norm(convolution: Any, batch_norm: Any) -> tuple[Tensor, Tensor]:
    """The convolution that equals convolution + batch norm (evaluation mode): weight and bias, float64."""
    scale = batch_norm.weight.double() / (batch_norm.running_var.double() + batch_norm.eps).sqrt()
    bias = 0.0 if convolution.bias is None else convolution.bias.double()
    weight = convolution.weight.double() * scale.reshape(-1, 1, 1, 1)
    return weight.detach(), (batch_norm.bias.double() + (bias - batch_norm.running_mean.double()) * scale).detach()


def float_layers(student: Student) -> list[FloatLayer]:
    """The student's layers, batch norm folded and pruned weights 0; the last is the softmax layer."""
    layers: list[FloatLayer] = []
    shapes: dict[str, tuple[int, ...]] = {}
    shape: tuple[int, ...] = (student.layers[0].in_channels, IMAGE_SIDE, IMAGE_SIDE)
    for spec in student.layers:
        weight, bias = fold_batch_norm(student.convolutions[spec.name], student.norms[spec.name])
        weight = weight * getattr(student, f"mask_{spec.name}") if student.pruned else weight
        shape = shape if spec.source is None else shapes[spec.source]
        layer = FloatLayer(
            spec.name, weight, bias, shape, spec.stride, spec.padding, spec.relu, source=spec.source, add=spec.add
        )
        layers.append(layer)
        shape = shapes[spec.name] = layer.out_shape
    weight, bias = (values.detach().double() for values in (student.softmax.weight, student.softmax.bias))
    return [*layers, FloatLayer("softmax", weight, bias, (N_FEATURES,), relu=False, final=True)]


def quantise(layers: Sequence[FloatLayer], calibration: Tensor, input_scale: float) -> list[IntegerLayer]:
    """Quantise `layers` in order.

    calibration: [n, *in_shape] integers in -128 … 127, the network's input; the real input is `input_scale`
    times that. A layer's output scale is measured on what the integer layers before it give.
    """
    outputs, scales = Outputs(layers, calibration), Scales(input_scale)
    quantised: list[IntegerLayer] = []
    for layer in layers:
        x, skip = outputs.of(layer)
        scale_in = scales.of(layer.source)
        weight, bias, scale_weight = quantise_weights(layer, scale_in)
        found = IntegerLayer(layer, weight, bias, None, None)
        if not layer.final:
            accumulators = found.accumulate(x)
            scale_accumulator = scale_in * scale_weight
            scale_skip = None if layer.add is None else scales.of(layer.add)
            scale_out = _output_scale(_real(accumulators, scale_accumulator, skip, scale_skip), layer.relu)
            found = scaled(found, scale_accumulator, scale_skip, scale_out)
            outputs.keep(layer, found.requantise(accumulators, skip))
            scales.keep(layer.name, scale_out)
        quantised.append(found)
    return quantised


class Scales:
    """What one step of each layer's output is to the float network."""

    def __init__(self, input_scale: float) -> None:
        self._before, self._of = input_scale, dict[str, float]()

    def of(self, name: str | None) -> float:
        return self._before if name is None else self._of[name]

    def keep(self, name: str, scale: float) -> None:
        self._before = self._of[name] = scale


def scaled(layer: IntegerLayer, scale_accumulator: Real, scale_skip: float | None, scale_out: float) -> IntegerLayer:
    """The layer with multipliers, shifts and the scale of its output.

    scale_accumulator: [out], what one step of each accumulator is to the float network; scale_skip, scale_out: one
    step of the layer that is added, and of the output.
    """
    factor = scale_accumulator / scale_out
    skip_factor = None if scale_skip is None else np.full_like(factor, scale_skip / scale_out)
    largest = factor if skip_factor is None else np.maximum(factor, skip_factor)
    shift = np.clip(MULTIPLIER_BITS - 1 - np.floor(np.log2(largest)), 1, MAX_SHIFT).astype(np.int64)
    found = replace(layer, multiplier=_multiplier(factor, shift), shift=shift.astype(np.uint8), scale=scale_out)
    return found if skip_factor is None else replace(found, skip_multiplier=_multiplier(skip_factor, shift))


def to_arrays(layers: Sequence[IntegerLayer]) -> dict[str, npt.NDArray[Any]]:
    """The layers' entries of model.safetensors."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for layer in layers:
        name = layer.shape.name
        arrays |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
        for key, values in (
            ("multiplier", layer.multiplier), ("shift", layer.shift), ("skip_multiplier", layer.skip_multiplier)
        ):  # fmt: skip
            arrays |= {} if values is None else {f"{name}.{key}": values}
    return arrays


def from_arrays(shapes: Sequence[FloatLayer], arrays: Mapping[str, npt.NDArray[Any]]) -> list[IntegerLayer]:
    """The layers that gave `arrays` (of `to_arrays`); shapes: the same layers, whose own weights are not looked at."""
    return [_from_arrays(shape, arrays) for shape in shapes]


def _from_arrays(shape: FloatLayer, arrays: Mapping[str, npt.NDArray[Any]]) -> IntegerLayer:
    weight, bias = (arrays[f"{shape.name}.{key}"] for key in ("weight", "bias"))
    multiplier, shift, skip = (arrays.get(f"{shape.name}.{key}") for key in ("multiplier", "shift", "skip_multiplier"))
    return IntegerLayer(replace(shape, weight=torch.from_numpy(weight)), weight, bias, multiplier, shift, skip)


def to_manifest(layer: FloatLayer) -> dict[str, Any]:
    """The layer's entry in the manifest's `cnn.layers`."""
    out = layer.weight.shape[0]
    if not layer.is_conv:
        return {
            "name": layer.name,
            "op": "dense",
            "in_features": layer.weight.shape[1],
            "out_features": out,
            "relu": layer.relu,
        }
    channels, height, width = layer.in_shape
    entry = {
        "name": layer.name,
        "op": "conv",
        "in_channels": channels,
        "out_channels": out,
        "in_height": height,
        "in_width": width,
        "kernel": layer.weight.shape[2],
        "stride": layer.stride,
        "padding": layer.padding,
        "relu": layer.relu,
        "max_pool": layer.max_pool,
    }
    entry |= {} if layer.source is None else {"input_from": layer.source}
    return entry if layer.add is None else {**entry, "add": layer.add}


def quantise_weights(layer: FloatLayer, scale_in: float) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], Real]:
    """int8 weights, int32 bias [out], and the weights' scale [out] (equal entries for a final layer)."""
    weight = layer.weight.double().numpy()
    bias = layer.bias.double().numpy()
    flat = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    # A channel with (almost) no weights still needs a scale that lets its bias fit.
    scale = np.maximum.reduce([flat / WEIGHT_MAX, np.abs(bias) / (scale_in * BIAS_MAX), np.full(len(bias), 1e-12)])
    if layer.final:
        scale = np.full(len(bias), scale.max())
    integer_weight = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
    integer_bias = np.rint(bias / (scale_in * scale)).astype(np.int32)
    _check_accumulators(layer.name, integer_weight, integer_bias)
    return integer_weight, integer_bias, scale


def _check_accumulators(name: str, weight: npt.NDArray[np.int8], bias: npt.NDArray[np.int32]) -> None:
    """No input may overflow an int32 accumulator."""
    worst = largest_accumulator(weight, bias)
    if worst > INT32_MAX:
        raise RangeError(f"layer {name}: accumulators reach {worst}, need at most {INT32_MAX}")


def _real(accumulators: Tensor, scale: Real, skip: Tensor | None, scale_skip: float | None) -> Tensor:
    """[n, out, …] float64: what accumulators and the added layer's output together are to the float network."""
    real = accumulators * torch.from_numpy(scale).reshape(1, -1, *[1] * (accumulators.ndim - 2))
    return real if skip is None or scale_skip is None else real + skip.double() * scale_skip


def _output_scale(real: Tensor, relu: bool) -> float:
    """Output scale of least squared error, of real outputs [n, out, …] before the ReLU."""
    real = real.clamp(min=0) if relu else real
    largest = max(float(real.abs().max()), 1e-12)
    real = real.flatten()[:: real.numel() // SCALE_VALUES + 1].float()
    candidates = [largest * (step + 1) / SCALE_CANDIDATES / ACTIVATION_MAX for step in range(SCALE_CANDIDATES)]

    def error(candidate: float) -> float:
        rounded = (real / candidate).round_().clamp_(ACTIVATION_MIN, ACTIVATION_MAX).mul_(candidate)
        return float(rounded.sub_(real).square_().mean())

    return min(candidates, key=error)


def _multiplier(factor: Real, shift: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """multiplier (1 … 2**31 - 1) with multiplier / 2**shift nearest to factor, all [out]."""
    multiplier = np.rint(factor * np.exp2(shift))
    if multiplier.max() > INT32_MAX + 1:
        raise RangeError(f"a layer's scale change reaches {factor.max():.3g}, need less than 2**30")
    return np.clip(multiplier, 1, INT32_MAX).astype(np.int32)
