"""Chips as a population: how a figure spreads over chips, and how many chips are good enough.

Every chip has draws of its own, keyed by seed and chip alone. So chip k is the same chip in every run of a seed,
whatever else is changed, and two runs differ by what was changed only (common random numbers).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from accelsim import account
from accelsim.errors import UsageError
from accelsim.report.intervals import spread, wilson_interval
from accelsim.run import ChipRun, Run


@dataclass(frozen=True)
class Limits:
    """What a good chip keeps to; None where nothing is asked.

    Attributes:
        min_accuracy: share of the inputs that it answers correctly.
        max_energy_pj: mean energy per input, static share included.
        max_latency_s: mean latency of its inputs.
    """

    min_accuracy: float | None = None
    max_energy_pj: float | None = None
    max_latency_s: float | None = None

    def require_usable(self, n_chips: int, labelled: bool) -> None:
        """Checks the limits before a run.

        Raises:
            UsageError: if a limit is no such figure, or there is nothing to hold it against.
        """
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is None:
                continue
            option = f"--{field.name.replace('_', '-')}"
            need = "a share from 0 to 1" if field.name == "min_accuracy" else "a number above 0"
            usable = 0 <= limit <= 1 if field.name == "min_accuracy" else 0 < limit < math.inf
            if not usable:
                raise UsageError(f"{option}: got {limit}, need {need}")
            if n_chips == 1:
                raise UsageError(f"{option}: got one chip, need --chips of at least 2 (a yield is over chips)")
            if field.name == "min_accuracy" and not labelled:
                raise UsageError(f"{option}: got a workload without labels, need one whose accuracy is evaluated")


NO_LIMITS = Limits()


def population(run: Run, limits: Limits) -> dict[str, Any] | None:
    """Spread of accuracy, energy and latency over the chips, and the yield at each limit; None of one chip.

    Figures of a chip are its accuracy (None where labels carry no meaning), its mean energy in pJ per input, and the
    mean latency of its inputs in seconds.
    """
    if len(run.chips) == 1:
        return None
    figures = {
        "accuracy": _accuracies(run),
        "energy_pj": [account.total_pj(chip.ledger) / run.options.n_inputs for chip in run.chips],
        "latency_s": [_latency_ticks(chip) / run.chip.clocks.tick_hz for chip in run.chips],
    }
    spreads = {name: None if values is None else spread(values) for name, values in figures.items()}
    return {**spreads, "yield": _yields(figures, limits), "per_chip": figures}


def _yields(figures: Mapping[str, Sequence[float] | None], limits: Limits) -> dict[str, Any]:
    """Chips that keep each limit, and that keep all of them; nothing where none is asked."""
    kept = {}
    for field in fields(limits):
        limit, sign = getattr(limits, field.name), 1 if field.name.startswith("min") else -1
        values = figures[field.name[len("min_") :]]
        if limit is not None and values is not None:
            kept[field.name] = [sign * value >= sign * limit for value in values]
    found: dict[str, Any] = {name: {"limit": getattr(limits, name), **_yield(good)} for name, good in kept.items()}
    if kept:
        found["all"] = _yield([all(chip) for chip in zip(*kept.values(), strict=True)])
    return found


def _yield(good: Sequence[bool]) -> dict[str, Any]:
    """Share of the chips that are good, with its 95 % Wilson interval over chips."""
    share = sum(good) / len(good)
    return {"passed": sum(good), "yield": share, "ci95": wilson_interval(share, len(good))}


def _accuracies(run: Run) -> list[float] | None:
    if run.workload.manifest.accuracy.measured is None:
        return None
    return [int(chip.columns["correct"].sum()) / run.options.n_inputs for chip in run.chips]


def _latency_ticks(chip: ChipRun) -> float:
    return float((chip.columns["end_ticks"] - chip.columns["start_ticks"]).mean())
