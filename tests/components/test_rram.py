"""RRAM devices: the published laws by hand, the moments of every draw, and one record for all laws."""

from __future__ import annotations

import re
from math import erf, log, sqrt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.rram import Relaxation, aged_siemens, relaxed_siemens
from tests.components.acam_blocks import (
    CMO_PROGRAMMING,
    CMO_RELAXATION,
    DAY,
    MICRO,
    RELAXATION,
    WAN_US,
    device,
    read_noise,
)

CHIP = Draws(0, 0, "acam")
N = 40_000
FIVE = 5.0  # standard errors: a correct sample fails once in two million


def sigma_us(polynomial: tuple[float, ...], g_us: float) -> float:
    x = g_us / 40
    return sum(c * x**k for k, c in enumerate(polynomial))


def deviations(target_us: float, age_s: float, draws: Draws = CHIP, **laws: Any) -> np.ndarray:
    target = np.full(N, target_us * MICRO)
    return (aged_siemens(device(**laws), target, age_s, draws) - target) / MICRO


def require_moments(sample: np.ndarray, mean: float, sigma: float) -> None:
    """The standard error of a mean is sigma/sqrt(n), that of a normal sample's sigma is sigma/sqrt(2n)."""
    assert abs(sample.mean() - mean) < FIVE * sigma / sqrt(len(sample))
    assert abs(sample.std() - sigma) < FIVE * sigma / sqrt(2 * len(sample))


def require_independent(a: np.ndarray, b: np.ndarray) -> None:
    """The correlation of n independent pairs has a standard error of 1/sqrt(n)."""
    assert abs(np.corrcoef(a, b)[0, 1]) < FIVE / sqrt(len(a))


@pytest.mark.parametrize("age_s", [0.0, 1.0, DAY])
def test_no_sigma_no_change(age_s: float) -> None:
    """Blocks whose figures are zero give the same bits as no blocks, and both give the target."""
    zero = {
        "programming": {"record": "wan2022", "sigma_siemens": (0.0,), "sources": {}},
        "relaxation": {**RELAXATION, "sigma_siemens": ((0.0,),) * 3},
        "read_noise": read_noise(0.0),
    }
    target = np.linspace(1e-6, 40e-6, 1001)
    assert np.array_equal(aged_siemens(device(), target, age_s, CHIP), target)
    assert np.array_equal(aged_siemens(device(**zero), target, age_s, CHIP), target)


@pytest.mark.parametrize("g_us", [5.0, 10.0, 20.0])
def test_age_law_by_hand(g_us: float) -> None:
    """The tabulated polynomials, between them linear in ln t, and before the first one that one."""
    law, x = Relaxation(**RELAXATION), np.array([g_us / 40])
    one_s, one_day, two_days = (sigma_us(polynomial, g_us) for polynomial in WAN_US)
    part = log(1.5) / log(2)  # of the way from one day to two, at a day and a half
    expected = {
        0.0: one_s,
        0.5: one_s,
        1.0: one_s,
        sqrt(DAY): (one_s + one_day) / 2,
        DAY: one_day,
        1.5 * DAY: one_day + part * (two_days - one_day),
        2 * DAY: two_days,
    }
    for age_s, sigma in expected.items():
        found, shift = relaxed_siemens(law, x, age_s)
        assert found[0] / MICRO == pytest.approx(sigma, rel=1e-12)
        assert shift == 0.0


def test_published_sigmas_of_a_day() -> None:
    """Wan 2022 at one day: 2.8 uS at 5 uS and 3.9 uS at 20 uS."""
    sigma, _ = relaxed_siemens(Relaxation(**RELAXATION), np.array([5 / 40, 20 / 40]), DAY)
    assert sigma / MICRO == pytest.approx([2.8, 3.9], abs=0.05)


@pytest.mark.parametrize("age_s", [1.0, DAY])
def test_relaxation_has_the_stated_moments(age_s: float) -> None:
    """20 uS is at least 5 sigma from the ends of the range, so that clamping takes nothing away."""
    sample = deviations(20, age_s, relaxation=RELAXATION)
    require_moments(sample, 0.0, sigma_us(WAN_US[0 if age_s == 1 else 1], 20))


def test_programming_has_the_stated_moments_and_drift_moves_the_mean() -> None:
    """CMO/HfOx at 50 uS and 1e5 s: mean -0.089 ln 1e5 = -1.025 uS, sigmas 0.576 and 0.895 uS added as independent."""
    cmo: dict[str, Any] = {"record": "cmo", "g_min_siemens": 9e-6, "g_max_siemens": 88.19e-6}
    programmed = 0.01122 + 0.01129 * 50
    relaxed = 0.4118 + 0.0420 * log(1e5)
    require_moments(deviations(50, 0, **cmo, programming=CMO_PROGRAMMING), 0.0, programmed)
    both = deviations(50, 1e5, **cmo, programming=CMO_PROGRAMMING, relaxation=CMO_RELAXATION)
    require_moments(both, -0.089 * log(1e5), sqrt(programmed**2 + relaxed**2))
    alone = deviations(50, 1e5, **cmo, relaxation=CMO_RELAXATION)
    require_independent(both - alone, alone)


def test_a_drifting_device_stays_in_its_range() -> None:
    """The drift of CMO/HfOx takes 1.01 uS in a day: devices written to 1 uS end at g_min, never below."""
    cmo: dict[str, Any] = {"record": "cmo", "g_min_siemens": 1e-6, "g_max_siemens": 20e-6}
    aged = aged_siemens(device(**cmo, relaxation=CMO_RELAXATION), np.full(N, 1e-6), DAY, CHIP)
    assert aged.min() == 1e-6
    assert aged.max() <= 20e-6
    shift = -0.089 * log(DAY) / (0.4118 + 0.0420 * log(DAY))  # in sigmas
    above = (1 + erf(shift / sqrt(2))) / 2  # one device in eight rises above 1 uS
    assert abs((aged > 1e-6).mean() - above) < FIVE * sqrt(above * (1 - above) / N)


def test_a_chip_ages_smoothly() -> None:
    """The same standard normal of each device, scaled by the sigma of the age."""
    second, day = (deviations(20, age_s, relaxation=RELAXATION) for age_s in (1.0, DAY))
    scale = sigma_us(WAN_US[1], 20) / sigma_us(WAN_US[0], 20)
    inside = (np.abs(second) < 15) & (np.abs(day) < 15)
    assert np.allclose(day[inside], second[inside] * scale, rtol=1e-9, atol=1e-9)
    assert inside.mean() > 0.999


def test_devices_chips_and_seeds_are_independent() -> None:
    one = deviations(20, 1, relaxation=RELAXATION)
    require_independent(one[:-1], one[1:])
    for other in (Draws(0, 1, "acam"), Draws(1, 0, "acam"), Draws(0, 0, "acam2")):
        require_independent(one, deviations(20, 1, other, relaxation=RELAXATION))
    assert np.array_equal(one, deviations(20, 1, Draws(0, 0, "acam"), relaxation=RELAXATION))


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.0), (0.0, 0.03), (0.02, 0.03)])
def test_stuck_devices(low: float, high: float) -> None:
    """The stated fractions stand at the ends of the range, the same devices at every age; the others are untouched."""
    stuck = device(stuck_low_rel=low, stuck_high_rel=high)
    target = np.full(N, 20e-6)
    aged = aged_siemens(stuck, target, 0, CHIP)
    for end, share in ((1e-6, low), (40e-6, high)):
        assert abs((aged == end).mean() - share) <= FIVE * sqrt(share * (1 - share) / N)
    assert ((aged == 20e-6) | (aged == 1e-6) | (aged == 40e-6)).all()
    later = aged_siemens(
        device(stuck_low_rel=low, stuck_high_rel=high, relaxation=RELAXATION), target, DAY, CHIP
    )
    assert (later[aged == 1e-6] == 1e-6).all()
    assert (later[aged == 40e-6] == 40e-6).all()


@pytest.mark.parametrize("age_s", [-1.0, 2 * DAY + 1, 1e9])
def test_an_age_beyond_the_record_raises(age_s: float) -> None:
    message = f"age_s: got {age_s:g}, need 0 to 172800, the last age that record wan2022 tabulates"
    with pytest.raises(RangeError, match=re.escape(message)):
        aged_siemens(device(relaxation=RELAXATION), np.array([1e-5]), age_s, CHIP)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relaxation": {**RELAXATION, "record": "milo"}}, "relaxation.record: got milo, need wan2022, the record of"),
        ({"programming": CMO_PROGRAMMING}, "programming.record: got cmo, need wan2022"),
        ({"read_noise": read_noise(0.01, "cmo")}, "read_noise.record: got cmo, need wan2022"),
        ({"g_max_siemens": 1e-6}, "g_max_siemens: got 1e-06, need more than g_min_siemens 1e-06"),
        ({"search_v": 0.7}, "search_v: got 0.7, need at most disturb_limit_v 0.6"),
        ({"stuck_low_rel": 0.6, "stuck_high_rel": 0.5}, "stuck_low_rel \\+ stuck_high_rel: got 1.1, need at most 1"),
        ({"stuck_low_rel": 1.5}, "stuck_low_rel"),
        ({"relaxation": {**RELAXATION, "age_s": (1.0, DAY)}}, "sigma_siemens: got 3 polynomials, need 2, one an age"),
        ({"relaxation": {**RELAXATION, "age_s": (1.0, DAY, DAY)}}, "age_s: got .*, need ascending ages"),
        (
            {"relaxation": {**RELAXATION, "sigma_siemens": ((1e-6, -2e-6),) * 3}},
            "relaxation.sigma_siemens: got -1e-06 within the conductance range, need 0 or more",
        ),
    ],
)
def test_impossible_devices_raise(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        device(**changes)
