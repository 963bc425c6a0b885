"""Energy: activity × pJ + power × time. The only place where energy is summed.

Dynamic energy is an exact count times the unit energy of the spec. Static energy (leakage, clock tree, idle bias) is a
power times the time of the whole run, an equal share to each input. Programming is a ledger of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim import leakage
from accelsim.chip import Chip, Instance
from accelsim.component import Programmed, Source
from accelsim.errors import InvariantError
from accelsim.jobs import Activity, IntArray, Site
from accelsim.timing import Share
from accelsim.units import exact

STATIC = "static"  # the phase of rows that no job caused
UW_IN_PJ_PER_NS = Fraction(1, 1000)


@dataclass(frozen=True)
class LedgerRow:
    """One line of the ledger, over all inputs of a run.

    Attributes:
        instance, action, phase: where the energy went; phase is `static` for leakage, clock and bias.
        count: number of actions; for static power nanoseconds × copies, for clocks cycles × copies.
        unit_pj: pJ an action, a nanosecond, or a cycle.
        energy_pj: count × unit_pj.
        basis, source: where the unit comes from.
    """

    instance: str
    action: str
    phase: str
    count: float
    unit_pj: float
    energy_pj: float
    basis: str
    source: str


def unit_pj(instance: Instance, action: str) -> float:
    """Unit energy of an action, in pJ."""
    return float(getattr(instance.spec, instance.component.actions[action]))


def _row(site: Site, count: float, unit: float, source: Source) -> LedgerRow:
    return LedgerRow(
        site.instance, site.action, site.phase, count, unit, count * unit, source.basis, source.text
    )


class DynamicLedger:
    """Counts of actions, summed exactly over the run."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._counts: dict[Site, int] = {}

    def add(self, activity: Activity) -> npt.NDArray[np.float64]:
        """Takes in a block's activity; returns the dynamic energy of each of its inputs, `[n_inputs]` float64 pJ."""
        energy = np.zeros(len(activity.counts))
        for column, site in enumerate(activity.sites):
            counts = activity.counts[:, column]
            if counts.min(initial=0) < 0:
                raise InvariantError(f"activity: {'.'.join(site)} has a negative count")
            energy += self._charge(site, counts)
            instance = self._chip[site.instance]
            rider = instance.component.riders.get(site.action)
            if rider and rider.there(instance.spec):
                energy += self._charge(site._replace(action=rider.action), counts * rider.units(instance.spec))
        return energy

    def _charge(self, site: Site, counts: IntArray) -> npt.NDArray[np.float64]:
        self._counts[site] = self._counts.get(site, 0) + int(counts.sum())
        energy: npt.NDArray[np.float64] = counts.astype(np.float64) * unit_pj(self._chip[site.instance], site.action)
        return energy

    def rows(self) -> list[LedgerRow]:
        """One row a site, in order of the chip's instances."""
        order = {name: index for index, name in enumerate(self._chip.instances)}
        rows = []
        for site, count in sorted(self._counts.items(), key=lambda item: order[item[0].instance]):
            instance = self._chip[site.instance]
            field = instance.component.actions[site.action]
            rows.append(_row(site, count, unit_pj(instance, site.action), instance.spec.sources[field]))
        return rows


def static_rows(chip: Chip, makespan_s: Fraction, busy: Mapping[str, Fraction]) -> list[LedgerRow]:
    """Leakage (at the temperature of its die), clock and bias of every instance over the run.

    Args:
        makespan_s: time of the run in seconds.
        busy: instance → fraction of the makespan that it is busy.
    """
    rows = []
    for instance in chip.instances.values():
        for name, static in instance.component.statics.items():
            value = _static_value(chip, instance, static.field)
            copies = static.units(instance.spec) * instance.spec.count
            on = busy[instance.name] if static.when(instance.spec) == "busy" else Fraction(1)
            rate, unit = (instance.hertz, value) if static.per_cycle else (10**9, value * UW_IN_PJ_PER_NS)
            count = float(makespan_s * on * copies * rate)
            site = Site(instance.name, name, STATIC)
            rows.append(_row(site, count, float(unit), instance.spec.sources[static.field]))
    return rows


def _static_value(chip: Chip, instance: Instance, field: str) -> Fraction:
    if field.endswith(leakage.FIELD):
        return leakage.at_die(instance.spec, field, chip.spec.dies[instance.spec.die])
    return exact(getattr(instance.spec, field))


def busy_fractions(shares: Mapping[str, Share], makespan: int) -> dict[str, Fraction]:
    """Instance → exact fraction of the makespan that it is busy."""
    return {name: Fraction(share.busy, makespan) for name, share in shares.items()}


def programming(chip: Chip, written: Mapping[str, Programmed]) -> dict[str, Any]:
    """The programming ledger: what writing weights, templates and tables costs once.

    Args:
        written: instance name → what was programmed into it.

    Returns:
        `{energy_pj, time_s, by_action: {"instance.action": {count, unit_pj, energy_pj}}}`; instances are written one
        after the other.
    """
    by_action = {}
    for name, result in written.items():
        instance = chip[name]
        for action, count in result.activity.items():
            unit = float(getattr(instance.spec, instance.component.programming[action]))
            by_action[f"{name}.{action}"] = {"count": count, "unit_pj": unit, "energy_pj": count * unit}
    return {
        "energy_pj": math.fsum(entry["energy_pj"] for entry in by_action.values()),
        "time_s": float(sum(result.time_s(chip[name].hertz) for name, result in written.items())),
        "by_action": by_action,
    }


def total_pj(rows: Iterable[LedgerRow]) -> float:
    """Sum of the rows, correctly rounded."""
    return math.fsum(row.energy_pj for row in rows)


def grouped_pj(rows: Iterable[LedgerRow], key: Any, scale: float = 1.0) -> dict[str, float]:
    """Sum of the rows by `key(row)`, times `scale`, in order of first appearance."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row.energy_pj)
    return {name: math.fsum(values) * scale for name, values in groups.items()}


def areas_um2(chip: Chip) -> dict[str, float | None]:
    """Area of each instance (all copies), None where the spec does not know it."""
    return {
        name: None if instance.spec.area_um2 is None else instance.spec.area_um2 * instance.spec.count
        for name, instance in chip.instances.items()
    }
