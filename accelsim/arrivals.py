"""When inputs arrive: back to back, at a fixed interval, or as a Poisson process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from math import ceil

import numpy as np

from accelsim.errors import RangeError, UsageError
from accelsim.jobs import IntArray
from accelsim.rng import BLOCK_INPUTS, Draws
from accelsim.units import MAX_TICKS, exact
from accelsim.yamlfile import show

MIN_VALUE, MAX_VALUE = 1e-9, 1e18


@dataclass(frozen=True)
class Arrivals:
    """An arrival process. The first input arrives at tick 0.

    Attributes:
        text: as the user wrote it.
        kind: `back-to-back`, `interval` (value = ns between arrivals) or `poisson` (value = mean arrivals a second).
    """

    text: str
    kind: str
    value: Fraction

    @staticmethod
    def parse(text: str) -> Arrivals:
        """Reads `back-to-back`, `interval:NS` or `poisson:PER_S`.

        Raises:
            UsageError: if it is none of these, or the number is not one from 1e-9 to 1e18.
        """
        if text == "back-to-back":
            return Arrivals(text, text, Fraction(0))
        kind, _, number = text.partition(":")
        value = _number(number)
        if kind not in ("interval", "poisson") or value is None:
            raise UsageError(
                f"--arrivals: got {show(text)}, need back-to-back, interval:NS or poisson:PER_S "
                f"with a number from {MIN_VALUE:.3g} to {MAX_VALUE:.3g}"
            )
        return Arrivals(text, kind, value)

    def blocks(self, tick_hz: int, seed: int) -> Iterator[IntArray]:
        """Arrival ticks of inputs 0-255, 256-511, …, `[256]` int64 each, non-decreasing, without end.

        Times are exact and rounded up once, each arrival on its own.

        Raises:
            RangeError: at once if more than one input arrives a tick; later if an arrival leaves int64 ticks.
        """
        if self.kind == "back-to-back":
            return (np.zeros(BLOCK_INPUTS, dtype=np.int64) for _ in count())
        per_s = self.value if self.kind == "poisson" else 10**9 / self.value
        if per_s > tick_hz:
            need = f"at most {tick_hz:.3g} (one a tick of this chip)"
            raise RangeError(f"--arrivals: got {show(self.text)}, {float(per_s):.3g} inputs a second, need {need}")
        times = self._interval(tick_hz) if self.kind == "interval" else self._poisson(tick_hz, seed)
        return (_whole_ticks(block) for block in times)

    def _interval(self, tick_hz: int) -> Iterator[list[Fraction]]:
        """Arrivals in ticks: input i comes after i intervals."""
        gap = self.value * tick_hz / 10**9
        for first in count(0, BLOCK_INPUTS):
            yield [gap * i for i in range(first, first + BLOCK_INPUTS)]

    def _poisson(self, tick_hz: int, seed: int) -> Iterator[list[Fraction]]:
        """Arrivals in ticks: the gap before each input but the first is exponential."""
        mean = tick_hz / self.value
        passed = Fraction(0)  # in mean gaps
        for block in count():
            gaps = Draws(seed, 0, "arrivals", block).generator("arrive").standard_exponential(BLOCK_INPUTS)
            if block == 0:
                gaps[0] = 0
            times = []
            for gap in gaps.tolist():
                passed += Fraction(gap)  # the float's exact value, so that sums lose nothing however long the run
                times.append(passed * mean)
            yield times


def _number(text: str) -> Fraction | None:
    """The number exactly, or None if it is none from 1e-9 to 1e18."""
    try:
        # First as a float: the exact value of 1e9999999 would be ten million digits.
        return exact(text) if MIN_VALUE <= float(text) <= MAX_VALUE else None
    except ValueError:
        return None


def _whole_ticks(times: list[Fraction]) -> IntArray:
    last = ceil(times[-1])
    if last >= MAX_TICKS:
        raise RangeError(f"--arrivals: got an arrival at tick {last:.3g}, need less than {MAX_TICKS:.3g}")
    return np.array([ceil(time) for time in times], dtype=np.int64)
