"""Where weights or tables live: on-chip SRAM, non-volatile memory, or DRAM beside the chip.

Values are stored densely, or run-length encoded: for each non-zero value the number of zeros before it
(`index_bits` wide) and the value. A run longer than that field can say is broken by filler entries whose
value is zero, each of which stands for 2^index_bits zeros. Zeros after the last non-zero value need no entry:
the reader knows how many values there are.

*Source*: run-length compression of Eyeriss (Chen et al., JSSC 2017); fillers as in EIE (Han et al., ISCA
2016); CACTI 7 (HewlettPackard/cacti@1ffd8df) for SRAM energies.
*Valid for*: stores that deliver `words_per_cycle` words in every cycle once the first has arrived.
*Not modelled*: DRAM pages and refresh; the decoder's energy; level shifters while programming; word alignment
(entries may cross word borders).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
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
    OrderedSpec,
    Programmed,
    Rider,
    Static,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact

Amount = TypeVar("Amount", int, IntArray)


class WeightStoreSpec(OrderedSpec):
    """One store.

    Attributes:
        kind: technology; dram is off the chip.
        table: where CACTI's tables give what the spec leaves out of access_ns, read_pj, write_pj, area and leakage.
        residency: `resident` (written once, then read), or `streamed` from a memory that others fill: its
            programming is not charged.
        n_bytes: capacity.
        word_bits: bits read or written by one access.
        words_per_cycle: words that arrive in a clock cycle, after the first.
        access_ns: time from address to the first word.
        read_pj, write_pj: energy of one word.
        write_ns: time to write a word; null where it is access_ns, as in an SRAM.
        level_shift_pj: level shifter of one address bit where the store has a supply of its own; null where it has the
            logic's.
        encoding: `dense`, or `run_length`.
        index_bits: width of a zero-run field; 0 exactly when the encoding is dense.
        clock_pj: clock tree of one copy, a cycle.
    """

    component: Literal["weight_store"]
    kind: Literal["sram", "nvm", "dram"]
    table: SramTable | None = None
    residency: Literal["resident", "streamed"]
    n_bytes: Annotated[int, Field(ge=1, le=2**40)]
    word_bits: Annotated[int, Field(ge=1, le=65536)]
    words_per_cycle: Annotated[int, Field(ge=1, le=65536)]
    access_ns: NonNegative
    read_pj: NonNegative
    write_pj: NonNegative
    write_ns: NonNegative | None = None
    level_shift_pj: NonNegative | None = None
    encoding: Literal["dense", "run_length"]
    index_bits: Annotated[int, Field(ge=0, le=16)]
    clock_pj: NonNegative

    @model_validator(mode="after")
    def _possible(self) -> WeightStoreSpec:
        if self.kind == "dram" and self.residency == "resident":
            raise ValueError("residency: got resident with kind dram, need streamed (DRAM is off the chip)")
        if self.encoding == "dense" and self.index_bits != 0:
            raise ValueError(f"index_bits: got {self.index_bits} with encoding dense, need 0")
        if self.encoding == "run_length" and self.index_bits == 0:
            raise ValueError("index_bits: got 0 with encoding run_length, need at least 1")
        if self.table is not None and self.kind != "sram":
            raise ValueError(f"table: got CACTI's SRAM table with kind {self.kind}, need kind sram")
        return self


def _access(spec: WeightStoreSpec) -> Delay:
    return Delay(ns=exact(spec.access_ns))


def stored_bits(spec: WeightStoreSpec, values: npt.NDArray[np.int8], value_bits: int) -> int:
    """Bits that `values` (any shape, read in C order) take in this store, at `value_bits` a value.

    Pieces that are fetched apart are encoded apart: sum this over them.

    Raises:
        RangeError: if a value does not fit in `value_bits` bits, two's complement.
    """
    flat = values.reshape(-1)
    limit = 1 << (value_bits - 1)
    if flat.size and (int(flat.min()) < -limit or int(flat.max()) >= limit):
        raise RangeError(f"weights: got {flat.min()} … {flat.max()}, need {-limit} … {limit - 1}")
    if spec.encoding == "dense":
        return flat.size * value_bits
    nonzero = np.flatnonzero(flat)
    zeros_before = np.diff(nonzero, prepend=-1) - 1
    fillers = int((zeros_before >> spec.index_bits).sum())
    return (nonzero.size + fillers) * (spec.index_bits + value_bits)


def expected_bits(spec: WeightStoreSpec, n_values: int, zeros: float, value_bits: int) -> int:
    """Bits that `n_values` take of which only the fraction that is zero is known, spread evenly at random.

    Run-length: a run of zeros is geometric, so with R = 2^index_bits the fillers of one non-zero value are
    zeros^R / (1 - zeros^R) on average, and n (1 - zeros) / (1 - zeros^R) entries remain; rounded to whole ones.
    """
    if spec.encoding == "dense":
        return n_values * value_bits
    if zeros == 1:
        return 0
    n_entries = n_values * (1 - zeros) / (1 - zeros ** (1 << spec.index_bits))
    return round(n_entries) * (spec.index_bits + value_bits)


def words(spec: WeightStoreSpec, bits: Amount) -> Amount:
    """Words that hold `bits`."""
    return -(-bits // spec.word_bits)


def address_bits(spec: WeightStoreSpec) -> int:
    """Bits that select a word."""
    return (words(spec, spec.n_bytes * 8) - 1).bit_length()


def read_once(spec: WeightStoreSpec, bits: int) -> Programmed:
    """Read `bits` once, word after word: what filling other memories from this one costs when the chip powers up."""
    n_words = words(spec, bits)
    return Programmed(None, {"read": n_words}, ((n_words, exact(spec.access_ns)),))


def program(spec: WeightStoreSpec, stored: int, draws: Draws) -> Programmed:
    """Fill the store with `stored` bits; the state is that number.

    Raises:
        RangeError: if they do not fit.
    """
    if stored > spec.n_bytes * 8:
        raise RangeError(f"n_bytes: got {spec.n_bytes}, need at least {-(-stored // 8)} for what is stored")
    n_words = words(spec, stored) if spec.residency == "resident" else 0
    write_ns = spec.access_ns if spec.write_ns is None else spec.write_ns
    return Programmed(stored, {"write": n_words}, ((n_words, exact(write_ns)),))


def fetch(spec: WeightStoreSpec, state: Any, x: IntArray | int, draws: Draws) -> OpResult:
    """Read `x` bits, `[n_inputs]` (a plain number gives `[1]`, which broadcasts)."""
    bits = np.atleast_1d(np.asarray(x, dtype=np.int64))
    n_words = words(spec, bits)
    cycles = -(-n_words // spec.words_per_cycle)
    return OpResult(None, {"read": n_words}, np.maximum(cycles - 1, 0))


WEIGHT_STORE = Component(
    name="weight_store",
    spec=WeightStoreSpec,
    ops={"fetch": Op(_access)},
    actions={"read": "read_pj", "level_shift": "level_shift_pj"},
    riders={"read": Rider("level_shift", address_bits, lambda spec: spec.level_shift_pj is not None)},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
    programming={"write": "write_pj", "read": "read_pj"},
)
