"""Knowledge distillation with a curriculum: a student learns from a teacher's answers, easy images first.

*Source*: arXiv 2502.10089: loss alpha·KL(teacher, student at temperature T) + (1 - alpha)·cross-entropy, and a
curriculum by d = L(z_t, y), the teacher's own loss on an image, from easy to hard. The paper gives neither alpha nor
T nor the schedule of the curriculum; the defaults here are ours.

The teacher answers each numbered view of each image once (`Bank`); the student then meets the same views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress
from torch import Tensor, nn

from accelsim.train.augment import Views
from accelsim.train.networks import device_of
from accelsim.train.precision import fast_autocast

CURRICULUM_START = 0.3
CURRICULUM_END = 0.5
"""The easiest 30 % of the images at first, all of them from half of the run on; assumed: the paper does not say."""


@dataclass(frozen=True)
class Bank:
    """The teacher's logits [n_views, n, n_classes] float16, of numbered views of images."""

    logits: Tensor

    def answers(self, indices: Tensor, views: Tensor) -> Tensor:
        """[batch, n_classes] float32."""
        return self.logits[views, indices].float()

    def difficulty(self, labels: Tensor) -> Tensor:
        """[n] float32: the teacher's cross-entropy on each image, mean over its views."""
        losses = [nn.functional.cross_entropy(view.float(), labels, reduction="none") for view in self.logits]
        return torch.stack(losses).mean(0)


def teach(teacher: Any, views: Views, progress: Progress, batch_size: int = 1000) -> npt.NDArray[np.float16]:
    """Evaluation-mode logits [n_views, n, n_classes] float16 of all views, for `Bank`."""
    teacher.eval()
    device = device_of(teacher)
    n = len(views.pixels)
    task = progress.add_task("teacher's answers", total=views.n_views * n)
    answers = []
    with torch.no_grad(), fast_autocast(device):
        for view in range(views.n_views):
            rows = []
            for indices in torch.arange(n).split(batch_size):
                x = views.batch(indices, torch.full_like(indices, view)).to(device)
                rows.append(teacher(x).float().cpu())
                progress.advance(task, len(indices))
            answers.append(torch.cat(rows).half())
    found: npt.NDArray[np.float16] = torch.stack(answers).numpy()
    return found


@dataclass(frozen=True)
class Distillation:
    """The student's loss.

    Attributes:
        alpha: share of the teacher; 0 is plain cross-entropy.
        temperature: of the softmax of both in the teacher's share, which is multiplied by its square so that its
            gradient keeps its size.
        label_smoothing: of the cross-entropy.
    """

    alpha: float
    temperature: float
    label_smoothing: float = 0.0

    def loss(self, logits: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
        """Mean over a batch: logits, teacher [n, n_classes] float32 (no teacher: alpha is 0), labels [n] int64, or the
        classes' shares [n, n_classes] float32."""
        hard = nn.functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        if teacher is None or self.alpha == 0:
            return hard
        taught = nn.functional.log_softmax(teacher / self.temperature, 1)
        said = nn.functional.log_softmax(logits / self.temperature, 1)
        soft = nn.functional.kl_div(said, taught, log_target=True, reduction="batchmean")
        mixed: Tensor = self.alpha * self.temperature**2 * soft + (1 - self.alpha) * hard
        return mixed


@dataclass(frozen=True)
class Curriculum:
    """Which images an epoch draws from: the easiest share, growing linearly until all are in.

    Every epoch is as long as without a curriculum; at first the easy images come more than once.

    Attributes:
        difficulty: [n] of each image.
        epochs: of the whole run.
    """

    difficulty: Tensor
    epochs: int

    def order(self, epoch: int, generator: torch.Generator) -> Tensor:
        """[n] indices for `loop.fit`."""
        n = len(self.difficulty)
        grown = min(1.0, epoch / max(1, CURRICULUM_END * self.epochs))
        n_open = max(1, round(n * (CURRICULUM_START + (1 - CURRICULUM_START) * grown)))
        easiest = self.difficulty.argsort(stable=True)
        return easiest[torch.randperm(n, generator=generator) % n_open]
