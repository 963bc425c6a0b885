"""Analog CAM: compares a feature vector with every stored template at once and counts the matching cells of
each row.

A cell matches when `low <= level <= high`. A row is cut into segments; each counts its own cells and the segments
of a row are combined:

- `charge_share`: switches join the segments' match lines; `combine_pj` is the switching of one segment's switch.
- `adc_per_segment`: each segment has an ADC and all convert in parallel, so one conversion a segment costs
  `combine_pj` and all of them take one `combine_ns`; the sum is digital.
- `current_sum`: the segments' currents flow into one row node; `combine_pj` is the charge one segment draws
  meanwhile.

`combine_pj` and `combine_ns` belong to the chosen way: a spec that changes `combine` must change them too.

Unused cells of a used row hold "don't care": they are written, match in every search and are charged, and every
segment of a used row is combined, but the returned counts leave the unused cells out, because they add the same to
every row. Unused rows are off and cost nothing.

Parts that are less than ideal (blocks of the spec; without one the part is ideal):

- `device` and `window`: each bound of a cell is the conductance of one device. What has become of the devices at
  the chip's age moves the bounds (`aged`); read noise moves them anew in every search. A level matches when its
  voltage lies inside the bounds.
- `row`: matching cells give unequal charge, and segments have gain and offset. A search then has, beside the whole
  counts, the error of each row's analog value, in counts: the errors of its segments add up. With `adc_per_segment`
  each segment's analog count is rounded to a whole number (a half upwards) from 0 to its cells first.

*Source:* architecture and 185 fJ a cell, arXiv 2502.10089; match and mismatch energies apart, 48-column rows in 180
nm, arXiv 2410.03414. Write-verify by pulses is usual RRAM practice; neither paper gives its cost. Imperfections:
`accelsim/rram.py`, `accelsim/acam_window.py`, `accelsim/charge_row.py`.
*Valid for:* levels and bounds 0 … 255; cells whose energy depends only on whether they match, at the supply and
search time their figure holds for. `match_pj` and `mismatch_pj` include the charge of the cell's share of the match
line. Bounds are set by one device each: in a cell with two a bound, the law of `window` stands for the pair.
*Not modelled:* voltage (IR) drop along lines, spread of the transistors of a cell other than as charge on the line,
errors of the unused cells' windows (they match in every search; their charge has its spread), how read disturb
moves a device (a search voltage beyond `disturb_limit_v` is refused), endurance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from accelsim.acam_cells import aged_cells, require_reach
from accelsim.acam_rows import Levels, Templates, as_levels, fitting
from accelsim.acam_window import AcamWindow
from accelsim.charge_row import (
    COUNT_BITS,
    ChargeRow,
    converted,
    draw_errors,
    segment_errors,
    segment_sums,
    volts_per_count,
)
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
from accelsim.rram import RramDevice
from accelsim.units import exact

MAX_CELLS = 10**8
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
        device: the RRAM devices that hold the bounds; window: how they set them; row: the charge-type match lines.
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
    device: RramDevice | None = None
    window: AcamWindow | None = None
    row: ChargeRow | None = None

    @property
    def row_cells(self) -> int:
        """Cells of one row."""
        return self.n_segments * self.segment_cells

    @property
    def converts(self) -> bool:
        """Whether analog counts of segments are rounded to whole ones."""
        return self.row is not None and self.combine == "adc_per_segment"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        cells = self.n_rows * self.row_cells
        if cells > MAX_CELLS:
            raise ValueError(f"n_rows x n_segments x segment_cells: got {cells}, need at most {MAX_CELLS}")
        return self

    @model_validator(mode="after")
    def _reaches_all_levels(self) -> Self:
        """The conductance range covers the voltages of all levels, so that every bound can be written."""
        if self.device is None:
            return self
        if self.window is None:
            raise ValueError("window: got nothing, need a block: device has one, and the window says what it does")
        if DEVICES_PER_CELL[self.cell] < 2:
            raise ValueError(f"device: got a block with cell {self.cell}, need a cell with a device for each bound")
        require_reach(self.window, self.device)
        return self


class Found(NamedTuple):
    """What a search answers.

    Attributes:
        counts: matching cells `[n_inputs, n_rows_used]` int64, unused cells left out.
        error: by how much a row's analog value is off, in counts, same shape; None where rows are ideal.
        saturated: conversions that met an end of their range, `[n_inputs]` int64.
    """

    counts: IntArray
    error: npt.NDArray[np.float64] | None
    saturated: IntArray


def _search_latency(spec: AcamArraySpec) -> Delay:
    return Delay(ns=wake_ns(spec) + exact(spec.search_ns) + exact(spec.combine_ns))


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
    templates = fitting(stored, spec.n_rows, spec.row_cells)
    rows = len(templates.low)
    pulses = rows * spec.row_cells * DEVICES_PER_CELL[spec.cell] * spec.pulses_per_device
    return Programmed(templates, {"pulse": pulses}, ((pulses, exact(spec.pulse_ns)),))


def aged(spec: AcamArraySpec, state: Templates, n_levels: int, age_s: float, draws: Draws) -> Templates:
    """What one chip's array holds at an age: the bounds that its devices set then, and the errors of its rows.

    Args:
        state: what `program` returned.
        n_levels: levels that a feature can have.
        age_s: since it was written.
        draws: of the chip.

    Raises:
        RangeError: if a stored bound is no level, or the age is beyond what the device's record tabulates.
    """
    if spec.row:
        n_rows, n_features = state.low.shape
        errors = draw_errors(spec.row, n_rows, spec.n_segments, spec.segment_cells, n_features, draws)
        state = replace(state, errors=errors)
    as_levels(state.high, "template_high", n_levels - 1)
    state = replace(state, n_levels=n_levels)
    if spec.device is None or spec.window is None:
        return state
    cells = aged_cells(spec.window, spec.device, (state.low, state.high), n_levels, age_s, draws)
    return replace(state, cells=cells)


def comparator_volts_per_count(spec: AcamArraySpec) -> float | None:
    """What one count is worth where rows are compared; None where rows are ideal, or their sums are digital.

    `charge_share` averages the segments' voltages, `current_sum` adds them.
    """
    if spec.row is None or spec.combine == "adc_per_segment":
        return None
    one = volts_per_count(spec.row, spec.segment_cells)
    return one / spec.n_segments if spec.combine == "charge_share" else one


def _row(
    spec: AcamArraySpec, state: Templates, row: int, hits: npt.NDArray[np.bool_]
) -> tuple[IntArray, IntArray, IntArray]:
    """Matches of a row, its error in steps of 2^-20 counts, and saturated conversions, `[n_inputs]` each."""
    matches = segment_sums(hits, spec.n_segments, spec.segment_cells)
    counts, none = matches.sum(axis=1), per_input(len(hits), 0)
    if state.errors is None:
        return counts, none, none
    error = segment_errors(state.errors, row, hits, spec.segment_cells)
    if spec.combine == "adc_per_segment":
        return counts, *converted(matches, error, hits.shape[1], spec.segment_cells)
    return counts, error.sum(axis=1), none


def search(spec: AcamArraySpec, state: Templates, x: Levels, draws: Draws) -> OpResult:
    """Compare with every used row.

    Args:
        state: what `program` returned, or `aged` made of it.
        x: levels `[n_inputs, n_features]`, integers 0 … n_levels - 1 of the state.

    Returns:
        y: `Found`.

    Raises:
        RangeError: if x does not have the stored number of features, or leaves the range of levels.
    """
    levels = as_levels(x, "levels", state.n_levels - 1)
    n_rows, n_features = state.low.shape
    if levels.shape[1] != n_features:
        raise RangeError(f"acam_array: got {levels.shape[1]} features, need {n_features}, as stored")
    n = len(levels)
    # A row at a time: all rows at once would need n_inputs x n_rows x n_features of memory.
    rows = [_row(spec, state, row, state.hits(row, levels, draws)) for row in range(n_rows)]
    counts, error, saturated = (np.stack(parts, axis=1) for parts in zip(*rows, strict=True))
    matched = counts.sum(axis=1) + n_rows * (spec.row_cells - n_features)
    activity = {
        "match": matched,
        "mismatch": n_rows * spec.row_cells - matched,
        "combine": per_input(n, n_rows * spec.n_segments),
        "wake": per_input(n, int(spec.bias_gated)),
    }
    found = Found(counts, error / 2.0**COUNT_BITS if state.errors else None, saturated.sum(axis=1))
    return OpResult(y=found, activity=activity, extra_cycles=per_input(n, 0))


ACAM_ARRAY = Component(
    name="acam_array",
    spec=AcamArraySpec,
    ops={"search": Op(_search_latency)},
    actions={"match": "match_pj", "mismatch": "mismatch_pj", "combine": "combine_pj", "wake": "wake_pj"},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
    programming={"pulse": "pulse_pj"},
)
