"""What a claim is: a published number, the arithmetic that should give it, and what to read from simulations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from accelsim.report.intervals import wilson_interval
from accelsim.reproduce.quantity import Quantity
from accelsim.reproduce.simulations import Runs

Group = Literal["energy", "ratios", "accuracy", "size", "circuit"]
GROUPS: tuple[Group, ...] = ("energy", "ratios", "accuracy", "size", "circuit")


@dataclass(frozen=True)
class Reading:
    """A figure read from simulations.

    Attributes:
        what: which figure, of which chip and workload.
        figure: reads it, in the base unit of the claim (J, 1, B, …); raises NotRun where a file is not there yet.
    """

    what: str
    figure: Callable[[Runs], float]


@dataclass(frozen=True)
class Measured:
    """A figure of our own training and its 95 % interval (of no width where nothing is known of it), in the claim's
    base unit."""

    value: float
    low: float
    high: float

    @classmethod
    def share(cls, share: float, n_inputs: int) -> Measured:
        """A share of so many inputs, with its Wilson interval."""
        return cls(share, *wilson_interval(share, n_inputs))

    @classmethod
    def gain(cls, after: float, before: float, n_inputs: int) -> Measured:
        """The difference of two shares of so many inputs, as if they were of different ones: on the same ones, whose
        answers agree mostly, it is surer than this interval says."""
        error = 1.96 * math.sqrt((after * (1 - after) + before * (1 - before)) / n_inputs)
        return cls(after - before, after - before - error, after - before + error)


@dataclass(frozen=True)
class Recipe:
    """Our own training of what the paper describes.

    Attributes:
        what: which figure, of which chip and workload.
        figure: reads it; raises NotRun where the workload is not there yet.
    """

    what: str
    figure: Callable[[Runs], Measured]


@dataclass(frozen=True)
class Unchecked:
    """Why no arithmetic stands behind a claim.

    Attributes:
        status: `input` (a choice or measurement that others rest on), `unpublished` (its own inputs are not
            published), `training` (comes with a trained workload), `quoted` (a figure of other work, or of nothing that
            was built).
        reason: in words.
    """

    status: Literal["input", "unpublished", "training", "quoted"]
    reason: str


@dataclass(frozen=True)
class Claim:
    """One number of a seed document. Name, place, unit and printed digits are those of `published`.

    Attributes:
        id: stable name.
        published: as printed.
        own: what the published assumptions give, or why that cannot be said.
        paper, physical: our simulation by the paper's accounting, and with every block charged.
        recipe: our training of the paper's own method; where it is there, it is compared with the claim.
        refs: contradictions that the claim belongs to.
        note: what has to be said beside the figures; a function where it has figures of simulations in it.
    """

    id: str
    group: Group
    published: Quantity
    own: Quantity | Unchecked
    paper: Reading | None = None
    physical: Reading | None = None
    recipe: Recipe | None = None
    refs: tuple[str, ...] = ()
    note: str | Callable[[Runs], str] = ""


@dataclass(frozen=True)
class Contradiction:
    """A place where a document disagrees with itself, with its sources, or with what can be built.

    Attributes:
        id: C1 … of arXiv 2502.10089, M1 … of arXiv 2307.07631.
        claim: what is said.
        finding: plain sentences; figures in it are computed when it is asked for.
        uses: computed figures in it, for the list of inputs.
    """

    id: str
    claim: str
    finding: Callable[[Runs], str]
    uses: tuple[Quantity, ...] = ()


@dataclass(frozen=True)
class Seed:
    """A seed document: what it is, its claims, and its contradictions."""

    id: str
    title: str
    what: str
    claims: tuple[Claim, ...]
    contradictions: tuple[Contradiction, ...]
