"""Ablation "bits": levels a feature, for templates of class statistics and for templates learned with the network.

Levels are equally frequent (one bit: cut at the median). Class statistics are those of the int8 features of a softmax
student; learned templates start from its float features, are measured on them, and are trained with the network on the
match itself.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from accelsim.train import hybrid_stages as steps
from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.hybrid_bench import HybridBench
from accelsim.train.ablations.record import Row
from accelsim.train.acam_training import AcamOptions
from accelsim.train.stages import Result
from accelsim.train.templates import TemplateOptions

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
    options = TemplateOptions("quantile", STATISTICS[training], per_class, bits)

    def compute(_: Path | None) -> Result:
        return Result({}, {"accuracy": hybrid.template_accuracy(options, hybrid.seed)[1]})

    result = hybrid.bench.stage(f"{options.rule}-{bits}-{per_class}", compute)
    return _row(hybrid, training, bits, per_class, result)


def _learned(hybrid: HybridBench, bits: int, per_class: int, epochs: int) -> Row:
    recipe, options = hybrid.reduced(steps.array_recipe(epochs, hybrid.seed)), AcamOptions(2**bits, per_class)

    def compute(checkpoint: Path | None) -> Result:
        network = steps.train_array(
            hybrid.material, hybrid.student(), hybrid.lessons(), recipe, options, checkpoint=checkpoint
        )
        return Result({}, {"accuracy": hybrid.material.accuracy(network)})

    result = hybrid.bench.stage(f"learned-{bits}-{per_class}", compute, recipe=asdict(recipe))
    return _row(hybrid, LEARNED, bits, per_class, result)


def _row(hybrid: HybridBench, training: str, bits: int, per_class: int, result: Result) -> Row:
    return {
        "training": training,
        "bits": bits,
        "per_class": per_class,
        "validation_accuracy": result.figures["accuracy"],
        "seed": hybrid.seed,
    }
