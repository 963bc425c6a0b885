"""Sense amplifiers at the row outputs of an analog CAM: each decision restores one analog value to a full
logic level.

How many decisions an input needs follows from the read-out of the rows (`winner_take_all.sense_decisions`):
an analog winner-take-all has its one-hot outputs restored, a ramp has every row compared with the reference
at each step, a tree of latches needs none.

*Source:* github.com/eva-cam/EvaCAM, SenseAmp.cpp, tabulates energy, delay and leakage of a current-sensing
stage for 120 nm and below (HSPICE). There the energy *rises* as the node shrinks: do not scale it by C·V².
*Valid for:* amplifiers that decide in parallel, one strobe after the other; values far enough from the
threshold to settle within `sense_ns`.
*Not modelled:* offset, noise, kick-back, metastability.
"""

from __future__ import annotations

from typing import Literal

from accelsim.component import (
    BIAS,
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    ServedSpec,
    Static,
    per_input,
    wake_ns,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact


class SenseAmpsSpec(ServedSpec):
    """All sense amplifiers of one array.

    Attributes:
        sense_pj: one decision of one amplifier.
        sense_ns: one strobe.
        bias_uw: bias of all amplifiers together; bias_gated: off while nothing is sensed.
        wake_ns, wake_pj: what switching it on takes, each access, when it is gated.
    """

    component: Literal["sense_amps"]
    sense_pj: NonNegative
    sense_ns: NonNegative
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative


def _sense_latency(spec: SenseAmpsSpec) -> Delay:
    return Delay(ns=wake_ns(spec) + exact(spec.sense_ns))


def sense(spec: SenseAmpsSpec, state: None, x: IntArray, draws: Draws) -> OpResult:
    """Take x decisions: y is x. An input without a decision is not an access: it wakes nothing.

    Args:
        x: decisions `[n_inputs]` int64.

    Raises:
        RangeError: if a number of decisions is negative.
    """
    if x.min(initial=0) < 0:
        raise RangeError(f"sense_amps: got {x.min()} decisions, need at least 0")
    woken = (x > 0) * per_input(len(x), int(spec.bias_gated))
    return OpResult(y=x, activity={"sense": x, "wake": woken}, extra_cycles=per_input(len(x), 0))


SENSE_AMPS = Component(
    name="sense_amps",
    spec=SenseAmpsSpec,
    ops={"sense": Op(_sense_latency)},
    actions={"sense": "sense_pj", "wake": "wake_pj"},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
)
