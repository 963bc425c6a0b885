"""Analog CAM: compares a feature vector with every stored template at once and counts the matching cells of
each row.

A cell matches when `low <= level <= high`. A row is cut into segments; each counts its own cells and the
segments of a row are combined:

- `charge_share`: switches join the segments' match lines; `combine_pj` is the switching of one segment's
  switch.
- `adc_per_segment`: each segment has an ADC and all convert in parallel, so one conversion a segment costs
  `combine_pj` and all of them take one `combine_ns`; the sum is digital.
- `current_sum`: the segments' currents flow into one row node; `combine_pj` is the charge one segment draws
  meanwhile.

`combine_pj` and `combine_ns` belong to the chosen way: a spec that changes `combine` must change them too.

Unused cells of a used row hold "don't care": they are written, match in every search and are charged, and
every segment of a used row is combined, but the returned counts leave the unused cells out, because they add
the same to every row. Unused rows are off and cost nothing.

*Source:* architecture and 185 fJ a cell, arXiv 2502.10089; match and mismatch energies apart, 48-column rows
in 180 nm, arXiv 2410.03414. Write-verify by pulses is usual RRAM practice; neither paper gives its cost.
*Valid for:* levels and bounds 0 … 255; cells whose energy depends only on whether they match, at the supply
and search time their figure holds for. `match_pj` and `mismatch_pj` include the charge of the cell's share of
the match line.
*Not modelled:* mismatch, noise and drift, voltage (IR) drop along lines, read disturb (a search puts its voltage
across the devices, and a search voltage of some volts can move them), how many levels one cell can hold,
endurance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from accelsim.component import (
    BIAS,
    Component,
    Count,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    Positive,
    Programmed,
    ServedSpec,
    Static,
    per_input,
    wake_ns,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact

Levels = npt.NDArray[np.integer[Any]]

MAX_CELLS = 10**8
MAX_LEVEL = 255
DEVICES_PER_CELL = {"6T4R": 4, "3T1R": 1, "9T4R": 4}


class AcamArraySpec(ServedSpec):
    """One array of `n_rows` rows of `n_segments` segments of `segment_cells` cells.

    Attributes:
        combine: how the segments of a row become one count (module docstring).
        cell: topology, which fixes the RRAM devices a cell.
        match_pj, mismatch_pj: one cell in one search.
        combine_pj: one segment of one used row.
        search_ns: from settled columns to settled segments; combine_ns: from there to the row's value.
        bias_uw: bias of the array's analog parts; bias_gated: off while no search runs.
        wake_ns, wake_pj: what switching it on takes, each search, when it is gated.
        pulse_pj, pulse_ns: one programming pulse; the spec says whether its verify read is in them.
        pulses_per_device: pulses until a device has its value.
    """

    component: Literal["acam_array"]
    n_rows: Annotated[int, Field(ge=1, le=10**5)]
    n_segments: Annotated[int, Field(ge=1, le=10**5)]
    segment_cells: Annotated[int, Field(ge=1, le=10**5)]
    combine: Literal["charge_share", "adc_per_segment", "current_sum"]
    cell: Literal["6T4R", "3T1R", "9T4R"]
    match_pj: NonNegative
    mismatch_pj: NonNegative
    combine_pj: NonNegative
    search_ns: Positive
    combine_ns: NonNegative
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative
    pulse_pj: NonNegative
    pulses_per_device: Count
    pulse_ns: NonNegative

    @property
    def row_cells(self) -> int:
        """Cells of one row."""
        return self.n_segments * self.segment_cells

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        cells = self.n_rows * self.row_cells
        if cells > MAX_CELLS:
            raise ValueError(f"n_rows x n_segments x segment_cells: got {cells}, need at most {MAX_CELLS}")
        return self


@dataclass(frozen=True)
class Templates:
    """Stored bounds of the used rows: `low`, `high` uint8 `[n_rows_used, n_features]`."""

    low: npt.NDArray[np.uint8]
    high: npt.NDArray[np.uint8]


def _search_latency(spec: AcamArraySpec) -> Delay:
    return Delay(ns=wake_ns(spec) + exact(spec.search_ns) + exact(spec.combine_ns))


def _as_levels(values: Levels, what: str) -> npt.NDArray[np.uint8]:
    """`values` as uint8; RangeError unless they are a matrix of integers 0 … 255."""
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.integer):
        raise RangeError(
            f"acam_array: {what}: got {values.dtype} of shape {values.shape}, need a matrix of integers"
        )
    if values.min(initial=0) < 0 or values.max(initial=0) > MAX_LEVEL:
        raise RangeError(f"acam_array: {what}: got {values.min()} to {values.max()}, need 0 to {MAX_LEVEL}")
    return values.astype(np.uint8)


def program(spec: AcamArraySpec, stored: tuple[Levels, Levels], draws: Draws) -> Programmed:
    """Write the templates, device after device, into the first rows and columns of the array.

    Every cell of a used row is written, unused ones with "don't care". Devices are pulsed one at a time, so
    the time is devices x pulses x `pulse_ns`.

    Args:
        stored: `(low, high)`, each `[n_rows_used, n_features]`, integers 0 … 255.

    Returns:
        Programmed with `Templates` as the state.

    Raises:
        RangeError: if the templates do not fit the array, there are none, or a `low` exceeds its `high`.
    """
    low, high = _as_levels(stored[0], "template_low"), _as_levels(stored[1], "template_high")
    if low.shape != high.shape:
        raise RangeError(f"acam_array: got bounds of shapes {low.shape} and {high.shape}, need equal shapes")
    rows, features = low.shape
    if not 1 <= rows <= spec.n_rows:
        raise RangeError(f"acam_array: got {rows} templates, need 1 to {spec.n_rows} (n_rows)")
    if not 1 <= features <= spec.row_cells:
        raise RangeError(
            f"acam_array: got {features} features, need 1 to {spec.row_cells} (n_segments x segment_cells)"
        )
    if (low > high).any():
        row, feature = (int(i) for i in np.argwhere(low > high)[0])
        raise RangeError(
            f"acam_array: row {row}, feature {feature}: "
            f"got low {low[row, feature]} and high {high[row, feature]}, need low <= high"
        )
    pulses = rows * spec.row_cells * DEVICES_PER_CELL[spec.cell] * spec.pulses_per_device
    return Programmed(Templates(low, high), {"pulse": pulses}, pulses * exact(spec.pulse_ns))


def _segment_matches(spec: AcamArraySpec, state: Templates, levels: npt.NDArray[np.uint8]) -> IntArray:
    """Matching cells of each segment that holds features, `[n_inputs, n_rows_used, segments]`."""
    starts = np.arange(0, state.low.shape[1], spec.segment_cells)
    matches = np.empty((len(levels), len(state.low), len(starts)), dtype=np.int64)
    # A row at a time: all rows at once would need n_inputs x n_rows x n_features of memory.
    for row, (low, high) in enumerate(zip(state.low, state.high, strict=True)):
        hits = (levels >= low) & (levels <= high)
        matches[:, row] = np.add.reduceat(hits, starts, axis=1, dtype=np.int64)
    return matches


def search(spec: AcamArraySpec, state: Templates, x: Levels, draws: Draws) -> OpResult:
    """Compare with every used row.

    Args:
        state: what `program` returned.
        x: levels `[n_inputs, n_features]`, integers 0 … 255.

    Returns:
        y: matching cells `[n_inputs, n_rows_used]` int64, unused cells left out.

    Raises:
        RangeError: if x does not have the stored number of features, or leaves the range of levels.
    """
    levels = _as_levels(x, "levels")
    n_rows, n_features = state.low.shape
    if levels.shape[1] != n_features:
        raise RangeError(f"acam_array: got {levels.shape[1]} features, need {n_features}, as stored")
    matches = _segment_matches(spec, state, levels).sum(axis=2)
    n = len(levels)
    matched = matches.sum(axis=1) + n_rows * (spec.row_cells - n_features)
    activity = {
        "match": matched,
        "mismatch": n_rows * spec.row_cells - matched,
        "combine": per_input(n, n_rows * spec.n_segments),
        "wake": per_input(n, int(spec.bias_gated)),
    }
    return OpResult(y=matches, activity=activity, extra_cycles=per_input(n, 0))


ACAM_ARRAY = Component(
    name="acam_array",
    spec=AcamArraySpec,
    ops={"search": Op(_search_latency)},
    actions={"match": "match_pj", "mismatch": "mismatch_pj", "combine": "combine_pj", "wake": "wake_pj"},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
    programming={"pulse": "pulse_pj"},
)
