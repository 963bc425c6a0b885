"""Magnitude pruning with iterative fine-tuning.

*Source*: arXiv 2502.10089 prunes the student to 80 % zeros with iterative fine-tuning; its schedule is not published.
Here the sparsity follows the cubic schedule of Zhu and Gupta (arXiv 1710.01878) over the first part of a fine-tuning
run, and the rest of the run trains what is left. The first layer and the softmax layer stay dense: they hold under 1 %
and 3 % of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from accelsim.errors import RangeError
from accelsim.train.networks import Student

Measure = Literal["relative", "absolute"]
"""Of a weight, for all layers together. relative: its magnitude over its layer's rms, so that layers are about equally
sparse (batch norm makes their scales arbitrary). absolute: its magnitude; under orthogonalised momentum small layers
have large weights and stay denser. Pruned at once to 82 % and tuned for 3 epochs, the residual student answers 88.8 %
so and 87.6 % by the relative measure (validation images, one seed)."""

PRUNED_SHARE = 0.6
"""Share of the run over which the sparsity grows."""


@dataclass(frozen=True)
class Pruning:
    """Prunes `student` step by step while it is trained; `after_step` goes to `loop.fit`.

    Attributes:
        sparsity: share of zeros over all weights of the pruned layers together, at the end.
        n_steps: optimiser steps of the whole run.
        every: steps between two prunings.
        within: masks of a student that has been pruned before, by layer: its zeros stay zeros.
    """

    student: Student
    sparsity: float
    n_steps: int
    every: int = 50
    measure: Measure = "relative"
    within: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity < 1:
            raise RangeError(f"sparsity: got {self.sparsity}, need 0 … below 1")
        if self.student.pruned:
            self.within.update({name: mask_of(self.student, name).clone() for name in pruned_layers(self.student)})
        self.student.pruned = True

    def share(self, step: int) -> float:
        """Sparsity after `step` steps."""
        done = min(1.0, step / max(1.0, PRUNED_SHARE * self.n_steps))
        return self.sparsity * (1 - (1 - done) ** 3)

    def after_step(self) -> None:
        """Counts a step (in the student's buffer, so that a continued run goes on) and prunes when due."""
        self.student.pruning_steps += 1
        step = int(self.student.pruning_steps)
        if step % self.every == 0 and step <= PRUNED_SHARE * self.n_steps + self.every:
            prune(self.student, self.share(step), self.measure, self.within)


def prune(
    student: Student, sparsity: float, measure: Measure = "relative", within: Mapping[str, Any] | None = None
) -> None:
    """Set the student's masks so that the share `sparsity` of the smallest weights, by `measure`, is 0.

    within: masks by layer, whose zeros are the smallest weights of all, and are 0 whatever the share.
    """
    student.pruned = True
    with torch.no_grad():
        weights = {name: student.convolutions[name].weight for name in pruned_layers(student)}
        weights |= {name: weights[name] * mask.to(weights[name].device) for name, mask in (within or {}).items()}
        scores = {name: w.abs() for name, w in weights.items()}
        if measure == "relative":
            scores = {name: s / s.square().mean().sqrt().clamp(min=1e-12) for name, s in scores.items()}
        every = torch.cat([score.flatten() for score in scores.values()])
        n_zeros = round(sparsity * len(every))
        if n_zeros == 0:
            return
        threshold = every.kthvalue(n_zeros).values
        for name, score in scores.items():
            mask_of(student, name).copy_(score > threshold)


def mask_of(student: Student, name: str) -> Any:
    """A layer's mask, shaped as its weights."""
    return getattr(student, f"mask_{name}")


def pruned_layers(student: Student) -> list[str]:
    """Names of the layers that are pruned: all but the first."""
    return [spec.name for spec in student.layers[1:]]


def zeros(student: Student, *, whole: bool = False, with_softmax: bool = False) -> float:
    """Share of pruned weights among those of the pruned layers, or of the whole network, its softmax layer's included
    on request."""
    masks = [mask_of(student, name) for name in pruned_layers(student)]
    n_dense = 0
    if whole:
        n_dense = student.convolutions[student.layers[0].name].weight.numel()
        n_dense += student.softmax.weight.numel() if with_softmax else 0
    n_zeros = sum(int(mask.numel() - mask.sum()) for mask in masks)
    return float(n_zeros / (sum(mask.numel() for mask in masks) + n_dense))
