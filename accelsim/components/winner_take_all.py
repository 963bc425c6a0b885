"""Winner-take-all: finds the row with the most matches. Three ways to read the rows out:

- `compare_tree`: rows - 1 latches in ceil(log2(n_inputs_max)) levels, each passing the larger of two values on. A
  level starts the next, so the tree is one combinational decision; `decide_ns` is one level and `decide_pj` one
  latch.
- `ramp`: a common reference falls from full scale by one count every `ramp_step_cycles` until the first step at
  which any row fires. `ramp_step_pj` is one step of the reference; the rows' comparators are the sense amplifiers.
- `analog_wta`: one circuit of mutually inhibiting branches; `decide_ns` and `decide_pj` are the whole decision.
  Sense amplifiers restore its one-hot outputs.

Ties go to the lowest row index, in all three. An input is `tied` when rows of *different classes* share the largest
count: there the ideal rule decides the answer, and a real circuit's offset does.

Parts that are less than ideal (blocks of the spec; without one the part is ideal):

- `comparators`: compare_tree: each latch has its own fixed offset, and noise in each decision; analog_wta: each
  branch has. A ramp's comparators are the sense amplifiers, with a block of their own: see
  `sense_amps.deviations_v`.
- `settling`: a decision takes longer the smaller its margin is (compare_tree: the slowest latch of each level
  counts; analog_wta: the margin between the two largest rows; a ramp is strobed by its clock and does not settle).
  What reaches the time limit goes the way it leans; at a margin of exactly zero that is the lowest index.

Values are compared in counts: the whole count of a row plus its error, plus offset and noise divided by the volts
that a count is worth. A ramp fires at the first step that a row's value reaches, and at zero at the latest.

*Source:* the winner-take-all of arXiv 2502.10089 has no published figures. Scale of an analog one: Zyarah and
Kudithipudi, "Voltage Mode Winner-Take-All Circuit for Neuromorphic Systems" (2025), 34.9 uW and 10.4 ns at 1,000
inputs, simulated in 65 nm. Scale of a latch: Rahman et al., PLoS ONE 9(10) e108634 (2014), 0.18 um. Imperfections:
`accelsim/comparator.py`.
*Valid for:* rows whose values change by the same voltage a count.
*Not modelled:* wrong outcomes of decisions cut off at the time limit, gain of the stages that pass a value on,
loading by unused inputs; noise that changes during a ramp.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.comparator import Comparators, FloatArray, Settling, extra_ns, noise_v, offsets_v
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
        comparators: offsets and noise of latches or branches; settling: time of small margins. Both not used by ramp.
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
    comparators: Comparators | None = None
    settling: Settling | None = None

    @property
    def n_comparators(self) -> int:
        """Latches of the tree, or branches of the analog circuit; a ramp has none of its own."""
        return {"compare_tree": self.n_inputs_max - 1, "ramp": 0, "analog_wta": self.n_inputs_max}[self.readout]


class Rows(NamedTuple):
    """What is fixed about the rows of one chip.

    Attributes:
        row_class: `[n_rows]`.
        full_scale: the largest count a row can have.
        volts_per_count: what a count is worth at the comparators; None where every part is ideal.
        offsets_v: of the comparators, `[n_comparators]`, as `fixed_offsets_v` draws them; None where they are ideal.
    """

    row_class: npt.NDArray[np.integer[Any]]
    full_scale: int
    volts_per_count: float | None = None
    offsets_v: FloatArray | None = None


class Lines(NamedTuple):
    """Values of the rows: whole `counts` `[n_inputs, n_rows]` int64, and how far off they are (None = exact)."""

    counts: IntArray
    error: FloatArray | None = None


class Decision(NamedTuple):
    """What a winner-take-all answers, `[n_inputs]` each.

    Attributes:
        winner: row index, int64.
        tied: whether rows of different classes share the largest count.
        extra_ns: time beyond the op's, for small margins.
        timeouts: decisions that the time limit ended, int64.
    """

    winner: IntArray
    tied: npt.NDArray[np.bool_]
    extra_ns: FloatArray
    timeouts: IntArray


class _Outcome(NamedTuple):
    """Winner, steps of the ramp (0 without one), extra time and timeouts, `[n_inputs]` each."""

    winner: IntArray
    steps: IntArray
    extra_ns: FloatArray
    timeouts: IntArray


def fixed_offsets_v(spec: WinnerTakeAllSpec, draws: Draws) -> FloatArray | None:
    """Offsets of one chip's comparators, `[n_comparators]`; None where they are ideal."""
    return offsets_v(spec.comparators, spec.n_comparators, draws) if spec.comparators else None


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


def _per_volt(spec: WinnerTakeAllSpec, state: Rows) -> float:
    """Counts that a volt is worth.

    Raises:
        RangeError: if a block needs it and nobody said.
    """
    if state.volts_per_count is None:
        if spec.comparators or spec.settling:
            raise RangeError("winner_take_all: got comparators or settling, need the volts that a count is worth")
        return 0.0
    return 1 / state.volts_per_count


def _deviations(spec: WinnerTakeAllSpec, state: Rows, n: int, draws: Draws) -> FloatArray:
    """Offset and noise of every comparator in counts, `[n_inputs, n_comparators]`."""
    noise = noise_v(spec.comparators, n, spec.n_comparators, draws)
    fixed = noise if state.offsets_v is None else state.offsets_v + noise
    return fixed * _per_volt(spec, state)


def _settle(spec: WinnerTakeAllSpec, state: Rows, margins: FloatArray) -> tuple[FloatArray, IntArray]:
    """Extra time of decisions that start together (the slowest counts), and how many met the limit, `[n_inputs]`.

    Args:
        margins: in counts, `[n_inputs, n_decisions]`.
    """
    ns, limited = extra_ns(spec.settling, margins * (state.volts_per_count or 0.0))
    return ns.max(axis=1, initial=0), limited.sum(axis=1)


def _tree(spec: WinnerTakeAllSpec, state: Rows, values: FloatArray, draws: Draws) -> _Outcome:
    """Level by level the latches of neighbours pass the larger value on; one without a neighbour is passed as it is."""
    n, n_rows = values.shape
    deviations = _deviations(spec, state, n, draws)
    index = np.broadcast_to(np.arange(n_rows), values.shape)
    total_ns, timeouts = np.zeros(n), per_input(n, 0)
    latch, width = 0, spec.n_inputs_max
    while values.shape[1] > 1:
        paired = values.shape[1] // 2 * 2
        margins = values[:, 0:paired:2] - values[:, 1:paired:2] + deviations[:, latch : latch + paired // 2]
        left = margins >= 0
        ns, limited = _settle(spec, state, margins)
        total_ns, timeouts = total_ns + ns, timeouts + limited
        values, index = (
            np.hstack((np.where(left, of[:, 0:paired:2], of[:, 1:paired:2]), of[:, paired:])) for of in (values, index)
        )
        latch, width = latch + width // 2, (width + 1) // 2
    return _Outcome(index[:, 0].astype(np.int64), per_input(n, 0), total_ns, timeouts)


def _ramp(spec: WinnerTakeAllSpec, state: Rows, values: FloatArray, draws: Draws) -> _Outcome:
    """The first row to reach the falling reference, and the step at which it does; the first step is at full scale."""
    n = len(values)
    fires = np.clip(np.ceil(state.full_scale - values), 0, state.full_scale).astype(np.int64)
    return _Outcome(fires.argmin(axis=1), fires.min(axis=1) + 1, np.zeros(n), per_input(n, 0))


def _branches(spec: WinnerTakeAllSpec, state: Rows, values: FloatArray, draws: Draws) -> _Outcome:
    """The largest of the rows' values, each through its own branch."""
    n, n_rows = values.shape
    seen = values + _deviations(spec, state, n, draws)[:, :n_rows]
    two = np.sort(seen, axis=1)[:, -2:]
    return _Outcome(seen.argmax(axis=1), per_input(n, 0), *_settle(spec, state, two[:, 1:] - two[:, :-1]))


_RESOLVE = {"compare_tree": _tree, "ramp": _ramp, "analog_wta": _branches}


def sense_decisions(spec: WinnerTakeAllSpec, n_rows: int, decided: OpResult) -> IntArray:
    """Decisions the sense amplifiers take for what `decide` found, `[n_inputs]` int64.

    analog_wta: one a row, to restore the one-hot outputs; ramp: one a row and step; compare_tree: none.
    """
    steps = decided.activity["ramp_step"]
    strobes = {"compare_tree": np.zeros_like(steps), "ramp": steps, "analog_wta": np.ones_like(steps)}
    return strobes[spec.readout] * n_rows


def decide(spec: WinnerTakeAllSpec, state: Rows, x: Lines, draws: Draws) -> OpResult:
    """Find the row with the largest value; the lowest index where several have it.

    Args:
        state: classes of the rows, full scale, and what is fixed about the chip.
        x: values of the rows.

    Returns:
        y: `Decision`.

    Raises:
        RangeError: if there is no row, or more rows than inputs, a count outside 0 … full scale, or a block in volts
            without the volts that a count is worth.
    """
    counts = x.counts
    _check(spec, state, counts)
    n, n_rows = counts.shape
    exact_values = counts.astype(np.float64)
    found = _RESOLVE[spec.readout](spec, state, exact_values if x.error is None else exact_values + x.error, draws)
    best = counts == counts.max(axis=1, keepdims=True)
    other_class = state.row_class != state.row_class[counts.argmax(axis=1)][:, np.newaxis]
    activity = {
        "decide": per_input(n, {"compare_tree": n_rows - 1, "ramp": 0, "analog_wta": 1}[spec.readout]),
        "ramp_step": found.steps,
        "wake": per_input(n, int(spec.bias_gated)),
    }
    decision = Decision(found.winner, (best & other_class).any(axis=1), found.extra_ns, found.timeouts)
    return OpResult(decision, activity, np.maximum(found.steps - 1, 0) * spec.ramp_step_cycles)


WINNER_TAKE_ALL = Component(
    name="winner_take_all",
    spec=WinnerTakeAllSpec,
    ops={"decide": Op(_decide_latency)},
    actions={"decide": "decide_pj", "ramp_step": "ramp_step_pj", "wake": "wake_pj"},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
)
