"""The port to a DRAM beside the chip: words come in and go out at the clock of the link.

*Source:* Eyeriss (Chen et al., JSSC 52(1) 2017) talks to its DRAM in a clock domain of its own over a 64-bit port; DRAM
energy a word: Horowitz, ISSCC 2014, as in arch_specs.
*Valid for:* transfers long enough that the DRAM streams a word a cycle after `access_ns`.
*Not modelled:* pages, refresh and turn-around of the bus; compression of what is sent.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from accelsim.component import CLOCK, Component, Delay, IntArray, NonNegative, Op, OpResult, OrderedSpec, Static
from accelsim.rng import Draws
from accelsim.units import exact


class DramPortSpec(OrderedSpec):
    """One port, used in one direction at a time.

    Attributes:
        word_bits: bits that move in a cycle of the link's clock.
        access_ns: time from a request to the first word.
        read_pj, write_pj: one word, DRAM and pads.
        clock_pj: clock of the port, a cycle.
    """

    component: Literal["dram_port"]
    word_bits: Annotated[int, Field(ge=1, le=65536)]
    access_ns: NonNegative
    read_pj: NonNegative
    write_pj: NonNegative
    clock_pj: NonNegative


def _access(spec: DramPortSpec) -> Delay:
    return Delay(ns=exact(spec.access_ns))


def words(spec: DramPortSpec, bits: int) -> int:
    """Words that hold `bits`."""
    return -(-bits // spec.word_bits)


def _move(action: str, n_words: int) -> OpResult:
    moved: IntArray = np.array([n_words], dtype=np.int64)
    return OpResult(None, {action: moved}, np.maximum(moved - 1, 0))


def read(spec: DramPortSpec, state: None, x: int, draws: Draws) -> OpResult:
    """Bring `x` bits onto the chip, the same for every input (`[1]`, which broadcasts)."""
    return _move("read", words(spec, x))


def write(spec: DramPortSpec, state: None, x: int, draws: Draws) -> OpResult:
    """Send `x` bits out, the same for every input (`[1]`, which broadcasts)."""
    return _move("write", words(spec, x))


DRAM_PORT = Component(
    name="dram_port",
    spec=DramPortSpec,
    ops={"read": Op(_access), "write": Op(_access)},
    actions={"read": "read_pj", "write": "write_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
