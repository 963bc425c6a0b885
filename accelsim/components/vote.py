"""Vote: gathers what the winners say about the class and decides.

- decision `vote`: class votes of every winner are added to running sums, all classes of a winner in one
  cycle; the class is that of the largest sum, found class after class. Where the largest must lead the second
  largest by a margin, that one is found by the same comparator in cycles of its own, the margin is added to it,
  and the two are compared.
- decision `last`: the class of the last glimpse's winner in the first table stands; nothing is added or
  compared.

*Source:* `last` is arXiv 2307.07631 (its authors' code reads the class at the last glimpse); voting over all
glimpses and the margin are ours.
*Valid for:* up to `n_classes_max` classes; ties go to the lowest class and are reported.
*Not modelled:* the width of the sums (they are exact).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import (
    CLOCK,
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    OrderedSpec,
    Static,
    per_input,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws

Ints = npt.NDArray[np.integer[Any]]

MARGIN_CLASSES = 2


class VoteSpec(OrderedSpec):
    """One vote unit.

    Attributes:
        slots: at least 2: an accumulate holds its slot until the next one or decide has ended, which needs a slot too,
            so that one slot would be a deadlock.
        n_classes_max: classes it has sums for.
        add_pj: one vote added to one sum.
        compare_pj: one sum compared with the largest so far, or another one.
        clock_pj: clock tree, a cycle.
    """

    component: Literal["vote"]
    slots: Annotated[int, Field(ge=2, le=10**6)]
    n_classes_max: Annotated[int, Field(ge=1, le=256)]
    add_pj: NonNegative
    compare_pj: NonNegative
    clock_pj: NonNegative


class Ballot(NamedTuple):
    """One glimpse's winners.

    Attributes:
        running: what `accumulate` returned for the glimpse before, or None at the first.
        winners: votes `[n_inputs, n_winners, n_classes]` (decision vote) or classes `[n_inputs, n_winners]`.
    """

    running: IntArray | None
    winners: Ints


class Verdict(NamedTuple):
    """Per input `[n_inputs]`: the class, and whether another class has as many votes."""

    winner: IntArray
    tied: npt.NDArray[np.bool_]


class Lead(NamedTuple):
    """Per input `[n_inputs]`: the verdict, and whether its sum leads the second largest by the margin."""

    verdict: Verdict
    trusted: npt.NDArray[np.bool_]


def accumulate(spec: VoteSpec, state: Literal["vote", "last"], x: Ballot, draws: Draws) -> OpResult:
    """Take in the winners of one glimpse.

    Args:
        state: the workload's decision.

    Returns:
        y: decision vote: sums `[n_inputs, n_classes]` int64; last: class `[n_inputs]` int64.
        `extra_cycles`: winners beyond the first, one a cycle (last: none).

    Raises:
        RangeError: if there are more classes than sums.
    """
    n, n_winners = x.winners.shape[:2]
    if state == "last":
        return OpResult(x.winners[:, 0].astype(np.int64), {"add": per_input(n, 0)}, per_input(n, 0))
    n_classes = _checked_classes(spec, x.winners)
    sums = x.winners.sum(axis=1, dtype=np.int64)
    y = sums if x.running is None else x.running + sums
    return OpResult(y, {"add": per_input(n, n_winners * n_classes)}, per_input(n, max(n_winners - 1, 0)))


def decide(spec: VoteSpec, state: Literal["vote", "last"], x: IntArray, draws: Draws) -> OpResult:
    """Choose the class.

    Args:
        state: the workload's decision.
        x: what the last `accumulate` returned.

    Returns:
        y: `Verdict`; the lowest class of the largest sum.

    Raises:
        RangeError: if there are more classes than sums.
    """
    n = len(x)
    if state == "last":
        return OpResult(Verdict(x, np.zeros(n, dtype=bool)), {"compare": per_input(n, 0)}, per_input(n, 0))
    serial = per_input(n, _checked_classes(spec, x) - 1)
    tied = (x == x.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return OpResult(Verdict(x.argmax(axis=1), tied), {"compare": serial}, serial)


def decide_by_margin(spec: VoteSpec, state: int, x: IntArray, draws: Draws) -> OpResult:
    """Choose the class, and say whether it leads by enough.

    Args:
        state: the least lead that is trusted, at least 1.
        x: sums `[n_inputs, n_classes]`.

    Returns:
        y: `Lead`. A comparison a class but the first for the largest, one a class but the first two for the second
        largest, an addition, and a comparison of the two; a cycle each.

    Raises:
        RangeError: if there are more classes than sums, or fewer than two.
    """
    n, n_classes = len(x), _checked_classes(spec, x)
    if n_classes < MARGIN_CLASSES:
        raise RangeError(f"vote: got {n_classes} class, need at least {MARGIN_CLASSES} for a margin")
    verdict = decide(spec, "vote", x, draws).y
    second, largest = np.partition(x, -2, axis=1)[:, -2:].T
    compares = (n_classes - 1) + (n_classes - 2) + 1
    activity = {"compare": per_input(n, compares), "add": per_input(n, 1)}
    return OpResult(Lead(verdict, largest - second >= state), activity, per_input(n, compares + 1))


def _checked_classes(spec: VoteSpec, votes: Ints) -> int:
    n_classes = int(votes.shape[-1])
    if not 1 <= n_classes <= spec.n_classes_max:
        raise RangeError(f"vote: got {n_classes} classes, need 1 to {spec.n_classes_max} (n_classes_max)")
    return n_classes


VOTE = Component(
    name="vote",
    spec=VoteSpec,
    ops={"accumulate": Op(lambda spec: Delay(cycles=1)), "decide": Op(lambda spec: Delay(cycles=1))},
    actions={"add": "add_pj", "compare": "compare_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
