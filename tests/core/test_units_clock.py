"""Decimal quantities become integers once, exactly, rounded up."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.clock import Clocks
from accelsim.component import Delay
from accelsim.errors import RangeError
from accelsim.units import clock_hz, cycles_from_ns, exact, is_physical


def test_the_decimal_the_user_wrote_is_kept() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert clock_hz(66.666) == 66_666_000


@pytest.mark.parametrize(
    ("ns", "mhz", "cycles"), [(15, 200, 3), (15.15, 66, 1), (15.16, 66, 2), (0.1, 1000, 1), (1.1, 30, 1)]
)
def test_cycles_are_the_ceiling_of_ns_times_clock(ns: float, mhz: float, cycles: int) -> None:
    assert cycles_from_ns(exact(ns), clock_hz(mhz)) == cycles


@given(st.decimals("0.001", "1e6", places=3), st.integers(1, 5000))
def test_ceiling_matches_decimal_arithmetic(ns: object, mhz: int) -> None:
    assert cycles_from_ns(exact(str(ns)), mhz * 10**6) == ceil(Fraction(str(ns)) * mhz / 1000)


def test_a_chain_is_rounded_once() -> None:
    hertz = 10**9
    assert Delay(ns=exact(0.4) + exact(0.4)).in_cycles(hertz) == 1
    assert Delay(cycles=2, ns=exact(0.4)).in_cycles(hertz) == 3
    assert Delay(ns=Fraction(0)).in_cycles(hertz) == 1  # a job lasts at least one cycle
    assert Delay(ns=exact(0.75)).slack_ns(hertz) == 0.25


def test_ticks_are_the_least_common_multiple() -> None:
    clocks = Clocks.from_mhz({"engine": 200, "acam": 66})
    assert clocks.tick_hz == 6_600_000_000
    assert clocks.ticks_per_cycle("engine") == 33
    assert clocks.ticks_per_cycle("acam") == 100
    assert clocks.ticks_from_ns(1) == 7  # 6.6 ticks, rounded up


def test_impossible_clocks_are_refused() -> None:
    with pytest.raises(RangeError, match="whole number of hertz"):
        clock_hz(1e-7)
    with pytest.raises(RangeError, match="common tick"):
        Clocks.from_mhz({"a": 999.999983, "b": 999.999989})


def test_physical_fields_are_known_by_their_suffix() -> None:
    assert is_physical("match_pj")
    assert is_physical("clock_mhz")
    assert not is_physical("n_rows")
