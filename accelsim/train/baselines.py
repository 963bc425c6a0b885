"""The student without an ACAM: what the hybrid chip is compared with. Workloads of kind cnn.

- `softmax`: the student's own softmax layer, int8; its logits are the accumulators.
- `cosine`: the 784 int8 features are compared with one template a class, the class's mean feature, by cosine similarity
  (x · t) / (|x| |t|). The factor 1 / |t| is part of the stored template, t / |t|, and so costs nothing; 1 / |x| is
  the same for all classes and changes no decision. So the similarity is a dense layer of 7,840
  multiply-accumulates, and that is what the workload holds and a chip is charged for. (A literal implementation
  would also compute |x|: 784 multiply-accumulates, a square root and ten divisions.) Two rules compete on the
  validation images: `class_mean`, and `centred`, where the mean feature of all classes is first subtracted from
  features and templates; for the features that is a constant a class, which becomes the layer's bias.

Both use the (pruned) softmax student and the `int8` stage of `accelsim train hybrid --recipe paper`, and share its
stages in the same run folder. The test images are read once, by what validation chose.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from accelsim.datasets import N_CLASSES
from accelsim.train import hybrid_stages as steps
from accelsim.train.hybrid import int8_softmax
from accelsim.train.hybrid_manifest import cnn_entry, dataset_entry, student_text, training_entry
from accelsim.train.hybrid_options import HybridOptions
from accelsim.train.hybrid_run import HybridRun
from accelsim.train.images import Images
from accelsim.train.networks import N_FEATURES
from accelsim.train.quantise import FloatLayer, IntegerLayer, evaluate, float_layers, from_arrays, to_arrays
from accelsim.train.save import name_of, save_workload
from accelsim.train.stages import Result
from accelsim.train.templates import Features, Labels

Real = npt.NDArray[np.float64]
WEIGHT_MAX = 127

COSINE = {
    "class_mean": "its class's mean feature",
    "centred": "its class's mean feature, and of both the mean of all classes is subtracted first",
}


def train_softmax(options: HybridOptions) -> Path | None:
    """Train the student and write the workload folder `options.out` (returned; None writes none): softmax head.

    Raises:
        As `hybrid.train_hybrid`.
    """
    options.need_lessons(array=False)
    run = HybridRun(options)
    layers, integers = _int8(run)
    chosen = integers.figures["quantisation"]
    validation = integers.figures[f"validation_accuracy_int8_{chosen}"]
    figures = {**integers.figures, "validation_accuracy": validation}
    return _record(run, "softmax", "softmax", f"{student_text(run)}, with its softmax layer.", layers, figures)


def train_cosine(options: HybridOptions) -> Path | None:
    """Train the student and write the workload folder `options.out` (returned; None writes none): cosine head.

    Raises:
        As `hybrid.train_hybrid`.
    """
    options.need_lessons(array=False)
    run = HybridRun(options)
    layers, integers = _int8(run)
    fitted, validation = run.material.split.fitted, run.material.split.validation

    def compute(checkpoint: Path | None) -> Result:
        features, _ = evaluate(layers[:-1], steps.integer_input(fitted), description="features of fitted images")
        heads = {rule: head(features, fitted.label_bytes) for rule, head in COSINE_RULES.items()}
        found = {rule: accuracy([*layers[:-1], head], validation) for rule, head in heads.items()}
        best = max(found, key=lambda rule: found[rule])
        figures = {f"validation_accuracy_{rule}": share for rule, share in found.items()}
        return Result(to_arrays([heads[best]]), {"template_rule": best, "validation_accuracy": found[best], **figures})

    chosen = run.stage("cosine", compute, trains=False)
    layers = [*layers[:-1], cosine_layer(chosen.arrays["cosine.weight"], chosen.arrays["cosine.bias"])]
    text = (
        f"{student_text(run)}; its softmax layer is replaced by the cosine similarity of the features with one "
        f"template a class, {COSINE[chosen.figures['template_rule']]}. Templates are divided by their length when they "
        "are stored, "
        "and the length of the features changes no decision, so the similarity is a dense layer of 7,840 "
        "multiply-accumulates."
    )
    return _record(run, "cosine", "cosine_class_means", text, layers, {**integers.figures, **chosen.figures})


def accuracy(layers: list[IntegerLayer], images: Images) -> float:
    """Of an integer network that ends in logits."""
    logits, _ = evaluate(layers, steps.integer_input(images))
    return float((logits.argmax(axis=1) == images.label_bytes).mean())


def class_mean_head(features: Features, labels: Labels) -> IntegerLayer:
    """Templates t_c / |t_c| as a dense layer: features [n, 784] int8, labels [n] -> weight [10, 784] int8, bias 0."""
    return _from_templates(_class_means(features, labels), np.zeros(N_FEATURES))


def centred_head(features: Features, labels: Labels) -> IntegerLayer:
    """The same for (x - m) and (t_c - m), m the mean of the class means; -m · w_c is the bias."""
    means = _class_means(features, labels)
    return _from_templates(means, means.mean(axis=0))


COSINE_RULES: dict[str, Callable[[Features, Labels], IntegerLayer]] = {
    "class_mean": class_mean_head,
    "centred": centred_head,
}


def cosine_layer(weight: npt.NDArray[np.int8], bias: npt.NDArray[np.int32]) -> IntegerLayer:
    """The dense layer of integer weights [10, 784] and biases [10]."""
    shape = FloatLayer(
        "cosine", torch.from_numpy(weight), torch.from_numpy(bias), (N_FEATURES,), relu=False, final=True
    )
    return IntegerLayer(shape, weight, bias, None, None)


def _class_means(features: Features, labels: Labels) -> Real:
    """[n_classes, n_features]; exact sums, then one division."""
    sums = [features[labels == c].sum(axis=0, dtype=np.int64) / np.sum(labels == c) for c in range(N_CLASSES)]
    return np.stack(sums)


def _from_templates(templates: Real, centre: Real) -> IntegerLayer:
    """Rows of one length, rounded with one scale for all classes, which are compared: the largest weight is 127."""
    centred = templates - centre
    rows = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    weight = np.rint(rows * (WEIGHT_MAX / np.abs(rows).max())).astype(np.int8)
    return cosine_layer(weight, np.rint(-weight.astype(np.float64) @ centre).astype(np.int32))


def _int8(run: HybridRun) -> tuple[list[IntegerLayer], Result]:
    """The student's integer layers, the softmax last, and the stage that made them."""
    integers = int8_softmax(run, run.student)
    return from_arrays(float_layers(run.student), integers.arrays), integers


def _record(
    run: HybridRun, kind: str, method: str, text: str, layers: list[IntegerLayer], figures: dict[str, Any]
) -> Path | None:
    """Stage `test`, and the folder."""

    def compute(checkpoint: Path | None) -> Result:
        logits, arrays = run.record(layers, run.test_images(), "recording test images")
        return Result(arrays, {"accuracy": float((logits.argmax(axis=1) == arrays["labels"]).mean())})

    tested = run.stage("test", compute, trains=False, kind=kind)
    if run.options.out is None:
        return None
    n_inputs = len(tested.arrays["labels"])
    manifest = {
        "schema_version": 1,
        "name": name_of(run.options.out),
        "kind": "cnn",
        "method": method,
        "description": text,
        "dataset": dataset_entry(run, n_inputs),
        "training": training_entry(run, kind, figures),
        "accuracy": {
            "measured": tested.figures["accuracy"],
            "note": f"{n_inputs} test images, read once; int8 network",
        },
        "cnn": cnn_entry(run, [layer.shape for layer in layers], "argmax"),
    }
    save_workload(run.options.out, manifest, to_arrays(layers), tested.arrays)
    return run.options.out
