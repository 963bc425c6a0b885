"""What the pipelines of tables and cascade share: images, their distorted copies, and a teacher's answers to these."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.datasets import N_CLASSES
from accelsim.train.images import Split
from accelsim.train.loop import Recipe
from accelsim.train.mbi_fit import Copies
from accelsim.train.mbi_teacher import TEACHER, Network, accuracy, answers_to, fit_network
from accelsim.train.provenance import timed
from accelsim.train.stages import Result, Stages
from accelsim.train.state import kept, restored

TEACHER_RATE = 4e-3
TEACHER_DECAY = 0.02

MIRRORED = frozenset({"fashion_mnist", "cifar10"})
"""Sets whose images mean the same in a mirror."""


@dataclass(frozen=True)
class Plan:
    """Sizes of a run.

    Attributes:
        epochs: passes over the fitted images for the tables, or for the cascade's network; teacher_epochs: for the
            teacher of either.
        copies: distorted copies of each image.
        limit: images of each split, or None.
    """

    epochs: int
    teacher_epochs: int = 12
    copies: int = 12
    limit: int | None = None


@dataclass(frozen=True)
class Material:
    """One run's images; the same run folder, set, seed and sizes share the teacher between pipelines."""

    dataset: str
    split: Split
    copies: Copies
    plan: Plan
    seed: int

    @classmethod
    def of(cls, dataset: str, split: Split, plan: Plan, seed: int) -> Material:
        copies = Copies(split.fitted.pixels[:, 0], plan.copies, seed, dataset in MIRRORED)
        return cls(dataset, split, copies, plan, seed)

    def stages(self, folder: Path | None) -> Stages:
        """Of this run; with the same settings, stages of the same name are the same."""
        copies = {"copies": self.copies.n_copies, "mirrored": self.copies.mirrored}
        return Stages(folder, {"pipeline": "mbi", "images": self.split.digest, "seed": self.seed, **copies})

    def answers(self, stages: Stages) -> npt.NDArray[np.float16]:
        """Stages `teacher` and `answers`: the teacher's logits for all copies, [n_copies, n, n_classes]."""
        side, epochs = self.split.fitted.pixels.shape[-1], self.plan.teacher_epochs
        recipe = Recipe("teacher", epochs, self.seed, TEACHER_RATE, weight_decay=TEACHER_DECAY, warmup=1 / (4 * epochs))

        def teach(checkpoint: Path | None) -> Result:
            network = Network(side, TEACHER, N_CLASSES, self.seed)
            fit_network(network, self.split, self.copies, recipe, checkpoint)
            return Result(kept(network), {"validation_accuracy": accuracy(network, self.split.validation)})

        settings = {"network": [asdict(spec) for spec in TEACHER], "recipe": asdict(recipe)}
        taught = stages.run("teacher", timed(teach), **settings)

        def answer(checkpoint: Path | None) -> Result:
            network: Any = restored(Network(side, TEACHER, N_CLASSES, self.seed), taught.arrays)
            return Result({"answers": answers_to(network, self.copies)})

        answers: npt.NDArray[np.float16] = stages.run("answers", timed(answer)).arrays["answers"]
        return answers
