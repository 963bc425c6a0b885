"""Fine-tuning the student for the array: the loss is that of the template match itself.

The softmax student's features are not made to be binarised. Here the logits are what the array compares:
matching minus mismatching cells of each class's template, with features binarised at their mean and templates
the majority of each class's bits. Both are followed as moving averages and get no gradient; features get it
through the binariser, straight through where they lie within `WINDOW` of their threshold.

Not hardware-aware: the array's noise, offsets and segments are not in the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.train.student import N_CLASSES, outputs

SHARPNESS = 0.02
"""Logit per cell: 784 cells span ± 15.7. Of 0.01, 0.02 and 0.05 the best on validation images."""

WINDOW = 1.0
"""Distance from the threshold, in float features, within which the binariser passes its gradient."""

RATE = 0.02
"""Weight of one batch in the moving averages of a balanced batch."""

FIRST_IMAGES = 5000
"""Training images from which the averages start."""


class TemplateObjective:
    """Cross-entropy on template matches.

    Attributes:
        thresholds: [n_features] float32, moving mean of each feature.
        shares: [n_classes, n_features] float32, moving share of ones among each class's bits.
    """

    def __init__(self, model: Any, pixels: Tensor, labels: Tensor) -> None:
        features = outputs(model[:-1], pixels[:FIRST_IMAGES])
        self.thresholds = features.mean(0)
        self.shares, _ = _class_shares((features > self.thresholds).float(), labels[:FIRST_IMAGES])

    def logits(self, model: Any, x: Tensor, labels: Tensor) -> Tensor:
        """[n, n_classes] float32; the averages follow the batch first."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = model[:-1](x).float()
        self._follow(features.detach(), labels)
        distance = features - self.thresholds
        passed = distance.clamp(-WINDOW, WINDOW)
        signs = passed + (_sign(distance) - passed).detach()
        return SHARPNESS * nn.functional.linear(signs, _sign(self.shares - 0.5))

    def accuracy(self, model: Any, pixels: Tensor, labels: Tensor) -> float:
        """Accuracy of the float network with the averages as thresholds and templates."""
        signs = _sign(outputs(model[:-1], pixels) - self.thresholds)
        return float(((signs @ _sign(self.shares - 0.5).T).argmax(1) == labels).float().mean())

    def state(self) -> dict[str, Tensor]:
        return {"thresholds": self.thresholds, "shares": self.shares}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.thresholds, self.shares = state["thresholds"], state["shares"]

    def _follow(self, features: Tensor, labels: Tensor) -> None:
        self.thresholds = torch.lerp(self.thresholds, features.mean(0), RATE)
        shares, counts = _class_shares((features > self.thresholds).float(), labels)
        # A class moves with the number of its images in the batch, and not at all when it has none.
        weight = (RATE * N_CLASSES / len(labels) * counts).clamp(max=1).unsqueeze(1)
        self.shares = torch.lerp(self.shares, shares, weight)


def _sign(x: Tensor) -> Tensor:
    """1.0 where x > 0, else -1.0: zero is below a threshold, as in the workload format."""
    return torch.where(x > 0, 1.0, -1.0)


def _class_shares(bits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Share of ones in each class's bits [n_classes, n_features], 0 where it has no image; images of each."""
    members = nn.functional.one_hot(labels, N_CLASSES).float()
    counts = members.sum(0)
    return members.T @ bits / counts.clamp(min=1).unsqueeze(1), counts
