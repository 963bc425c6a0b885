"""What the tables and the fallback network share: the images, their distortion and the training loop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor, nn

from accelsim.datasets import ImageSet, load_mnist
from accelsim.errors import DataError

VALIDATION_IMAGES = 10_000
"""The last training images are never fitted: every choice is made on them."""

REPORTS = 10
"""Validation lines printed over a run."""


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one run of Adam; the rate falls to 0 along a cosine."""

    name: str
    epochs: int
    seed: int
    rate: float
    batch_size: int = 256


BatchLoss = Callable[[Tensor, torch.Generator], Tensor]
"""(indices of a batch, the epoch's generator) -> loss."""


def fit(
    model: Any,
    n_images: int,
    recipe: Recipe,
    batch_loss: BatchLoss,
    *,
    validate: Callable[[], float],
    progress: Progress,
    after_step: Callable[[], None] = lambda: None,
    checkpoint: Path | None = None,
) -> None:
    """Train `model` in place on batches of the indices 0 … n_images-1.

    With `checkpoint`, the state is kept there after each epoch and a stopped run continues from it. An
    epoch's draws belong to (seed, epoch), so a continued run sees what an undisturbed one would have seen.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.rate)
    first_epoch = _resume(checkpoint, model, optimiser, recipe)
    task = progress.add_task(recipe.name, total=recipe.epochs, completed=first_epoch)
    for epoch in range(first_epoch, recipe.epochs):
        generator = torch.Generator().manual_seed(recipe.seed * 100_003 + epoch)
        batches = torch.randperm(n_images, generator=generator).split(recipe.batch_size)
        model.train()
        total = 0.0
        for index, batch in enumerate(batches):
            done = (epoch + index / len(batches)) / recipe.epochs
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate * (1 + math.cos(math.pi * done)) / 2
            loss = batch_loss(batch, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            after_step()
            total += loss.item() * len(batch)
        progress.advance(task)
        if checkpoint is not None:
            _save(checkpoint, model, optimiser, recipe, epoch + 1)
        if (epoch + 1) % max(1, recipe.epochs // REPORTS) == 0 or epoch + 1 == recipe.epochs:
            model.eval()
            place = f"{recipe.name}, epoch {epoch + 1}/{recipe.epochs}"
            progress.console.print(f"{place}: loss {total / n_images:.4f}, validation {validate():.4f}")
    model.eval()


@dataclass(frozen=True)
class Split:
    """MNIST as used here: images to fit, to choose on, and to report on (read once)."""

    fitted: ImageSet
    validation: ImageSet
    test: ImageSet


def load_split(data_root: Path, limit: int | None) -> Split:
    """50,000, 10,000 and 10,000 images, or the first `limit` of each for a trial run."""
    train = load_mnist(data_root, train=True)
    n_fitted = len(train.images) - VALIDATION_IMAGES
    validation = ImageSet(train.images[n_fitted:], train.labels[n_fitted:])
    test = load_mnist(data_root, train=False)
    return Split(train.first(n_fitted).first(limit), validation.first(limit), test.first(limit))


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


def _save(checkpoint: Path, model: Any, optimiser: Any, recipe: Recipe, epochs_done: int) -> None:
    state = {"recipe": asdict(recipe), "epochs_done": epochs_done}
    state |= {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    temporary = checkpoint.with_name(f".{checkpoint.name}.{os.getpid()}.tmp")
    torch.save(state, temporary)
    temporary.replace(checkpoint)


def _resume(checkpoint: Path | None, model: Any, optimiser: Any, recipe: Recipe) -> int:
    """Load the checkpoint when there is one; the number of epochs it holds."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    if state["recipe"] != asdict(recipe):
        made, need = state["recipe"], asdict(recipe)
        raise DataError(f"{checkpoint}: made with {made}, need {need}; remove it to start anew")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epochs_done"])
