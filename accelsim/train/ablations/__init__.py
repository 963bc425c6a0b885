"""The ablations: what each asks, what it varies and how its page looks (`accelsim train ablate NAME`, no torch here).

Each is measured by `measure` of the module of its name beside this file, on a reduced setting that its record states,
on validation images alone: no ablation reads a test image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["factor", "accuracy", "share", "number"]
"""factor: what was varied; accuracy: measured on validation images; share: of something else; number: as it is."""


@dataclass(frozen=True)
class Column:
    """A key of an ablation's rows, and how its table heads and writes it.

    Attributes:
        share_of: key of the share of the validated images that an accuracy is of; None for all of them.
    """

    key: str
    heading: str
    kind: Kind = "factor"
    share_of: str | None = None


@dataclass(frozen=True)
class Plot:
    """x, y: keys of the rows; series: keys whose values make a line each (bars: a colour each)."""

    x: str
    y: str
    x_label: str
    y_label: str = "validation accuracy, %"
    series: tuple[str, ...] = ()
    kind: Literal["lines", "bars"] = "lines"
    log_x: bool = False


@dataclass(frozen=True)
class Ablation:
    """One question.

    Attributes:
        module: of this package, with `measure`.
        histogram: label of the x axis of the record's histogram, where there is one.
    """

    name: str
    title: str
    question: str
    columns: tuple[Column, ...]
    plot: Plot
    histogram: str = ""

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def factors(self) -> tuple[str, ...]:
        return tuple(column.key for column in self.columns if column.kind == "factor")


ACCURACY = Column("validation_accuracy", "validation accuracy", "accuracy")

_ALL = (
    Ablation(
        "distillation",
        "Distillation and curriculum",
        "What does a teacher give the student, at which weight and temperature, and does it help to begin with the "
        "images that the teacher finds easy?",
        (Column("lessons", "taught by"), Column("alpha", "α"), Column("temperature", "T"), ACCURACY),
        Plot("alpha", ACCURACY.key, "α, weight of the teacher", series=("lessons", "temperature")),
    ),
    Ablation(
        "pruning",
        "Pruning",
        "What do pruned weights cost, when the rest is fine-tuned meanwhile, and when it is not?",
        (
            Column("schedule", "pruned"),
            Column("sparsity", "weights pruned"),
            ACCURACY,
            Column("zeros", "zeros found", "share"),
        ),
        Plot("sparsity", ACCURACY.key, "share of weights pruned", series=("schedule",)),
    ),
    Ablation(
        "thresholds",
        "Thresholds of the binary features",
        "Where should a feature be cut into 0 and 1: at its mean (as in the paper), its median or another percentile?",
        (
            Column("threshold", "threshold"),
            Column("rule", "template bit"),
            ACCURACY,
            Column("ones", "ones among the bits", "share"),
        ),
        Plot("threshold", ACCURACY.key, "threshold", series=("rule",), kind="bars"),
    ),
    Ablation(
        "templates",
        "Templates a class, how they are made, and how they are compared",
        "Do two or three templates a class help, and does it matter whether a template is the majority of its images' "
        "bits, their mean feature, or a window around their features?",
        (
            Column("rule", "template"),
            Column("matching", "compared by"),
            Column("per_class", "templates a class"),
            ACCURACY,
        ),
        Plot("per_class", ACCURACY.key, "templates a class", series=("rule", "matching")),
    ),
    Ablation(
        "bits",
        "From binary features to 4 bits",
        "What do more levels a feature give, for templates made from class statistics and for templates learned with "
        "the network?",
        (
            Column("training", "templates"),
            Column("bits", "bits a feature"),
            Column("per_class", "templates a class"),
            ACCURACY,
            Column("levels", "levels that occur", "number"),
        ),
        Plot("bits", ACCURACY.key, "bits a feature", series=("training", "per_class")),
    ),
    Ablation(
        "table-rows",
        "Rows of the table, search and weights",
        "How far do more memorised rows go, what does the tree lose against an exhaustive search, and what do weights "
        "found by Bayesian optimisation gain over unit weights?",
        (
            Column("rows", "rows"),
            Column("search", "search"),
            Column("weights", "weights"),
            ACCURACY,
            Column("comparisons", "comparisons an image", "number"),
        ),
        Plot("rows", ACCURACY.key, "rows of the table", series=("search", "weights"), log_x=True),
        histogram="how much further the key found by the tree is than the nearest key",
    ),
    Ablation(
        "prototypes",
        "Learned prototypes: tables and keys",
        "With as many comparisons, are many small tables a glimpse better than a large one, and trees better than flat "
        "ones?",
        (
            Column("kind", "tables"),
            Column("tables", "tables a glimpse"),
            Column("keys", "keys a table"),
            Column("comparisons", "comparisons an image", "number"),
            ACCURACY,
        ),
        Plot("comparisons", ACCURACY.key, "comparisons an image", series=("kind", "tables"), log_x=True),
    ),
    Ablation(
        "threshold-curve",
        "Mixed mode: coverage against accuracy",
        "How does accuracy grow when the images that the tables are unsure of go to the network, and which sign of "
        "being unsure is the better one: far keys (the paper's) or a small margin between votes?",
        (
            Column("tables", "tables"),
            Column("criterion", "unsure when"),
            Column("aimed", "coverage aimed at"),
            Column("coverage", "answered by the tables", "share"),
            Column("covered_accuracy", "accuracy of those", "accuracy", share_of="coverage"),
            ACCURACY,
        ),
        Plot("coverage", ACCURACY.key, "share of the images answered by the tables", series=("tables", "criterion")),
    ),
)

ABLATIONS = {ablation.name: ablation for ablation in _ALL}
