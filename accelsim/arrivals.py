"""When inputs arrive: back to back, at a fixed interval, or as a Poisson process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from accelsim.errors import RangeError, UsageError
from accelsim.jobs import IntArray
from accelsim.rng import BLOCK_INPUTS, Draws
from accelsim.units import MAX_TICKS, exact


@dataclass(frozen=True)
class Arrivals:
    """An arrival process.

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
            UsageError: if it is none of these, or the number is not positive.
        """
        if text == "back-to-back":
            return Arrivals(text, text, Fraction(0))
        kind, _, number = text.partition(":")
        try:
            value = exact(number)
        except (ValueError, ZeroDivisionError):
            value = Fraction(0)
        if kind not in ("interval", "poisson") or value <= 0:
            raise UsageError(
                f"--arrivals: got {text!r}, need back-to-back, interval:NS or poisson:PER_S with a positive number"
            )
        return Arrivals(text, kind, value)

    def blocks(self, tick_hz: int, seed: int) -> Iterator[IntArray]:
        """Arrival ticks of inputs 0-255, 256-511, …, `[256]` int64 each, non-decreasing, without end.

        Raises:
            RangeError: if an arrival leaves the range of int64 ticks.
        """
        last = 0
        block = 0
        while True:
            ticks = self._block(block, tick_hz, seed, last)
            last = ticks[-1]
            if last >= MAX_TICKS:
                raise RangeError(f"--arrivals: got an arrival at tick {last}, need less than {MAX_TICKS}")
            yield np.array(ticks, dtype=np.int64)
            block += 1

    def _block(self, block: int, tick_hz: int, seed: int, last: int) -> list[int]:
        if self.kind == "back-to-back":
            return [0] * BLOCK_INPUTS
        if self.kind == "interval":
            gap = self.value * tick_hz / 10**9
            first = block * BLOCK_INPUTS
            return [
                -(-(gap * i).numerator // (gap * i).denominator) for i in range(first, first + BLOCK_INPUTS)
            ]
        generator = Draws(seed, 0, "arrivals", block).generator("arrive")
        mean = float(tick_hz / self.value)
        ticks = []
        for gap_ticks in generator.exponential(mean, BLOCK_INPUTS).tolist():
            last += int(gap_ticks) + 1  # whole ticks, at least one
            ticks.append(last)
        return ticks
