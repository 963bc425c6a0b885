"""Exact evaluation of the integer networks of docs/workload-format.md.

Tensors hold integers in floating-point types. A layer is summed in float32 when no partial sum, in any order, can
leave 2**24 for inputs in the range that the batch at hand has; every one is then exact. Other layers are summed in
float64, exact to 2**53 and several times slower. Requantising is in float64 where product, addition and rounding stay
below 2**53, else in int64; both give the same integers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from accelsim.errors import RangeError

ACTIVATION_MAX = 127
ACTIVATION_MIN = -128
INT32_MAX = 2**31 - 1
FLOAT32_EXACT = 2**24
FLOAT64_EXACT = 2**53


@dataclass(frozen=True)
class FloatLayer:
    """One layer as trained, batch norm folded.

    Attributes:
        weight: [out, in, k, k] (conv) or [out, in] (dense).
        bias: [out].
        in_shape: (channels, height, width), or (features,) for dense.
        final: its accumulators are the logits; nothing follows.
        source: layer whose output is the input; None: the one before.
        add: layer whose output is added before the ReLU; None: none.
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
    source: str | None = None
    add: str | None = None

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
        sides = (((side + 2 * self.padding - kernel) // self.stride + 1) // self.max_pool for side in self.in_shape[1:])
        return (out, *sides)


@dataclass(frozen=True)
class IntegerLayer:
    """A quantised layer: the float layer's geometry with integer arrays.

    Attributes:
        weight: shaped as the float layer's.
        bias: [out].
        multiplier, shift: [out]; None when the layer is final.
        skip_multiplier: [out], of the layer that is added; None without one.
        scale: what one step of the output is to the float network; of a final layer not used.
    """

    shape: FloatLayer
    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32] | None
    shift: npt.NDArray[np.uint8] | None
    skip_multiplier: npt.NDArray[np.int32] | None = None
    scale: float = 1.0

    def accumulate(self, x: Tensor) -> Tensor:
        """Accumulators before requantising: x [n, *in_shape], integers of int8 -> [n, out, …], whole float numbers."""
        inputs = min(0, int(x.min())), max(0, int(x.max()))
        exact = torch.float32 if largest_sum(self.weight, self.bias, *inputs) <= FLOAT32_EXACT else torch.float64
        x, weight, bias = (torch.as_tensor(values).to(exact) for values in (x, self.weight, self.bias))
        if self.shape.is_conv:
            x = x.contiguous(memory_format=torch.channels_last)
            return nn.functional.conv2d(x, weight, bias, self.shape.stride, self.shape.padding)
        return nn.functional.linear(x.flatten(1), weight, bias)

    def requantise(self, accumulators: Tensor, skip: Tensor | None = None) -> Tensor:
        """[n, out, …] -> [n, out, …] float32 holding integers in int8's range, pooled.

        skip: the output of the layer that is added, as `accumulators`.
        """
        if self.multiplier is None or self.shift is None:
            raise RangeError(f"layer {self.shape.name} is final: its accumulators are not requantised")
        places = self.shift.astype(np.int64)
        largest = largest_accumulator(self.weight, self.bias) * self.multiplier.astype(object) + (1 << (places - 1))
        if skip is not None and self.skip_multiplier is not None:
            largest = largest - ACTIVATION_MIN * self.skip_multiplier.astype(object)
        exact = torch.float64 if max(largest) < FLOAT64_EXACT else torch.int64
        per_channel = (-1, *[1] * (accumulators.ndim - 2))
        shift, multiplier = (
            torch.from_numpy(v.astype(np.int64)).reshape(per_channel) for v in (places, self.multiplier)
        )
        scaled = accumulators.to(exact) * multiplier
        if skip is not None and self.skip_multiplier is not None:
            scaled += skip.to(exact) * torch.from_numpy(self.skip_multiplier).long().reshape(per_channel)
        scaled += 1 << (shift - 1)
        scaled = scaled >> shift if exact == torch.int64 else scaled.mul_(torch.exp2(-shift.double())).floor_()
        y = scaled.clamp_(0 if self.shape.relu else ACTIVATION_MIN, ACTIVATION_MAX).float()
        return nn.functional.max_pool2d(y, self.shape.max_pool) if self.shape.max_pool > 1 else y

    def uses(self) -> Tensor:
        """[*in_shape] float64: products with a non-zero weight that each input value takes part in."""
        nonzero = torch.from_numpy((self.weight != 0).sum(axis=0, keepdims=True)).double()
        if not self.shape.is_conv:
            return nonzero[0]
        channels, *sides = self.shape.in_shape
        kernel, stride, padding = self.weight.shape[2], self.shape.stride, self.shape.padding
        out_sides = [(side + 2 * padding - kernel) // stride + 1 for side in sides]
        ones = torch.ones(1, 1, *out_sides, dtype=torch.float64)
        return nn.grad.conv2d_input((1, channels, *sides), nonzero, ones, stride, padding)[0]


def largest_sum(weight: npt.NDArray[np.int8], bias: npt.NDArray[np.int32], low: int, high: int) -> int:
    """The largest absolute value that any partial sum of a layer can take; inputs lie in `low` <= 0 … `high` >= 0."""
    flat = weight.astype(np.int64).reshape(len(weight), -1)
    positive, negative = flat.clip(min=0).sum(axis=1), -flat.clip(max=0).sum(axis=1)
    upwards, downwards = positive * high - negative * low, negative * high - positive * low
    return int((np.maximum(upwards, downwards) + np.abs(bias.astype(np.int64))).max())


def largest_accumulator(weight: npt.NDArray[np.int8], bias: npt.NDArray[np.int32]) -> int:
    """The largest absolute value that any input can give an accumulator, or a partial sum of one."""
    return largest_sum(weight, bias, ACTIVATION_MIN, ACTIVATION_MAX)


class Outputs:
    """Outputs of the layers run so far, each dropped once no later layer wants it."""

    def __init__(self, shapes: Sequence[FloatLayer], x: Tensor) -> None:
        self._before, self._kept = x, dict[str, Tensor]()
        self._last_use = {
            name: place for place, shape in enumerate(shapes) for name in (shape.source, shape.add) if name is not None
        }
        self._place = 0

    def of(self, shape: FloatLayer) -> tuple[Tensor, Tensor | None]:
        """Input of a layer, and what is added to its output."""
        x = self._before if shape.source is None else self._kept[shape.source]
        return x, None if shape.add is None else self._kept[shape.add]

    def keep(self, shape: FloatLayer, y: Tensor) -> None:
        """`y` is the output of the layer that comes next."""
        self._before = y
        self._kept[shape.name] = y
        for name in [name for name in self._kept if self._last_use.get(name, -1) <= self._place]:
            del self._kept[name]
        self._place += 1


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
    uses = [layer.uses() for layer in layers]
    batches = x.split(batch_size)
    for batch in _tracked(batches, description):
        kept = Outputs([layer.shape for layer in layers], batch)
        y, counts = batch, []
        for layer, used in zip(layers, uses, strict=True):
            x_in, skip = kept.of(layer.shape)
            counts.append((x_in != 0).flatten(1).double() @ used.flatten())
            accumulators = layer.accumulate(x_in)
            y = accumulators if layer.shape.final else layer.requantise(accumulators, skip)
            kept.keep(layer.shape, y)
        outputs.append(y.flatten(1).to(torch.int32 if layers[-1].shape.final else torch.int8))
        macs.append(torch.stack(counts, 1).long())
    return torch.cat(outputs).numpy(), torch.cat(macs).numpy()


def _tracked(batches: Sequence[Tensor], description: str | None) -> Iterable[Tensor]:
    """With a progress bar on standard error, where that is a terminal."""
    hidden = not description or not sys.stderr.isatty()
    return track(batches, description or "", console=Console(stderr=True), disable=hidden, transient=True)
