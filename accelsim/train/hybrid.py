"""Training the hybrid chip's workload: a student network, int8, and what the ACAM array stores, from a command.

Recipe `paper` (*source*: arXiv 2502.10089): distillation from a teacher with a curriculum, pruning with fine-tuning,
int8, features binarised at their mean, templates from class statistics (with k-means for several a class).

Recipe `best` (ours) goes on from the pruned student: it is fine-tuned on the array's own answer (`acam_training.py`),
thresholds and templates learned with it, on request with the noise of a chip's array (`noise.py`); then int8.

After the stages of `hybrid_run.py`:

| stage | what is kept |
|---|---|
| `array` | the network with learned thresholds and windows (recipe `best`) |
| `int8` | integer layers and learned templates: post-training or fine-tuned, whichever validation likes better |
| `templates` | thresholds and templates: of the candidates that the recipe allows the best on validation images |
| `test` | features of the test images, read here and once |
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelsim.datasets import N_CLASSES
from accelsim.errors import UsageError
from accelsim.train import hybrid_stages as steps
from accelsim.train.acam_training import AcamNetwork
from accelsim.train.augment import INPUT_SCALE
from accelsim.train.hybrid_manifest import cnn_entry, dataset_entry, student_text, training_entry
from accelsim.train.hybrid_options import HybridOptions
from accelsim.train.hybrid_run import HybridRun
from accelsim.train.networks import N_FEATURES, Student
from accelsim.train.noise import row_noise
from accelsim.train.quantise import IntegerLayer, evaluate, float_layers, from_arrays, quantise, to_arrays
from accelsim.train.save import name_of, save_workload
from accelsim.train.stages import Arrays, Result
from accelsim.train.state import kept, restored
from accelsim.train.templates import MATCHING, Templates, make_templates

__all__ = ["HybridOptions", "int8_softmax", "train_hybrid"]

LEARNED = "learned"
METHODS = {
    LEARNED: "thresholds and templates learned with the network by gradient, straight through the comparison, so that "
    "a row is a binarised dense layer's (not in the paper).",
    "majority": "a template's level is the one that most of its training images have.",
    "class_mean": "a template's level is that of its training images' mean feature.",
    "spread": "a template's window holds the levels of the middle 70 % of its training images.",
    "contrast": "a template's window holds the levels that its training images have more often than the mean template.",
}


def train_hybrid(options: HybridOptions) -> Path | None:
    """Train, and write the workload folder `options.out` (returned; None writes none).

    Raises:
        DataError: the data set is absent, or a checkpoint belongs to another run.
        RangeError, UsageError, SpecError: options that cannot be.
        OutputError: a folder cannot be written.
    """
    best = options.recipe == "best"
    options.need_lessons(array=best)
    run = HybridRun(options)
    network = _array(run) if best else None
    student = network.student if network else run.student
    shapes = float_layers(student)[: len(run.layers)]
    integers = _int8_array(run, network) if network else int8_softmax(run, student)
    layers = from_arrays(shapes, integers.arrays)
    chosen = _choose_templates(run, layers, integers)
    templates = _templates_of(chosen.arrays)

    def compute(checkpoint: Path | None) -> Result:
        features, arrays = run.record(layers, run.test_images(), "recording test images")
        return Result(arrays, {"accuracy": templates.accuracy(features, arrays["labels"])})

    tested = run.stage("test", compute, trains=False)
    if options.out is None:
        return None
    figures = {**integers.figures, **chosen.figures}
    if options.noise is not None:
        figures["noise_counts"] = run.stages.done["array"].figures["noise_counts"]
    _save(run, layers, templates, figures, tested)
    return options.out


def _array(run: HybridRun) -> AcamNetwork:
    """Stage `array`."""
    options = run.options
    noise = None
    if options.noise is not None:
        noise = row_noise(options.noise, N_FEATURES, options.acam.feature_levels, options.noise_age_s)
        if noise.counts == 0:
            raise UsageError(f"--noise: got {options.noise}, whose array has no noise, need one with imperfections")
    student, lessons = run.student, run.lessons
    recipe = run.material.sized(steps.array_recipe(options.epochs.array, options.seed))

    def compute(checkpoint: Path | None) -> Result:
        counts = 0.0 if noise is None else noise.counts
        network = steps.train_array(
            run.material, student, lessons, recipe, options.acam, noise_counts=counts, checkpoint=checkpoint
        )
        return Result(kept(network), {"validation_accuracy": run.accuracy(network), "noise_counts": counts})

    sigmas = None if noise is None else asdict(noise)
    found = run.stage("array", compute, recipe=asdict(recipe), acam=asdict(options.acam), noise=sigmas)
    network: AcamNetwork = restored(AcamNetwork.blank(student, options.acam), found.arrays)
    network.noise_counts = found.figures["noise_counts"]
    return network


def _int8_array(run: HybridRun, network: AcamNetwork) -> Result:
    """Stage `int8` of a network that answers through the array: layers, and its learned templates."""
    options, material = run.options, run.material
    recipe = material.sized(steps.int8_recipe(options.epochs.int8, options.seed))

    def compute(checkpoint: Path | None) -> Result:
        layers = quantise(float_layers(network.student)[:-1], material.calibration, INPUT_SCALE)
        found = {"post_training": _answering(run, layers, network.templates(layers[-1].scale))}
        if options.epochs.int8:
            tuned = copy.deepcopy(network)
            tuned.student = quantised = steps.quantised_copy(material, network.student)
            steps.fit_array(material, tuned, run.lessons, recipe, checkpoint)
            layers = quantised.integer_layers()[:-1]
            found["fine_tuned"] = _answering(run, layers, tuned.templates(layers[-1].scale))
        return _best(found)

    return run.stage("int8", compute, trains=options.epochs.int8 > 0, recipe=asdict(recipe))


def _answering(run: HybridRun, layers: list[IntegerLayer], templates: Templates) -> tuple[float, Arrays]:
    """Validation accuracy of layers and templates, and their arrays."""
    validation = run.material.split.validation
    features = evaluate(layers, steps.integer_input(validation))[0]
    arrays = {**to_arrays(layers), **templates.arrays()}
    return templates.accuracy(features, validation.label_bytes), arrays


def int8_softmax(run: HybridRun, student: Student) -> Result:
    """Stage `int8` of a softmax student, the softmax layer among the layers."""
    options, material = run.options, run.material
    validation = material.split.validation
    recipe = material.sized(steps.int8_recipe(options.epochs.int8, options.seed))

    def answering(layers: list[IntegerLayer]) -> tuple[float, Arrays]:
        logits = evaluate(layers, steps.integer_input(validation))[0]
        return float((logits.argmax(axis=1) == validation.label_bytes).mean()), to_arrays(layers)

    def compute(checkpoint: Path | None) -> Result:
        found = {"post_training": answering(quantise(float_layers(student), material.calibration, INPUT_SCALE))}
        if options.epochs.int8:
            quantised = steps.quantised_copy(material, student)
            steps.fit_softmax(material, quantised, run.lessons, recipe, checkpoint)
            found["fine_tuned"] = answering(quantised.integer_layers())
        return _best(found)

    return run.stage("int8", compute, trains=options.epochs.int8 > 0, recipe=asdict(recipe))


def _best(found: dict[str, tuple[float, Arrays]]) -> Result:
    """The candidate of the best validation accuracy, the first of several."""
    chosen = max(found, key=lambda name: found[name][0])
    figures = {f"validation_accuracy_int8_{name}": accuracy for name, (accuracy, _) in found.items()}
    return Result(found[chosen][1], {"quantisation": chosen, **figures})


def _choose_templates(run: HybridRun, layers: list[IntegerLayer], integers: Result) -> Result:
    """Stage `templates`: learned ones, where there are any, compete with those from class statistics."""
    candidates = run.options.templates

    def compute(checkpoint: Path | None) -> Result:
        split = run.material.split
        fitted = evaluate(layers, steps.integer_input(split.fitted), description="features of fitted images")[0]
        unseen = evaluate(layers, steps.integer_input(split.validation))[0]
        labels, seed = split.fitted.label_bytes, run.options.seed
        made = {one.rule: make_templates(fitted, labels, one, N_CLASSES, seed) for one in candidates}
        made |= {LEARNED: _templates_of(integers.arrays)} if "thresholds" in integers.arrays else {}
        found = {name: one.accuracy(unseen, split.validation.label_bytes) for name, one in made.items()}
        best = max(found, key=lambda name: found[name])
        figures: dict[str, Any] = {f"validation_accuracy_{name}": accuracy for name, accuracy in found.items()}
        figures |= {} if best == LEARNED else {"threshold": candidates[0].threshold, "matching": MATCHING[best]}
        return Result(made[best].arrays(), {"template_rule": best, "validation_accuracy": found[best], **figures})

    # Revision 2: class means are compared with thresholds that are not rounded.
    settings = {"candidates": [asdict(one) for one in candidates], "revision": 2}
    return run.stage("templates", compute, trains=False, **settings)


def _templates_of(arrays: Arrays) -> Templates:
    return Templates(arrays["thresholds"], arrays["template_low"], arrays["template_high"], arrays["row_class"])


def _save(
    run: HybridRun, layers: list[IntegerLayer], templates: Templates, figures: dict[str, Any], tested: Result
) -> None:
    options = run.options
    assert options.out is not None
    rule = figures["template_rule"]
    unlearned = "paper_recipe" if options.recipe == "paper" else "class_statistics"
    n_inputs = len(tested.arrays["labels"])
    manifest = {
        "schema_version": 1,
        "name": name_of(options.out),
        "kind": "hybrid",
        "method": "acam_aware" if rule == LEARNED else unlearned,
        "description": _description(run, rule),
        "dataset": dataset_entry(run, n_inputs),
        "training": training_entry(run, "hybrid", figures),
        "accuracy": {
            "measured": tested.figures["accuracy"],
            "note": f"{n_inputs} test images, read once; int8 network, ideal template match",
        },
        "cnn": cnn_entry(run, [layer.shape for layer in layers], "acam"),
        "acam": templates.manifest(N_CLASSES),
    }
    save_workload(options.out, manifest, {**to_arrays(layers), **templates.arrays()}, tested.arrays)


def _description(run: HybridRun, rule: str) -> str:
    options = run.options
    return (
        f"{student_text(run)}; {options.templates_per_class} template(s) a class over {options.feature_bits}-bit "
        f"features: {METHODS[rule]}"
    )
