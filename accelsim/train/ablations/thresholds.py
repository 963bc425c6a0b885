"""Ablation "thresholds": one network's features, cut at different places."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.hybrid_bench import HybridBench
from accelsim.train.ablations.record import Row
from accelsim.train.stages import Result
from accelsim.train.templates import TemplateOptions, to_levels

PERCENTILES = (30, 40, 60, 70, 80, 90)
THRESHOLDS = {"mean": "mean", "median": "median", **{f"p{share}": f"percentile:{share}" for share in PERCENTILES}}
RULES = {"majority": "majority", "class mean": "class_mean"}


def measure(bench: Bench) -> Found:
    """Each threshold with both rules of a template bit."""
    hybrid = HybridBench(bench)
    facts = {"validation_accuracy_softmax": hybrid.features.softmax}
    rows = [_row(hybrid, threshold, rule) for threshold in THRESHOLDS for rule in RULES]
    return Found(hybrid.title, hybrid.described(), rows, facts)


def _row(hybrid: HybridBench, threshold: str, rule: str) -> Row:
    options = TemplateOptions(THRESHOLDS[threshold], RULES[rule])

    def compute(_: Path | None) -> Result:
        templates, accuracy = hybrid.template_accuracy(options, hybrid.seed)
        ones = to_levels(hybrid.features.unseen, templates.thresholds).mean()
        return Result({}, {"accuracy": accuracy, "ones": float(ones)})

    figures = hybrid.bench.stage(f"{threshold}-{options.rule}", compute, options=asdict(options)).figures
    return {
        "threshold": threshold,
        "rule": rule,
        "validation_accuracy": figures["accuracy"],
        "ones": figures["ones"],
        "seed": hybrid.seed,
    }
