"""The reduced setting of the hybrid's ablations: the student of the paper's topology on some grey images of CIFAR-10.

The teacher sees the same images as the student, so that a distilled student knows of no more images than an undistilled
one. Ablations that need a trained student share one, distilled at the weight and temperature of recipe `best`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.train import hybrid_stages as steps
from accelsim.train.ablations.bench import Bench
from accelsim.train.augment import INPUT_SCALE
from accelsim.train.distill import Bank, Distillation, teach
from accelsim.train.hybrid_options import AUGMENTATIONS, HybridOptions
from accelsim.train.images import Split, load_split
from accelsim.train.integer_network import evaluate
from accelsim.train.lessons import Lessons
from accelsim.train.loop import Recipe
from accelsim.train.networks import Student, topology
from accelsim.train.progress import progress_bar
from accelsim.train.quantise import float_layers, quantise
from accelsim.train.stages import Result
from accelsim.train.state import kept, student_of
from accelsim.train.teachers import recipe_of
from accelsim.train.templates import TemplateOptions, Templates, make_templates

DATASET, TOPOLOGY, TEACHER = "cifar10", "paper", "fast"
ALPHA, TEMPERATURE = HybridOptions.alpha, HybridOptions.temperature
BATCH = 200
"""Of the students; smaller than the pipeline's, as the images are fewer."""
LAYERS = topology(TOPOLOGY, 1)


@dataclass(frozen=True)
class Sizes:
    """n_views: views of each image that the teacher has answered."""

    fitted_images: int
    validation_images: int
    teacher_epochs: int
    student_epochs: int
    n_views: int


@dataclass(frozen=True)
class Features:
    """fitted, unseen: [n, n_features] int8, of fitted and validation images; softmax: accuracy of the int8 student."""

    fitted: npt.NDArray[np.int8]
    unseen: npt.NDArray[np.int8]
    softmax: float


FULL, QUICK = Sizes(10_000, 5_000, 10, 16, 4), Sizes(300, 300, 1, 1, 2)


class HybridBench:
    """Images, teacher and students of one ablation; each is made when first asked for."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.seed = bench, bench.seed
        self.sizes = QUICK if bench.quick else FULL

    @property
    def title(self) -> str:
        return DATASETS[DATASET].recorded_name(grey=True)

    def described(self) -> dict[str, Any]:
        """For the record."""
        return {"student": f"{TOPOLOGY} topology", "teacher": TEACHER, **asdict(self.sizes), "batch": BATCH}

    def reduced(self, recipe: Recipe) -> Recipe:
        """A recipe of the pipeline at the batch of these settings."""
        return self.material.sized(replace(recipe, batch_size=BATCH))

    @cached_property
    def material(self) -> steps.Material:
        whole, sizes = load_split(DATASET, self.bench.data_root, download=self.bench.download), self.sizes
        split = Split(whole.fitted.first(sizes.fitted_images), whole.validation.first(sizes.validation_images))
        return steps.Material.of(split, AUGMENTATIONS[DATASET], sizes.n_views, self.seed, N_CLASSES)

    @cached_property
    def taught(self) -> Result:
        """Stage "teacher": its answers and its accuracy."""

        recipe = self.material.sized(recipe_of(TEACHER, self.sizes.teacher_epochs, self.seed))

        def compute(checkpoint: Path | None) -> Result:
            teacher = steps.train_teacher(self.material, TEACHER, recipe, checkpoint)
            with progress_bar() as progress:
                answers = teach(teacher, self.material.views, progress)
            return Result({"answers": answers}, {"accuracy": self.material.accuracy(teacher)})

        settings = {**self.described(), "recipe": asdict(recipe), "images": self.material.split.digest}
        return self.bench.stage("teacher", compute, **settings)

    @cached_property
    def bank(self) -> Bank:
        return Bank(torch.from_numpy(self.taught.arrays["answers"]))

    def lessons(self, alpha: float = ALPHA, temperature: float = TEMPERATURE) -> Lessons:
        """Of the teacher; with alpha 0 of labels alone."""
        return self.material.lessons(Distillation(alpha, temperature), self.bank if alpha > 0 else None)

    def train_student(self, name: str, lessons: Lessons, curriculum: bool, *, keep: bool = False) -> Result:
        """Stage `name`: a softmax student's accuracy, and its state if it is to be kept."""

        recipe = self.reduced(steps.student_recipe(self.sizes.student_epochs, self.seed))

        def compute(checkpoint: Path | None) -> Result:
            student = steps.train_student(
                self.material, LAYERS, lessons, recipe, curriculum=curriculum, checkpoint=checkpoint
            )
            return Result(kept(student) if keep else {}, {"accuracy": self.material.accuracy(student)})

        taught = {**asdict(lessons.distillation), "curriculum": curriculum}
        return self.bench.stage(name, compute, **taught, keep=keep, recipe=asdict(recipe))

    @cached_property
    def distilled(self) -> Result:
        """Stage "student": the student that ablations of what comes after it share."""
        _ = self.taught
        return self.train_student("student", self.lessons(), False, keep=True)

    def student(self) -> Student:
        """A copy of it."""
        return student_of(LAYERS, N_CLASSES, self.distilled.arrays)

    @cached_property
    def features(self) -> Features:
        """Stage "features": what the student's int8 network gives for fitted and validation images."""

        def compute(_: Path | None) -> Result:
            split = self.material.split
            inputs = {name: steps.integer_input(getattr(split, name)) for name in ("fitted", "validation")}
            layers = quantise(float_layers(self.student()), self.material.calibration, INPUT_SCALE)
            logits = evaluate(layers, inputs["validation"])[0]
            right = int((logits.argmax(1) == split.validation.label_bytes).sum())
            found = {name: evaluate(layers[:-1], x)[0] for name, x in inputs.items()}
            return Result(found, {"accuracy": right / len(logits)})

        _ = self.distilled
        result = self.bench.stage("features", compute)
        return Features(result.arrays["fitted"], result.arrays["validation"], result.figures["accuracy"])

    def template_accuracy(self, options: TemplateOptions, seed: int) -> tuple[Templates, float]:
        """Templates of the fitted images, and their accuracy on the validation images."""
        split = self.material.split
        templates = make_templates(self.features.fitted, split.fitted.label_bytes, options, N_CLASSES, seed)
        return templates, templates.accuracy(self.features.unseen, split.validation.label_bytes)
