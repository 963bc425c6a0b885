"""Unit suffixes and exact conversions between decimal quantities and integer time.

A decimal that a user wrote (`15.15`) is converted once, exactly, through `fractions.Fraction`; float arithmetic would
round 2 % of ordinary ns x MHz products to the wrong cycle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from accelsim.errors import RangeError

MAX_TICK_HZ = 10**15
MAX_TICKS = 2**62

# A field whose name ends so is a physical quantity: it must carry a source.
PHYSICAL_SUFFIXES = (
    *("_pj", "_pj_per_pe", "_ns", "_uw", "_mw", "_um2"),
    *("_v", "_k", "_ohm", "_siemens", "_ff", "_fc", "_mhz", "_nm", "_s", "_rel"),
)


def is_physical(field: str) -> bool:
    """Whether a field of this name holds a physical quantity (by its unit suffix)."""
    return field.endswith(PHYSICAL_SUFFIXES)


def exact(value: int | float | str | Fraction) -> Fraction:
    """The decimal the user wrote, exactly: `exact(0.1) == Fraction(1, 10)`.

    Raises:
        ValueError: if `value` is not a finite number.
    """
    return value if isinstance(value, Fraction) else Fraction(str(value))


def clock_hz(clock_mhz: float) -> int:
    """Whole hertz of a clock given in MHz.

    Raises:
        RangeError: if the frequency is not positive or not a whole number of hertz.
    """
    hertz = exact(clock_mhz) * 10**6
    if hertz <= 0 or hertz.denominator != 1:
        raise RangeError(f"clock_mhz: got {clock_mhz}, need a positive whole number of hertz")
    return int(hertz)


def cycles_from_ns(ns: Fraction, hertz: int) -> int:
    """Whole cycles that cover `ns` at `hertz`, rounded up, exactly."""
    return math.ceil(ns * hertz / 10**9)


def common_tick_hz(frequencies: Iterable[int]) -> int:
    """Least common multiple of the clock frequencies, in ticks per second.

    Raises:
        RangeError: if it exceeds 10^15 (then int64 time would end after 2.5 hours).
    """
    tick_hz = math.lcm(*frequencies)
    if tick_hz > MAX_TICK_HZ:
        raise RangeError(f"clocks: got a common tick of {tick_hz} Hz, need at most {MAX_TICK_HZ} Hz")
    return tick_hz
