"""A grid of multiply-accumulate units (PEs) with scratchpads, mapped row-stationary, as Eyeriss is.

A job is a *run of passes* (`accelsim/mapping/row_stationary.py`) that finishes a set of outputs. In each pass the
filters come in over the bus, then every PE does one multiply-accumulate a cycle; `stall_rel` more cycles go to stalls
of PEs and network, which the mapping does not tell.

*Source:* Chen, Krishna, Emer, Sze, JSSC 52(1) 2017 (Eyeriss): grid, scratchpads, zero gating, row-stationary
dataflow. *Valid for:* inputs and partial sums that come and go while PEs work (their bus is another job: the slower
of the two decides); filters that are brought in before a pass begins. Gating saves energy where an activation is
zero, and no time. *Not modelled:* values (layer tables only); skipping of zeros in time; what the network between PEs
costs apart from its share in `mac_pj`; configuration of the chip between layers. """

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from accelsim.component import Component, Count, Delay, NonNegative, Op, OpResult, OrderedSpec, Static
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact

Side = Annotated[int, Field(ge=1, le=4096)]


class RowStationaryEngineSpec(OrderedSpec):
    """One grid.

    Attributes:
        n_pe_rows, n_pe_cols: the grid.
        word_bits: width of a value (weight, activation, partial sum).
        filter_words, input_words, psum_words: scratchpads of one PE.
        bus_words: words a cycle from the global buffer to the PEs.
        pipeline_cycles: from the first operands to the first result.
        stall_rel: further cycles, relative to those of the multiply-accumulates.
        zero_gating: whether a PE is gated while its activation is zero.
        mac_pj: one multiply-accumulate with all that scales with it in the PE.
        mac_gated_pj: the same when gated.
        clock_pj_per_pe: clock tree and idle power of one PE, a cycle.
        clock_gated: whether that is drawn only while the engine is busy.
    """

    component: Literal["row_stationary_engine"]
    n_pe_rows: Side
    n_pe_cols: Side
    word_bits: Annotated[int, Field(ge=1, le=64)]
    filter_words: Count
    input_words: Count
    psum_words: Count
    bus_words: Side
    pipeline_cycles: Annotated[int, Field(ge=1, le=1024)]
    stall_rel: NonNegative
    zero_gating: bool
    mac_pj: NonNegative
    mac_gated_pj: NonNegative
    clock_pj_per_pe: NonNegative
    clock_gated: bool


class Passes(NamedTuple):
    """A run of passes.

    Attributes:
        n_passes: passes one after the other.
        pass_cycles: multiply-accumulates that each PE does in a pass.
        filter_words: filter words brought in before each pass.
        macs: multiply-accumulates of all PEs and passes.
        nonzero: those whose activation is not zero.
    """

    n_passes: int
    pass_cycles: int
    filter_words: int
    macs: int
    nonzero: int


def cycles(spec: RowStationaryEngineSpec, x: Passes) -> int:
    """Cycles of a run: filters in, multiply-accumulates, stalls; a pass lasts whole cycles."""
    fill = -(-x.filter_words // spec.bus_words)
    return x.n_passes * (fill + math.ceil(x.pass_cycles * (1 + exact(spec.stall_rel))))


def compute(spec: RowStationaryEngineSpec, state: None, x: Passes, draws: Draws) -> OpResult:
    """One run of passes, the same for every input: counts and extra cycles are `[1]`, which broadcasts.

    Raises:
        RangeError: if there are fewer than 0 or more non-zero multiply-accumulates than there are in all.
    """
    if not 0 <= x.nonzero <= x.macs:
        raise RangeError(f"nonzero_macs: got {x.nonzero}, need 0 … {x.macs}")
    full = x.nonzero if spec.zero_gating else x.macs
    activity = {"mac": np.array([full], dtype=np.int64), "mac_gated": np.array([x.macs - full], dtype=np.int64)}
    return OpResult(None, activity, np.array([cycles(spec, x) - 1], dtype=np.int64))


def _latency(spec: RowStationaryEngineSpec) -> Delay:
    return Delay(cycles=spec.pipeline_cycles)


def _interval(spec: RowStationaryEngineSpec) -> Delay:
    return Delay(cycles=1)


def _n_pes(spec: RowStationaryEngineSpec) -> int:
    return spec.n_pe_rows * spec.n_pe_cols


def _clock_when(spec: RowStationaryEngineSpec) -> Literal["always", "busy"]:
    return "busy" if spec.clock_gated else "always"


ROW_STATIONARY_ENGINE = Component(
    name="row_stationary_engine",
    spec=RowStationaryEngineSpec,
    ops={"compute": Op(_latency, _interval)},
    actions={"mac": "mac_pj", "mac_gated": "mac_gated_pj"},
    statics={
        "leakage": Static("leakage_uw"),
        "clock": Static("clock_pj_per_pe", units=_n_pes, when=_clock_when, per_cycle=True),
    },
)
