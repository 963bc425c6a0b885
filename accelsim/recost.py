"""A finished run at other unit energies and powers: exact, because energy is counts times prices.

No time, value or count depends on a price, so nothing is simulated again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from accelsim import account
from accelsim.chip import Chip
from accelsim.constants import Constant, constants
from accelsim.run import ChipRun, Run

Prices = Mapping[str, float]  # field → value


def recosted_pj(run: Run, instance: str, prices: Prices) -> float:
    """Mean energy of one instance in pJ per input and chip, had these fields of its spec had these values."""
    changed = replace(run.chip[instance], spec=run.chip[instance].spec.model_copy(update=dict(prices)))
    chip = Chip(run.chip.spec, run.chip.clocks, {instance: changed})
    return math.fsum(_of_chip(chip, instance, done) for done in run.chips) / (len(run.chips) * run.options.n_inputs)


def _of_chip(chip: Chip, instance: str, done: ChipRun) -> float:
    dynamic = [row for row in done.ledger if row.instance == instance and row.phase != account.STATIC]
    makespan_s = Fraction(done.makespan, chip.clocks.tick_hz)
    static = account.static_rows(chip, makespan_s, account.busy_fractions(done.shares, done.makespan))
    at_price = (row.count * account.unit_pj(chip[instance], row.action) for row in dynamic)
    return math.fsum([*at_price, *(row.energy_pj for row in static)])


def energy_interval(run: Run) -> dict[str, float] | None:
    """What the ranges of unit energies and powers leave open, in pJ per input; None where none has a range.

    Returns:
        `low` and `high` are bounds: all at their low ends, all at their high ends. `rss_low` and `rss_high` are for
        errors that are independent: the root of the sum of squares of what each alone moves, down and up apart.
    """
    ranged = [known for known in constants(run.chip.spec) if known.effect == "price" and known.source.range]
    if not ranged:
        return None
    nominal = math.fsum(recosted_pj(run, name, {}) for name in run.chip.instances)
    bounds, moves = [0.0, 0.0], ([0.0], [0.0])
    for name, mine in _by_instance(ranged).items():
        base = recosted_pj(run, name, {})
        for end in (0, 1):
            bounds[end] += recosted_pj(run, name, {known.field: known.ends[end] for known in mine}) - base
            moves[end].extend(recosted_pj(run, name, {known.field: known.ends[end]}) - base for known in mine)
    return {
        "low": nominal + bounds[0],
        "high": nominal + bounds[1],
        "rss_low": nominal - math.hypot(*moves[0]),
        "rss_high": nominal + math.hypot(*moves[1]),
    }


def _by_instance(ranged: Iterable[Constant]) -> dict[str, list[Constant]]:
    groups: dict[str, list[Constant]] = {}
    for known in ranged:
        groups.setdefault(known.instance, []).append(known)
    return groups
