"""The targets of the project against what its workloads measure.

A row's manifest is that of a shipped workload, or one kept alone in `reports/training/workloads/NAME/manifest.yaml`,
for figures whose workload is not shipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import DataError
from accelsim.manifest import Manifest
from accelsim.manifest_check import find_manifest
from accelsim.report.intervals import wilson_interval
from accelsim.report.markdown import table

VALIDATION = "validation_accuracy"
"""Key of a manifest's `training`: accuracy on validation images of what the workload is."""


@dataclass(frozen=True)
class Limit:
    """What a figure of the manifest's `training` may be, for an accuracy to count; form: how it is written."""

    key: str
    form: str
    least: float = -math.inf
    most: float = math.inf

    def holds(self, training: Mapping[str, Any]) -> bool:
        value = training.get(self.key)
        return isinstance(value, (int, float)) and self.least <= value <= self.most

    def shown(self, training: Mapping[str, Any]) -> str:
        """What was measured, in words."""
        value = training.get(self.key)
        if not isinstance(value, (int, float)):
            return f"{self.key} not recorded"
        return self.form.format(value) + ("" if self.holds(training) else " (outside)")


@dataclass(frozen=True)
class Target:
    """One figure.

    Attributes:
        published: what the paper reports, and of what; goal: what we want (a fraction), or None where the figure is
            reported as measured.
        workload: name of the one that measures it.
        limits: what else must hold.
        run: folder below `reports` of the committed run of a population of chips, where the figure is its mean.
    """

    figure: str
    published: str
    goal: float | None
    workload: str
    limits: tuple[Limit, ...] = ()
    run: str = ""


SMALL_TOPOLOGY = "topology of the paper"
BUDGET = "≤ 380 K parameters, ≤ 18.13 M MAC"
SIZE = (Limit("parameters", "{:,} parameters", most=380_000), Limit("multiply_accumulates", "{:,} MAC", most=18.13e6))
PRUNED = (*SIZE, Limit("zeros_of_all", "{:.2%} zeros", least=0.8))
TABLES = Limit("table_kb", "{} kB", most=100)
WHOLE = (Limit("charged_nj", "{} nJ", most=13.16), TABLES)
HALF = (Limit("charged_nj", "{} nJ", most=6.58), TABLES)
COVERED = (Limit("test_coverage", "{:.2%} coverage", least=0.95),)

TARGETS = (
    Target(f"student, softmax, greyscale, {SMALL_TOPOLOGY}", "82.22 %", 0.85, "cifar10_softmax_small"),
    Target(f"student, softmax, greyscale, {BUDGET}", "–", 0.90, "cifar10_softmax_dense", SIZE),
    Target("same, 80 % pruned, int8", "–", 0.89, "cifar10_softmax", PRUNED),
    Target(
        f"ACAM, 10 templates x 784 binary cells, greyscale, {SMALL_TOPOLOGY}",
        "70.91 % (another method)",
        0.84,
        "cifar10_hybrid_small",
    ),
    Target(f"same, {BUDGET}", "–", 0.89, "cifar10_hybrid", SIZE),
    Target(
        "same with the imperfections of `hybrid_physical`",
        "–",
        0.88,
        "cifar10_hybrid",
        SIZE,
        "hybrid_physical-cifar10_hybrid",
    ),
    Target("ACAM, RGB", "–", 0.91, "cifar10_hybrid_rgb", SIZE),
    Target("the paper's own recipe, its softmax layer", "82.22 %", None, "cifar10_softmax_paper"),
    Target("the paper's own recipe, 1 template a class", "70.91 %", None, "cifar10_hybrid_paper"),
    Target("the paper's own recipe, 2 templates a class", "71.64 %", None, "cifar10_hybrid_paper_2"),
    Target("the paper's own recipe, 3 templates a class", "71.60 %", None, "cifar10_hybrid_paper_3"),
    Target("MBI mixed mode, fallback charged, coverage ≥ 95 %", "93.04 % at 69.65 %", 0.992, "mnist_cascade", COVERED),
    Target("MBI, coverage 100 %, metric circuit, ≤ 13.16 nJ, ≤ 100 kB", "–", 0.985, "mnist_mbi", WHOLE),
    Target("same with the imperfections of `mbi_physical`", "–", 0.98, "mnist_mbi", WHOLE, "mbi_physical-mnist_mbi"),
    Target("MBI at half the energy, ≤ 6.58 nJ", "–", 0.975, "mnist_mbi_half", HALF),
    Target("MBI, the paper's own recipe: episodes, tree, learned locations", "–", None, "mnist_mbi_paper"),
)

MEASURED = ("validation", "test (95 % interval)", "reached", "seed", "made by (with `--out DIR`)")
HEADINGS = ("figure", "published", "target", *MEASURED)


def targets_table(root: Path) -> str:
    """The table; root: folder that has `workloads` and `reports`. What is not there says so."""
    return table(HEADINGS, [_row(target, root) for target in TARGETS])


def _row(target: Target, root: Path) -> list[str]:
    goal = "as measured" if target.goal is None else f"≥ {target.goal:.1%}"
    manifest = find_manifest(root, target.workload)
    if manifest is None:
        return [target.figure, target.published, goal, "–", f"no `{target.workload}` yet", "–", "–", "–"]
    training = manifest.training
    found, text = _population(target, root) if target.run else _measured(manifest)
    reached = _reached(target, found, training)
    validation = training.get(VALIDATION)
    shown = f"{validation:.2%}" if isinstance(validation, float) else "–"
    command = f"`{training['command']}`" if "command" in training else "–"
    if target.run:
        command += f", then `reports/{target.run}`"
    return [target.figure, target.published, goal, shown, text, reached, str(training.get("seed", "–")), command]


def _reached(target: Target, found: float | None, training: Mapping[str, Any]) -> str:
    if target.goal is None or found is None:
        return "–"
    held = found >= target.goal and all(limit.holds(training) for limit in target.limits)
    measured = ", ".join(limit.shown(training) for limit in target.limits)
    return ("yes" if held else "no") + (f": {measured}" if measured else "")


def _measured(manifest: Manifest) -> tuple[float | None, str]:
    measured = manifest.accuracy.measured
    if measured is None:
        return None, "not evaluated"
    low, high = wilson_interval(measured, manifest.dataset.n_inputs)
    return measured, f"{measured:.2%} ({low:.2%} to {high:.2%})"


def _population(target: Target, root: Path) -> tuple[float | None, str]:
    """Mean over the chips of a committed run, and the 5th percentile, at the age that was simulated."""
    path = root / "reports" / target.run / "summary.json"
    if not path.is_file():
        return None, f"`reports/{target.run}` is not there"
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        over, n_chips = summary["population"]["accuracy"], summary["n_chips"]
        age = f"{summary['age_s']:g} s old" if summary["age_s"] else "fresh"
        return over["mean"], f"{over['mean']:.2%} over {n_chips} {age} chips (5th percentile {over['p5']:.2%})"
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: got no population's accuracy, need the summary of a run with --chips") from error
