"""The convolutional networks of the table pipelines: a teacher in floating point, and the small int8 fallback.

Both are 3x3 convolutions with batch norm, ReLU and perhaps pooling, then one dense layer. The teacher's answers to the
distorted copies are what tables and fallback learn from beside the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from accelsim.train.images import Images, Split
from accelsim.train.integer_network import FloatLayer
from accelsim.train.loop import Recipe, fit
from accelsim.train.mbi_fit import Copies, divergence
from accelsim.train.precision import fast_autocast
from accelsim.train.progress import progress_bar
from accelsim.train.quantise import fold_batch_norm

INPUT_SHIFT = 1
INPUT_SCALE = 1 / 64
"""What one step of the integer input (pixel >> 1) is to the networks: 0 … 2."""

LABEL_SMOOTHING = 0.05
EVALUATED = 1000
"""Images evaluated at a time."""


@dataclass(frozen=True)
class Convolution:
    """A 3x3 convolution of stride 1: output channels, padding, and side of the windows that are pooled (1: none)."""

    channels: int
    padding: int = 1
    max_pool: int = 1


TEACHER = (Convolution(20, max_pool=2), Convolution(40, max_pool=2), Convolution(80), Convolution(80, padding=0))
FALLBACK = (Convolution(12, max_pool=2), Convolution(16, max_pool=2), Convolution(14), Convolution(16, max_pool=2))
"""Fits the memories of `full_chip.yaml`: 7,870 of 8,192 bytes of weights and constants, 3,920 of 4,096 of values."""


class Network(nn.Module):  # type: ignore[misc, unused-ignore]
    """Convolutions on one channel of `side` x `side`, then a dense layer."""

    def __init__(self, side: int, convolutions: Sequence[Convolution], n_classes: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.side, self.specs = side, tuple(convolutions)
        widths = [1, *(spec.channels for spec in convolutions)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_in, spec.channels, 3, 1, spec.padding, bias=False)
            for n_in, spec in zip(widths[:-1], convolutions, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(spec.channels) for spec in convolutions)
        for spec in convolutions:
            side = (side + 2 * spec.padding - 2) // spec.max_pool
        self.dense = nn.Linear(widths[-1] * side**2, n_classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """[n, 1, side, side] -> logits [n, n_classes]."""
        for spec, convolution, norm in zip(self.specs, self.convolutions, self.norms, strict=True):
            x = norm(convolution(x)).relu()
            x = nn.functional.max_pool2d(x, spec.max_pool) if spec.max_pool > 1 else x
        logits: Tensor = self.dense(x.flatten(1))
        return logits

    def float_layers(self) -> list[FloatLayer]:
        """The layers with batch norm folded."""
        layers: list[FloatLayer] = []
        shape: tuple[int, ...] = (1, self.side, self.side)
        for index, (spec, convolution, norm) in enumerate(zip(self.specs, self.convolutions, self.norms, strict=True)):
            weight, bias = fold_batch_norm(convolution, norm)
            layers.append(FloatLayer(f"conv{index + 1}", weight, bias, shape, 1, spec.padding, max_pool=spec.max_pool))
            shape = layers[-1].out_shape
        weight, bias = (values.detach().double() for values in (self.dense.weight, self.dense.bias))
        return [*layers, FloatLayer("fc", weight, bias, (weight.shape[1],), relu=False, final=True)]


def to_integer_input(images: Tensor) -> Tensor:
    """[n, height, width] uint8 -> the integer networks' input [n, 1, height, width] int8."""
    return (images >> INPUT_SHIFT).to(torch.int8).unsqueeze(1)


def logits_of(network: Network, images: Tensor) -> Tensor:
    """Logits [n, n_classes] float32 of images [n, height, width] uint8, computed in the faster precision."""
    network.eval()
    with torch.no_grad():
        return torch.cat([_forward(network, part) for part in images.split(EVALUATED)])


def _forward(network: Network, images: Tensor) -> Tensor:
    x = (to_integer_input(images).float() * INPUT_SCALE).contiguous(memory_format=torch.channels_last)
    with fast_autocast("cpu"):
        return network(x).float()


def accuracy(network: Network, images: Images) -> float:
    """Fraction of the images that it classifies right."""
    return float((logits_of(network, images.pixels[:, 0]).argmax(1) == images.labels).float().mean())


def answers_to(network: Network, copies: Copies) -> npt.NDArray[np.float16]:
    """The network's logits for distorted copies, [n_copies, n, n_classes]."""
    with progress_bar() as progress:
        tracked = progress.track(copies, copies.n_copies, description="teacher's answers")
        every = [logits_of(network, copy) for copy in tracked]
    answers: npt.NDArray[np.float16] = torch.stack(every).numpy().astype(np.float16)
    return answers


def fit_network(
    network: Network,
    split: Split,
    copies: Copies,
    recipe: Recipe,
    checkpoint: Path | None,
    *,
    answers: npt.NDArray[np.float16] | None = None,
    temperature: float = 3.0,
    weights: Tensor | None = None,
) -> None:
    """Fit on distorted copies, by labels and, where given, half by a teacher's `answers` [n_copies, n, n_classes].

    weights: [n] of each image in the labels' share of the loss, 1 on average; None: alike.
    """
    images, labels = torch.stack(list(copies)), split.fitted.labels
    taught = None if answers is None else torch.from_numpy(answers)
    of_image = torch.ones(len(labels)) if weights is None else weights

    def batch_loss(batch: Tensor, generator: torch.Generator) -> Tensor:
        copy = torch.randint(copies.n_copies, batch.shape, generator=generator)
        logits = _forward(network, images[copy, batch])
        each = nn.functional.cross_entropy(logits, labels[batch], label_smoothing=LABEL_SMOOTHING, reduction="none")
        loss: Tensor = (each * of_image[batch]).mean()
        if taught is None:
            return loss
        return (loss + divergence(logits, taught[copy, batch].float(), temperature)) / 2

    with progress_bar() as progress:
        fit(
            network, len(labels), recipe, batch_loss,
            validate=lambda: accuracy(network, split.validation), progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
