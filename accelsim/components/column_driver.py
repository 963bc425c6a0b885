"""Column drivers: put one feature level on each column of an analog CAM, for all its rows at once.

*Source:* no driver of the ACAM of arXiv 2502.10089 is published; the energy is C·V² of a column line, charged
once from its supply when the line leaves zero. The chip of arXiv 2410.03414 names "analogue drivers" without
figures.
*Valid for:* lines that return to zero after each search, so a column costs the same whatever the last input
was. A column driven to any non-zero level costs `drive_pj`, the cost of the full swing: exact for binary
features, an upper bound for multi-level ones.
*Not modelled:* DAC non-linearity, droop and coupling along the line, the dependence of settling on the level.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import Component, Delay, NonNegative, Op, OpResult, ServedSpec
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact


class ColumnDriverSpec(ServedSpec):
    """Drivers of one array.

    Attributes:
        n_columns: columns, one driver each.
        settle_ns: from new levels at the inputs to settled lines.
        drive_pj: driving one column to a non-zero level and back.
    """

    component: Literal["column_driver"]
    n_columns: Annotated[int, Field(ge=1, le=10**6)]
    settle_ns: NonNegative
    drive_pj: NonNegative


def _drive_latency(spec: ColumnDriverSpec) -> Delay:
    return Delay(ns=exact(spec.settle_ns))


def drive(spec: ColumnDriverSpec, state: None, x: npt.NDArray[np.integer[Any]], draws: Draws) -> OpResult:
    """Drive the columns: y is x, activity counts the columns at a non-zero level.

    Args:
        x: levels `[n_inputs, n_features]`; columns beyond the features stay at zero.

    Raises:
        RangeError: if there are more features than columns, or a negative level.
    """
    if x.ndim != 2 or x.shape[1] > spec.n_columns:
        raise RangeError(
            f"column_driver: got levels of shape {x.shape}, "
            f"need [n_inputs, at most {spec.n_columns} (n_columns)]"
        )
    if x.min(initial=0) < 0:
        raise RangeError(f"column_driver: got a level of {x.min()}, need levels of at least 0")
    driven = np.count_nonzero(x, axis=1).astype(np.int64)
    return OpResult(y=x, activity={"drive": driven}, extra_cycles=np.zeros(len(x), dtype=np.int64))


COLUMN_DRIVER = Component(
    name="column_driver",
    spec=ColumnDriverSpec,
    ops={"drive": Op(_drive_latency)},
    actions={"drive": "drive_pj"},
)
