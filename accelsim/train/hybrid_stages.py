"""The stages of the hybrid's pipeline, each callable by itself: what is trained, on what, by which recipe.

All of them choose on validation images and none sees a test image.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from accelsim.train.acam_training import AcamNetwork, AcamOptions, fit_acam, start_acam
from accelsim.train.augment import INPUT_OFFSET, Views, to_input
from accelsim.train.distill import Bank, Curriculum, Distillation
from accelsim.train.hybrid_options import Augmentation
from accelsim.train.images import Images, Split
from accelsim.train.lessons import Lessons
from accelsim.train.loop import Recipe, fit
from accelsim.train.networks import Student, Topology, logits_of, placed
from accelsim.train.progress import progress_bar
from accelsim.train.prune import Measure, Pruning
from accelsim.train.qat import QuantisedStudent
from accelsim.train.teachers import build_teacher, fit_teacher

CALIBRATION_IMAGES = 500
"""Fitted images that the int8 scales are taken from; assumed: enough for the largest values."""
START_IMAGES = 5000
"""Fitted images whose features the array's thresholds and windows start from; assumed: 500 a class."""
LEAST_STEPS = 20
"""Optimiser steps an epoch, at least; assumed: fewer and a run of few images would take next to none."""
N_PRUNINGS = 200
"""Prunings over a run, about; assumed: small steps."""


@dataclass(frozen=True)
class Material:
    """Images of 32 x 32 and their views.

    Attributes:
        unseen: network inputs of the validation images.
        device: where networks are trained; images wait on the CPU.
    """

    split: Split
    views: Views
    unseen: Tensor
    n_classes: int
    device: str = "cpu"

    @classmethod
    def of(
        cls, split: Split, augmentation: Augmentation, n_views: int, seed: int, n_classes: int, device: str = "cpu"
    ) -> Material:
        found = split.as_hybrid_input()
        how = augmentation
        views = Views.drawn(found.fitted.pixels, n_views, seed, how.max_shift, how.mirrored, how.background)
        return cls(found, views, to_input(found.validation.pixels), n_classes, device)

    @property
    def channels(self) -> int:
        return int(self.split.fitted.pixels.shape[1])

    @property
    def calibration(self) -> Tensor:
        """Fitted images as the integer network takes them."""
        return integer_input(self.split.fitted.first(CALIBRATION_IMAGES))

    def lessons(self, distillation: Distillation, bank: Bank | None = None) -> Lessons:
        return Lessons(self.views, self.split.fitted.labels, distillation, bank)

    def sized(self, recipe: Recipe) -> Recipe:
        """The recipe; with few images its batches are smaller, for `LEAST_STEPS` of them an epoch."""
        return replace(recipe, batch_size=min(recipe.batch_size, max(1, len(self.split.fitted) // LEAST_STEPS)))

    def accuracy(self, model: Any) -> float:
        """Of a model that gives logits, on the validation images."""
        model.eval()
        right = logits_of(model, self.unseen).argmax(1) == self.split.validation.labels
        return int(right.sum()) / len(right)


def integer_input(images: Images) -> Tensor:
    """[n, channels, height, width] int8 as the workload format has it, with shift 0."""
    return (images.pixels.short() - INPUT_OFFSET).to(torch.int8)


# Rates, decays and batches of the recipes are ours, from short trials on validation images; the paper has none.
def student_recipe(epochs: int, seed: int) -> Recipe:
    return Recipe("student", epochs, seed, 0.05, 500, "muon", weight_decay=0.05, warmup=0.1)


def pruning_recipe(epochs: int, seed: int, measure: Measure = "relative") -> Recipe:
    """By absolute magnitude with AdamW: from the same masks 88.8 % after 3 epochs, with Muon 88.2 % (validation images,
    one seed, one rate each). Assumed why: orthogonalised steps also move weights that are masked."""
    if measure == "absolute":
        return Recipe("pruning", epochs, seed, 0.003, 500, "adam", weight_decay=0.01, warmup=0.05)
    return Recipe("pruning", epochs, seed, 0.03, 500, "muon", weight_decay=0.05, warmup=0.05)


def array_recipe(epochs: int, seed: int) -> Recipe:
    return Recipe("array", epochs, seed, 0.05, 500, "muon", weight_decay=0.02, warmup=0.05)


def int8_recipe(epochs: int, seed: int) -> Recipe:
    return Recipe("int8", epochs, seed, 1e-4, 256, "adam", warmup=0.1)


def train_teacher(material: Material, kind: str, recipe: Recipe, checkpoint: Path | None = None) -> Any:
    """A teacher of the kinds of `teachers.py`, trained on labels."""
    teacher = build_teacher(kind, material.channels, material.n_classes, recipe.seed)
    with progress_bar() as progress, placed(teacher, material.device):
        fit_teacher(
            teacher, material.lessons(Distillation(0.0, 1.0)), recipe,
            validate=lambda: material.accuracy(teacher), progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
    return teacher


def train_student(
    material: Material,
    layers: Topology,
    lessons: Lessons,
    recipe: Recipe,
    *,
    curriculum: bool = False,
    start: Student | None = None,
    checkpoint: Path | None = None,
) -> Student:
    """A softmax student from scratch, or a copy of `start` trained on; `curriculum` needs lessons with a bank."""
    student = copy.deepcopy(start) or Student(layers, material.n_classes, recipe.seed)
    order = None
    if curriculum and lessons.bank is not None:
        order = Curriculum(lessons.difficulty(), recipe.epochs).order
    _fit(material, student, lessons, recipe, order=order, checkpoint=checkpoint)
    return student


def prune_student(
    material: Material,
    student: Student,
    lessons: Lessons,
    recipe: Recipe,
    sparsity: float,
    checkpoint: Path | None = None,
    measure: Measure = "relative",
) -> None:
    """Prune in place while fine-tuning."""
    n_steps = recipe.epochs * -(-len(lessons) // recipe.batch_size)
    pruning = Pruning(student, sparsity, n_steps, max(1, n_steps // N_PRUNINGS), measure)
    _fit(material, student, lessons, recipe, after_step=pruning.after_step, checkpoint=checkpoint)


def train_array(
    material: Material,
    student: Student,
    lessons: Lessons,
    recipe: Recipe,
    options: AcamOptions,
    *,
    noise_counts: float = 0.0,
    checkpoint: Path | None = None,
) -> AcamNetwork:
    """The student (a copy of it) fine-tuned on the array's own answer."""
    network = begin_array(material, student, options, recipe.seed)
    network.noise_counts = noise_counts
    fit_array(material, network, lessons, recipe, checkpoint)
    return network


def begin_array(material: Material, student: Student, options: AcamOptions, seed: int) -> AcamNetwork:
    """What `train_array` starts from."""
    first = material.split.fitted.first(START_IMAGES)
    return start_acam(student, to_input(first.pixels), first.labels, options, seed)


def fit_array(
    material: Material, network: AcamNetwork, lessons: Lessons, recipe: Recipe, checkpoint: Path | None = None
) -> None:
    """`fit_acam` on the material, in place."""
    with progress_bar() as progress, placed(network, material.device):
        fit_acam(
            network, lessons, recipe,
            validate=lambda: material.accuracy(network), progress=progress, checkpoint=checkpoint,
        )  # fmt: skip


def quantised_copy(material: Material, student: Student) -> QuantisedStudent:
    """The student in fake int8, calibrated, for quantisation-aware fine-tuning."""
    return QuantisedStudent(student, material.calibration)


def fit_softmax(
    material: Material, student: Any, lessons: Lessons, recipe: Recipe, checkpoint: Path | None = None
) -> None:
    """Fine-tune a (quantised) student on its softmax layer, in place."""
    _fit(material, student, lessons, recipe, checkpoint=checkpoint)


def _fit(material: Material, model: Any, lessons: Lessons, recipe: Recipe, **how: Any) -> None:
    with progress_bar() as progress, placed(model, material.device):
        fit(
            model, len(lessons), recipe, lessons.batch_loss(model),
            validate=partial(material.accuracy, model), progress=progress, **how,
        )  # fmt: skip
