"""Value memory: holds what each winning key stands for, the next hidden bits and the class or its votes.

`count` banks hold the rows; a row begins on a word and its words are read one after the other, a word a cycle
after the first (its words lie in different banks). One bank is busy at a time: `read_pj` is that of one bank.

*Source:* key-value rows of arXiv 2307.07631 §III-A; the paper charges no value read.
*Valid for:* rows of any number of bits up to the capacity.
*Not modelled:* conflicts between banks, error correction.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from accelsim.cacti import SramTable
from accelsim.component import (
    CLOCK,
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    Positive,
    Programmed,
    ServedSpec,
    Static,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact


class ValueMemorySpec(ServedSpec):
    """`count` banks.

    Attributes:
        n_bytes: of one bank.
        word_bits: bits of one access.
        table: where CACTI's tables give what the spec leaves out of access_ns, read_pj, write_pj, area and leakage.
        access_ns: first word of a row.
        read_pj, write_pj: one word.
        clock_pj: clock tree of one bank, a cycle.
    """

    component: Literal["value_memory"]
    n_bytes: Annotated[int, Field(ge=1, le=2**40)]
    word_bits: Annotated[int, Field(ge=1, le=4096)]
    table: SramTable | None = None
    access_ns: Positive
    read_pj: NonNegative
    write_pj: NonNegative
    clock_pj: NonNegative

    @model_validator(mode="after")
    def _holds_a_word(self) -> Self:
        if 8 * self.n_bytes < self.word_bits:
            raise ValueError(f"n_bytes: got {self.n_bytes}, need room for a word of {self.word_bits} bits")
        return self


def words(spec: ValueMemorySpec, row_bits: int) -> int:
    """Words of one row."""
    return -(-row_bits // spec.word_bits)


def capacity(spec: ValueMemorySpec, row_bits: int) -> int:
    """Rows of `row_bits` that all banks hold."""
    return spec.count * (8 * spec.n_bytes // spec.word_bits) // words(spec, row_bits)


def program(spec: ValueMemorySpec, stored: tuple[int, int], draws: Draws) -> Programmed:
    """Write all rows once, a word in each access time.

    Args:
        stored: number of rows and bits of a row.

    Raises:
        RangeError: if the rows do not fit.
    """
    n_rows, row_bits = stored
    room = capacity(spec, row_bits)
    if n_rows > room:
        raise RangeError(f"value_memory: got {n_rows} rows of {row_bits} bits, need at most {room}")
    writes = n_rows * words(spec, row_bits)
    return Programmed(None, {"write": writes}, ((writes, exact(spec.access_ns)),))


def read(spec: ValueMemorySpec, state: None, x: IntArray, draws: Draws) -> OpResult:
    """Read one row.

    Args:
        x: bits of the row `[n_inputs]` int64; 0: nothing is read.

    Returns:
        y: words `[n_inputs]` int64.

    Raises:
        RangeError: if a number of bits is negative.
    """
    if x.min(initial=0) < 0:
        raise RangeError(f"value_memory: got {x.min()} bits, need at least 0")
    n_words = -(-x // spec.word_bits)
    return OpResult(n_words, {"read": n_words}, np.maximum(n_words - 1, 0))


VALUE_MEMORY = Component(
    name="value_memory",
    spec=ValueMemorySpec,
    ops={"read": Op(lambda spec: Delay(ns=exact(spec.access_ns)))},
    actions={"read": "read_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
    programming={"write": "write_pj"},
)
