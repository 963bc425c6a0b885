"""A parallel link from one die to another, with the level shifters and the receive register at the far end.

The instance sits on the sending die and runs on its clock; its energy covers both ends. A clock goes with the
data, one edge a beat, and a register at the far end keeps what has come.

*Source*: pads and wire as C V^2; no paper states a link for these chips.
*Valid for*: dies in one package.
*Not modelled*: error coding, return traffic, termination; the idle wires of a last beat that is not full.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from accelsim.component import Component, Delay, IntArray, NonNegative, Op, OpResult, ServedSpec
from accelsim.rng import Draws
from accelsim.units import exact


class DieLinkSpec(ServedSpec):
    """One link.

    Attributes:
        bits_per_cycle: wires.
        latency_ns: from the sending flip-flop to the far side's input, level shifter included.
        bit_pj: pads and wire of a bit, and its share of the clock that goes with the data.
        level_shift_pj: level shifter and receive flip-flop, a bit.
    """

    component: Literal["die_link"]
    bits_per_cycle: Annotated[int, Field(ge=1, le=65536)]
    latency_ns: NonNegative
    bit_pj: NonNegative
    level_shift_pj: NonNegative


def _latency(spec: DieLinkSpec) -> Delay:
    return Delay(cycles=1, ns=exact(spec.latency_ns))


def _interval(spec: DieLinkSpec) -> Delay:
    return Delay(cycles=1)


def transfer(spec: DieLinkSpec, state: None, x: IntArray | int, draws: Draws) -> OpResult:
    """Send `x` bits, `[n_inputs]` (a plain number gives `[1]`, which broadcasts)."""
    bits = np.atleast_1d(np.asarray(x, dtype=np.int64))
    beats = -(-bits // spec.bits_per_cycle)
    return OpResult(None, {"bit": bits, "level_shift": bits}, np.maximum(beats - 1, 0))


DIE_LINK = Component(
    name="die_link",
    spec=DieLinkSpec,
    ops={"transfer": Op(_latency, _interval)},
    actions={"bit": "bit_pj", "level_shift": "level_shift_pj"},
)
