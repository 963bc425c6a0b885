"""Admission: where an input enters the chip, bit by bit, and how many inputs may be under way at once.

Its jobs open an input, and the input's last job needs them, so its slots bound the inputs in flight.

*Source*: no paper describes the port; the energy of a received bit is that of a pad and its wire, C V^2.
*Valid for*: inputs of any size that arrive over one parallel port.
*Not modelled*: framing and flow control of the port, and the world outside the chip.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from accelsim.component import Component, ComponentSpec, Delay, IntArray, NonNegative, Op, OpResult
from accelsim.rng import Draws


class AdmissionSpec(ComponentSpec):
    """The input port.

    Attributes:
        max_inputs_in_flight: inputs that may be under way at once.
        receive_bits_per_cycle: width of the port.
        receive_pj: energy of one received bit.
    """

    component: Literal["admission"]
    max_inputs_in_flight: Annotated[int, Field(ge=1, le=10**6)]
    receive_bits_per_cycle: Annotated[int, Field(ge=1, le=10**6)]
    receive_pj: NonNegative

    @property
    def rule(self) -> Literal["first_come"]:
        """Inputs enter in the order of their arrival."""
        return "first_come"

    @property
    def servers(self) -> int:
        """One port."""
        return 1

    @property
    def slots(self) -> int:
        """An input holds its slot until its last job has ended."""
        return self.max_inputs_in_flight


def _admit(spec: AdmissionSpec) -> Delay:
    return Delay(cycles=1)


def admit(spec: AdmissionSpec, state: None, x: IntArray | int, draws: Draws) -> OpResult:
    """Receive inputs of `x` bits each, `[n_inputs]` (a plain number gives `[1]`, which broadcasts)."""
    bits = np.atleast_1d(np.asarray(x, dtype=np.int64))
    cycles = -(-bits // spec.receive_bits_per_cycle)
    return OpResult(None, {"receive": bits}, np.maximum(cycles - 1, 0))


ADMISSION = Component(
    name="admission",
    spec=AdmissionSpec,
    ops={"admit": Op(_admit)},
    actions={"receive": "receive_pj"},
)
