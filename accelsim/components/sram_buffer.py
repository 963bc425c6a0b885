"""An on-chip SRAM that holds activations or pixels and moves them a port word at a time.

*Source*: made for table points of CACTI 7 (HewlettPackard/cacti@1ffd8df): pJ, ns, leakage, area.
*Valid for*: memories whose random cycle time fits one clock cycle: after the first word, one word a cycle.
Its jobs are reads. Whoever writes (admission, post unit) takes at least a cycle a word, which is the write port's rate.
*Not modelled*: two writers at once, bank conflicts, refresh, partial-word writes (a part of a word costs a whole word).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field

from accelsim.component import CLOCK, Component, Delay, IntArray, NonNegative, Op, OpResult, OrderedSpec, Static
from accelsim.rng import Draws
from accelsim.units import exact

Amount = TypeVar("Amount", int, IntArray)


class SramBufferSpec(OrderedSpec):
    """One memory with a read port and a write port.

    Attributes:
        n_bytes: capacity.
        port_bits: bits moved by one access, of either port.
        access_ns: time from address to data.
        read_pj, write_pj: energy of one port word.
        clock_pj: clock tree of one copy, a cycle.
    """

    component: Literal["sram_buffer"]
    n_bytes: Annotated[int, Field(ge=1, le=2**40)]
    port_bits: Annotated[int, Field(ge=8, le=65536)]
    access_ns: NonNegative
    read_pj: NonNegative
    write_pj: NonNegative
    clock_pj: NonNegative


def _access(spec: SramBufferSpec) -> Delay:
    return Delay(ns=exact(spec.access_ns))


def words(spec: SramBufferSpec, n_bytes: Amount) -> Amount:
    """Port words that hold `n_bytes` bytes, a number or an array."""
    return -(-n_bytes * 8 // spec.port_bits)


def load(spec: SramBufferSpec, state: None, x: IntArray | int, draws: Draws) -> OpResult:
    """Read `x` port words, `[n_inputs]` (a plain number gives `[1]`, which broadcasts), one a cycle after the first."""
    n_words = np.atleast_1d(np.asarray(x, dtype=np.int64))
    return OpResult(None, {"read": n_words}, np.maximum(n_words - 1, 0))


SRAM_BUFFER = Component(
    name="sram_buffer",
    spec=SramBufferSpec,
    ops={"load": Op(_access)},
    actions={"read": "read_pj", "write": "write_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
