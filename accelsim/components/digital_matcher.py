"""Digital matcher: templates in SRAM, read word by word, compared and counted; then a running maximum.

It does what column drivers, analog CAM, sense amplifiers and winner-take-all do together. The features are taken a
slice at a time. For a slice, the words of all rows are read one after the other; each cell's stored bits are compared
with the feature's level, an adder tree counts the matching cells of the word, and the count is added to that of the
word's row. After the last word the rows' counts are compared one after the other with the largest so far, so that the
lowest row wins a tie. An input is `tied` when another row of a *different class* has the winner's count.

A cell takes 1 bit where templates are binary, 2 (value and care) where binary templates have "don't care" cells, and
twice the bits of a level, low and high, where features have more than two levels. Rows are stored in groups of
`group_bits`; a word holds whole groups, of several rows in its last slice, whose counts are added apart.

*Source*: ours, the plain digital baseline that arXiv 2502.10089 does not compare its ACAM with; unit energies are
those of an SRAM word, an adder bit, a comparator bit and a register bit.
*Valid for*: memories whose random cycle time fits one clock cycle: after the first word, `words_per_cycle` a cycle.
Counts are exact whatever the features are.
*Not modelled*: the selection of a slice from the vector, which its sender holds until the match has ended; the wires
that bring a slice to all groups; toggling that depends on the data (every action is charged in full).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from accelsim.cacti import SramTable
from accelsim.component import (
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    OrderedSpec,
    Positive,
    Programmed,
    Rider,
    Static,
    per_input,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact

Levels = npt.NDArray[np.integer[Any]]
Bits = Annotated[int, Field(ge=1, le=65536)]


class DigitalMatcherSpec(OrderedSpec):
    """One matcher with its template memory.

    Attributes:
        n_bytes: capacity of the template memory.
        word_bits: bits of one access.
        group_bits: bits that a row's storage is rounded up to; divides word_bits. Each has its own adder tree.
        words_per_cycle: words read and counted in a clock cycle, from as many banks.
        n_rows_max: rows it has counters for.
        table: where CACTI's tables give what the spec leaves out of access_ns, read_pj, write_pj and memory leakage.
        access_ns: from address to word; also the time to write one.
        pipeline_cycles: from a word to its row's count, and from the last count to the first comparison.
        read_pj, write_pj: one word.
        level_shift_pj: level shifter of one address bit where the memory has a supply of its own; null where it has the
            logic's.
        load_pj: one bit of a slice of features taken into the operand register.
        compare_pj: one stored bit compared.
        count_pj: one cell's match counted by the adder tree (one adder bit).
        accumulate_pj: a word's count added to a row's, and kept.
        maximum_pj: one row's count compared with the largest so far, and kept.
        clock_pj: clock of the pipeline's registers, a cycle; clock_gated: drawn only while a match runs.
        memory_leakage_uw: leakage of the template memory, memory_gate_leakage_uw the part that does not change with
            temperature (null: all does); leakage_uw: that of the logic.
    """

    component: Literal["digital_matcher"]
    n_bytes: Annotated[int, Field(ge=1, le=2**40)]
    word_bits: Bits
    group_bits: Bits
    words_per_cycle: Annotated[int, Field(ge=1, le=65536)]
    n_rows_max: Annotated[int, Field(ge=1, le=10**5)]
    table: SramTable | None = None
    access_ns: Positive
    pipeline_cycles: Annotated[int, Field(ge=1, le=1024)]
    read_pj: NonNegative
    write_pj: NonNegative
    level_shift_pj: NonNegative | None = None
    load_pj: NonNegative
    compare_pj: NonNegative
    count_pj: NonNegative
    accumulate_pj: NonNegative
    maximum_pj: NonNegative
    clock_pj: NonNegative
    clock_gated: bool
    memory_leakage_uw: NonNegative
    memory_gate_leakage_uw: NonNegative | None = None

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.word_bits % self.group_bits:
            raise ValueError(f"group_bits: got {self.group_bits}, need a divisor of word_bits ({self.word_bits})")
        return self


class Templates(NamedTuple):
    """What is stored.

    Attributes:
        low, high: bounds `[n_rows, n_features]` uint8; a cell matches when low <= level <= high.
        row_class: class of each row, `[n_rows]`.
        cell_bits: stored bits of a cell; level_bits: bits of a feature.
    """

    low: npt.NDArray[np.uint8]
    high: npt.NDArray[np.uint8]
    row_class: IntArray
    cell_bits: int
    level_bits: int


class Stored(NamedTuple):
    """What `program` is given: bounds `[n_rows, n_features]`, classes of the rows `[n_rows]`, levels of a feature."""

    low: Levels
    high: Levels
    row_class: Levels
    n_levels: int


class Winner(NamedTuple):
    """Per input: the first row of largest count `[n]` int64, ties between classes `[n]`, all counts `[n, n_rows]`."""

    row: IntArray
    tied: npt.NDArray[np.bool_]
    counts: IntArray


def cell_bits(low: Levels, high: Levels, n_levels: int) -> int:
    """Stored bits of a cell (module docstring)."""
    if n_levels > 2:
        return 2 * (n_levels - 1).bit_length()
    return 2 if bool((low != high).any()) else 1


def words(spec: DigitalMatcherSpec, n_rows: int, n_features: int, bits: int) -> int:
    """Words that the templates take.

    Raises:
        RangeError: if a cell of `bits` bits is larger than a group.
    """
    if bits > spec.group_bits:
        raise RangeError(f"digital_matcher: group_bits: got {spec.group_bits}, need at least {bits}, one cell")
    groups = n_rows * -(-n_features // (spec.group_bits // bits))
    return -(-groups * spec.group_bits // spec.word_bits)


def _pieces(spec: DigitalMatcherSpec, n_rows: int, n_features: int, bits: int) -> int:
    """Counts that are added to a row: one a row for each word that holds some of its cells."""
    in_word = spec.word_bits // spec.group_bits
    whole, rest = divmod(-(-n_features // (spec.group_bits // bits)), in_word)
    last = sum(-(-(row + 1) * rest // in_word) - row * rest // in_word for row in range(n_rows)) if rest else 0
    return n_rows * whole + last


def program(spec: DigitalMatcherSpec, stored: Stored, draws: Draws) -> Programmed:
    """Write the templates, word after word.

    Returns:
        Programmed with `Templates` as the state.

    Raises:
        RangeError: if shapes do not agree, a bound is no level, a `low` exceeds its `high`, or there are more rows
            than counters or more words than the memory has.
    """
    low, high, row_class, n_levels = stored
    if low.ndim != 2 or low.shape != high.shape or row_class.shape != low.shape[:1]:
        raise RangeError(
            f"digital_matcher: got bounds of shapes {low.shape} and {high.shape} and classes {row_class.shape}, "
            "need [n_rows, n_features] twice and [n_rows]"
        )
    n_rows, n_features = low.shape
    if not 1 <= n_rows <= spec.n_rows_max:
        raise RangeError(f"digital_matcher: got {n_rows} templates, need 1 to {spec.n_rows_max} (n_rows_max)")
    if (low < 0).any() or (low > high).any() or (high >= n_levels).any():
        raise RangeError(f"digital_matcher: got bounds that are not 0 <= low <= high <= {n_levels - 1}")
    bits = cell_bits(low, high, n_levels)
    n_words = words(spec, n_rows, n_features, bits)
    if n_words * spec.word_bits > 8 * spec.n_bytes:
        got = f"{n_words} words of {spec.word_bits} bits"
        raise RangeError(f"digital_matcher: got {got}, need at most {spec.n_bytes} bytes (n_bytes)")
    state = Templates(
        low.astype(np.uint8), high.astype(np.uint8), row_class.astype(np.int64), bits, (n_levels - 1).bit_length()
    )
    return Programmed(state, {"write": n_words}, ((n_words, exact(spec.access_ns)),))


def _latency(spec: DigitalMatcherSpec) -> Delay:
    """Of one word and one row; further words and rows are extra cycles."""
    return Delay(cycles=spec.pipeline_cycles, ns=exact(spec.access_ns))


def _counts(state: Templates, levels: Levels) -> IntArray:
    """Matching cells of each row, `[n_inputs, n_rows]`; a row at a time, to save memory."""
    rows = [
        ((levels >= low) & (levels <= high)).sum(axis=1, dtype=np.int64)
        for low, high in zip(state.low, state.high, strict=True)
    ]
    return np.stack(rows, axis=1)


def match(spec: DigitalMatcherSpec, state: Templates, x: Levels, draws: Draws) -> OpResult:
    """Count the matching cells of every row and find the first row that has most.

    Args:
        state: what `program` returned.
        x: levels `[n_inputs, n_features]`.

    Returns:
        y: `Winner`.

    Raises:
        RangeError: if x does not have the stored number of features, or needs more bits than a level has.
    """
    n_rows, n_features = state.low.shape
    if x.ndim != 2 or x.shape[1] != n_features:
        raise RangeError(f"digital_matcher: got levels {x.shape}, need [n_inputs, {n_features}], as stored")
    if x.min(initial=0) < 0 or int(x.max(initial=0)) >= 1 << state.level_bits:
        raise RangeError(f"digital_matcher: got levels {x.min()} to {x.max()}, need {state.level_bits} bits")
    counts = _counts(state, x)
    row = counts.argmax(axis=1)
    best = counts == counts.max(axis=1, keepdims=True)
    tied = (best & (state.row_class != state.row_class[row][:, np.newaxis])).any(axis=1)
    n_words = words(spec, n_rows, n_features, state.cell_bits)
    n, n_cells = len(x), n_rows * n_features
    activity = {
        "read": n_words,
        "load": n_features * state.level_bits,
        "compare": n_cells * state.cell_bits,
        "count": n_cells,
        "accumulate": _pieces(spec, n_rows, n_features, state.cell_bits),
        "maximum": n_rows,
    }
    extra = -(-n_words // spec.words_per_cycle) - 1 + n_rows - 1
    counted = {action: per_input(n, count) for action, count in activity.items()}
    return OpResult(Winner(row, tied, counts), counted, per_input(n, extra))


def address_bits(spec: DigitalMatcherSpec) -> int:
    """Bits that select a word of the memory."""
    return (8 * spec.n_bytes // spec.word_bits - 1).bit_length()


def _clock_when(spec: DigitalMatcherSpec) -> Literal["always", "busy"]:
    return "busy" if spec.clock_gated else "always"


DIGITAL_MATCHER = Component(
    name="digital_matcher",
    spec=DigitalMatcherSpec,
    ops={"match": Op(_latency)},
    actions={
        "read": "read_pj",
        "load": "load_pj",
        "compare": "compare_pj",
        "count": "count_pj",
        "accumulate": "accumulate_pj",
        "maximum": "maximum_pj",
        "level_shift": "level_shift_pj",
    },
    riders={"read": Rider("level_shift", address_bits, lambda spec: spec.level_shift_pj is not None)},
    statics={
        "leakage": Static("leakage_uw"),
        "memory_leakage": Static("memory_leakage_uw"),
        "clock": Static("clock_pj", when=_clock_when, per_cycle=True),
    },
    programming={"write": "write_pj"},
)
