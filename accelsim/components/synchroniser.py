"""A crossing between clock domains: a request passes flip-flops, then the bits beside it are captured.

The instance's clock is the destination's: a job starts on one of its edges, which is the wait for that edge. The
flip-flops are clocked only while a crossing lasts.

*Source*: the usual request-and-hold crossing; no paper states one for these chips.
*Valid for*: bits that the source holds still until the job has ended.
*Not modelled*: metastability; a time that differs from crossing to crossing.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from accelsim.component import Component, Delay, IntArray, NonNegative, Op, OpResult, ServedSpec, Static
from accelsim.rng import Draws


class SynchroniserSpec(ServedSpec):
    """One crossing.

    Attributes:
        stages: flip-flops in the request's chain.
        transfer_pj: one bit captured.
        clock_pj: clock of all flip-flops, a cycle, drawn while a crossing lasts.
    """

    component: Literal["synchroniser"]
    stages: Annotated[int, Field(ge=2, le=16)]
    transfer_pj: NonNegative
    clock_pj: NonNegative


def _latency(spec: SynchroniserSpec) -> Delay:
    return Delay(cycles=spec.stages)


def cross(spec: SynchroniserSpec, state: None, x: IntArray | int, draws: Draws) -> OpResult:
    """Carry `x` bits across at once, `[n_inputs]` (a plain number gives `[1]`, which broadcasts)."""
    bits = np.atleast_1d(np.asarray(x, dtype=np.int64))
    return OpResult(None, {"transfer": bits}, np.zeros_like(bits))


SYNCHRONISER = Component(
    name="synchroniser",
    spec=SynchroniserSpec,
    ops={"cross": Op(_latency)},
    actions={"transfer": "transfer_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": Static("clock_pj", when=lambda spec: "busy", per_cycle=True)},
)
