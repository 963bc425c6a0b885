"""Comparators: moments and independence of offset and noise, and decision times by hand."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from accelsim.comparator import Comparators, Settling, extra_ns, noise_v, offsets_v
from accelsim.rng import Draws

FIVE = 5.0
BLOCK = Comparators(offset_v=0.00344, noise_v=0.0003, sources={})
SETTLING = Settling(tau_ns=4.0, swing_v=3.0, max_ns=60.0, sources={})


def require_moments(sample: np.ndarray, sigma: float) -> None:
    n = sample.size
    assert abs(sample.mean()) < FIVE * sigma / sqrt(n)
    assert abs(sample.std() - sigma) < FIVE * sigma / sqrt(2 * n)


def require_independent(a: np.ndarray, b: np.ndarray) -> None:
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < FIVE / sqrt(a.size)


def test_offsets() -> None:
    offsets = [offsets_v(BLOCK, 10_000, Draws(seed, chip, "wta")) for seed, chip in ((0, 0), (0, 1), (1, 0))]
    for sample in offsets:
        require_moments(sample, 0.00344)
    require_independent(offsets[0], offsets[1])
    require_independent(offsets[0], offsets[2])
    require_independent(offsets[0][1:], offsets[0][:-1])
    assert np.array_equal(offsets[0], offsets_v(BLOCK, 10_000, Draws(0, 0, "wta")))


def test_noise() -> None:
    keys = ((0, 0), (0, 1), (1, 0))
    here, next_block, other_chip = (noise_v(BLOCK, 256, 100, Draws(0, chip, "wta", b)) for chip, b in keys)
    require_moments(here, 0.0003)
    for other in (next_block, other_chip, np.roll(here, 1, axis=0), np.roll(here, 1, axis=1)):
        require_independent(here, other)
    assert np.array_equal(noise_v(BLOCK, 7, 100, Draws(0, 0, "wta", 0)), here[:7])


def test_ideal_comparators_are_exact() -> None:
    zero = Comparators(offset_v=0.0, noise_v=0.0, sources={})
    for block in (None, zero):
        assert (offsets_v(block, 5, Draws(0, 0, "wta")) == 0).all()
        assert (noise_v(block, 3, 5, Draws(0, 0, "wta", 0)) == 0).all()


def test_extra_time_by_hand() -> None:
    """tau ln(swing / margin): 4 ln 1000 = 27.6 ns at 3 mV of either sign, none from the swing on, at most 60 ns."""
    limit = 3.0 * exp(-60 / 4)  # 0.92 uV: the margin that takes 60 ns
    margins = np.array([0.003, -0.003, 3.0, 5.0, 1.0, limit * 1.001, limit * 0.999, 0.0])
    ns, limited = extra_ns(SETTLING, margins)
    expected = [4 * log(1000), 4 * log(1000), 0, 0, 4 * log(3), 60 - 4 * log(1.001), 60, 60]
    assert ns.tolist() == pytest.approx(expected, rel=1e-12)
    assert ns[-2:].tolist() == [60.0, 60.0]
    assert limited.tolist() == [False] * 6 + [True] * 2


def test_margins_too_small_for_a_ratio_are_limited_without_a_warning() -> None:
    """3 V over the least float is no float; the time limit ends such a decision as it ends a margin of zero."""
    with np.errstate(all="raise"):
        ns, limited = extra_ns(SETTLING, np.array([5e-324, -5e-324, 0.0]))
    assert ns.tolist() == [60.0] * 3
    assert limited.all()


def test_without_settling_no_time() -> None:
    ns, limited = extra_ns(None, np.zeros((2, 3)))
    assert ns.shape == limited.shape == (2, 3)
    assert not ns.any()
    assert not limited.any()
