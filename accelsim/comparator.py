"""Comparators (latches, sense amplifiers, the branches of a winner-take-all): offset, noise, and time to decide.

A comparator with a margin v reaches its swing after tau ln(swing / |v|), and not later than `max_ns`: then it is
strobed and goes the way it leans. At a margin of exactly zero it takes `max_ns` and the lower index wins.

*Source:* regeneration of a latch, t = (C / g_m) ln(V_DD / V), as in github.com/eva-cam/EvaCAM SenseAmp.cpp; offsets
of a 0.18 um latch: Rahman et al., PLoS ONE 9(10) e108634 (2014).
*Valid for:* margins well below the swing, where regeneration is exponential.
*Not modelled:* kick-back, input-referred noise that changes during regeneration, a wrong decision at the time
limit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from accelsim.component import Imperfection, NonNegative, Positive
from accelsim.rng import BLOCK_INPUTS, Draws

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Comparators(Imperfection):
    """How far comparators are from exact.

    Attributes:
        offset_v: sigma of the input offset (per chip and comparator, fixed).
        noise_v: sigma of the input noise (per access and comparator).
    """

    offset_v: NonNegative
    noise_v: NonNegative


class Settling(Imperfection):
    """How long a comparator takes beyond the time of a large margin.

    Attributes:
        tau_ns: time constant of regeneration.
        swing_v: what it must reach; a margin of that size takes no extra time.
        max_ns: longest extra time, after which it is strobed.
    """

    tau_ns: Positive
    swing_v: Positive
    max_ns: NonNegative


def offsets_v(block: Comparators | None, n_comparators: int, draws: Draws) -> FloatArray:
    """Offsets of one chip's comparators, `[n_comparators]`; zero without a block."""
    if block is None:
        return np.zeros(n_comparators)
    return block.offset_v * draws.generator("offset").standard_normal(n_comparators)


def noise_v(block: Comparators | None, n_inputs: int, n_comparators: int, draws: Draws) -> FloatArray:
    """Noise of one access an input, `[n_inputs, n_comparators]`: drawn for all 256 inputs of the block, then cut."""
    if block is None or block.noise_v == 0:
        return np.zeros((n_inputs, n_comparators))
    return block.noise_v * draws.generator("noise").standard_normal((BLOCK_INPUTS, n_comparators))[:n_inputs]


def extra_ns(settling: Settling | None, margin_v: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Time decisions take beyond that of a large margin, and whether the time limit ended them; as `margin_v`."""
    if settling is None:
        return np.zeros(margin_v.shape), np.zeros(margin_v.shape, dtype=bool)
    margin = np.abs(margin_v)
    limited = margin <= settling.swing_v * math.exp(-settling.max_ns / settling.tau_ns)
    with np.errstate(divide="ignore", over="ignore"):  # margins of zero, or too small for the ratio: infinite
        ns = settling.tau_ns * np.log(settling.swing_v / margin)
    return np.where(limited, settling.max_ns, np.clip(ns, 0, settling.max_ns)), limited
