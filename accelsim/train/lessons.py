"""What a student is taught with: random views of the fitted images, their labels, and a teacher's answers to them.

Every training of the hybrid (softmax, pruning, quantisation-aware, template match) draws its batches here, so that
all of them distil from the same bank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.train.augment import Views
from accelsim.train.distill import Bank, Distillation
from accelsim.train.loop import BatchLoss
from accelsim.train.networks import device_of
from accelsim.train.precision import fast_autocast


@dataclass(frozen=True)
class Lessons:
    """Views of the fitted images and the loss on them.

    Attributes:
        labels: [n] int64, of `views.pixels`.
        bank: the teacher's answers to the same views; None: labels alone.
    """

    views: Views
    labels: Tensor
    distillation: Distillation
    bank: Bank | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def draw(self, indices: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Network inputs [batch, channels, height, width] of random views of the images `indices`, and the views
        [batch]."""
        views = self.views.draw(len(indices), generator)
        return self.views.batch(indices, views), views

    def loss(self, logits: Tensor, indices: Tensor, views: Tensor) -> Tensor:
        """Mean over the batch that `draw` gave; logits [batch, n_classes] float32."""
        device = logits.device
        answers = None if self.bank is None else self.bank.answers(indices, views).to(device)
        return self.distillation.loss(logits, self._targets(indices, views, logits.shape[1]).to(device), answers)

    def difficulty(self) -> Tensor:
        """[n] float32, of each image as its plain views have it; needs a bank."""
        assert self.bank is not None, "a curriculum is made from a teacher's answers"
        return Bank(self.bank.logits[: self.views.n_plain]).difficulty(self.labels)

    def _targets(self, indices: Tensor, views: Tensor, n_classes: int) -> Tensor:
        """Labels [batch] int64; among mixed views both images' shares [batch, n_classes] float32."""
        labels = self.labels[indices]
        which, partners, shares = self.views.mixed(indices, views)
        if not len(which):
            return labels
        targets = nn.functional.one_hot(labels, n_classes).float()
        others = nn.functional.one_hot(self.labels[partners], n_classes).float()
        targets[which] = targets[which].lerp(others, shares[:, None])
        return targets

    def batch_loss(self, model: Any) -> BatchLoss:
        """For `loop.fit`: the module `model` gives logits [batch, n_classes], in the faster precision."""

        def loss(indices: Tensor, generator: torch.Generator) -> Tensor:
            x, views = self.draw(indices, generator)
            device = device_of(model)
            with fast_autocast(device):
                logits = model(x.to(device))
            return self.loss(logits.float(), indices, views)

        return loss
