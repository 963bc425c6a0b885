"""A check: what is compared with what, the tolerance before the result, and where the model is wrong.

A judged check has passed, failed or was skipped; a skip is never counted as a pass. A comparison has no tolerance,
because its two sides are not the same thing; it is printed to be looked at and counts as nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "failed", "skipped", "compared"]
STATUSES: tuple[Status, ...] = ("passed", "failed", "skipped", "compared")


@dataclass(frozen=True)
class Check:
    """One check and its outcome.

    Attributes:
        group: heading it stands under.
        id: short name, unique.
        what: what is compared with what.
        tolerance: in words, with the unit; set before the result was known.
        limit: the largest result that passes, in `unit`; None for a comparison.
        result: the deviation in `unit`; None where it was not computed.
        unit: of limit and result.
        status: module docstring.
        figures: the figures behind the result, both sides.
        source: where the reference comes from.
        remark: where the model is wrong, or what the check cannot show.
    """

    group: str
    id: str
    what: str
    tolerance: str
    limit: float | None
    result: float | None
    unit: str
    status: Status
    figures: str
    source: str
    remark: str = ""


def judged(
    group: str,
    id: str,
    what: str,
    *,
    limit: float,
    result: float,
    unit: str,
    figures: str,
    source: str,
    remark: str = "",
) -> Check:
    """A check that passes when its result is at most the limit; what is not finite fails."""
    finite = math.isfinite(result)
    status: Status = "passed" if finite and result <= limit else "failed"
    tolerance = f"at most {limit:g} {unit}"
    value = result if finite else None
    return Check(group, id, what, tolerance, limit, value, unit, status, figures, source, remark)


def compared(
    group: str, id: str, what: str, *, result: float, unit: str, figures: str, source: str, remark: str
) -> Check:
    """A comparison without a tolerance."""
    return Check(group, id, what, "none", None, result, unit, "compared", figures, source, remark)


def skipped(group: str, id: str, what: str, *, source: str, reason: str) -> Check:
    """A check that was not made."""
    return Check(group, id, what, "as when it is made", None, None, "", "skipped", "", source, reason)


def tally(checks: Iterable[Check]) -> dict[Status, int]:
    """Checks of each status."""
    counted = Counter(check.status for check in checks)
    return {status: counted[status] for status in STATUSES}


def off_percent(got: float, expected: float) -> float:
    """By how much `got` is away from `expected`, in percent of it."""
    return abs(got / expected - 1) * 100
