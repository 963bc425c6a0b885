"""Winner-take-all: finds the row with the most matches. Three ways to read the rows out:

- `compare_tree`: rows - 1 latches in ceil(log2(n_inputs_max)) levels, each passing the larger of two values
  on. A level starts the next, so the tree is one combinational decision; `decide_ns` is one level and
  `decide_pj` one latch.
- `ramp`: a common reference falls from full scale by one count every `ramp_step_cycles` until the first step
  at which any row fires. `ramp_step_pj` is one step of the reference; the rows' comparators are the sense
  amplifiers.
- `analog_wta`: one circuit of mutually inhibiting branches; `decide_ns` and `decide_pj` are the whole
  decision. Sense amplifiers restore its one-hot outputs.

Ties go to the lowest row index, in all three. An input is `tied` when another row of a *different class* has
the winner's count: there the ideal rule decides the answer, and a real circuit's offset would.

*Source:* the winner-take-all of arXiv 2502.10089 has no published figures. Scale of an analog one: Zyarah and
Kudithipudi, "Voltage Mode Winner-Take-All Circuit for Neuromorphic Systems" (2025), 34.9 uW and 10.4 ns at
1,000 inputs, simulated in 65 nm. Scale of a latch: Rahman et al., PLoS ONE 9(10) e108634 (2014), 0.18 um.
*Valid for:* counts that the read-out can tell apart; a decision time that does not depend on the margin.
*Not modelled:* offset and noise, so near-ties are decided exactly; metastability; loading by unused inputs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import (
    BIAS,
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    ServedSpec,
    Static,
    per_input,
    wake_ns,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact


class WinnerTakeAllSpec(ServedSpec):
    """One winner-take-all for up to `n_inputs_max` rows.

    Attributes:
        readout: how the rows are read out (module docstring).
        decide_pj: compare_tree: one latch decision; analog_wta: the whole decision; ramp: not used.
        decide_ns: compare_tree: one level; analog_wta: the whole decision; ramp: not used.
        ramp_step_cycles, ramp_step_pj: one step of the reference; used by ramp only.
        bias_uw: bias of the whole block; bias_gated: off while nothing is decided.
        wake_ns, wake_pj: what switching it on takes, each decision, when it is gated.
    """

    component: Literal["winner_take_all"]
    readout: Literal["compare_tree", "ramp", "analog_wta"]
    n_inputs_max: Annotated[int, Field(ge=1, le=10**5)]
    decide_pj: NonNegative
    decide_ns: NonNegative
    ramp_step_cycles: Annotated[int, Field(ge=1, le=10**6)]
    ramp_step_pj: NonNegative
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative


class Rows(NamedTuple):
    """What is fixed about the rows: `row_class` `[n_rows]`, and the largest count a row can have."""

    row_class: npt.NDArray[np.integer[Any]]
    full_scale: int


class Decision(NamedTuple):
    """`winner` row index `[n_inputs]` int64; `tied` `[n_inputs]` bool."""

    winner: IntArray
    tied: npt.NDArray[np.bool_]


def _decide_latency(spec: WinnerTakeAllSpec) -> Delay:
    """For a ramp the wake-up and the first step; further steps are extra cycles."""
    if spec.readout == "ramp":
        return Delay(cycles=spec.ramp_step_cycles, ns=wake_ns(spec))
    levels = (spec.n_inputs_max - 1).bit_length() if spec.readout == "compare_tree" else 1
    return Delay(ns=wake_ns(spec) + levels * exact(spec.decide_ns))


def _check(spec: WinnerTakeAllSpec, state: Rows, counts: IntArray) -> None:
    n_rows = len(state.row_class)
    if not 1 <= n_rows <= spec.n_inputs_max:
        raise RangeError(f"winner_take_all: got {n_rows} rows, need 1 to {spec.n_inputs_max} (n_inputs_max)")
    if counts.ndim != 2 or counts.shape[1] != n_rows:
        raise RangeError(f"winner_take_all: got counts of shape {counts.shape}, need [n_inputs, {n_rows}]")
    if counts.min(initial=0) < 0 or counts.max(initial=0) > state.full_scale:
        raise RangeError(
            f"winner_take_all: got counts from {counts.min()} to {counts.max()}, "
            f"need 0 to {state.full_scale} (full scale)"
        )


def _ramp_steps(state: Rows, counts: IntArray) -> IntArray:
    """Steps until a row fires, `[n_inputs]`: the first step stands at full scale."""
    return np.asarray(state.full_scale - counts.max(axis=1) + 1, dtype=np.int64)


def sense_decisions(spec: WinnerTakeAllSpec, state: Rows, counts: IntArray) -> IntArray:
    """Decisions the sense amplifiers take for this read-out, `[n_inputs]` int64.

    analog_wta: one a row, to restore the one-hot outputs; ramp: one a row and step; compare_tree: none.

    Raises:
        RangeError: as `decide`.
    """
    _check(spec, state, counts)
    n, n_rows = counts.shape
    if spec.readout == "compare_tree":
        return per_input(n, 0)
    strobes = _ramp_steps(state, counts) if spec.readout == "ramp" else per_input(n, 1)
    return np.multiply(strobes, n_rows, dtype=np.int64)


def decide(spec: WinnerTakeAllSpec, state: Rows, x: IntArray, draws: Draws) -> OpResult:
    """Find the row with the largest count; the lowest index where several have it.

    Args:
        state: classes of the rows and full scale.
        x: counts `[n_inputs, n_rows]` int64.

    Returns:
        y: `Decision(winner, tied)`.

    Raises:
        RangeError: if there is no row, or more rows than inputs, or a count outside 0 … full scale.
    """
    _check(spec, state, x)
    n, n_rows = x.shape
    winner = x.argmax(axis=1)
    best = x == x.max(axis=1, keepdims=True)
    other_class = state.row_class != state.row_class[winner][:, np.newaxis]
    steps = _ramp_steps(state, x) if spec.readout == "ramp" else per_input(n, 0)
    activity = {
        "decide": per_input(n, {"compare_tree": n_rows - 1, "ramp": 0, "analog_wta": 1}[spec.readout]),
        "ramp_step": steps,
        "wake": per_input(n, int(spec.bias_gated)),
    }
    extra_cycles = np.maximum(steps - 1, 0) * spec.ramp_step_cycles
    return OpResult(Decision(winner, (best & other_class).any(axis=1)), activity, extra_cycles)


WINNER_TAKE_ALL = Component(
    name="winner_take_all",
    spec=WinnerTakeAllSpec,
    ops={"decide": Op(_decide_latency)},
    actions={"decide": "decide_pj", "ramp_step": "ramp_step_pj", "wake": "wake_pj"},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
)
