"""What learned prototypes are fitted to: distorted copies of the images, their labels and a teacher's answers.

The copies are numbered and few, so that a teacher's answers to them are computed once and kept, and the glimpses of
each are cut once. Each batch takes a random copy of each of its images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from accelsim.train.images import Images, Split
from accelsim.train.loop import Recipe, fit
from accelsim.train.mbi_model import PrototypeTables, TableShape, glimpse_bits
from accelsim.train.mbi_tables import Geometry
from accelsim.train.progress import progress_bar

CHUNK = 500
"""Images distorted at a time."""

N_EXAMPLES = 10_000
"""Images whose patches fresh keys are drawn from."""


@dataclass(frozen=True)
class Copies:
    """`n_copies` distorted copies of each of n images.

    Attributes:
        images: [n, height, width] uint8.
        mirrored: whether half of them are mirrored left to right.
    """

    images: Tensor
    n_copies: int
    seed: int
    mirrored: bool

    def __iter__(self) -> Iterator[Tensor]:
        """Each copy of all images, [n, height, width] uint8; always the same ones."""
        for copy in range(self.n_copies):
            generator = torch.Generator().manual_seed(self.seed * 100_003 + copy)
            parts = [self._distorted(part, generator) for part in self.images.split(CHUNK)]
            yield torch.cat(parts)

    def _distorted(self, images: Tensor, generator: torch.Generator) -> Tensor:
        bent = distorted(images.float(), generator).round_().clamp_(0, 255).to(torch.uint8)
        if not self.mirrored:
            return bent
        flip = torch.rand(len(bent), 1, 1, generator=generator) < 0.5
        return torch.where(flip, bent.flip(2), bent)


def distorted(images: Tensor, generator: torch.Generator) -> Tensor:
    """images [n, height, width] float32 -> the same, each distorted a little at random.

    Turned, sheared, scaled and stretched by up to 0.14 rad, 0.14, 8 % and 6 %, shifted by up to one pixel,
    and bent by a smooth field of half a pixel rms.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * 2 - 1

    n, height, width = images.shape
    angle, scale, aspect = 0.14 * uniform(n), (0.08 * uniform(n)).exp(), (0.06 * uniform(n)).exp()
    shift = 2 / width * uniform(2, n)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    rows = [
        torch.stack([cosine * aspect, -sine + 0.14 * uniform(n), shift[0]], 1),
        torch.stack([sine, cosine / aspect, shift[1]], 1),
    ]
    grid = nn.functional.affine_grid(torch.stack(rows, 1), (n, 1, height, width), align_corners=False)
    knots = 0.035 * torch.randn(n, 2, 4, 4, generator=generator)
    bend = nn.functional.interpolate(knots, (height, width), mode="bilinear", align_corners=True)
    grid = grid + bend.permute(0, 2, 3, 1)
    return nn.functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


@dataclass(frozen=True)
class Lesson:
    """How tables are fitted.

    Attributes:
        teacher_weight: share of the teacher's answers in the loss; labels have the rest.
        teacher_temperature: at which its answers and the tables' votes are compared.
        temperature: of the softmax that carries the gradient of a choice, in steps of distance.
        noise: as in `PrototypeTables`, in steps of distance.
    """

    teacher_weight: float = 0.5
    teacher_temperature: float = 3.0
    temperature: float = 4.0
    noise: float = 0.0


def fit_tables(
    split: Split,
    copies: Copies,
    answers: npt.NDArray[np.float16],
    model: PrototypeTables,
    recipe: Recipe,
    lesson: Lesson,
    checkpoint: Path | None,
) -> None:
    """Fit `model` in place; `answers` [n_copies, n, n_classes] are the teacher's logits for the copies."""
    geometry = model.geometry
    with progress_bar() as progress:
        tracked = progress.track(copies, copies.n_copies, description="glimpses")
        bits = torch.stack([glimpse_bits(copy, geometry) for copy in tracked])
    logits = torch.from_numpy(answers)
    labels = split.fitted.labels
    held_out = glimpse_bits(split.validation.pixels[:, 0], geometry)
    model.noise = lesson.noise

    def batch_loss(batch: Tensor, generator: torch.Generator) -> Tensor:
        copy = torch.randint(copies.n_copies, batch.shape, generator=generator)
        votes = model(bits[copy, batch], lesson.temperature, generator)
        taught = divergence(votes, logits[copy, batch].float(), lesson.teacher_temperature)
        weight = lesson.teacher_weight
        loss: Tensor = (1 - weight) * nn.functional.cross_entropy(votes, labels[batch]) + weight * taught
        return loss

    with progress_bar() as progress:
        fit(
            model, len(labels), recipe, batch_loss,
            validate=lambda: _accuracy(model, held_out, split.validation.labels),
            progress=progress, after_step=model.clamp, checkpoint=checkpoint,
        )  # fmt: skip


def fresh_tables(
    images: Images, geometry: Geometry, shape: TableShape, hidden_weight: int, seed: int
) -> PrototypeTables:
    """Tables whose keys are patches of the first images."""
    examples = glimpse_bits(images.pixels[:N_EXAMPLES, 0], geometry)
    return PrototypeTables(geometry, shape, hidden_weight, examples, seed)


def _accuracy(model: PrototypeTables, bits: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        predicted = torch.cat([model(part, 1.0).argmax(1) for part in bits.split(2000)])
    return float((predicted == labels).float().mean())


def divergence(logits: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of softmax(logits / T) against softmax(wanted / T), times T; both [n, n_classes]."""
    target = (wanted / temperature).softmax(1)
    log_probability = (logits / temperature).log_softmax(1)
    return -temperature * (target * log_probability).sum(1).mean()
