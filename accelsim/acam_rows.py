"""What the used rows of an analog CAM hold, and which of their cells match.

*Source:* a cell matches when `low <= level <= high` (arXiv 2502.10089); what devices make of the bounds is
`acam_cells`, what lines make of matches `charge_row`.
*Valid for:* levels and bounds 0 … 255.
*Not modelled:* unused cells and rows (the component charges them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.acam_cells import Cells, read
from accelsim.charge_row import RowErrors
from accelsim.errors import RangeError
from accelsim.rng import Draws

Levels = npt.NDArray[np.integer[Any]]

MAX_LEVEL = 255


@dataclass(frozen=True)
class Templates:
    """What the used rows hold.

    Attributes:
        low, high: first and last matching level, uint8 `[n_rows_used, n_features]`.
        n_levels: levels that a feature can have.
        cells: what the devices of one chip have made of low and high, None where they are ideal.
        errors: deviations of the rows, None where they are ideal.
    """

    low: npt.NDArray[np.uint8]
    high: npt.NDArray[np.uint8]
    n_levels: int = MAX_LEVEL + 1
    cells: Cells | None = None
    errors: RowErrors | None = None

    def hits(self, row: int, levels: npt.NDArray[np.uint8], draws: Draws) -> npt.NDArray[np.bool_]:
        """Which cells of a row match levels `[n_inputs, n_features]`, same shape."""
        if self.cells:
            return read(self.cells, row, levels, draws)
        return np.asarray((levels >= self.low[row]) & (levels <= self.high[row]))


def as_levels(values: Levels, what: str, highest: int = MAX_LEVEL) -> npt.NDArray[np.uint8]:
    """`values` as uint8.

    Raises:
        RangeError: unless they are a matrix of integers 0 … `highest`; `what` is their name in its message.
    """
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.integer):
        raise RangeError(
            f"acam_array: {what}: got {values.dtype} of shape {values.shape}, need a matrix of integers"
        )
    if values.min(initial=0) < 0 or values.max(initial=0) > highest:
        raise RangeError(f"acam_array: {what}: got {values.min()} to {values.max()}, need 0 to {highest}")
    return values.astype(np.uint8)


def fitting(stored: tuple[Levels, Levels], n_rows: int, row_cells: int) -> Templates:
    """Templates `(low, high)`, each `[n_rows_used, n_features]`, for an array of `n_rows` rows of `row_cells` cells.

    Raises:
        RangeError: if they do not fit the array, there are none, or a `low` exceeds its `high`.
    """
    low, high = as_levels(stored[0], "template_low"), as_levels(stored[1], "template_high")
    if low.shape != high.shape:
        raise RangeError(f"acam_array: got bounds of shapes {low.shape} and {high.shape}, need equal shapes")
    rows, features = low.shape
    if not 1 <= rows <= n_rows:
        raise RangeError(f"acam_array: got {rows} templates, need 1 to {n_rows} (n_rows)")
    if not 1 <= features <= row_cells:
        raise RangeError(f"acam_array: got {features} features, need 1 to {row_cells} (n_segments x segment_cells)")
    if (low > high).any():
        row, feature = (int(i) for i in np.argwhere(low > high)[0])
        raise RangeError(
            f"acam_array: row {row}, feature {feature}: "
            f"got low {low[row, feature]} and high {high[row, feature]}, need low <= high"
        )
    return Templates(low, high)
