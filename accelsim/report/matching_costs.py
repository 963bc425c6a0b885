"""What matching costs on one chip: Cost and Side, read from a run. The page that compares them is `matching.py`.

Energy is cut in two. What a match costs is paid once an input: actions, and clocks and biases that are off
otherwise. Leakage is paid all the time, so its share of an input depends on how long inputs are apart.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from accelsim import account
from accelsim.constants import constants
from accelsim.dataflows.block import Block
from accelsim.dataflows.match import MATCH
from accelsim.engines import events
from accelsim.jobs import JobBuilder
from accelsim.recost import recosted_pj
from accelsim.report.ledger import mean_ledger
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.run import DATAFLOWS, Run

ON_THE_WAY = ("binariser", "link", "sync")
ANALOG, DIGITAL = ("driver", "acam", "sense", "wta"), ("matcher",)


@dataclass(frozen=True)
class Cost:
    """What some instances cost.

    Attributes:
        match_pj, leakage_uw: paid once a match, and all the time.
        total_pj, low_pj, high_pj: both an input, and with all prices at one end of their ranges.
        leakage_low_uw, leakage_high_uw: with what is paid all the time at one end of its ranges.
    """

    match_pj: float
    leakage_uw: float
    total_pj: float
    low_pj: float
    high_pj: float
    leakage_low_uw: float
    leakage_high_uw: float

    def __add__(self, other: Cost) -> Cost:
        mine, its = astuple(self), astuple(other)
        return Cost(*(a + b for a, b in zip(mine, its, strict=True)))

    @property
    def ends(self) -> tuple[Cost, Cost]:
        """The same with its leakage at the low and at the high end."""
        time_us = (self.total_pj - self.match_pj) / self.leakage_uw if self.leakage_uw else 0.0
        low, high = (
            replace(self, leakage_uw=uw, total_pj=self.match_pj + uw * time_us)
            for uw in (self.leakage_low_uw, self.leakage_high_uw)
        )
        return low, high


@dataclass(frozen=True)
class Side:
    """One chip's way to match.

    Attributes:
        name, node_nm, supply_v: of the chip, and of the die where templates are matched.
        way, matching: what brings the features there, and what matches them.
        instances: cost of each instance by itself.
        chip_pj: energy of the whole chip, pJ an input.
        input_s: time between two inputs.
        match_s: mean time from the features to the class.
        accuracies: of each chip of the population, on all inputs that were given.
        area_um2: of what matches; None where an instance's is not known.
    """

    name: str
    node_nm: float
    supply_v: float
    way: Cost
    matching: Cost
    instances: dict[str, Cost]
    chip_pj: float
    input_s: float
    match_s: float
    accuracies: tuple[float, ...]
    area_um2: float | None

    @property
    def whole(self) -> Cost:
        """From the features in the buffer to the class."""
        return self.way + self.matching


def side(run: Run, accuracies: Sequence[float]) -> Side:
    """What a run of a hybrid chip says of its matching; the accuracy of each chip may be that of more inputs."""
    chip, present = run.chip, tuple(run.chip.instances)
    matching = [name for name in (*ANALOG, *DIGITAL) if name in present]
    way = [name for name in ON_THE_WAY if name in present]
    areas = account.areas_um2(chip)
    known = [areas[name] for name in matching]
    n_inputs, hertz = run.options.n_inputs, chip.clocks.tick_hz
    die = chip.spec.dies[chip[matching[0]].spec.die]
    return Side(
        chip.spec.name,
        die.node_nm,
        die.supplies_v["core"],
        _cost(run, way),
        _cost(run, matching),
        {name: _cost(run, [name]) for name in (*way, *matching)},
        account.total_pj(mean_ledger(run)) / n_inputs,
        statistics.mean(done.makespan for done in run.chips) / hertz / n_inputs,
        _match_s(run),
        tuple(accuracies),
        None if None in known else math.fsum(area for area in known if area is not None),
    )


def _cost(run: Run, names: Sequence[str]) -> Cost:
    n_inputs = run.options.n_inputs
    time_s = statistics.mean(done.makespan for done in run.chips) / run.chip.clocks.tick_hz / n_inputs
    match: list[float] = []
    leaked: list[float] = []
    for row in mean_ledger(run):
        if row.instance in names:
            instance = run.chip[row.instance]
            static = instance.component.statics[row.action] if row.phase == account.STATIC else None
            always = static is not None and static.when(instance.spec) == "always"
            (leaked if always else match).append(row.energy_pj / n_inputs)
    low, high = (math.fsum(_at_end(run, name, end) for name in names) for end in (0, 1))
    total, leakage_uw = math.fsum(match + leaked), math.fsum(leaked) * 1e-6 / time_s
    ends = (math.fsum(_at_end(run, name, end, _always(run, name)) for name in names) for end in (0, 1))
    leak_low, leak_high = (leakage_uw + (at_end - total) * 1e-6 / time_s for at_end in ends)
    return Cost(math.fsum(match), leakage_uw, total, low, high, leak_low, leak_high)


def _at_end(run: Run, name: str, end: int, fields: set[str] | None = None) -> float:
    """An instance's energy in pJ an input with its prices, or those of some fields, at one end of their ranges."""
    mine = [known for known in constants(run.chip.spec) if known.instance == name and known.effect == "price"]
    return recosted_pj(run, name, {one.field: one.ends[end] for one in mine if fields is None or one.field in fields})


def _always(run: Run, name: str) -> set[str]:
    """Fields of an instance whose power is drawn all the time."""
    instance = run.chip[name]
    return {one.field for one in instance.component.statics.values() if one.when(instance.spec) == "always"}


def _match_s(run: Run) -> float:
    """Mean over the first block's inputs, on the first chip, from reading the features to the class."""
    n = min(run.options.n_inputs, BLOCK_INPUTS)
    inputs = np.minimum(np.arange(BLOCK_INPUTS), run.workload.n_inputs - 1)
    block = Block(0, inputs, np.zeros(BLOCK_INPUTS, dtype=np.int64), run.options.seed, 0)
    jobs = JobBuilder(run.chip.services, 0, BLOCK_INPUTS)
    sample = Sample(run.options.seed, 0, run.options.age_s)
    DATAFLOWS[run.chip.spec.kind](run.chip, run.workload, sample).lay(jobs, block)
    found, _ = jobs.build(n)
    (timeline,) = events.run([found])
    mine = found.phase == found.phases.index(MATCH)
    first, last = np.full(n, np.iinfo(np.int64).max), np.zeros(n, dtype=np.int64)
    np.minimum.at(first, found.input[mine], timeline.start[mine])
    np.maximum.at(last, found.input[mine], timeline.end[mine])
    return float((last - first).mean()) / run.chip.clocks.tick_hz


def break_even_s(one: Cost, other: Cost) -> float | None:
    """Time between inputs at which both cost the same; None where one of them is cheaper at any time."""
    power_uw = one.leakage_uw - other.leakage_uw
    time_s = (other.match_pj - one.match_pj) * 1e-6 / power_uw if power_uw else 0.0
    return time_s if time_s > 0 else None
