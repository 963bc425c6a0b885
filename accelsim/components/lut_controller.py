"""LUT controller: walks the tree of a lookup table, from the root node to the value row of the nearest key.

It keeps a descriptor for every node (first key, number of keys, where the winners lead), points the distance
arrays at the node's rows and hands them the query. A node's keys are compared one after the other; the
nearest leads to a child node or to a value row. A flat table is one leaf node.

Where the keys live is `residency`:

- `resident`: every key has a row of its own. `sets_needed` says how many sets of arrays that takes (a set is
  the arrays that compare one key in parallel); the dataflow refuses a table that needs more than there are.
- `reloaded`: one set is enough; every visited node is fetched from the table store and written row by row.

The descriptors lie in a memory of the controller: one word a node, written once, read at every visit.

*Source:* tree of clustered keys and serial scan, arXiv 2307.07631 §III-C and §III-D. The paper has no
controller: descriptors and their costs are ours.
*Valid for:* trees with one root a table and one winner a node; descriptors held by the controller itself.
*Not modelled:* several candidates a level, rebuilding the tree, a cache of nodes that were loaded before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

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
    Static,
    per_input,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws

Bits = npt.NDArray[np.uint8]

NOWHERE = -1


class LutControllerSpec(OrderedSpec):
    """One controller. In order: a later input would else hold the slots that an earlier one's next look-up waits for.

    Attributes:
        residency: where the keys live (module docstring).
        route_cycles: from a root or a winner to the first row address of the next node.
        node_pj: one visited node: addresses, driving the query onto its set's lines, its winner.
        query_bit_pj: one bit of the query handed to the arrays' query register.
        level_shift_pj: one bit of the query lifted to the supply of the arrays, at each visited node; null where they
            have the logic's.
        descriptor_bytes, descriptor_bits: capacity of the descriptor memory, and one descriptor.
        table: where CACTI's tables give the next three.
        descriptor_read_pj, descriptor_write_pj: one descriptor.
        descriptor_leakage_uw, descriptor_gate_leakage_uw: of that memory; leakage_uw is of the rest.
        clock_pj: clock tree, a cycle.
    """

    component: Literal["lut_controller"]
    residency: Literal["resident", "reloaded"]
    route_cycles: Annotated[int, Field(ge=1, le=1000)]
    node_pj: NonNegative
    query_bit_pj: NonNegative
    level_shift_pj: NonNegative | None = None
    descriptor_bytes: Annotated[int, Field(ge=1, le=2**40)]
    descriptor_bits: Annotated[int, Field(ge=1, le=4096)]
    table: SramTable | None = None
    descriptor_read_pj: NonNegative
    descriptor_write_pj: NonNegative
    descriptor_leakage_uw: NonNegative
    descriptor_gate_leakage_uw: NonNegative | None = None
    clock_pj: NonNegative


@dataclass(frozen=True, eq=False)
class Tables:
    """All tables of a workload, as docs/workload-format.md stores them.

    Attributes:
        keys: packed key bits `[n_keys, ceil(n_columns/8)]` uint8.
        key_next: `[n_keys]`, >= 0 child node, < 0 value row `-1 - v`.
        node_start: `[n_nodes + 1]`, keys of node i are `node_start[i] ... node_start[i+1] - 1`.
        n_columns: bits of a key.
    """

    keys: Bits
    key_next: npt.NDArray[np.int32]
    node_start: npt.NDArray[np.int32]
    n_columns: int

    def __post_init__(self) -> None:
        n_bytes = -(-self.n_columns // 8)
        if self.keys.shape != (len(self.key_next), n_bytes):
            raise RangeError(
                f"lut_controller: got keys {self.keys.shape}, need {(len(self.key_next), n_bytes)}"
            )

    @property
    def node_sizes(self) -> IntArray:
        """Keys of each node, `[n_nodes]`."""
        return np.diff(self.node_start).astype(np.int64)


class Visit(NamedTuple):
    """Per input `[n_inputs]`: the node it goes to (-1: nowhere) and the query bits handed over on the way."""

    node: IntArray
    query_bits: IntArray


class NodeKeys(NamedTuple):
    """Keys of the visited nodes: bits `[n_inputs, k, n_columns]`; which of them exist, `[n_inputs, k]`."""

    bits: Bits
    valid: npt.NDArray[np.bool_]


class NextStep(NamedTuple):
    """Where the winners lead, `[n_inputs]` each: a child node or a value row, and -1 in the other."""

    node: IntArray
    row: IntArray


def pack_bits(bits: Bits) -> Bits:
    """`[..., n_bits]` of 0 and 1 to `[..., ceil(n_bits/8)]`, first bit most significant."""
    return np.packbits(bits, axis=-1)


def unpack_bits(packed: Bits, n_bits: int) -> Bits:
    """`[..., ceil(n_bits/8)]` to `[..., n_bits]` of 0 and 1; the inverse of `pack_bits`."""
    return np.unpackbits(packed, axis=-1, count=n_bits)


def gather(tables: Tables, node: IntArray) -> NodeKeys:
    """Keys of each input's node; k is the largest of these nodes, keys that do not exist hold any bits.

    Raises:
        RangeError: if a node does not exist.
    """
    n_nodes = len(tables.node_start) - 1
    if node.min(initial=NOWHERE) < NOWHERE or node.max(initial=NOWHERE) >= n_nodes:
        raise RangeError(f"lut_controller: got nodes {node.min()} to {node.max()}, need -1 to {n_nodes - 1}")
    size = np.where(node >= 0, tables.node_sizes[node], 0)
    offset = np.arange(max(int(size.max(initial=0)), 1))
    index = np.minimum(tables.node_start[node].astype(np.int64)[:, None] + offset, len(tables.keys) - 1)
    return NodeKeys(unpack_bits(tables.keys[index], tables.n_columns), offset < size[:, None])


def next_node(tables: Tables, node: IntArray, winner: IntArray) -> NextStep:
    """Where the winning key of each input's node leads.

    Args:
        node: `[n_inputs]`, -1: nowhere.
        winner: `[n_inputs]` index of the winner within its node; not read where node is -1.
    """
    key = np.where(node >= 0, tables.node_start[node] + winner, 0)
    after = tables.key_next[key].astype(np.int64)
    child = np.where((node >= 0) & (after >= 0), after, NOWHERE)
    return NextStep(child, np.where((node >= 0) & (after < 0), -1 - after, NOWHERE))


def route(spec: LutControllerSpec, state: Tables, x: Visit, draws: Draws) -> OpResult:
    """Go to a node and point the arrays at its keys.

    Returns:
        y: `NodeKeys`. An input whose node is -1 does nothing.

    Raises:
        RangeError: if a node does not exist.
    """
    visited = x.node >= 0
    nodes = visited.astype(np.int64)
    activity = {"node": nodes, "descriptor_read": nodes, "query_bit": np.where(visited, x.query_bits, 0)}
    if spec.level_shift_pj is not None:
        activity["level_shift"] = nodes * state.n_columns
    return OpResult(gather(state, x.node), activity, per_input(len(x.node), 0))


def rows_of_nodes(node_sizes: Sequence[int] | IntArray, n_rows: int, passes: int = 1) -> tuple[IntArray, int]:
    """Where resident nodes lie in sets of `n_rows` rows: one node after the other, in node order.

    A node goes into the rest of the current set if it fits there whole; else it opens a new one. A node
    larger than a set fills as many as it takes.

    Args:
        node_sizes: keys of each node.
        n_rows: rows of an array.
        passes: rows one key takes, for keys that need more splits than a set has arrays.

    Returns:
        First row of each node, counted through all sets, `[n_nodes]` int64; and the sets that are taken.
    """
    first, sets, rest = np.zeros(len(node_sizes), dtype=np.int64), 0, 0
    for node, size in enumerate(node_sizes):
        rows = int(size) * passes
        if rows > rest:
            opened = -(-rows // n_rows)
            sets, rest = sets + opened, opened * n_rows
        first[node] = sets * n_rows - rest
        rest -= rows
    return first, sets


def capacity(spec: LutControllerSpec) -> int:
    """Nodes whose descriptors the controller holds."""
    return 8 * spec.descriptor_bytes // spec.descriptor_bits


def program(spec: LutControllerSpec, n_nodes: int, draws: Draws) -> Programmed:
    """Write the descriptors of all nodes, as they are read from the table store: its time is counted there.

    Raises:
        RangeError: if they do not fit.
    """
    room = capacity(spec)
    if n_nodes > room:
        raise RangeError(f"descriptor_bytes: got {spec.descriptor_bytes}, room for {room} nodes, need {n_nodes}")
    return Programmed(None, {"descriptor_write": n_nodes}, ())


def sets_needed(node_sizes: Sequence[int] | IntArray, n_rows: int, passes: int = 1) -> int:
    """Sets of `n_rows` rows that hold every node, laid out as `rows_of_nodes` does."""
    return rows_of_nodes(node_sizes, n_rows, passes)[1]


LUT_CONTROLLER = Component(
    name="lut_controller",
    spec=LutControllerSpec,
    ops={"route": Op(lambda spec: Delay(cycles=spec.route_cycles))},
    actions={
        "node": "node_pj",
        "query_bit": "query_bit_pj",
        "level_shift": "level_shift_pj",
        "descriptor_read": "descriptor_read_pj",
    },
    statics={
        "leakage": Static("leakage_uw"),
        "descriptor_leakage": Static("descriptor_leakage_uw"),
        "clock": CLOCK,
    },
    programming={"descriptor_write": "descriptor_write_pj"},
)
