"""ADCs at the sum lines of the distance arrays: turn the sampled sums of one key into codes.

A key has one sum line pair (SLP, SLN) a split. `conversions_per_compare` is 2 when both are converted and the
codes added, 1 when their average is converted. `n_adcs` converters share the conversions of a key in rounds.

*Source:* arXiv 2307.07631 §III-D step 4 (a 5-bit ADC digitises the sum lines; how many there are is open).
*Valid for:* converters that work in parallel and take `convert_ns` a round; sums that are held until the last
round. A job is one key and takes `rounds` times the op's cycles. With gated bias every round wakes them.
`count` copies stand for banks of arrays, each with `n_adcs` converters of its own, of which one works at a
time: only area and static power are per copy.
*Not modelled:* range and quantisation: codes are the exact integer distances whatever `n_bits` is, without
saturation, offset or noise. The analog bus that brings the sums of many arrays to one converter: some 48 fF
(0.24 mm at 200 fF/mm) on a sum line of some 120 fF lower the voltage of a step by about 30 %. Settling of the
multiplexers on that bus.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import (
    BIAS,
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    Positive,
    ServedSpec,
    Static,
    per_input,
    wake_ns,
)
from accelsim.rng import Draws
from accelsim.units import exact


class AdcSpec(ServedSpec):
    """The converters of one bank.

    Attributes:
        n_bits: resolution.
        n_adcs: converters that one key can use at a time.
        conversions_per_compare: 1 or 2 a split (module docstring).
        convert_ns, convert_pj: one conversion.
        bias_uw: bias of all `n_adcs`; bias_gated: off between conversions.
        wake_ns, wake_pj: what switching on takes, each round, when it is gated.
    """

    component: Literal["adc"]
    n_bits: Annotated[int, Field(ge=1, le=16)]
    n_adcs: Annotated[int, Field(ge=1, le=10**4)]
    conversions_per_compare: Literal[1, 2]
    convert_ns: Positive
    convert_pj: NonNegative
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative


class Sums(NamedTuple):
    """Sampled sums: distances `[n_inputs, k, n_format_splits]`, valid `[n_inputs, k]`, arrays a key fills."""

    distances: IntArray
    valid: npt.NDArray[np.bool_]
    n_splits: int


def rounds(spec: AdcSpec, n_splits: int) -> int:
    """Rounds in which the converters take the sums of a key that fills `n_splits` arrays."""
    return -(-n_splits * spec.conversions_per_compare // spec.n_adcs)


def convert(spec: AdcSpec, state: None, x: Sums, draws: Draws) -> OpResult:
    """Convert the sums of every key.

    Returns:
        y: distances `[n_inputs, k, n_format_splits]` int64, exact. The activity is that of all keys.
    """
    n_keys = x.valid.sum(axis=1, dtype=np.int64)
    activity = {
        "convert": n_keys * (x.n_splits * spec.conversions_per_compare),
        "wake": n_keys * (rounds(spec, x.n_splits) * int(spec.bias_gated)),
    }
    return OpResult(x.distances, activity, per_input(len(n_keys), 0))


def _convert_latency(spec: AdcSpec) -> Delay:
    return Delay(ns=wake_ns(spec) + exact(spec.convert_ns))


ADC = Component(
    name="adc",
    spec=AdcSpec,
    ops={"convert": Op(_convert_latency)},
    actions={"convert": "convert_pj", "wake": "wake_pj"},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
)
