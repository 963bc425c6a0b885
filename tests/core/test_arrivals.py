"""Arrival processes: exact intervals, Poisson rate, bad words."""

from fractions import Fraction
from itertools import islice
from math import ceil

import numpy as np
import pytest

from accelsim.arrivals import Arrivals
from accelsim.errors import RangeError, UsageError


def first_blocks(text: str, n_blocks: int, tick_hz: int = 10**9, seed: int = 3) -> np.ndarray:
    return np.concatenate(list(islice(Arrivals.parse(text).blocks(tick_hz, seed), n_blocks)))


def test_back_to_back_arrives_at_once() -> None:
    assert not first_blocks("back-to-back", 2).any()


def test_interval_is_exact_across_blocks() -> None:
    ticks = first_blocks("interval:0.3", 2)
    assert ticks.tolist() == [ceil(Fraction(3, 10) * i) for i in range(512)]


def test_poisson_has_its_rate_and_does_not_depend_on_how_many_are_asked() -> None:
    ticks = first_blocks("poisson:1e6", 64)
    gaps = np.diff(ticks)
    assert (gaps >= 1).all()
    n, mean = len(gaps), 1000.5  # a whole number of ticks: half a tick longer than 1000 on average
    assert abs(gaps.mean() - mean) < 5 * mean / np.sqrt(n)
    assert abs(gaps.std() / mean - 1) < 5 / np.sqrt(n)
    assert (first_blocks("poisson:1e6", 2) == ticks[:512]).all()
    assert (first_blocks("poisson:1e6", 2, seed=4) != ticks[:512]).any()


@pytest.mark.parametrize(
    "text",
    ["", "interval", "interval:", "interval:-1", "interval:nan", "poisson:0", "often:3", "interval:1/0"],
)
def test_bad_words(text: str) -> None:
    with pytest.raises(UsageError, match=r"need back-to-back, interval:NS or poisson:PER_S"):
        Arrivals.parse(text)


def test_arrivals_beyond_int64_are_refused() -> None:
    with pytest.raises(RangeError, match="arrival at tick"):
        first_blocks("interval:1e18", 1)
