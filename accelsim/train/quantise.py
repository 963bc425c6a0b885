"""From a small float network to the integers of docs/workload-format.md, and their exact evaluation.

Post-training, without fine-tuning. Choices:

- batch norm (evaluation mode) is folded into the convolution before it;
- weights: symmetric int8 in -127 … 127, one scale per output channel (the largest weight maps to 127). A
  final layer, whose accumulators are the logits, has one scale for all channels, because they are compared;
- activations: symmetric int8, one scale a layer, measured on calibration images: the candidate with the least
  mean squared error of rounding and clipping, among 20 fractions (0.05 … 1) of the largest output seen;
- the scale change is a 31-bit multiplier and a right shift, so it is exact to 2**-30.

Evaluation uses float tensors that hold integers only. A layer whose largest possible accumulator (128 x the
sum of a channel's absolute weights, + bias) is at most 2**24 is summed in float32: every partial sum is then
exact, in any order. The others are summed in float64, exact to 2**53 and about ten times slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track
from torch import Tensor, nn

from accelsim.errors import RangeError

ACTIVATION_MAX = 127
ACTIVATION_MIN = -128
WEIGHT_MAX = 127
INT32_MAX = 2**31 - 1
FLOAT32_EXACT = 2**24
BIAS_MAX = 2**30
MAX_SHIFT = 62
SCALE_CANDIDATES = 20


@dataclass(frozen=True)
class FloatLayer:
    """One layer as trained, batch norm folded.

    Attributes:
        weight: [out, in, k, k] (conv) or [out, in] (dense).
        bias: [out].
        in_shape: (channels, height, width), or (features,) for dense.
        final: its accumulators are the logits; nothing follows.
    """

    name: str
    weight: Tensor
    bias: Tensor
    in_shape: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    relu: bool = True
    max_pool: int = 1
    final: bool = False

    @property
    def is_conv(self) -> bool:
        return bool(self.weight.ndim == 4)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the output after pooling."""
        out = self.weight.shape[0]
        if not self.is_conv:
            return (out,)
        kernel = self.weight.shape[2]
        sides = (
            ((side + 2 * self.padding - kernel) // self.stride + 1) // self.max_pool
            for side in self.in_shape[1:]
        )
        return (out, *sides)


@dataclass(frozen=True)
class IntegerLayer:
    """A quantised layer: the float layer's geometry with integer arrays.

    Attributes:
        weight: shaped as the float layer's.
        bias: [out].
        multiplier, shift: [out]; None when the layer is final.
    """

    shape: FloatLayer
    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32] | None
    shift: npt.NDArray[np.uint8] | None

    def accumulate(self, x: Tensor) -> Tensor:
        """Accumulators before requantising: x [n, *in_shape], integers of int8 -> [n, out, …] int64."""
        fits = _largest_accumulator(self.weight, self.bias) <= FLOAT32_EXACT
        exact = torch.float32 if fits else torch.float64
        x, weight, bias = (torch.as_tensor(values).to(exact) for values in (x, self.weight, self.bias))
        return self._sums(x, weight, bias).long()

    def _sums(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer's multiply-accumulates, in the type of its arguments."""
        if self.shape.is_conv:
            return nn.functional.conv2d(x, weight, bias, self.shape.stride, self.shape.padding)
        return nn.functional.linear(x.flatten(1), weight, bias)

    def requantise(self, accumulators: Tensor) -> Tensor:
        """[n, out, …] int64 -> [n, out, …] float32 holding integers in int8's range, pooled."""
        if self.multiplier is None or self.shift is None:
            raise RangeError(f"layer {self.shape.name} is final: its accumulators are not requantised")
        per_channel = (-1, *[1] * (accumulators.ndim - 2))
        multiplier = torch.from_numpy(self.multiplier).long().reshape(per_channel)
        shift = torch.from_numpy(self.shift).long().reshape(per_channel)
        scaled = (accumulators * multiplier + (1 << (shift - 1))) >> shift
        y = scaled.clamp(0 if self.shape.relu else ACTIVATION_MIN, ACTIVATION_MAX).float()
        return nn.functional.max_pool2d(y, self.shape.max_pool) if self.shape.max_pool > 1 else y

    def nonzero_macs(self, x: Tensor) -> Tensor:
        """[n, *in_shape] -> [n] int64: products whose activation and weight are both non-zero.

        An activation meets the same kernel positions in every output channel, so one channel is enough: its
        weights are the number of output channels whose weight there is not zero.
        """
        active = (x != 0).double()
        weights = torch.from_numpy((self.weight != 0).sum(axis=0, keepdims=True)).double()
        return self._sums(active, weights, None).flatten(1).sum(1).long()


def fold_batch_norm(convolution: Any, batch_norm: Any) -> tuple[Tensor, Tensor]:
    """The convolution that equals convolution + batch norm (evaluation mode): weight and bias, float64."""
    scale = batch_norm.weight.double() / (batch_norm.running_var.double() + batch_norm.eps).sqrt()
    bias = 0.0 if convolution.bias is None else convolution.bias.double()
    weight = convolution.weight.double() * scale.reshape(-1, 1, 1, 1)
    return weight.detach(), (
        batch_norm.bias.double() + (bias - batch_norm.running_mean.double()) * scale
    ).detach()


def quantise(layers: Sequence[FloatLayer], calibration: Tensor, input_scale: float) -> list[IntegerLayer]:
    """Quantise `layers` in order.

    calibration: [n, *in_shape] integers in -128 … 127, the network's input; the real input is `input_scale`
    times that. A layer's output scale is measured on what the integer layers before it give.
    """
    x = calibration
    scale_in = input_scale
    quantised: list[IntegerLayer] = []
    for layer in layers:
        weight, bias, scale_weight = _quantise_weights(layer, scale_in)
        unscaled = IntegerLayer(layer, weight, bias, None, None)
        if not layer.final:
            scale_accumulator = scale_in * scale_weight
            accumulators = unscaled.accumulate(x)
            scale_out = _output_scale(accumulators, scale_accumulator, layer.relu)
            multiplier, shift = _fixed_point(scale_accumulator / scale_out)
            unscaled = replace(unscaled, multiplier=multiplier, shift=shift)
            x = unscaled.requantise(accumulators)
            scale_in = scale_out
        quantised.append(unscaled)
    return quantised


def evaluate(
    layers: Sequence[IntegerLayer], x: Tensor, *, batch_size: int = 500, description: str | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Run the integer network on x [n, *in_shape] int8.

    With `description`, a progress bar is shown.

    Returns:
        The last layer's output, flattened channel-first: [n, n_features] int8, or [n, n_classes] int32 logits
        when it is final; and the non-zero multiply-accumulates [n, n_layers] int64.
    """
    outputs: list[Tensor] = []
    macs: list[Tensor] = []
    batches = x.split(batch_size)
    for batch in track(batches, description) if description else batches:
        y = batch
        counts = []
        for layer in layers:
            counts.append(layer.nonzero_macs(y))
            accumulators = layer.accumulate(y)
            y = accumulators if layer.shape.final else layer.requantise(accumulators)
        outputs.append(y.flatten(1).to(torch.int32 if layers[-1].shape.final else torch.int8))
        macs.append(torch.stack(counts, 1))
    return torch.cat(outputs).numpy(), torch.cat(macs).numpy()


def to_arrays(layers: Sequence[IntegerLayer]) -> dict[str, npt.NDArray[Any]]:
    """The layers' entries of model.safetensors."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for layer in layers:
        name = layer.shape.name
        arrays |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
        if layer.multiplier is not None and layer.shift is not None:
            arrays |= {f"{name}.multiplier": layer.multiplier, f"{name}.shift": layer.shift}
    return arrays


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
    return {
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


def _quantise_weights(
    layer: FloatLayer, scale_in: float
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """int8 weights, int32 bias [out], and the weights' scale [out] (equal entries for a final layer)."""
    weight = layer.weight.double().numpy()
    bias = layer.bias.double().numpy()
    flat = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    # A channel with (almost) no weights still needs a scale that lets its bias fit.
    scale = np.maximum.reduce(
        [flat / WEIGHT_MAX, np.abs(bias) / (scale_in * BIAS_MAX), np.full(len(bias), 1e-12)]
    )
    if layer.final:
        scale = np.full(len(bias), scale.max())
    integer_weight = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
    integer_bias = np.rint(bias / (scale_in * scale)).astype(np.int32)
    _check_accumulators(layer.name, integer_weight, integer_bias)
    return integer_weight, integer_bias, scale


def _check_accumulators(name: str, weight: npt.NDArray[np.int8], bias: npt.NDArray[np.int32]) -> None:
    """No input may overflow an int32 accumulator."""
    worst = _largest_accumulator(weight, bias)
    if worst > INT32_MAX:
        raise RangeError(f"layer {name}: accumulators reach {worst}, need at most {INT32_MAX}")


def _largest_accumulator(weight: npt.NDArray[np.int8], bias: npt.NDArray[np.int32]) -> int:
    """The largest absolute value that any input can give an accumulator."""
    sums = np.abs(weight.astype(np.int64)).reshape(len(weight), -1).sum(axis=1)
    return int((sums * -ACTIVATION_MIN + np.abs(bias.astype(np.int64))).max())


def _output_scale(accumulators: Tensor, scale: npt.NDArray[np.float64], relu: bool) -> float:
    """Output scale of least squared error; the real output is accumulators [n, out, …] times scale [out]."""
    real = accumulators * torch.from_numpy(scale).reshape(1, -1, *[1] * (accumulators.ndim - 2))
    real = real.clamp(min=0) if relu else real
    largest = max(float(real.abs().max()), 1e-12)
    candidates = [
        largest * (step + 1) / SCALE_CANDIDATES / ACTIVATION_MAX for step in range(SCALE_CANDIDATES)
    ]

    def error(candidate: float) -> float:
        rounded = (real / candidate).round().clamp(ACTIVATION_MIN, ACTIVATION_MAX) * candidate
        return float(((real - rounded) ** 2).mean())

    return min(candidates, key=error)


def _fixed_point(factor: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """multiplier (int32) and shift (1 … 62) with multiplier / 2**shift nearest to factor, all [out]."""
    shift = np.clip(30 - np.floor(np.log2(factor)), 1, MAX_SHIFT).astype(np.int64)
    multiplier = np.rint(factor * np.exp2(shift))
    if multiplier.max() > INT32_MAX + 1:
        raise RangeError(f"a layer's scale change reaches {factor.max():.3g}, need less than 2**30")
    return np.clip(multiplier, 1, INT32_MAX).astype(np.int32), shift.astype(np.uint8)
