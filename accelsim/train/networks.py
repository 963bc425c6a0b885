"""The hybrid chip's student networks: topologies as data, and the trainable network made from one.

| topology | what | parameters | multiply-accumulates |
|---|---|---|---|
| `paper` | a reconstruction: the only geometry found with ~380 K parameters and 784 features | 377,210 | 18.14 M |
| `residual` | ours, within that budget: five residual blocks at 16, 8 and 4 pixels a side | 377,207 | 17.58 M |

Both end in 784 features (16 x 7 x 7, and 49 x 4 x 4) for the array's 784 cells a row; the softmax layer after them is
for training and for the digital baseline. Parameters are those of the folded network: weights and a bias a channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.errors import RangeError

N_FEATURES = 784
IMAGE_SIDE = 32


@dataclass(frozen=True)
class ConvSpec:
    """One convolution with batch norm, in the words of docs/workload-format.md.

    Attributes:
        source: layer whose output is the input; None: the one before.
        add: layer whose output is added before the ReLU.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    padding: int
    relu: bool = True
    source: str | None = None
    add: str | None = None


Topology = tuple[ConvSpec, ...]

PAPER: Topology = (
    ConvSpec("conv1", 1, 32, 3, 2, 0),
    ConvSpec("conv2", 32, 128, 3, 2, 0),
    ConvSpec("conv3", 128, 256, 3, 1, 1),
    ConvSpec("head", 256, 16, 3, 1, 1),
)


def _block(name: str, before: str, n_in: int, n_mid: int, n_out: int, stride: int) -> tuple[ConvSpec, ...]:
    """Two 3x3 convolutions with a shortcut: the input itself, or a 1x1 projection of it where shapes change."""
    first = ConvSpec(f"{name}a", n_in, n_mid, 3, stride, 1, source=before)
    if stride == 1 and n_in == n_out:
        return first, ConvSpec(f"{name}b", n_mid, n_out, 3, 1, 1, add=before)
    shortcut = ConvSpec(f"{name}s", n_in, n_out, 1, stride, 0, relu=False, source=before)
    return shortcut, first, ConvSpec(f"{name}b", n_mid, n_out, 3, 1, 1, source=first.name, add=shortcut.name)


RESIDUAL: Topology = (
    ConvSpec("stem", 1, 16, 3, 1, 1),
    *_block("block1", "stem", 16, 40, 40, 2),
    *_block("block2", "block1b", 40, 64, 64, 2),
    *_block("block3", "block2b", 64, 64, 64, 1),
    *_block("block4", "block3b", 64, 96, 96, 2),
    *_block("block5", "block4b", 96, 36, 96, 1),
    ConvSpec("head", 96, 49, 1, 1, 0),
)

TOPOLOGIES: dict[str, Topology] = {"paper": PAPER, "residual": RESIDUAL}


def topology(name: str, channels: int) -> Topology:
    """The topology `name` for images of 1 (grey) or 3 (RGB) channels.

    Raises:
        RangeError: if there is none of this name.
    """
    if name not in TOPOLOGIES:
        raise RangeError(f'topology: got "{name}", need one of {", ".join(TOPOLOGIES)}')
    first, *others = TOPOLOGIES[name]
    return (replace(first, in_channels=channels), *others)


class Student(nn.Module):  # type: ignore[misc, unused-ignore]
    """A topology with batch norm after each convolution, and a softmax layer.

    Attributes:
        convolutions, norms: modules by layer name.
        masks: buffers `mask_<layer>` shaped as the weights: 0 where a weight is pruned (`prune.py`), else 1.
        pruned: whether the masks are applied.
    """

    def __init__(self, layers: Topology, n_classes: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers, self.n_classes = layers, n_classes
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for spec in layers:
            shape = (spec.in_channels, spec.out_channels, spec.kernel, spec.stride, spec.padding)
            convolution = nn.Conv2d(*shape, bias=False)
            self.convolutions[spec.name] = convolution
            self.norms[spec.name] = nn.BatchNorm2d(spec.out_channels)
            self.register_buffer(f"mask_{spec.name}", torch.ones_like(convolution.weight))
        self.register_buffer("pruning_steps", torch.zeros((), dtype=torch.int64))
        self.softmax = nn.Linear(N_FEATURES, n_classes)
        self.pruned = False
        self.to(memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:
        """x [n, channels, 32, 32] -> [n, 784], channel-first, >= 0."""
        outputs: dict[str, Tensor] = {}
        y = x
        for spec in self.layers:
            y = outputs[spec.source] if spec.source is not None else y
            y = self.norms[spec.name](self._convolve(spec, y))
            y = y if spec.add is None else y + outputs[spec.add]
            y = y.relu() if spec.relu else y
            outputs[spec.name] = y
        return y.flatten(1)

    def _convolve(self, spec: ConvSpec, x: Tensor) -> Tensor:
        convolution = self.convolutions[spec.name]
        if not self.pruned:
            return convolution(x)
        weight = convolution.weight * getattr(self, f"mask_{spec.name}")
        return nn.functional.conv2d(x, weight, None, spec.stride, spec.padding)

    def forward(self, x: Tensor) -> Tensor:
        """x [n, channels, 32, 32] -> logits [n, n_classes]."""
        return self.softmax(self.features(x))


@dataclass(frozen=True)
class Size:
    """parameters: weights, and a bias a channel; macs: multiply-accumulates of one input, padding included."""

    parameters: int
    macs: int


def size(layers: Topology, n_classes: int) -> Size:
    """Of the network with its softmax layer."""
    sides: dict[str, int] = {}
    side, parameters, macs = IMAGE_SIDE, (N_FEATURES + 1) * n_classes, N_FEATURES * n_classes
    for spec in layers:
        side = sides[spec.source] if spec.source is not None else side
        side = (side + 2 * spec.padding - spec.kernel) // spec.stride + 1
        sides[spec.name] = side
        weights = spec.in_channels * spec.out_channels * spec.kernel**2
        parameters += weights + spec.out_channels
        macs += weights * side**2
    return Size(parameters, macs)


def device_of(model: Any) -> torch.device:
    """Where a module's parameters are."""
    device: torch.device = next(model.parameters()).device
    return device


@contextmanager
def placed(model: Any, device: str) -> Iterator[None]:
    """The module on a device, and back on the CPU afterwards."""
    model.to(device)
    try:
        yield
    finally:
        model.to("cpu")


def logits_of(model: Any, images: Tensor, batch_size: int = 1000) -> Tensor:
    """float32 output of a module on network inputs [n, …], on the CPU; the module is in evaluation mode."""
    device = device_of(model)
    with torch.no_grad():
        return torch.cat([model(batch.to(device)).float().cpu() for batch in images.split(batch_size)])
