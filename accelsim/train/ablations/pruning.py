"""Ablation "pruning": the distilled student at several sparsities, by three schedules."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from accelsim.train import hybrid_stages as steps
from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.hybrid_bench import HybridBench
from accelsim.train.ablations.record import Row
from accelsim.train.prune import prune, zeros
from accelsim.train.stages import Result

SPARSITIES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
STEPWISE, FIRST, ALONE = "step by step", "at once, then tuned", "at once, not tuned"
SCHEDULES = (STEPWISE, FIRST, ALONE)
TUNED_SHARE = 2
"""Fine-tuning takes one in so many of the student's epochs, also where nothing is pruned."""


def measure(bench: Bench) -> Found:
    """Each schedule at each sparsity, from the same student."""
    hybrid = HybridBench(bench)
    facts = {"validation_accuracy_before": hybrid.distilled.figures["accuracy"]}
    epochs = max(1, hybrid.sizes.student_epochs // TUNED_SHARE)
    rows = [_row(hybrid, schedule, sparsity, epochs) for schedule in SCHEDULES for sparsity in SPARSITIES]
    return Found(hybrid.title, {**hybrid.described(), "fine_tuning_epochs": epochs}, rows, facts)


def _row(hybrid: HybridBench, schedule: str, sparsity: float, epochs: int) -> Row:
    recipe = hybrid.reduced(steps.pruning_recipe(epochs, hybrid.seed))

    def compute(checkpoint: Path | None) -> Result:
        student, material, lessons = hybrid.student(), hybrid.material, hybrid.lessons()
        if schedule == STEPWISE:
            steps.prune_student(material, student, lessons, recipe, sparsity, checkpoint)
        else:
            prune(student, sparsity)
        if schedule == FIRST:
            steps.fit_softmax(material, student, lessons, recipe, checkpoint)
        return Result({}, {"accuracy": material.accuracy(student), "zeros": round(zeros(student), 6)})

    name = f"pruned-{SCHEDULES.index(schedule)}-{sparsity:g}"
    figures = hybrid.bench.stage(name, compute, schedule=schedule, recipe=asdict(recipe)).figures
    return {
        "schedule": schedule,
        "sparsity": sparsity,
        "validation_accuracy": figures["accuracy"],
        "zeros": figures["zeros"],
        "seed": hybrid.seed,
    }
