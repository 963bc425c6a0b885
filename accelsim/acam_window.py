"""Window bounds of an analog CAM cell: each bound is the input voltage at which an RRAM-CMOS divider switches.

    V(G) = a + b ln(G / 1 uS) + c (G / 1 uS)

A feature of L levels is driven as L equally spaced voltages from `level_low_v` to `level_high_v`.

*Source:* form and fit by circuit simulation (ngspice 39, sky130 6T2M cell, 10 kohm to 1 Mohm: a 0.724, b 0.057, c
0.0047 V with G in uS, largest deviation 2.6 mV; our own transistor card: 3.9 mV).
*Valid for:* RRAM as a linear resistor: at 1.8 V across the device a measured-type law moves the bound by 172 mV, at
0.5 V by 4.5 mV.
*Not modelled:* spread of the transistors that the law stands for (its coefficients are the same for every cell).
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from accelsim.component import Imperfection, NonNegative, Positive

FloatArray = npt.NDArray[np.float64]

MICRO = 1e-6
_LN_MAX = 200.0  # conductances are sought between e^-200 and e^200 uS
_HALVINGS = 80  # of that interval: closer than the spacing of floating-point numbers


class AcamWindow(Imperfection):
    """How conductances set a cell's bounds, and which voltages carry the levels.

    Attributes:
        bound_a_v, bound_b_v, bound_c_v: coefficients of the law (module docstring).
        level_low_v, level_high_v: input voltage of the lowest and the highest level.
    """

    bound_a_v: float
    bound_b_v: Positive
    bound_c_v: NonNegative
    level_low_v: NonNegative
    level_high_v: Positive

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.level_low_v >= self.level_high_v:
            raise ValueError(f"level_high_v: got {self.level_high_v}, need more than level_low_v {self.level_low_v}")
        return self


def bound_v(window: AcamWindow, g_siemens: float) -> float:
    """Input voltage at which a divider of this conductance switches."""
    g = g_siemens / MICRO
    return window.bound_a_v + window.bound_b_v * math.log(g) + window.bound_c_v * g


def siemens(window: AcamWindow, volts: FloatArray) -> FloatArray:
    """Conductances whose bounds are at these voltages: the rising law inverted, by bisection in ln G."""
    below, above = np.full_like(volts, -_LN_MAX), np.full_like(volts, _LN_MAX)
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        short = window.bound_a_v + window.bound_b_v * middle + window.bound_c_v * np.exp(middle) < volts
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return np.asarray(MICRO * np.exp(above), dtype=np.float64)
