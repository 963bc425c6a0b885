"""`reports/matching.md`: the analog and the digital ways to match templates, from the features to the class.

Energy is cut in two. What a match costs is paid once an input: actions, and clocks and biases that are off
otherwise. Leakage is paid all the time, so its share of an input depends on how long inputs are apart.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from accelsim import account
from accelsim.constants import constants
from accelsim.dataflows.block import Block
from accelsim.dataflows.match import MATCH
from accelsim.engines import events
from accelsim.jobs import JobBuilder
from accelsim.recost import recosted_pj
from accelsim.report.ledger import mean_ledger
from accelsim.report.markdown import bullets, table
from accelsim.report.quantities import picojoules, seconds
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.run import DATAFLOWS, Run

ON_THE_WAY = ("binariser", "link", "sync")
ANALOG, DIGITAL = ("driver", "acam", "sense", "wta"), ("matcher",)


@dataclass(frozen=True)
class Cost:
    """What some instances cost: pJ a match, uW of leakage, and both in pJ an input with the range of its prices."""

    match_pj: float
    leakage_uw: float
    total_pj: float
    low_pj: float
    high_pj: float

    def __add__(self, other: Cost) -> Cost:
        mine, its = astuple(self), astuple(other)
        return Cost(*(a + b for a, b in zip(mine, its, strict=True)))


@dataclass(frozen=True)
class Side:
    """One chip's way to match.

    Attributes:
        name, node_nm: of the chip, and of the die where templates are matched.
        way, matching: what brings the features there, and what matches them.
        instances: cost of each instance by itself.
        chip_pj: energy of the whole chip, pJ an input.
        input_s: time between two inputs.
        match_s: mean time from the features to the class.
        accuracies: of each chip of the population.
        area_um2: of what matches; None where an instance's is not known.
    """

    name: str
    node_nm: float
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


def side(run: Run) -> Side:
    """What a run of a hybrid chip says of its matching."""
    chip, present = run.chip, tuple(run.chip.instances)
    matching = [name for name in (*ANALOG, *DIGITAL) if name in present]
    way = [name for name in ON_THE_WAY if name in present]
    areas = account.areas_um2(chip)
    known = [areas[name] for name in matching]
    n_inputs, hertz = run.options.n_inputs, chip.clocks.tick_hz
    return Side(
        chip.spec.name,
        chip.spec.dies[chip[matching[0]].spec.die].node_nm,
        _cost(run, way),
        _cost(run, matching),
        {name: _cost(run, [name]) for name in (*way, *matching)},
        account.total_pj(mean_ledger(run)) / n_inputs,
        statistics.mean(done.makespan for done in run.chips) / hertz / n_inputs,
        _match_s(run),
        tuple(float(done.columns["correct"].mean()) for done in run.chips),
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
    return Cost(math.fsum(match), math.fsum(leaked) * 1e-6 / time_s, math.fsum(match + leaked), low, high)


def _at_end(run: Run, name: str, end: int) -> float:
    """An instance's energy in pJ an input with all its prices at one end of their ranges."""
    mine = [known for known in constants(run.chip.spec) if known.instance == name and known.effect == "price"]
    return recosted_pj(run, name, {known.field: known.ends[end] for known in mine})


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


def page(sides: Sequence[Side], made_by: str) -> str:
    """The page; the first side is the analog one, the others are compared with it."""
    analog = sides[0]
    verdicts = [line for other in sides[1:] for line in _verdicts(analog, other)]
    parts = ["# Matching templates: analog CAM against digital", made_by, *_TEXT, _headlines(sides), _RANGES]
    parts += ["## Instance by instance", _instances(sides)]
    parts += ["## Which side wins", bullets(verdicts), "## What the figures leave out", bullets(_LIMITS)]
    return "\n\n".join(parts) + "\n"


_TEXT = (
    "The same network, features and templates on three chips that differ in the matching alone: the analog CAM with "
    "its drivers, sense amplifiers and winner-take-all on a die of its own; a digital matcher (templates in SRAM, "
    "compare and count, running maximum) on that second die at the same node; and the digital matcher on the "
    "network's own die.",
    "*A match* is what is paid once an input: actions, and the clocks and biases that are off between matches. "
    "*Leakage* is a power. *Per input* adds leakage over the time between two inputs, which the network decides here. "
    "Whoever wins, the network takes nearly all of the chip's energy.",
)
_RANGES = (
    "*Matching* is drivers, CAM, sense amplifiers and winner-take-all, or the matcher; *in all* adds the binariser "
    "and, where there are two dies, link and synchroniser. Brackets: all prices at the low and all at the high ends of "
    "the ranges that their sources state. The digital prices at 180 nm are extrapolated (node x V²; the range holds "
    "what Stillmaker and Baas' rule gives); the analog ones are published for the cells and assumed for the rest."
)
_LIMITS = (
    "Not in the figures: the analog die could be switched off between matches and keep its templates, which RRAM holds "
    "without power; an SRAM cannot. An input would then cost the analog side what a match costs, and what it takes to "
    "wake the supplies; the digital side would go on leaking.",
    "Leakage on the second die is a rule of thumb (5 pA a transistor at 300 K), the same for both sides; no foundry "
    "figure was at hand. It decides what an input costs wherever inputs are hundreds of microseconds apart.",
    "Programming is not in it: templates are written once. The area of the analog parts is not published.",
)


def _headlines(sides: Sequence[Side]) -> str:
    rows = [
        ("matched at", *(f"{one.node_nm:g} nm" for one in sides)),
        ("accuracy", *(_accuracy(one) for one in sides)),
        ("features to class", *(seconds(one.match_s) for one in sides)),
        ("time between inputs", *(seconds(one.input_s) for one in sides)),
        ("matching: a match, pJ", *(picojoules(one.matching.match_pj) for one in sides)),
        ("matching: leakage, µW", *(f"{one.matching.leakage_uw:.3g}" for one in sides)),
        ("matching: per input, pJ", *(_ranged(one.matching) for one in sides)),
        ("in all: a match, pJ", *(picojoules(one.whole.match_pj) for one in sides)),
        ("in all: leakage, µW", *(f"{one.whole.leakage_uw:.3g}" for one in sides)),
        ("in all: per input, pJ", *(_ranged(one.whole) for one in sides)),
        ("share of the whole chip's energy", *(f"{one.whole.total_pj / one.chip_pj:.2g}" for one in sides)),
        ("area of matching, µm²", *(_area(one) for one in sides)),
    ]
    return table(("", *(f"`{one.name}`" for one in sides)), rows, right=len(sides))


def _accuracy(one: Side) -> str:
    mean = f"{statistics.mean(one.accuracies):.2%}"
    if len(one.accuracies) == 1 or len(set(one.accuracies)) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(one.accuracies):.2%} over {len(one.accuracies)} chips"


def _ranged(cost: Cost) -> str:
    return f"{picojoules(cost.total_pj)} [{picojoules(cost.low_pj)} to {picojoules(cost.high_pj)}]"


def _area(one: Side) -> str:
    return "not known" if one.area_um2 is None else f"{one.area_um2:,.0f}"


def _instances(sides: Sequence[Side]) -> str:
    headings = [heading for one in sides for heading in (f"`{one.name}`: a match, pJ", "leakage, µW")]
    names = [name for name in (*ON_THE_WAY, *ANALOG, *DIGITAL) if any(name in one.instances for one in sides)]
    rows = []
    for name in names:
        costs = [one.instances.get(name) for one in sides]
        cells = (("–", "–") if c is None else (picojoules(c.match_pj), f"{c.leakage_uw:.3g}") for c in costs)
        rows.append((f"`{name}`", *(cell for pair in cells for cell in pair)))
    return table(("instance", *headings), rows, right=len(headings))


def _verdicts(analog: Side, digital: Side) -> list[str]:
    """Who is cheaper a match and an input, and from which time between inputs that turns."""
    ways = (
        ("matching alone", analog.matching, digital.matching),
        ("with the way there", analog.whole, digital.whole),
    )
    who = f"**analog at {analog.node_nm:g} nm against digital at {digital.node_nm:g} nm**"
    return [
        f"{who}, {label}: a match is {_cheaper(a.match_pj, d.match_pj)}, "
        f"an input here {_cheaper(a.total_pj, d.total_pj)}{_overlap(a, d)}; {_turn(a, d)}."
        for label, a, d in ways
    ]


def _cheaper(analog_pj: float, digital_pj: float) -> str:
    who, factor = ("digital", analog_pj / digital_pj) if digital_pj < analog_pj else ("analog", digital_pj / analog_pj)
    return f"{factor:.2g} times cheaper with the {who} one"


def _overlap(analog: Cost, digital: Cost) -> str:
    apart = analog.high_pj < digital.low_pj or digital.high_pj < analog.low_pj
    return "" if apart else " (their brackets overlap)"


def _turn(analog: Cost, digital: Cost) -> str:
    time_s = break_even_s(analog, digital)
    if time_s is None:
        return "so it is whatever the time between inputs"
    sooner = "analog" if analog.match_pj < digital.match_pj else "digital"
    later = "digital" if sooner == "analog" else "analog"
    return f"{sooner} wins with inputs less than {seconds(time_s)} apart, {later} with inputs further apart"
