"""Ablation "templates": binary features at their mean, one to three templates a class, four ways to make them.

Templates of several clusters depend on where k-means starts: three seeds each.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.hybrid_bench import HybridBench
from accelsim.train.ablations.record import Row
from accelsim.train.stages import Result
from accelsim.train.templates import MATCHING, TemplateOptions

PER_CLASS = (1, 2, 3)
N_SEEDS = 3
RULES = {
    "majority bit": "majority",
    "bit of the class mean": "class_mean",
    "bits of the middle 70 %": "spread",
    "bit above the mean template": "contrast",
}
KMEANS_SEEDS = 2**32
"""Of k-means: from 0 on, as many; the largest seed of a run is followed by 0."""
WORDS = {"feature_count": "feature count", "window": "window"}


def measure(bench: Bench) -> Found:
    """Each rule with each number of templates."""
    hybrid = HybridBench(bench)
    facts = {"validation_accuracy_softmax": hybrid.features.softmax}
    rows = [
        _row(hybrid, rule, per_class, seed)
        for rule in RULES
        for per_class in PER_CLASS
        for seed in range(bench.seed, bench.seed + (1 if per_class == 1 else N_SEEDS))
    ]
    return Found(hybrid.title, hybrid.described(), rows, facts)


def _row(hybrid: HybridBench, rule: str, per_class: int, seed: int) -> Row:
    options = TemplateOptions("mean", RULES[rule], per_class)

    def compute(_: Path | None) -> Result:
        return Result({}, {"accuracy": hybrid.template_accuracy(options, seed % KMEANS_SEEDS)[1]})

    figures = hybrid.bench.stage(f"{options.rule}-{per_class}-{seed}", compute, options=asdict(options)).figures
    return {
        "rule": rule,
        "matching": WORDS[MATCHING[options.rule]],
        "per_class": per_class,
        "validation_accuracy": figures["accuracy"],
        "seed": seed,
    }
