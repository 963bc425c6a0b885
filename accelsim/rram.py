"""RRAM devices: what has become of a conductance that was written, and how it reads.

    G(t) = target + z_p sigma_p(x) + drift ln(t / t_1) + z_r sigma_t(x),   x = target / g_max

and clamped to [g_min, g_max]. `z_p` and `z_r` are standard normal, one of each a device and chip, whatever the age:
a chip ages smoothly and never is another chip. `sigma_p` is what write-verify leaves (`programming`), `sigma_t`
what there is after `t` (`relaxation`): polynomials in x, tabulated at some ages, between them linear in ln t. Below
the first tabulated age t_1 its law holds; beyond the last one nothing is known, which is an error. A record that
tabulates the whole deviation from the target, programming included, has no `programming`. Some devices are stuck at
g_min or at g_max.

All laws of a device are one record's, with that record's conductance range: the laws of one device on the range of
another give negative conductances after a day (see *Valid for*).

*Source:* the forms are those of IBM/aihwkit `inference/noise/reram.py`: Wan et al., Nature 608 (2022), a polynomial
at 1 s, 1 day and 2 days; CMO/HfOx, programming apart, with a mean drift of -0.089 ln t uS and a sigma of 0.042 ln t
+ 0.41 uS.
*Valid for:* conductances of the record's range. With the drift of CMO/HfOx (9 to 88 uS) a device of 1 uS would be
negative after a day.
*Not modelled:* correlation between devices, retention at other temperatures than the record's, random telegraph
noise (a reading's noise is white), drift of stuck devices.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from accelsim.component import Imperfection, NonNegative, Positive
from accelsim.errors import RangeError
from accelsim.rng import Draws

FloatArray = npt.NDArray[np.float64]

Record = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="a name in lower case, such as wan2022")]
Fraction = Annotated[float, Field(ge=0, le=1)]
# Coefficients of 1, x, x^2, … in siemens.
Polynomial = Annotated[tuple[float, ...], Field(strict=False, min_length=1, max_length=9)]

_GRID = 257  # conductances at which a sigma is checked for its sign


class Programming(Imperfection):
    """What write-verify leaves: sigma of the conductance right after writing.

    Attributes:
        record: the device record it is from.
        sigma_siemens: coefficients of the polynomial in x = G / g_max.
    """

    record: Record
    sigma_siemens: Polynomial


class Relaxation(Imperfection):
    """What time adds: sigma of the conductance and its mean shift, by age.

    Attributes:
        record: the device record it is from.
        age_s: tabulated ages, ascending.
        sigma_siemens: for each age the coefficients of the polynomial in x = G / g_max.
        drift_siemens: mean shift of the conductance each time the age grows by a factor e after the first one.
    """

    record: Record
    age_s: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1, max_length=16)]
    sigma_siemens: Annotated[tuple[Polynomial, ...], Field(strict=False, min_length=1, max_length=16)]
    drift_siemens: float

    @model_validator(mode="after")
    def _tabulated(self) -> Self:
        if len(self.age_s) != len(self.sigma_siemens):
            raise ValueError(
                f"sigma_siemens: got {len(self.sigma_siemens)} polynomials, need {len(self.age_s)}, one an age of age_s"
            )
        if any(late <= early for early, late in zip(self.age_s, self.age_s[1:], strict=False)):
            raise ValueError(f"age_s: got {list(self.age_s)}, need ascending ages")
        return self


class ReadNoise(Imperfection):
    """Noise of a reading: a fresh deviation of every device in every access.

    Attributes:
        record: the device record it is from.
        sigma_rel: sigma relative to the conductance.
    """

    record: Record
    sigma_rel: NonNegative


class RramDevice(Imperfection):
    """The record of one device and how it is used.

    Attributes:
        record: name of the device record; that of every law below.
        g_min_siemens, g_max_siemens: its conductance range, both for targets and for what becomes of them.
        search_v: voltage that a search puts across a device. It is stated, not found: the check against
            `disturb_limit_v` holds only if the cell limits the voltage across its devices to it.
        disturb_limit_v: voltage from which on a search would move the device.
        stuck_low_rel, stuck_high_rel: fraction of devices that stay at g_min, or at g_max, whatever is written.
        programming, relaxation, read_noise: the laws; None = none.
    """

    record: Record
    g_min_siemens: Positive
    g_max_siemens: Positive
    search_v: NonNegative
    disturb_limit_v: Positive
    stuck_low_rel: Fraction
    stuck_high_rel: Fraction
    programming: Programming | None = None
    relaxation: Relaxation | None = None
    read_noise: ReadNoise | None = None

    @model_validator(mode="after")
    def _one_record(self) -> Self:
        for name in ("programming", "relaxation", "read_noise"):
            law = getattr(self, name)
            if law is not None and law.record != self.record:
                raise ValueError(f"{name}.record: got {law.record}, need {self.record}, the record of the device")
        return self

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if self.g_min_siemens >= self.g_max_siemens:
            need = f"more than g_min_siemens {self.g_min_siemens}"
            raise ValueError(f"g_max_siemens: got {self.g_max_siemens}, need {need}")
        if self.search_v > self.disturb_limit_v:
            raise ValueError(f"search_v: got {self.search_v}, need at most disturb_limit_v {self.disturb_limit_v}")
        if self.stuck_low_rel + self.stuck_high_rel > 1:
            raise ValueError(
                f"stuck_low_rel + stuck_high_rel: got {self.stuck_low_rel + self.stuck_high_rel}, need at most 1"
            )
        x = np.linspace(self.g_min_siemens / self.g_max_siemens, 1, _GRID)
        for name, sigmas in self._sigmas():
            least = min(float(_polynomial(sigma, x).min()) for sigma in sigmas)
            if least < 0:
                raise ValueError(f"{name}.sigma_siemens: got {least:g} within the conductance range, need 0 or more")
        return self

    def _sigmas(self) -> list[tuple[str, tuple[Polynomial, ...]]]:
        programmed = [("programming", (self.programming.sigma_siemens,))] if self.programming else []
        return programmed + ([("relaxation", self.relaxation.sigma_siemens)] if self.relaxation else [])


def _polynomial(coefficients: Polynomial, x: FloatArray) -> FloatArray:
    total = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def relaxed_siemens(law: Relaxation, x: FloatArray, age_s: float) -> tuple[FloatArray, float]:
    """Sigma of the conductance at the age, for each x = target / g_max, and the mean shift.

    Raises:
        RangeError: if the age is negative or beyond the last tabulated one.
    """
    ages = law.age_s
    if not 0 <= age_s <= ages[-1]:
        need = f"0 to {ages[-1]:g}, the last age that record {law.record} tabulates"
        raise RangeError(f"age_s: got {age_s:g}, need {need}")
    age = max(age_s, ages[0])
    late = min(bisect_right(ages, age), len(ages) - 1)
    sigma = _polynomial(law.sigma_siemens[late], x)
    if late:
        early = ages[late - 1]
        share = math.log(age / early) / math.log(ages[late] / early)
        sigma = (1 - share) * _polynomial(law.sigma_siemens[late - 1], x) + share * sigma
    return sigma, law.drift_siemens * math.log(age / ages[0])


def aged_siemens(device: RramDevice, target: FloatArray, age_s: float, draws: Draws) -> FloatArray:
    """Conductances of one chip's devices that were written to `target`, `age_s` later.

    Args:
        target: any shape, in siemens; what is drawn belongs to the place in it.
        draws: of the chip; the same ones at every age.

    Raises:
        RangeError: if the age is negative or beyond the last one that the record tabulates.
    """
    x = target / device.g_max_siemens
    g = target
    if device.programming:
        z = draws.generator("device", "programming").standard_normal(target.shape)
        g = g + z * _polynomial(device.programming.sigma_siemens, x)
    if device.relaxation:
        sigma, shift = relaxed_siemens(device.relaxation, x, age_s)
        g = g + shift + draws.generator("device", "relaxation").standard_normal(target.shape) * sigma
    g = np.clip(g, device.g_min_siemens, device.g_max_siemens)
    u = draws.generator("device", "stuck").random(target.shape)
    g = np.where(u < device.stuck_low_rel, device.g_min_siemens, g)
    return np.where(u >= 1 - device.stuck_high_rel, device.g_max_siemens, g)
