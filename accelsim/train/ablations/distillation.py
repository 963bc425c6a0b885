"""Ablation "distillation": labels alone, a teacher, a teacher with easy images first."""

from __future__ import annotations

from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.hybrid_bench import TEMPERATURE, HybridBench
from accelsim.train.ablations.record import Row

ALPHAS = (0.3, 0.6, 0.9)
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
LABELS, TEACHER, EASY_FIRST = "labels", "teacher", "teacher, easy first"


def measure(bench: Bench) -> Found:
    """One student each; the curriculum at one temperature."""
    hybrid = HybridBench(bench)
    variants: list[tuple[str, float, float | None]] = [(LABELS, 0.0, None)]
    variants += [(TEACHER, alpha, temperature) for temperature in TEMPERATURES for alpha in ALPHAS]
    variants += [(EASY_FIRST, alpha, TEMPERATURE) for alpha in ALPHAS]
    facts = {"validation_accuracy_teacher": hybrid.taught.figures["accuracy"]}
    rows = [_row(hybrid, *variant) for variant in variants]
    return Found(hybrid.title, hybrid.described(), rows, facts)


def _row(hybrid: HybridBench, lessons: str, alpha: float, temperature: float | None) -> Row:
    kind = {LABELS: "labels", TEACHER: "teacher", EASY_FIRST: "easy-first"}[lessons]
    name = f"{kind}-{alpha:g}-{temperature or 0:g}"
    result = hybrid.train_student(name, hybrid.lessons(alpha, temperature or 1.0), lessons == EASY_FIRST)
    return {
        "lessons": lessons,
        "alpha": alpha,
        "temperature": temperature,
        "validation_accuracy": result.figures["accuracy"],
        "seed": hybrid.seed,
    }
