"""The hybrid chip's student network and its training.

*Source*: a reconstruction: the only geometry found with the ~380 K parameters of arXiv 2502.10089 and its 784
= 16 x 7 x 7 features (377,210 with the softmax layer; 18.13 M multiply-accumulates). Every convolution is
3 x 3, followed by batch norm and ReLU.

| layer | in -> out | stride | padding | output |
|---|---|---|---|---|
| conv1 | 1 -> 32 | 2 | 0 | 15 x 15 |
| conv2 | 32 -> 128 | 2 | 0 | 7 x 7 |
| conv3 | 128 -> 256 | 1 | 1 | 7 x 7 |
| head | 256 -> 16 | 1 | 1 | 7 x 7 = 784 features |
| softmax (training only) | 784 -> 10 | | | |
"""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.progress import Progress
from torch import Tensor, nn

from accelsim.errors import DataError, OutputError

CONV_LAYERS = (
    ("conv1", 1, 32, 2, 0),
    ("conv2", 32, 128, 2, 0),
    ("conv3", 128, 256, 1, 1),
    ("head", 256, 16, 1, 1),
)
"""name, in channels, out channels, stride, padding."""

KERNEL = 3
N_FEATURES = 784
N_CLASSES = 10

INPUT_OFFSET = 128
INPUT_SCALE = 1 / 64
"""The network sees (pixel - 128) / 64, the workload format's integer input times a power of two near the grey
level's standard deviation (61), so the integer network needs no separate normalisation."""

CROP_PAD = 4


@dataclass(frozen=True)
class Recipe:
    """Every hyper-parameter of one training run.

    Stochastic gradient descent with Nesterov momentum; the rate rises linearly from 0 to `peak_rate` over the
    share `warmup` of the run, then falls along half a cosine to 0. Augmentation: a random 32 x 32 crop of the
    image padded by 4 grey (128) pixels a side, and a random horizontal flip. Cross-entropy with smoothed
    labels. Convolutions run in bfloat16 with channels last (about twice as fast on a CPU with bfloat16
    instructions); weights and batch norm stay in float32.
    """

    epochs: int
    seed: int
    batch_size: int = 256
    peak_rate: float = 0.2
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05


class Objective(Protocol):
    """What a run minimises. Its state, if any, is saved in checkpoints."""

    def logits(self, model: Any, x: Tensor, labels: Tensor) -> Tensor:
        """Training-mode logits [n, n_classes] float32 of x [n, 1, height, width], whose labels are given."""

    def state(self) -> dict[str, Tensor]:
        """What changes while training, besides the model."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""


class SoftmaxObjective:
    """The softmax layer's own logits."""

    def logits(self, model: Any, x: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(x).float()

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        pass


def build_student(seed: int) -> Any:
    """A Sequential: all modules but the last give the features [n, 784] >= 0, the last is the softmax."""
    torch.manual_seed(seed)
    modules: list[Any] = []
    for _, n_in, n_out, stride, padding in CONV_LAYERS:
        modules += [
            nn.Conv2d(n_in, n_out, KERNEL, stride, padding, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
        ]
    modules += [nn.Flatten(), nn.Linear(N_FEATURES, N_CLASSES)]
    return nn.Sequential(*modules).to(memory_format=torch.channels_last)


def to_input(pixels: Tensor) -> Tensor:
    """[n, height, width] uint8 -> [n, 1, height, width] float32, as the network sees it."""
    return (pixels.float() - INPUT_OFFSET).mul_(INPUT_SCALE).unsqueeze(1)


def fit(
    model: Any,
    pixels: Tensor,
    labels: Tensor,
    recipe: Recipe,
    objective: Objective,
    *,
    validate: Callable[[], float],
    progress: Progress,
    checkpoint: Path | None = None,
) -> None:
    """Train `model` in place on pixels [n, 32, 32] uint8 and labels [n] int64.

    With `checkpoint`, the state is saved there after each epoch, and a run stopped before continues from it.
    Batches are drawn from (seed, epoch), so a resumed run sees the images that an undisturbed one would have.
    """
    batches_per_epoch = -(-len(pixels) // recipe.batch_size)
    optimiser = torch.optim.SGD(
        model.parameters(), lr=0.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
    )
    first_epoch = _resume(checkpoint, model, optimiser, recipe, objective)
    task = progress.add_task("training", total=recipe.epochs * batches_per_epoch)
    progress.advance(task, first_epoch * batches_per_epoch)
    for epoch in range(first_epoch, recipe.epochs):
        loss = _epoch(
            model, optimiser, pixels, labels, recipe, objective, epoch, lambda: progress.advance(task)
        )
        if checkpoint is not None:
            _save(checkpoint, model, optimiser, recipe, objective, epoch + 1)
        progress.console.print(
            f"epoch {epoch + 1}/{recipe.epochs}: loss {loss:.4f}, validation {validate():.4f}"
        )


def learning_rate(recipe: Recipe, done: float) -> float:
    """Rate when the share `done` (0 … 1) of the run is over."""
    if done < recipe.warmup:
        return recipe.peak_rate * done / recipe.warmup
    fall = (done - recipe.warmup) / (1 - recipe.warmup)
    return recipe.peak_rate * (1 + math.cos(math.pi * fall)) / 2


def outputs(model: Any, pixels: Tensor) -> Tensor:
    """Evaluation-mode float32 output of `model`, or of a part of it, on pixels [n, height, width] uint8."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(to_input(batch)) for batch in pixels.split(1000)])


def softmax_accuracy(model: Any, pixels: Tensor, labels: Tensor) -> float:
    """Accuracy of the float32 softmax student."""
    return int((outputs(model, pixels).argmax(1) == labels).sum()) / len(labels)


def _epoch(
    model: Any,
    optimiser: Any,
    pixels: Tensor,
    labels: Tensor,
    recipe: Recipe,
    objective: Objective,
    epoch: int,
    advance: Callable[[], None],
) -> float:
    """One pass over the images; the mean loss."""
    model.train()
    total = 0.0
    n_batches = -(-len(pixels) // recipe.batch_size)
    for index, (x, y) in enumerate(_batches(pixels, labels, recipe, epoch)):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, (epoch + (index + 1) / n_batches) / recipe.epochs)
        logits = objective.logits(model, x, y)
        loss = nn.functional.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(y)
        advance()
    return total / len(pixels)


def _batches(pixels: Tensor, labels: Tensor, recipe: Recipe, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled, augmented batches: x [batch, 1, 32, 32] float32 channels last, y [batch] int64."""
    generator = torch.Generator().manual_seed(recipe.seed * 100_003 + epoch)
    size = pixels.shape[-1]
    padded = nn.functional.pad(pixels, (CROP_PAD,) * 4, value=INPUT_OFFSET)
    for chosen in torch.randperm(len(pixels), generator=generator).split(recipe.batch_size):
        corner = torch.randint(0, 2 * CROP_PAD + 1, (2, len(chosen), 1), generator=generator)
        flip = torch.randint(0, 2, (len(chosen), 1), generator=generator).bool()
        rows = corner[0] + torch.arange(size)
        columns = corner[1] + torch.where(flip, torch.arange(size).flip(0), torch.arange(size))
        crops = padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        yield to_input(crops).contiguous(memory_format=torch.channels_last), labels[chosen]


def _save(
    checkpoint: Path, model: Any, optimiser: Any, recipe: Recipe, objective: Objective, epochs_done: int
) -> None:
    state = {"recipe": asdict(recipe), "epochs_done": epochs_done, "objective": objective.state()}
    state |= {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
    temporary = checkpoint.with_name(f".{checkpoint.name}.{os.getpid()}.tmp")
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, temporary)
        temporary.replace(checkpoint)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write the checkpoint {checkpoint}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _resume(checkpoint: Path | None, model: Any, optimiser: Any, recipe: Recipe, objective: Objective) -> int:
    """Load the checkpoint when there is one; the number of epochs it holds."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    try:
        state = torch.load(checkpoint, weights_only=True)
        found = state["recipe"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise DataError(f"{checkpoint}: got a damaged file, need a checkpoint of this training") from error
    if found != asdict(recipe):
        raise DataError(
            f"{checkpoint}: got a checkpoint of {found}, need one of {asdict(recipe)}, or another name"
        )
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    objective.restore(state["objective"])
    return int(state["epochs_done"])
