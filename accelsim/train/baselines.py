"""The student without an ACAM: what the hybrid chip is compared with. Workloads of kind cnn.

- `softmax`: the student's own softmax layer, int8; its logits are the accumulators.
- `cosine`: the 784 int8 features are compared with one template a class, the class's mean feature, by cosine similarity
  (x · t) / (|x| |t|). The factor 1 / |t| is part of the stored template, t / |t|, and so costs nothing; 1 / |x| is
  the same for all classes and changes no decision. So the similarity is a dense layer of 7,840
  multiply-accumulates, and that is what the workload holds and a chip is charged for. (A literal implementation
  would also compute |x|: 784 multiply-accumulates, a square root and ten divisions.) Two rules compete on the
  validation images: `class_mean`, and `centred`, where the mean feature of all classes is first subtracted from
  features and templates; for the features that is a constant a class, which becomes the layer's bias.

Both use the softmax student of `accelsim train hybrid`, and may resume from its checkpoint. The test images are
read once, by what validation chose.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress

from accelsim.train.quantise import FloatLayer, IntegerLayer, evaluate, to_arrays
from accelsim.train.save import save_workload
from accelsim.train.student import N_CLASSES, N_FEATURES, softmax_accuracy
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
from accelsim.train.templates import Features, Labels

Real = npt.NDArray[np.float64]
WEIGHT_MAX = 127

STUDENT = (
    "Grey CIFAR-10 by the reconstructed student of arXiv 2502.10089, trained on softmax cross-entropy without "
    "distillation or pruning, int8"
)
COSINE = {
    "class_mean": "its class's mean feature",
    "centred": "its class's mean feature, and of both the mean of all classes is subtracted first",
}


def train_softmax(
    *, data_root: Path, out: Path, epochs: int, seed: int, checkpoint: Path | None = None, limit: int | None = None
) -> None:
    """Train the student (or take it from `checkpoint`) and write the workload folder `out`: softmax head.

    Raises:
        DataError: if CIFAR-10 is not there, or the checkpoint belongs to another run.
        RangeError: if there are no epochs, or fewer than 100 images, to train on.
        OutputError: if `out` or the checkpoint cannot be written.
    """
    split, student, layers = _student(data_root, epochs, seed, checkpoint, limit)
    validation = split.validation
    measured = {
        "validation_accuracy_student": softmax_accuracy(student, validation.pixels, validation.labels),
        "validation_accuracy": integer_softmax_accuracy(layers, validation),
    }
    entry = {**_training("softmax", split, epochs, seed), **measured}
    text = f"{STUDENT}, with its softmax layer."
    _save(out, "cifar10_softmax", "softmax", text, layers, load_test(data_root, limit), entry)


def train_cosine(
    *, data_root: Path, out: Path, epochs: int, seed: int, checkpoint: Path | None = None, limit: int | None = None
) -> None:
    """Train the student (or take it from `checkpoint`) and write the workload folder `out`: cosine head.

    Raises:
        DataError, RangeError, OutputError: as `train_softmax`.
    """
    split, _, layers = _student(data_root, epochs, seed, checkpoint, limit)
    features, _ = evaluate(layers[:-1], integer_input(split.training), description="training features")
    labels = split.training.labels.numpy().astype(np.uint8)
    heads = {rule: [*layers[:-1], head(features, labels)] for rule, head in COSINE_RULES.items()}
    found = {rule: integer_softmax_accuracy(candidate, split.validation) for rule, candidate in heads.items()}
    best = max(found, key=lambda rule: found[rule])
    entry = {
        **_training("cosine", split, epochs, seed),
        "template_rule": best,
        **{f"validation_accuracy_{rule}": accuracy for rule, accuracy in found.items()},
        "validation_accuracy": found[best],
    }
    text = (
        f"{STUDENT}; its softmax layer is replaced by the cosine similarity of the features with one template a "
        f"class, {COSINE[best]}. Templates are divided by their length when they are stored, and the length of the "
        "features changes no decision, so the similarity is a dense layer of 7,840 multiply-accumulates."
    )
    _save(out, "cifar10_cosine", "cosine_class_means", text, heads[best], load_test(data_root, limit), entry)


def class_mean_head(features: Features, labels: Labels) -> IntegerLayer:
    """Templates t_c / |t_c| as a dense layer: features [n, 784] int8, labels [n] -> weight [10, 784] int8, bias 0."""
    return _cosine_layer(_class_means(features, labels), np.zeros(N_FEATURES))


def centred_head(features: Features, labels: Labels) -> IntegerLayer:
    """The same for (x - m) and (t_c - m), m the mean of the class means; -m · w_c is the bias."""
    means = _class_means(features, labels)
    return _cosine_layer(means, means.mean(axis=0))


COSINE_RULES: dict[str, Callable[[Features, Labels], IntegerLayer]] = {
    "class_mean": class_mean_head,
    "centred": centred_head,
}


def _class_means(features: Features, labels: Labels) -> Real:
    """[n_classes, n_features]; exact sums, then one division."""
    sums = [features[labels == c].sum(axis=0, dtype=np.int64) / np.sum(labels == c) for c in range(N_CLASSES)]
    return np.stack(sums)


def _cosine_layer(templates: Real, centre: Real) -> IntegerLayer:
    """Rows of one length, rounded with one scale for all classes, which are compared: the largest weight is 127."""
    centred = templates - centre
    rows = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    weight = np.rint(rows * (WEIGHT_MAX / np.abs(rows).max())).astype(np.int8)
    bias = np.rint(-weight.astype(np.float64) @ centre).astype(np.int32)
    shape = FloatLayer(
        "cosine", torch.from_numpy(weight), torch.from_numpy(bias), (N_FEATURES,), relu=False, final=True
    )
    return IntegerLayer(shape, weight, bias, None, None)


def _student(
    data_root: Path, epochs: int, seed: int, checkpoint: Path | None, limit: int | None
) -> tuple[Split, Any, list[IntegerLayer]]:
    split = load_split(data_root, epochs, limit)
    with Progress() as progress:
        student = train_student(split, epochs, seed, checkpoint, progress)
    return split, student, quantised(student, split.training)


def _training(command: str, split: Split, epochs: int, seed: int) -> dict[str, Any]:
    return {
        "command": f"accelsim train {command} --epochs {epochs} --seed {seed}",
        "epochs": epochs,
        "seed": seed,
        "training_images": len(split.training.labels),
        "validation_images": len(split.validation.labels),
        "torch_version": str(torch.__version__),
    }


def _save(
    out: Path, name: str, method: str, text: str, layers: list[IntegerLayer], test: Images, training: dict[str, Any]
) -> None:
    """Record the test images and write the folder."""
    logits, nonzero_macs = evaluate(layers, integer_input(test), description="recording test images")
    labels = test.labels.numpy().astype(np.uint8)
    manifest = {
        "schema_version": 1,
        "name": name,
        "kind": "cnn",
        "method": method,
        "description": text,
        "dataset": dataset_entry(len(labels)),
        "training": training,
        "accuracy": {
            "measured": float((logits.argmax(axis=1) == labels).mean()),
            "note": "CIFAR-10 test images, read once; int8 network",
        },
        "cnn": cnn_entry(layers, "argmax"),
    }
    evaluation = {"features": logits, "nonzero_macs": nonzero_macs, "labels": labels}
    save_workload(out, manifest, to_arrays(layers), evaluation)
