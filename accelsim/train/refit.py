"""Last of all, when everything has been chosen on the validation images: the student is trained on with them too.

What is published as trained on a data set has usually seen all its training images. Choices (recipe, epochs, rounding)
stay those that validation images made before; no figure of a refitted network is a validation figure. Teachers are not
trained again: they answer the validation images, which they have never seen.

After the stages of `hybrid_run.py` and the stage `int8`:

| stage | what is kept |
|---|---|
| `more-answers` | the teachers' mean logits for all views of the validation images |
| `refit` | the student's state after it was trained on, all its masks kept |
| `refit-int8` | its integer layers, rounded in the way that validation chose for the student of before |
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path

import torch

from accelsim.train import hybrid_stages as steps
from accelsim.train.augment import INPUT_SCALE
from accelsim.train.distill import Bank, teach
from accelsim.train.hybrid_run import HybridRun
from accelsim.train.lessons import Lessons
from accelsim.train.networks import Student, placed
from accelsim.train.progress import progress_bar
from accelsim.train.quantise import IntegerLayer, float_layers, from_arrays, quantise, to_arrays
from accelsim.train.stages import Result
from accelsim.train.state import kept, restored
from accelsim.train.teachers import Ensemble

MORE_VIEWS_SEED = 500
"""Added to the run's for the views of the validation images."""


def refitted(run: HybridRun, quantisation: str) -> list[IntegerLayer]:
    """The student's integer layers, the softmax last, after `epochs.refit` on all training images; `quantisation`: of
    `hybrid.int8_softmax`."""
    options, material = run.options, run.material
    lessons = run.lessons.joined(_more_lessons(run))
    recipe = material.sized(steps.refit_recipe(options.epochs.refit, options.seed))
    rounding = material.sized(steps.int8_recipe(options.epochs.int8, options.seed))

    def refit(checkpoint: Path | None) -> Result:
        student = copy.deepcopy(run.student)
        steps.fit_softmax(material, student, lessons, recipe, checkpoint, validated=False)
        return Result(kept(student))

    found = run.stage("refit", refit, recipe=asdict(recipe))
    student: Student = restored(copy.deepcopy(run.student), found.arrays)

    def quantised(checkpoint: Path | None) -> Result:
        if quantisation == "post_training":
            return Result(to_arrays(quantise(float_layers(student), material.calibration, INPUT_SCALE)))
        tuned = steps.quantised_copy(material, student)
        steps.fit_softmax(material, tuned, lessons, rounding, checkpoint, validated=False)
        return Result(to_arrays(tuned.integer_layers()))

    integers = run.stage("refit-int8", quantised, recipe=asdict(rounding), quantisation=quantisation)
    return from_arrays(float_layers(student), integers.arrays)


def _more_lessons(run: HybridRun) -> Lessons:
    """The validation images, taught in the same way; stage `more-answers`."""
    taught, unseen = run.lessons, run.material.split.validation
    views = taught.views.of_others(unseen.pixels, run.options.seed + MORE_VIEWS_SEED)
    if taught.bank is None:
        return Lessons(views, unseen.labels, taught.distillation)

    def answer(checkpoint: Path | None) -> Result:
        teacher = Ensemble([teacher for teacher, _ in run.taught])
        with progress_bar() as progress, placed(teacher, run.options.device):
            return Result({"answers": teach(teacher, views, progress)})

    answers = run.stage("more-answers", answer).arrays["answers"]
    return Lessons(views, unseen.labels, taught.distillation, Bank(torch.from_numpy(answers)))
