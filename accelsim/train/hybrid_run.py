"""What the hybrid's workloads share: images, a teacher's answers, and the student that learned from them, stage by
stage.

| stage | what is kept |
|---|---|
| `start` | the student as it begins, when that is the network of a workload |
| `teacher`, `teacher-2`, … | its state |
| `answers`, `answers-2`, … | its logits for all views of the fitted images (if mirrored, the mean of both) |
| `ensemble` | several teachers' mean logits |
| `mixed-answers` | the teachers' (mean) logits for mixed views |
| `student` | the softmax student's state |
| `pruned` | the same with its masks |

`hybrid.py` and `baselines.py` go on from here (`hybrid_manifest.py` says what came of it); with the same run
folder and the same options they share these stages.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from accelsim.datasets import N_CLASSES
from accelsim.errors import RangeError
from accelsim.train import hybrid_stages as steps
from accelsim.train.augment import to_input
from accelsim.train.distill import Bank, Distillation, teach
from accelsim.train.hybrid_options import AUGMENTATIONS, HybridOptions
from accelsim.train.images import Images, load_split, load_test
from accelsim.train.lessons import Lessons
from accelsim.train.networks import Student, Topology, placed, topology
from accelsim.train.progress import progress_bar
from accelsim.train.provenance import made_on, timed
from accelsim.train.prune import zeros
from accelsim.train.quantise import IntegerLayer, evaluate
from accelsim.train.stages import Arrays, Result, Stages
from accelsim.train.start import load_start, start_student
from accelsim.train.state import kept, restored, student_of
from accelsim.train.teachers import Ensemble, Mirrored, build_teacher, recipe_of

TEACHER_SEEDS = 1000
"""Between the seeds of a run's teachers."""
MIXED_SEED = 500
"""Added to the run's for its mixed views."""


class HybridRun:
    """One run; what is asked for is computed, or read from the run folder."""

    def __init__(self, options: HybridOptions) -> None:
        self.options = options
        self.layers: Topology = topology(options.chosen.topology, options.channels)
        augmentation = AUGMENTATIONS[options.dataset]
        self.begun_as = None if options.start is None else load_start(options.start, self.layers)
        split = load_split(
            options.dataset, options.data_root,
            grey=not options.colour, download=options.download, limit=options.limit,
        )  # fmt: skip
        images = {"images": split.digest, "seed": options.seed}
        self.stages = Stages(options.run_dir, {**images, **asdict(augmentation), "n_views": options.n_views})
        made_on(options.device)  # raises where something is not installed, before anything is trained
        self.material = steps.Material.of(split, augmentation, options.n_views, options.seed, N_CLASSES, options.device)
        _check_classes(split.fitted.labels, options.templates_per_class)

    def test_images(self) -> Images:
        """To be asked for once, when everything has been chosen."""
        options = self.options
        found = load_test(options.dataset, options.data_root, grey=not options.colour, limit=options.limit)
        return found.as_hybrid_input()

    def stage(self, name: str, compute: Any, *, trains: bool = True, **settings: Any) -> Result:
        """`Stages.run`, timed; integer networks (not `trains`) run on the CPU. The device is not among the settings:
        what was begun on one may go on on another."""
        return self.stages.run(name, timed(compute, self.options.device if trains else "cpu"), **settings)

    def accuracy(self, model: Any) -> float:
        """Of a model that gives logits, on the validation images."""
        with placed(model, self.options.device):
            return self.material.accuracy(model)

    @cached_property
    def lessons(self) -> Lessons:
        """What students are taught with."""
        options = self.options
        if options.teacher == "none":
            plain = self.material.lessons(Distillation(0.0, 1.0))
        else:
            plain = self.material.lessons(Distillation(options.alpha, options.temperature), self.bank)
        return self._with_mixtures(plain) if options.mixed_views else plain

    def _with_mixtures(self, plain: Lessons) -> Lessons:
        """And mixed views; stage `mixed-answers`."""
        options = self.options
        mixtures = plain.views.mixtures(options.mixed_views, options.seed + MIXED_SEED)
        views = plain.views.followed_by(mixtures)
        if plain.bank is None:
            return replace(plain, views=views)

        def answer(checkpoint: Path | None) -> Result:
            teacher = Ensemble([teacher for teacher, _ in self.taught])
            with progress_bar() as progress, placed(teacher, options.device):
                return Result({"answers": teach(teacher, mixtures, progress)})

        found = self.stage("mixed-answers", answer, mixed_views=options.mixed_views).arrays["answers"]
        return replace(plain, views=views, bank=Bank(torch.cat([plain.bank.logits, torch.from_numpy(found)])))

    @cached_property
    def bank(self) -> Bank:
        """Stages `teacher`, `answers` and, of several teachers, `ensemble`."""
        taught = self.taught
        if len(taught) == 1:
            return Bank(torch.from_numpy(taught[0][1]))

        def compute(checkpoint: Path | None) -> Result:
            mean = np.mean([answers.astype(np.float32) for _, answers in taught], axis=0)
            accuracy = self.accuracy(Ensemble([teacher for teacher, _ in taught]))
            return Result({"answers": mean.astype(np.float16)}, {"validation_accuracy": accuracy})

        return Bank(torch.from_numpy(self.stage("ensemble", compute).arrays["answers"]))

    @cached_property
    def taught(self) -> list[tuple[Any, npt.NDArray[np.float16]]]:
        """Each teacher and its answers."""
        return [self._teacher(n) for n in range(self.options.n_teachers)]

    def _teacher(self, n: int) -> tuple[Any, npt.NDArray[np.float16]]:
        """Teacher n, from 0 on, and its answers; they differ in their seeds."""
        options, material, mirrored = self.options, self.material, self.material.views.mirrored
        suffix = f"-{n + 1}" if n else ""
        teacher = self.start if options.teacher == "start" else self._trained_teacher(suffix, n)
        teacher = Mirrored(teacher) if mirrored else teacher

        def answer(checkpoint: Path | None) -> Result:
            with progress_bar() as progress, placed(teacher, options.device):
                answers = teach(teacher, material.views, progress)
            return Result({"answers": answers}, {"validation_accuracy": self.accuracy(teacher)})

        return teacher, self.stage(f"answers{suffix}", answer, mirrored=mirrored).arrays["answers"]

    def _trained_teacher(self, suffix: str, n: int) -> Any:
        """Stage `teacher`."""
        options, material = self.options, self.material
        seed = options.seed + n * TEACHER_SEEDS
        recipe = material.sized(recipe_of(options.teacher, options.epochs.teacher, seed))

        def compute(checkpoint: Path | None) -> Result:
            teacher = steps.train_teacher(material, options.teacher, recipe, checkpoint)
            return Result(kept(teacher), {"validation_accuracy": self.accuracy(teacher)})

        taught = self.stage(f"teacher{suffix}", compute, kind=options.teacher, recipe=asdict(recipe))
        blank = build_teacher(options.teacher, material.channels, material.n_classes, seed)
        return restored(blank, taught.arrays)

    @cached_property
    def start(self) -> Student | None:
        """Stage `start`: the student as it begins; None when that is with random weights."""
        workload = self.begun_as
        if workload is None:
            return None

        def compute(checkpoint: Path | None) -> Result:
            fitted = self.material.split.fitted
            student = start_student(workload, self.layers, N_CLASSES, to_input(fitted.pixels), fitted.labels)
            return Result(kept(student), {"validation_accuracy": self.accuracy(student)})

        found = self.stage("start", compute, trains=False, workload=workload.sha256)
        return student_of(self.layers, N_CLASSES, found.arrays)

    @cached_property
    def student(self) -> Student:
        """Stages `student` and `pruned`."""
        options, material, measure = self.options, self.material, self.options.chosen.pruning
        # The start comes after a trained teacher, which runs with and without it then share.
        lessons, start = self.lessons, self.start
        recipe = material.sized(steps.student_recipe(options.epochs.student, options.seed))
        pruning_recipe = material.sized(steps.pruning_recipe(options.epochs.pruning, options.seed, measure))

        def compute(checkpoint: Path | None) -> Result:
            student = steps.train_student(
                material, self.layers, lessons, recipe,
                curriculum=options.chosen.curriculum, start=start, checkpoint=checkpoint,
            )  # fmt: skip
            return Result(kept(student), {"validation_accuracy": self.accuracy(student)})

        taught: dict[str, Any] = {"teacher": options.teacher, "distillation": asdict(lessons.distillation)}
        taught |= {"mixed_views": options.mixed_views} if options.mixed_views else {}
        layers = [asdict(spec) for spec in self.layers]
        settings: dict[str, Any] = {"topology": layers, "recipe": asdict(recipe), **taught}
        found = self.stage("student", compute, curriculum=options.chosen.curriculum, **settings)
        if options.chosen.sparsity == 0:
            return student_of(self.layers, N_CLASSES, found.arrays)

        def prune(checkpoint: Path | None) -> Result:
            student = student_of(self.layers, N_CLASSES, found.arrays)
            steps.prune_student(
                material, student, lessons, pruning_recipe, options.chosen.sparsity, checkpoint, measure
            )
            figures = {"validation_accuracy": self.accuracy(student), "zeros": round(zeros(student), 6)}
            return Result(kept(student), figures)

        asked: dict[str, Any] = {"sparsity": options.chosen.sparsity, "recipe": asdict(pruning_recipe)}
        asked |= {} if measure == "relative" else {"measure": measure}
        pruned = self.stage("pruned", prune, **asked)
        return student_of(self.layers, N_CLASSES, pruned.arrays)

    def record(self, layers: list[IntegerLayer], images: Images, description: str) -> tuple[Any, Arrays]:
        """Last layer's output of the images, and the arrays of `eval.safetensors`."""
        output, nonzero_macs = evaluate(layers, steps.integer_input(images), description=description)
        return output, {"features": output, "nonzero_macs": nonzero_macs, "labels": images.label_bytes}


def _check_classes(labels: Tensor, least: int) -> None:
    """That each class has as many fitted images as it has templates.

    Raises:
        RangeError: if it has fewer.
    """
    counts = labels.bincount(minlength=N_CLASSES)
    if int(counts.min()) < least:
        got = f"{int(counts.min())} images of class {int(counts.argmin())}"
        raise RangeError(f"--templates: got {got} to fit on, need at least {least} for as many templates a class")
