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

from accelsim.cacti import SramTable
from accelsim.component import CLOCK, Component, Delay, IntArray, NonNegative, Op, OpResult, OrderedSpec, Rider, Static
from accelsim.rng import Draws
from accelsim.units import exact

Amount = TypeVar("Amount", int, IntArray)


class SramBufferSpec(OrderedSpec):
    """One memory with a read port and a write port.

    Attributes:
        n_bytes: capacity.
        port_bits: bits moved by one access, of either port.
        table: where CACTI's tables give what the spec leaves out of access_ns, read_pj, write_pj, area and leakage.
        access_ns: time from address to data.
        read_pj, write_pj: energy of one port word.
        level_shift_pj: level shifter of one bit that goes into the memory (address, data to write) where it has a
            supply of its own; null where it has the logic's.
        clock_pj: clock tree of one copy, a cycle.
    """

    component: Literal["sram_buffer"]
    n_bytes: Annotated[int, Field(ge=1, le=2**40)]
    port_bits: Annotated[int, Field(ge=8, le=65536)]
    table: SramTable | None = None
    access_ns: NonNegative
    read_pj: NonNegative
    write_pj: NonNegative
    level_shift_pj: NonNegative | None = None
    clock_pj: NonNegative


def _access(spec: SramBufferSpec) -> Delay:
    return Delay(ns=exact(spec.access_ns))


def words(spec: SramBufferSpec, n_bytes: Amount) -> Amount:
    """Port words that hold `n_bytes` bytes, a number or an array."""
    return -(-n_bytes * 8 // spec.port_bits)


def address_bits(spec: SramBufferSpec) -> int:
    """Bits that select a port word."""
    return (words(spec, spec.n_bytes) - 1).bit_length()


def _has_shifters(spec: SramBufferSpec) -> bool:
    return spec.level_shift_pj is not None


def load(spec: SramBufferSpec, state: None, x: IntArray | int, draws: Draws) -> OpResult:
    """Read `x` port words, `[n_inputs]` (a plain number gives `[1]`, which broadcasts), one a cycle after the first."""
    n_words = np.atleast_1d(np.asarray(x, dtype=np.int64))
    return OpResult(None, {"read": n_words}, np.maximum(n_words - 1, 0))


SRAM_BUFFER = Component(
    name="sram_buffer",
    spec=SramBufferSpec,
    ops={"load": Op(_access)},
    actions={"read": "read_pj", "write": "write_pj", "level_shift": "level_shift_pj"},
    riders={
        "read": Rider("level_shift", address_bits, _has_shifters),
        "write": Rider("level_shift", lambda spec: address_bits(spec) + spec.port_bits, _has_shifters),
    },
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
