"""Sense amplifiers at the row outputs of an analog CAM: each decision restores one analog value to a full
logic level.

How many decisions an input needs follows from the read-out of the rows (`winner_take_all.sense_decisions`): an
analog winner-take-all has its one-hot outputs restored, a ramp has every row compared with the reference at each
step, a tree of latches needs none.

The block `comparators` gives each amplifier a fixed offset and noise in each access. They matter where the
amplifiers compare, which is in a ramp (`deviations_v`); one-hot outputs that they restore are a full swing apart.
The noise of an access is held while a ramp runs. Without the block they are exact.

*Source:* github.com/eva-cam/EvaCAM, SenseAmp.cpp, tabulates energy, delay and leakage of a current-sensing stage
for 120 nm and below (HSPICE). There the energy *rises* as the node shrinks: do not scale it by C·V². Imperfections:
`accelsim/comparator.py`.
*Valid for:* amplifiers that decide in parallel, one strobe after the other; values far enough from the threshold to
settle within `sense_ns`.
*Not modelled:* kick-back, metastability, noise that changes from strobe to strobe.
"""

from __future__ import annotations

from typing import Literal

from accelsim.comparator import Comparators, FloatArray, noise_v, offsets_v
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
        comparators: offsets and noise where they compare (ramp).
    """

    component: Literal["sense_amps"]
    sense_pj: NonNegative
    sense_ns: NonNegative
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative
    comparators: Comparators | None = None


def _sense_latency(spec: SenseAmpsSpec) -> Delay:
    return Delay(ns=wake_ns(spec) + exact(spec.sense_ns))


def fixed_offsets_v(spec: SenseAmpsSpec, n_rows: int, draws: Draws) -> FloatArray:
    """Offsets of one chip's amplifiers, `[n_rows]`, one a row; zero where they are ideal."""
    return offsets_v(spec.comparators, n_rows, draws)


def deviations_v(spec: SenseAmpsSpec, offsets: FloatArray, n_inputs: int, draws: Draws) -> FloatArray:
    """By how much each amplifier takes its row for higher than it is, `[n_inputs, n_rows]`: offset and noise."""
    return offsets + noise_v(spec.comparators, n_inputs, len(offsets), draws)


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
