"""The rows of a record, those that differ by their seed alone taken together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accelsim.report.intervals import wilson_interval
from accelsim.train.ablations import Column
from accelsim.train.ablations.record import Record, Row


@dataclass(frozen=True)
class Group:
    """One variant: factor → its value, and the rows of its seeds."""

    factors: dict[str, Any]
    rows: list[Row]
    columns: tuple[Column, ...]

    def values(self, key: str) -> list[float]:
        return [row[key] for row in self.rows]

    def mean(self, key: str) -> float:
        return statistics.mean(self.values(key))


def grouped(record: Record) -> list[Group]:
    """Variants in the order in which they first come."""
    found: dict[tuple[Any, ...], Group] = {}
    for row in record.rows:
        factors = {key: row[key] for key in record.ablation.factors}
        key = tuple(factors.values())
        found.setdefault(key, Group(factors, [], record.ablation.columns)).rows.append(row)
    return list(found.values())


def cell(group: Group, column: Column, n_images: int | None) -> str:
    """A table's cell; an accuracy of one seed with its 95 % interval, of several with their spread.

    n_images: that were validated on; the column says which share of them it is of.
    """
    if column.kind == "factor":
        return text_of(group.factors[column.key])
    values = group.values(column.key)
    mean = statistics.mean(values)
    if column.kind == "number":
        return f"{mean:,.0f}" if mean >= 100 else f"{mean:,.4g}"
    if column.kind == "share":
        return f"{mean:.1%}"
    if len(values) > 1:
        return f"{mean:.2%} ± {statistics.stdev(values):.2%}"
    share = 1.0 if column.share_of is None else group.mean(column.share_of)
    counted = round((n_images or 0) * share)
    if not counted:
        return f"{mean:.2%}"
    low, high = wilson_interval(mean, counted)
    return f"{mean:.2%} ({low:.2%} to {high:.2%})"


def text_of(value: Any) -> str:
    """A factor's value as read."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def percent_of(shares: Sequence[float]) -> list[float]:
    return [100 * share for share in shares]
