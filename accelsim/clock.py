"""Clock domains of one chip and the common tick they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from accelsim.units import clock_hz, common_tick_hz, exact


@dataclass(frozen=True)
class Clocks:
    """Exact clock frequencies.

    Attributes:
        hertz: clock name → frequency in Hz.
        tick_hz: ticks per second, the least common multiple of all frequencies.
    """

    hertz: Mapping[str, int]
    tick_hz: int

    @staticmethod
    def from_mhz(clock_mhz: Mapping[str, float]) -> Clocks:
        """Clocks from the spec's `clock_mhz` values.

        Raises:
            RangeError: if a clock is no whole number of hertz or the common tick exceeds 10^15 Hz.
        """
        hertz = {name: clock_hz(mhz) for name, mhz in clock_mhz.items()}
        return Clocks(hertz, common_tick_hz(hertz.values()))

    def ticks_per_cycle(self, name: str) -> int:
        """Ticks in one cycle of clock `name`."""
        return self.tick_hz // self.hertz[name]

    def ticks_from_ns(self, ns: float | Fraction) -> int:
        """Ticks that cover `ns`, rounded up, exactly."""
        return -(-exact(ns) * self.tick_hz // 10**9)
