"""Windows of analog CAM cells as the devices of one chip set them.

A stored bound between two levels is aimed at the middle of their voltages, and a side that matches everything
("don't care") at the end of the conductance range. What has become of the conductances decides which levels lie
inside. As the bound of `acam_window` rises with the conductance, a level is inside when the conductance whose bound
would be just at its voltage lies between those of the two bounds; so a comparison takes no logarithm.

*Source:* window law and device record of `acam_window` and `rram`.
*Valid for:* one device a bound, all levels within what the conductance range reaches.
*Not modelled:* spread of the transistors that turn a conductance into a bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.acam_window import AcamWindow, siemens
from accelsim.rng import BLOCK_INPUTS, Draws
from accelsim.rram import RramDevice, aged_siemens

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]


class Cells(NamedTuple):
    """Windows of the used cells.

    Attributes:
        low, high: first and last matching level, `[n_rows, n_features]`.
        bounds: conductances of the lower and the upper bounds, `[2, n_rows, n_features]`.
        levels: conductances whose bounds would be just at each level's voltage, `[n_levels]`, ascending.
        read_sigma_rel: sigma of a reading relative to the conductance.
    """

    low: ByteArray
    high: ByteArray
    bounds: FloatArray
    levels: FloatArray
    read_sigma_rel: float


def require_reach(window: AcamWindow, device: RramDevice) -> None:
    """The conductance range reaches from the lowest to the highest level, so that every bound can be written.

    Raises:
        ValueError: if it does not.
    """
    lowest, highest = siemens(window, np.array([window.level_low_v, window.level_high_v]))
    if lowest < device.g_min_siemens or highest > device.g_max_siemens:
        raise ValueError(
            f"window: got levels whose bounds take {lowest:.3g} to {highest:.3g} S, "
            f"need {device.g_min_siemens:g} to {device.g_max_siemens:g}, the conductance range of the device"
        )


def aged_cells(
    window: AcamWindow,
    device: RramDevice,
    stored: tuple[ByteArray, ByteArray],
    n_levels: int,
    age_s: float,
    draws: Draws,
) -> Cells:
    """Windows of one chip's cells `age_s` after they were written.

    Args:
        stored: first and last matching level, `[n_rows, n_features]` each, below `n_levels`.
        n_levels: levels that a feature can have.
        draws: of the chip.

    Raises:
        RangeError: if the age is beyond what the device's record tabulates.
    """
    volts = np.linspace(window.level_low_v, window.level_high_v, n_levels)
    between = siemens(window, (volts[:-1] + volts[1:]) / 2)
    # Edge l is the bound below level l; edges 0 and n_levels lie outside all levels.
    edges = np.concatenate(([device.g_min_siemens], between, [device.g_max_siemens]))
    low, high = (bound.astype(np.int64) for bound in stored)
    bounds = aged_siemens(device, np.stack((edges[low], edges[high + 1])), age_s, draws)
    levels = siemens(window, volts)
    first = np.searchsorted(levels, bounds[0], side="left")
    last = np.searchsorted(levels, bounds[1], side="right") - 1
    none = first > last  # then bounds that no level lies between, and that fit a byte
    first, last = np.where(none, 255, first), np.where(none, 0, last)
    sigma_rel = device.read_noise.sigma_rel if device.read_noise else 0.0
    return Cells(first.astype(np.uint8), last.astype(np.uint8), bounds, levels, sigma_rel)


def read(cells: Cells, row: int, x: ByteArray, draws: Draws) -> BoolArray:
    """Which cells of a row match, `[n_inputs, n_features]`, read noise drawn anew for each input.

    Args:
        x: levels `[n_inputs, n_features]`, below the number of levels.
    """
    if cells.read_sigma_rel == 0:
        return np.asarray((x >= cells.low[row]) & (x <= cells.high[row]))
    z = draws.generator("read", f"row {row}").standard_normal((2, BLOCK_INPUTS, x.shape[1]))[:, : len(x)]
    low, high = cells.bounds[:, row, np.newaxis] * (1 + cells.read_sigma_rel * z)
    at = cells.levels[x]
    return np.asarray((low <= at) & (at <= high))
