"""Training the hybrid chip's workload: a small CNN on grey CIFAR-10, int8, and one binary template a class.

*Source*: arXiv 2502.10089, its steps without distillation and pruning: train the student (`student.py`),
quantise it to int8 (`quantise.py`), binarise each feature at its mean, one template a class (`templates.py`).
Two networks compete on the validation images: the softmax student as it is (method `mean_threshold`), and the
same after a fine-tuning on the template match itself (`template_finetune`, `template_objective.py`).

Choices, beside those of `student_data.py`: fine-tuning takes an eighth of the epochs, at a peak rate of 0.1 (of
0.02, 0.05 and 0.1 the best on validation images) and a warm-up of a tenth; thresholds and templates come from
the training images as they are. The test images are read once, at the end, by the network and templates that
validation chose.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accelsim.train.quantise import IntegerLayer, evaluate, to_arrays
from accelsim.train.save import save_workload
from accelsim.train.student import N_CLASSES, N_FEATURES, Recipe, fit, softmax_accuracy
from accelsim.train.student_data import (
    Images,
    Split,
    cnn_entry,
    dataset_entry,
    integer_input,
    integer_softmax_accuracy,
    load_split,
    load_test,
    quantised,
    train_student,
)
from accelsim.train.template_objective import TemplateObjective
from accelsim.train.templates import TEMPLATE_RULES, Bits, Thresholds, accuracy, mean_thresholds

FINETUNE_SHARE = 8
FINETUNE_RATE = 0.1
FINETUNE_WARMUP = 0.1

METHODS = {
    "mean_threshold": "Grey CIFAR-10 by the reconstructed student of arXiv 2502.10089, trained on softmax "
    "cross-entropy without distillation or pruning, int8. Features are binarised at their training mean; ",
    "template_finetune": "Grey CIFAR-10 by the reconstructed student of arXiv 2502.10089, trained on softmax "
    "cross-entropy without distillation or pruning, then fine-tuned (straight through the binariser) on the "
    "template match itself, which is not in the paper; int8. Features are binarised at their training mean; ",
}
RULES = {
    "majority": "a template bit is the majority of its class's training bits.",
    "class_mean": "a template bit is whether its class's mean feature exceeds the threshold.",
}


@dataclass(frozen=True)
class Candidate:
    """A quantised network, its thresholds [784] and templates [10, 784], and their validation accuracy."""

    method: str
    rule: str
    layers: list[IntegerLayer]
    thresholds: Thresholds
    templates: Bits
    validation: float


def train_hybrid(
    *,
    data_root: Path,
    out: Path,
    epochs: int,
    seed: int,
    checkpoint: Path | None = None,
    limit: int | None = None,
) -> None:
    """Train on CIFAR-10 and write the workload folder `out`.

    With `checkpoint`, a stopped run continues from that file (fine-tuning: the same name and `.finetune`);
    `limit` takes only the first images of each split.

    Raises:
        DataError: if CIFAR-10 is not there, or the checkpoint belongs to another run.
        RangeError: if there are no epochs, or fewer than 100 images, to train on.
        OutputError: if `out` or the checkpoint cannot be written.
    """
    split = load_split(data_root, epochs, limit)
    training, validation = split.training, split.validation
    student, tuned = _train(split, epochs, seed, checkpoint)
    integers, tuned_integers = quantised(student, training), quantised(tuned, training)
    candidates = [
        _candidate("mean_threshold", integers[:-1], training, validation),
        _candidate("template_finetune", tuned_integers[:-1], training, validation),
    ]
    best = max(candidates, key=lambda candidate: candidate.validation)
    measured = {
        "validation_accuracy_student": softmax_accuracy(student, validation.pixels, validation.labels),
        "validation_accuracy_student_int8": integer_softmax_accuracy(integers, validation),
        **{f"validation_accuracy_{candidate.method}": candidate.validation for candidate in candidates},
    }
    training_entry = {
        "command": f"accelsim train hybrid --epochs {epochs} --seed {seed}",
        "epochs": epochs,
        "finetune_epochs": _finetune_recipe(epochs, seed).epochs,
        "seed": seed,
        "training_images": len(training.labels),
        "validation_images": len(validation.labels),
        "template_rule": best.rule,
        **measured,
        "torch_version": str(torch.__version__),
    }
    _save(out, best, load_test(data_root, limit), training_entry)


def _finetune_recipe(epochs: int, seed: int) -> Recipe:
    return Recipe(max(1, epochs // FINETUNE_SHARE), seed, peak_rate=FINETUNE_RATE, warmup=FINETUNE_WARMUP)


def _train(split: Split, epochs: int, seed: int, checkpoint: Path | None) -> tuple[Any, Any]:
    """The softmax student and its fine-tuned copy."""
    training, validation = split.training, split.validation
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        student = train_student(split, epochs, seed, checkpoint, progress)
        tuned = copy.deepcopy(student)
        objective = TemplateObjective(tuned, training.pixels, training.labels)
        fit(
            tuned,
            training.pixels,
            training.labels,
            _finetune_recipe(epochs, seed),
            objective,
            validate=lambda: objective.accuracy(tuned, validation.pixels, validation.labels),
            progress=progress,
            checkpoint=checkpoint and checkpoint.with_name(f"{checkpoint.name}.finetune"),
        )
    return student, tuned


def _candidate(method: str, layers: list[IntegerLayer], training: Images, validation: Images) -> Candidate:
    """Thresholds and templates from the training images, by the rule that validation likes best."""
    features, _ = evaluate(layers, integer_input(training), description=f"{method}: training features")
    unseen, _ = evaluate(layers, integer_input(validation))
    labels, unseen_labels = (images.labels.numpy().astype(np.uint8) for images in (training, validation))
    thresholds = mean_thresholds(features)

    def by(rule: str) -> Candidate:
        templates = TEMPLATE_RULES[rule](features, labels, thresholds, N_CLASSES)
        found = accuracy(unseen, unseen_labels, thresholds, templates)
        return Candidate(method, rule, layers, thresholds, templates, found)

    return max(map(by, TEMPLATE_RULES), key=lambda candidate: candidate.validation)


def _save(out: Path, best: Candidate, test: Images, training_entry: dict[str, Any]) -> None:
    """Record the test images and write the folder."""
    features, nonzero_macs = evaluate(best.layers, integer_input(test), description="recording test images")
    labels = test.labels.numpy().astype(np.uint8)
    manifest = {
        "schema_version": 1,
        "name": "cifar10_hybrid",
        "kind": "hybrid",
        "method": best.method,
        "description": METHODS[best.method] + RULES[best.rule],
        "dataset": dataset_entry(len(labels)),
        "training": training_entry,
        "accuracy": {
            "measured": accuracy(features, labels, best.thresholds, best.templates),
            "note": "CIFAR-10 test images, read once; int8 network, ideal template match",
        },
        "cnn": cnn_entry(best.layers, "acam"),
        "acam": {
            "n_features": N_FEATURES,
            "n_rows": N_CLASSES,
            "n_classes": N_CLASSES,
            "feature_levels": 2,
        },
    }
    model = {
        **to_arrays(best.layers),
        "thresholds": best.thresholds[:, np.newaxis],
        "template_low": best.templates,
        "template_high": best.templates,
        "row_class": np.arange(N_CLASSES, dtype=np.uint8),
    }
    evaluation = {"features": features, "nonzero_macs": nonzero_macs, "labels": labels}
    save_workload(out, manifest, model, evaluation)
