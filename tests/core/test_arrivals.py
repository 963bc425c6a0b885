"""Arrival processes: exact intervals, Poisson rate, bad words."""

from fractions import Fraction
from itertools import islice
from math import ceil

import numpy as np
import pytest

from accelsim.arrivals import Arrivals
from accelsim.errors import RangeError, UsageError
from accelsim.rng import Draws


def first_blocks(text: str, n_blocks: int, tick_hz: int = 10**9, seed: int = 3) -> np.ndarray:
    return np.concatenate(list(islice(Arrivals.parse(text).blocks(tick_hz, seed), n_blocks)))


def test_back_to_back_arrives_at_once() -> None:
    assert not first_blocks("back-to-back", 2).any()


def test_interval_is_exact_across_blocks() -> None:
    ticks = first_blocks("interval:1.3", 2)
    assert ticks.tolist() == [ceil(Fraction(13, 10) * i) for i in range(512)]


def test_poisson_has_its_rate_and_does_not_depend_on_how_many_are_asked() -> None:
    ticks = first_blocks("poisson:1e6", 64)
    gaps = np.diff(ticks)
    n, mean = len(gaps), 1000
    assert abs(gaps.mean() - mean) < 3 * mean / np.sqrt(n)
    assert abs(gaps.std() / mean - 1) < 5 / np.sqrt(n)
    assert (first_blocks("poisson:1e6", 2) == ticks[:512]).all()
    assert (first_blocks("poisson:1e6", 2, seed=4) != ticks[:512]).any()


def test_poisson_keeps_its_rate_where_gaps_are_few_ticks() -> None:
    """Gaps of 2 ticks on average: rounding up every gap, not every arrival, would make them 1 / (1 - e^-0.5) = 2.54."""
    gaps = np.diff(first_blocks("poisson:5e8", 64))
    assert (gaps >= 0).all()
    assert (gaps == 0).any()
    assert abs(gaps.mean() - 2) < 4 * 2 / np.sqrt(len(gaps))


def test_poisson_arrivals_are_exact_sums_rounded_up_once() -> None:
    gaps = [gap for b in range(2) for gap in Draws(3, 0, "arrivals", b).generator("arrive").exponential(size=256)]
    times = [sum((Fraction(float(gap)) for gap in gaps[1:n]), Fraction(0)) * 1000 / 7 for n in range(1, 513)]
    assert first_blocks("poisson:7e6", 2).tolist() == [ceil(time) for time in times]


@pytest.mark.parametrize("text", ["back-to-back", "interval:5", "poisson:1e6"])
def test_the_first_arrives_at_once(text: str) -> None:
    ticks = first_blocks(text, 2)
    assert ticks[0] == 0
    assert ticks.dtype == np.int64
    assert (np.diff(ticks) >= 0).all()


BAD = [
    *("", "interval", "interval:", "interval:-1", "interval:nan", "interval:inf", "poisson:0", "often:3"),
    *("poisson:1e-400", "interval:1e400", "interval:1e9999999", "interval:1.1e18", "poisson:9e-10"),
    *("interval:1/0", "interval:1e18.5"),
    *("interval:1" + "0" * 5000 + "e-5000", "poisson:" + "9" * 100_000),
]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:20])
def test_bad_words(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Arrivals.parse(text)
    shown = text if len(text) <= 58 else text[:56] + "…"
    assert str(caught.value) == (
        f'--arrivals: got "{shown}", need back-to-back, interval:NS or poisson:PER_S with a number from 1e-09 to 1e+18'
    )


@pytest.mark.parametrize("text", ["interval:1e-9", "interval:1e18", "poisson:1e-9", "poisson:1e18", "interval:1e0"])
def test_the_ends_of_the_range_are_in_it(text: str) -> None:
    assert Arrivals.parse(text).value == Fraction(text.partition(":")[2])


def test_arrivals_beyond_int64_are_refused() -> None:
    with pytest.raises(RangeError, match=r"got an arrival at tick 2.55e\+20, need less than 4.61e\+18"):
        first_blocks("interval:1e18", 1)


@pytest.mark.parametrize(("text", "rate"), [("poisson:1.5e9", "1.5e+09"), ("interval:0.5", "2e+09")])
def test_more_than_one_input_a_tick_is_refused_at_once(text: str, rate: str) -> None:
    with pytest.raises(RangeError) as caught:
        Arrivals.parse(text).blocks(10**9, 0)
    need = "at most 1e+09 (one a tick of this chip)"
    assert str(caught.value) == f'--arrivals: got "{text}", {rate} inputs a second, need {need}'
    assert len(first_blocks(text.replace("1.5", "1").replace("0.5", "1"), 1)) == 256
