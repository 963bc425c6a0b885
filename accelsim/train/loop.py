"""The training loop that every trained part of both chips shares, its optimisers and its checkpoints.

*Source*: the orthogonalised momentum of `muon` is Jordan et al., "Muon: an optimizer for hidden layers in neural
networks" (2024): the momentum of each weight, as a matrix, is replaced by the nearest orthogonal one, found by five
steps of a quintic Newton-Schulz iteration. It serves the weights of convolutions; all others get AdamW. On the
hybrid's students, six epochs gave 84.0 % with it and 81.1 % with stochastic gradient descent (validation images).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from rich.progress import Progress
from torch import Tensor

from accelsim.errors import DataError, OutputError
from accelsim.train.precision import has_fast_bfloat16

REPORTS = 10
"""Validation lines printed over a run."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
"""Coefficients and steps of the source: singular values end near 1."""

MUON_SCALE = 0.08
"""Rate of the parameters left to AdamW, as a share of `rate`."""


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one run.

    The rate rises linearly from 0 to `rate` over the share `warmup` of the run, then falls to 0 along half a cosine.

    Attributes:
        name: what is trained; a checkpoint of another name is refused.
        weight_decay: decoupled from the gradient, except by `sgd`.
    """

    name: str
    epochs: int
    seed: int
    rate: float
    batch_size: int = 256
    optimiser: Literal["adam", "sgd", "muon"] = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    warmup: float = 0.0


BatchLoss = Callable[[Tensor, torch.Generator], Tensor]
"""(indices of a batch, the epoch's generator) -> loss."""

Order = Callable[[int, torch.Generator], Tensor]
"""(epoch, its generator) -> the indices that the epoch visits, in order; as many in every epoch."""


class Muon(torch.optim.Optimizer):  # type: ignore[misc, unused-ignore]
    """Nesterov momentum of each weight matrix, orthogonalised.

    With `unit_rows`, weights are scaled to an rms row length of 1 before each step, so that the rate is the angle that
    they turn by (they must feed a batch norm).
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float,
        momentum: float,
        weight_decay: float = 0.0,
        unit_rows: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._unit_rows = unit_rows

    def step(self, closure: Any = None) -> None:
        """One step; weights without a gradient stay as they are."""
        with torch.no_grad():
            self._step()

    def _step(self) -> None:
        for group in self.param_groups:
            for weight in (found for found in group["params"] if found.grad is not None):
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].mul_(group["momentum"]).add_(weight.grad)
                update = weight.grad.add(momentum, alpha=group["momentum"]).flatten(1)
                if self._unit_rows:
                    weight.mul_(len(weight) ** 0.5 / weight.norm())
                # A tall matrix's orthogonal factor changes its outputs less than a wide one's.
                tall = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                scale = 1.0 if self._unit_rows else tall
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(_orthogonal(update).view_as(weight).to(weight.dtype), alpha=-group["lr"] * scale)


def _orthogonal(matrix: Tensor) -> Tensor:
    """[rows, cols] -> bfloat16 or float32 (`precision.py`), of the same singular vectors and singular values near 1."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.bfloat16() if has_fast_bfloat16(matrix.device) else matrix.float()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


def optimisers(model: Any, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """The optimisers of all parameters that want a gradient."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decay = recipe.weight_decay
    if recipe.optimiser == "adam":
        return [torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=decay)]
    if recipe.optimiser == "sgd":
        rate, momentum = recipe.rate, recipe.momentum
        return [torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=decay, nesterov=True)]
    matrices = [parameter for parameter in parameters if parameter.ndim == 4]
    rest = [parameter for parameter in parameters if parameter.ndim != 4]
    muon = Muon(matrices, lr=recipe.rate, momentum=recipe.momentum, weight_decay=decay)
    return [muon, torch.optim.AdamW(rest, lr=MUON_SCALE * recipe.rate, weight_decay=0.0)]


def rate_share(recipe: Recipe, done: float) -> float:
    """Share of the peak rate when the share `done` (0 … 1) of the run is over."""
    if done < recipe.warmup:
        return done / recipe.warmup
    fall = (done - recipe.warmup) / (1 - recipe.warmup)
    return (1 + math.cos(math.pi * fall)) / 2


def fit(
    model: Any,
    n_examples: int,
    recipe: Recipe,
    batch_loss: BatchLoss,
    *,
    validate: Callable[[], float],
    progress: Progress,
    after_step: Callable[[], None] = lambda: None,
    order: Order | None = None,
    found: list[torch.optim.Optimizer] | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Train `model` in place on batches of the indices 0 … n_examples-1, and leave it in evaluation mode.

    Each epoch visits every index once, shuffled, unless `order` says otherwise. The optimisers are those of `recipe`,
    or `found`, whose rates are then the peaks.

    With `checkpoint`, the state is kept there after each epoch and a stopped run continues from it. An epoch's draws
    belong to (seed, epoch), so a continued run sees what an undisturbed one would have seen. What changes while
    training must be in `model.state_dict()`.

    Raises:
        DataError: if the checkpoint belongs to another run or is damaged.
        OutputError: if it cannot be written.
    """
    found = found or optimisers(model, recipe)
    peaks = [[group["lr"] for group in optimiser.param_groups] for optimiser in found]
    first_epoch = _resume(checkpoint, model, found, recipe)
    n_batches = -(-n_examples // recipe.batch_size)
    shuffled: Order = order or (lambda _, generator: torch.randperm(n_examples, generator=generator))
    task = progress.add_task(recipe.name, total=recipe.epochs * n_batches, completed=first_epoch * n_batches)
    for epoch in range(first_epoch, recipe.epochs):
        generator = torch.Generator().manual_seed(recipe.seed * 100_003 + epoch)
        model.train()
        total = 0.0
        for index, batch in enumerate(shuffled(epoch, generator).split(recipe.batch_size)):
            share = rate_share(recipe, (epoch + (index + 1) / n_batches) / recipe.epochs)
            for optimiser, rates in zip(found, peaks, strict=True):
                for group, rate in zip(optimiser.param_groups, rates, strict=True):
                    group["lr"] = rate * share
            loss = batch_loss(batch, generator)
            for optimiser in found:
                optimiser.zero_grad(set_to_none=True)
            loss.backward()
            for optimiser in found:
                optimiser.step()
            after_step()
            total += loss.item() * len(batch)
            progress.advance(task)
        if checkpoint is not None:
            _save(checkpoint, model, found, recipe, epoch + 1)
        if (epoch + 1) % max(1, recipe.epochs // REPORTS) == 0 or epoch + 1 == recipe.epochs:
            model.eval()
            place = f"{recipe.name}, epoch {epoch + 1}/{recipe.epochs}"
            progress.console.print(f"{place}: loss {total / n_examples:.4f}, validation {validate():.4f}")
    model.eval()


def _save(checkpoint: Path, model: Any, found: list[torch.optim.Optimizer], recipe: Recipe, epochs_done: int) -> None:
    state = {"recipe": asdict(recipe), "epochs_done": epochs_done, "model": model.state_dict()}
    state["optimisers"] = [optimiser.state_dict() for optimiser in found]
    temporary = checkpoint.with_name(f".{checkpoint.name}.{os.getpid()}.tmp")
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, temporary)
        temporary.replace(checkpoint)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write the checkpoint {checkpoint}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _resume(checkpoint: Path | None, model: Any, found: list[torch.optim.Optimizer], recipe: Recipe) -> int:
    """Load the checkpoint when there is one; the number of epochs it holds."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        made, epochs_done = state["recipe"], int(state["epochs_done"])
        if made == asdict(recipe):
            model.load_state_dict(state["model"])
            for optimiser, saved in zip(found, state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
    except OSError as error:
        raise DataError(f"{checkpoint}: {error.strerror or error}") from error
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever torch.load makes of damaged bytes
        raise DataError(f"{checkpoint}: got a damaged file, need a checkpoint of this training") from error
    if made != asdict(recipe):
        raise DataError(f"{checkpoint}: got a checkpoint of {made}, need one of {asdict(recipe)}, or another name")
    return epochs_done
