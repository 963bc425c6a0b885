"""Ablation "bits": levels a feature, for templates of class statistics and for templates learned with the network.

All are measured on int8 features. Class statistics are those of a softmax student, cut at the mean (one bit) or at
equally spaced percentiles; its features end in a ReLU and are mostly 0, so that many of these cuts coincide (`levels`
says how many levels occur). Learned templates are trained with the network, whose last ReLU is gone, on the match
itself, for epochs that the softmax student does not get.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from accelsim.train import hybrid_stages as steps
from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.hybrid_bench import HybridBench
from accelsim.train.ablations.record import Row
from accelsim.train.acam_training import AcamOptions
from accelsim.train.augment import INPUT_SCALE
from accelsim.train.integer_network import evaluate
from accelsim.train.quantise import float_layers, quantise
from accelsim.train.stages import Result
from accelsim.train.templates import Features, TemplateOptions, Templates, to_levels

BITS = (1, 2, 3, 4)
PER_CLASS = (1, 3)
LEARNED = "learned windows"
STATISTICS = {"commonest level": "majority", "windows of class statistics": "contrast"}
LEARNED_SHARE = 2
"""Templates are learned in one in so many of the student's epochs."""


def measure(bench: Bench) -> Found:
    """Each way at each number of bits, with one template a class and with three."""
    hybrid = HybridBench(bench)
    epochs = max(1, hybrid.sizes.student_epochs // LEARNED_SHARE)
    facts = {"validation_accuracy_softmax": hybrid.features.softmax}
    variants = [(bits, per_class) for per_class in PER_CLASS for bits in BITS]
    rows = [_made(hybrid, training, *variant) for training in STATISTICS for variant in variants]
    rows += [_learned(hybrid, *variant, epochs) for variant in variants]
    return Found(hybrid.title, {**hybrid.described(), "template_epochs": epochs}, rows, facts)


def _made(hybrid: HybridBench, training: str, bits: int, per_class: int) -> Row:
    options = TemplateOptions("mean" if bits == 1 else "quantile", STATISTICS[training], per_class, bits)

    def compute(_: Path | None) -> Result:
        templates, accuracy = hybrid.template_accuracy(options, hybrid.seed)
        return Result({}, {"accuracy": accuracy, "levels": levels_in_use(hybrid.features.unseen, templates)})

    result = hybrid.bench.stage(f"{options.rule}-{bits}-{per_class}", compute, options=asdict(options))
    return _row(hybrid, training, bits, per_class, result)


def _learned(hybrid: HybridBench, bits: int, per_class: int, epochs: int) -> Row:
    recipe, options = hybrid.reduced(steps.array_recipe(epochs, hybrid.seed)), AcamOptions(2**bits, per_class)

    def compute(checkpoint: Path | None) -> Result:
        network = steps.train_array(
            hybrid.material, hybrid.student(), hybrid.lessons(), recipe, options, checkpoint=checkpoint
        )
        layers = quantise(float_layers(network.student)[:-1], hybrid.material.calibration, INPUT_SCALE)
        templates, unseen = network.templates(layers[-1].scale), hybrid.material.split.validation
        features = evaluate(layers, steps.integer_input(unseen))[0]
        accuracy = templates.accuracy(features, unseen.label_bytes)
        return Result({}, {"accuracy": accuracy, "levels": levels_in_use(features, templates)})

    result = hybrid.bench.stage(
        f"learned-{bits}-{per_class}", compute, recipe=asdict(recipe), acam=asdict(options)
    )
    return _row(hybrid, LEARNED, bits, per_class, result)


def levels_in_use(features: Features, templates: Templates) -> float:
    """Different levels of a feature [n, n_features], mean over the features."""
    levels = to_levels(features, templates.thresholds)
    return float(sum((levels == level).any(axis=0).sum() for level in range(templates.n_levels)) / levels.shape[1])


def _row(hybrid: HybridBench, training: str, bits: int, per_class: int, result: Result) -> Row:
    return {
        "training": training,
        "bits": bits,
        "per_class": per_class,
        "validation_accuracy": result.figures["accuracy"],
        "levels": round(result.figures["levels"], 2),
        "seed": hybrid.seed,
    }
