"""Typed errors. Everything a user can cause is an `AccelsimError`: one clear message, exit code 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class AccelsimError(Exception):
    """Something the user can mend. The command line prints the message alone and exits with 2."""


@dataclass(frozen=True)
class Problem:
    """One fault at one place.

    Attributes:
        where: `file:line`, or `--set NAME` for an override.
        path: dotted path inside the file.
        got: what stands there, as the user would recognise it.
        need: what would be right.
        hint: a suggestion (`did you mean …?`), or "".
    """

    where: str
    path: str
    got: str
    need: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where} {self.path}".rstrip()
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: got {self.got}, need {self.need}{hint}"


class ProblemsError(AccelsimError):
    """Every fault found in one reading, a line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SpecError(ProblemsError):
    """An architecture spec that cannot be built."""


class WorkloadError(ProblemsError):
    """A workload folder that cannot be used, or does not fit the chip."""


class UsageError(AccelsimError):
    """An option whose value means nothing."""


class DataError(AccelsimError):
    """A data set that is absent or damaged."""


class OutputError(AccelsimError):
    """Results that cannot be written."""


class RangeError(AccelsimError):
    """A value outside the range a model is valid for, or outside what integers here can hold."""


class InvariantError(AccelsimError):
    """A run whose results contradict each other. Always a fault of accelsim; please report it."""


class DeadlockError(AccelsimError):
    """A job table that can never finish.

    Attributes:
        jobs: descriptions of the jobs that have not started, of the inputs that were admitted, in table order.
        causes: for each instance at which jobs wait for a slot, who waits and who holds the slots; a line each.
    """

    def __init__(self, jobs: Sequence[str], causes: Sequence[str]) -> None:
        self.jobs, self.causes = tuple(jobs), tuple(causes)
        super().__init__("\n".join(f"deadlock: {cause}" for cause in self.causes))
