"""Which constants move the answer most over the ranges that their sources state, one at a time (a tornado).

Energy depends linearly on unit energies and powers and nothing else does, so these are costed again from the one
nominal run, exactly. Any other constant may move times, noise or answers: it is simulated again at both ends with the
same seed, so that the difference is what the constant does and not other draws. What lies between the ends, and two
constants moved together, is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from accelsim import account
from accelsim.chip_run import RunOptions
from accelsim.constants import Constant, constants
from accelsim.errors import AccelsimError, InvariantError, UsageError
from accelsim.recost import energy_interval, recosted_pj
from accelsim.run import Run, correct_answers, simulate
from accelsim.spec import Spec, load_spec
from accelsim.workload import Workload

Metric = Literal["energy", "latency", "accuracy"]
UNITS: dict[str, str] = {"energy": "energy_pj", "latency": "latency_s", "accuracy": "accuracy"}


@dataclass(frozen=True)
class Study:
    """What is studied: a spec with its changes, a workload, how it is run, and which figure is watched.

    Attributes:
        spec_path, overrides: as typed; the spec is read anew for every end that is simulated.
    """

    spec_path: Path
    overrides: list[str]
    spec: Spec
    workload: Workload
    options: RunOptions
    metric: str

    def __post_init__(self) -> None:
        if self.metric not in UNITS:
            raise UsageError(f"--metric: got {self.metric!r}, need {', '.join(UNITS)}")
        if self.metric == "accuracy" and self.workload.manifest.accuracy.measured is None:
            raise UsageError("--metric: got accuracy, need a workload whose accuracy is evaluated")

    def moving(self) -> list[Constant]:
        """The constants with a range that may move the metric.

        Raises:
            UsageError: if there is none.
        """
        effects = ("price", "behaviour") if self.metric == "energy" else ("behaviour",)
        found = [known for known in constants(self.spec) if known.source.range and known.effect in effects]
        if not found:
            raise UsageError(
                f"{self.spec_path}: got no constant with a range that can move {self.metric}, "
                "need sources with range: [low, high]"
            )
        return found


@dataclass(frozen=True)
class Bar:
    """What one constant does to the metric.

    Attributes:
        constant: which.
        method: `re-costed` or `re-simulated`.
        at_low, at_high: the metric with the constant at the ends of its range; None where no chip can be built or run.
        problem: why not, or "".
        span: greatest less smallest of the metric at low, as it is, and at high.
    """

    constant: Constant
    method: str
    at_low: float | None
    at_high: float | None
    problem: str
    span: float


@dataclass(frozen=True)
class Tornado:
    """The bars, widest first, the metric as it is, and two intervals of it.

    Attributes:
        bounds: energy with all prices at their low ends and all at their high ends; None for other metrics.
        independent: root of the sum of squares of what each constant alone moves, down and up apart.
    """

    nominal: float
    bars: list[Bar]
    bounds: tuple[float, float] | None
    independent: tuple[float, float]


def figure(run: Run, metric: str) -> float:
    """Energy in pJ per input, or mean latency in s, of a run; the mean over its chips."""
    n_inputs = run.options.n_inputs
    if metric == "energy":
        values = [account.total_pj(chip.ledger) / n_inputs for chip in run.chips]
    else:
        ticks = [int((chip.columns["end_ticks"] - chip.columns["start_ticks"]).sum()) for chip in run.chips]
        values = [total / (n_inputs * run.chip.clocks.tick_hz) for total in ticks]
    return math.fsum(values) / len(values)


def accuracy(study: Study, spec: Spec) -> float:
    """Share of correct answers over all inputs and chips; values alone are computed."""
    correct = correct_answers(spec, study.workload, study.options)
    return sum(correct) / (study.options.n_inputs * len(correct))


def runs_needed(moving: Sequence[Constant]) -> int:
    """Simulations that a study makes: the nominal one, and two for each constant that is not a price."""
    return 1 + 2 * sum(known.effect != "price" for known in moving)


def tornado(study: Study, progress: Callable[[int], None] | None = None) -> Tornado:
    """Moves each constant to both ends of its range, the others as they are.

    Args:
        progress: called with 1 after each simulation.

    Raises:
        UsageError: if no constant has a range that can move the metric.
        AccelsimError: if the spec as it is cannot be run.
    """
    moving = study.moving()
    nominal = None if study.metric == "accuracy" else simulate(study.spec, study.workload, study.options)
    value = figure(nominal, study.metric) if nominal else accuracy(study, study.spec)
    if progress:
        progress(1)
    bars = [_bar(study, nominal, value, known, progress) for known in moving]
    bars.sort(key=lambda bar: -bar.span)
    interval = energy_interval(nominal) if nominal and study.metric == "energy" else None
    bounds = (interval["low"], interval["high"]) if interval else None
    return Tornado(value, bars, bounds, _independent(value, bars, math.inf if nominal else 1.0))


def _bar(
    study: Study, nominal: Run | None, value: float, known: Constant, progress: Callable[[int], None] | None
) -> Bar:
    if nominal and known.effect == "price":
        rest = value - recosted_pj(nominal, known.instance, {})
        low, high = (rest + recosted_pj(nominal, known.instance, {known.field: end}) for end in known.ends)
        return Bar(known, "re-costed", low, high, "", _span(value, [low, high]))
    found: list[float | None] = []
    problems = []
    for name, end in zip(("low", "high"), known.ends, strict=True):
        try:
            found.append(value if end == known.value else _simulated(study, nominal, known, end))
        except InvariantError:
            raise
        except AccelsimError as error:
            found.append(None)
            problems.append(f"{name} end: {str(error).splitlines()[0]}")
        if progress:
            progress(1)
    return Bar(known, "re-simulated", found[0], found[1], "; ".join(problems), _span(value, found))


def _simulated(study: Study, nominal: Run | None, known: Constant, end: float) -> float:
    """The metric with the constant at one end: the spec is read, checked and run as with `--set`."""
    whole = isinstance(known.value, int) and float(end).is_integer()
    change = f"{known.path}={int(end) if whole else end!r}"
    spec = load_spec(study.spec_path, [*study.overrides, change])
    if nominal is None:
        return accuracy(study, spec)
    return figure(simulate(spec, study.workload, study.options, known=nominal.chips[0]), study.metric)


def _span(value: float, ends: Sequence[float | None]) -> float:
    reached = [value, *(end for end in ends if end is not None)]
    return max(reached) - min(reached)


def _independent(value: float, bars: Sequence[Bar], most: float) -> tuple[float, float]:
    ends = [[end - value for end in (bar.at_low, bar.at_high) if end is not None] for bar in bars]
    down = math.hypot(*(min(0.0, *moves) if moves else 0.0 for moves in ends))
    up = math.hypot(*(max(0.0, *moves) if moves else 0.0 for moves in ends))
    return max(0.0, value - down), min(most, value + up)
