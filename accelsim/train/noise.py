"""What an imperfect array adds to a row's count: the noise that a student is fine-tuned with.

A Gaussian of zero mean, of its own for each row, in counts of matching cells. Its parts, from a spec file:

- `devices`: the square root of the sum over cells of p (1 - p), p the probability that the cell matches, from the
  tails of both bounds' conductances at the age, stuck devices and read noise (`accelsim/acam_cells.py`,
  `accelsim/rram.py`);
- `cells`: cell_spread_rel k sqrt(matches), unequal charge of matching cells (`accelsim/charge_row.py`);
- `gain`: segment_gain_rel (k matches / n_segments + (k - 1) segment_cells) sqrt(n_segments);
- `offset`: segment_offset_v / v_count sqrt(n_segments);
- `comparator`: sqrt(offset_v^2 + noise_v^2) n_segments / v_count, a branch of the winner-take-all, which sees the mean
  of the segments' voltages (`accelsim/comparator.py`).

k = q_match / (q_match - q_mismatch), v_count the voltage of one count on a segment's line.

*Valid for*: match lines joined by charge sharing, an analog winner-take-all, cells whose errors are small beside the
counts of the best rows. A chip's deviations are fixed while training draws them anew for each example: the expected
loss over all chips is the same. That all rows lose a few counts alike is left out; it changes no decision.
*Not modelled*: that a cell's errors depend on the features; `devices` takes levels and stored windows as equally
frequent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accelsim.acam_window import siemens
from accelsim.charge_row import volts_per_count
from accelsim.components.acam_array import AcamArraySpec
from accelsim.components.winner_take_all import WinnerTakeAllSpec
from accelsim.errors import RangeError, UsageError
from accelsim.rram import RramDevice, relaxed_siemens
from accelsim.spec import load_spec

Real = npt.NDArray[np.float64]

DAY_S = 86_400.0
MATCH_SHARE = 0.6
"""Share of a good row's cells that match; the parts grow with its square root, and 0.5 or 0.7 change the total by 3
%."""


@dataclass(frozen=True)
class RowNoise:
    """Sigmas in counts, each as in the module's list."""

    devices: float
    cells: float
    gain: float
    offset: float
    comparator: float

    @property
    def counts(self) -> float:
        """Of all parts together, of one row."""
        return math.hypot(self.devices, self.cells, self.gain, self.offset, self.comparator)


def row_noise(spec: Path, n_features: int, n_levels: int, age_s: float = DAY_S) -> RowNoise:
    """Noise of the array and the winner-take-all of the chip in the file `spec`, `age_s` after its templates were
    written.

    Raises:
        SpecError: if the file is no valid spec.
        UsageError: if it has no ACAM array whose rows are compared as charges.
        RangeError: if the age is beyond what the devices' record tabulates.
    """
    chip = load_spec(spec)
    array, wta = chip.instances.get("acam"), chip.instances.get("wta")
    if not isinstance(array, AcamArraySpec) or not isinstance(wta, WinnerTakeAllSpec):
        raise UsageError(f"--noise: got {spec}, need a chip with an ACAM array and a winner-take-all")
    if array.combine != "charge_share" or wta.readout != "analog_wta":
        need = "charge_share and analog_wta, which the noise model is of"
        raise UsageError(f"--noise: {spec}: got {array.combine} and {wta.readout}, need {need}")
    cells, gain, offset = _lines(array, n_features)
    comparator = _comparator(array, wta)
    return RowNoise(_devices(array, n_features, n_levels, age_s), cells, gain, offset, comparator)


def _lines(array: AcamArraySpec, n_features: int) -> tuple[float, float, float]:
    """Sigmas of unequal cells, segment gains and segment offsets."""
    row = array.row
    if row is None:
        return 0.0, 0.0, 0.0
    share = row.q_match_fc / (row.q_match_fc - row.q_mismatch_fc)
    matches, n_segments = MATCH_SHARE * n_features, array.n_segments
    of_segment = matches / n_segments * share + array.segment_cells * (share - 1)
    v_count = volts_per_count(row, array.segment_cells)
    return (
        row.cell_spread_rel * share * math.sqrt(matches),
        row.segment_gain_rel * of_segment * math.sqrt(n_segments),
        row.segment_offset_v / v_count * math.sqrt(n_segments),
    )


def _comparator(array: AcamArraySpec, wta: WinnerTakeAllSpec) -> float:
    block = wta.comparators
    if block is None:
        return 0.0
    if array.row is None:
        raise RangeError("noise: got comparators with offsets in volts, need the volts of a count (block row)")
    v_count = volts_per_count(array.row, array.segment_cells) / array.n_segments
    return math.hypot(block.offset_v, block.noise_v) / v_count


def _devices(array: AcamArraySpec, n_features: int, n_levels: int, age_s: float) -> float:
    """Sigma of the number of matching cells of a row, over chips and readings."""
    if array.device is None or array.window is None:
        return 0.0
    volts = np.linspace(array.window.level_low_v, array.window.level_high_v, n_levels)
    between = siemens(array.window, (volts[:-1] + volts[1:]) / 2)
    edges = np.concatenate(([array.device.g_min_siemens], between, [array.device.g_max_siemens]))
    above = _above(array.device, edges, siemens(array.window, volts), age_s)
    # Windows [low, high] with low <= high: lower bound not above the level, upper bound not below it.
    low, high = np.triu_indices(n_levels)
    match = (1 - above[low]) * above[high + 1]
    return math.sqrt(n_features * float((match * (1 - match)).mean()))


def _above(device: RramDevice, target: Real, level: Real, age_s: float) -> Real:
    """Probability that a device written to each target ends above each level's conductance, [n_targets, n_levels]."""
    x = target / device.g_max_siemens
    variance, shift = np.zeros_like(x), 0.0
    if device.programming:
        variance = variance + np.polyval(device.programming.sigma_siemens[::-1], x) ** 2
    if device.relaxation:
        sigma, shift = relaxed_siemens(device.relaxation, x, age_s)
        variance = variance + sigma**2
    if device.read_noise:
        variance = variance + (device.read_noise.sigma_rel * target) ** 2
    sigma = np.sqrt(np.maximum(variance, 1e-30))[:, np.newaxis]
    far = (level - (target + shift)[:, np.newaxis]) / (sigma * math.sqrt(2))
    written = np.vectorize(math.erfc)(far) / 2
    stuck_low, stuck_high = device.stuck_low_rel, device.stuck_high_rel
    found: Real = stuck_high + (1 - stuck_low - stuck_high) * written
    return found
