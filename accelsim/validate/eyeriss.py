"""The row-stationary engine against the Eyeriss chip: latency and power of each convolution of AlexNet and of VGG-16.

AlexNet, leave one layer out: the three constants that are fitted (stalls, energy of a multiply-accumulate, clock and
idle power of a PE) are fitted to the four layers that are not judged, and the judged layer is simulated with them,
alone. The mapping is that of the paper's Table III; the measured zeros and everything else come from
`arch_specs/eyeriss.yaml` and `workloads/alexnet_shapes`.

VGG-16 runs on the spec as it is. Its mapping is not published: `workloads/vgg16_shapes` infers it from the measured
traffic, so its times show what the width of the buffer's port makes of that traffic. Without a mapping accelsim finds
its own, which the chip did not use: both are shown. `eyeriss_checks.py` judges and words it.

*Source:* Chen, Krishna, Emer, Sze, IEEE JSSC 52(1) 2017, Tables V and VI, as in cucapra/fodlam@cde53fd:data/*.csv.
Those were read from the paper by machine; what its own totals show to be misread is mended here: conv2_2 processing
810.7 (not 1110.3), conv4_1 total 135.8 (not 135.3), DRAM of conv1_1 15.4 (not 154) and of conv4_2 28.6 (not 20.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim import account
from accelsim.chip import Chip, build_chip
from accelsim.dataflows.row_stationary import plan_layer
from accelsim.mapping.row_stationary import Plan
from accelsim.run import RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.workload import Workload, load_workload


class Measured(NamedTuple):
    """A row of Table V or VI, for one batch: power of the chip, total and processing time, active PEs, traffic."""

    layer: str
    power_mw: float
    total_ms: float
    processing_ms: float
    active_pes: int
    buffer_mb: float
    dram_mb: float


ALEXNET = (
    Measured("conv1", 332, 20.9, 16.5, 154, 18.5, 5.0),
    Measured("conv2", 288, 41.9, 39.2, 135, 77.6, 4.0),
    Measured("conv3", 266, 23.6, 21.8, 156, 50.2, 3.0),
    Measured("conv4", 235, 18.4, 16.0, 156, 37.4, 2.1),
    Measured("conv5", 236, 10.5, 10.0, 156, 24.9, 1.3),
)
VGG16 = (
    Measured("conv1_1", 247, 76.2, 38.0, 156, 112.5, 15.4),
    Measured("conv1_2", 218, 910.3, 810.6, 156, 2402.8, 54.0),
    Measured("conv2_1", 242, 470.3, 405.3, 156, 1201.4, 33.4),
    Measured("conv2_2", 231, 894.3, 810.7, 156, 2402.8, 48.5),
    Measured("conv3_1", 254, 241.1, 204.0, 156, 607.4, 20.2),
    Measured("conv3_2", 235, 460.9, 408.1, 156, 1214.8, 32.2),
    Measured("conv3_3", 233, 457.7, 408.1, 156, 1214.8, 30.8),
    Measured("conv4_1", 278, 135.8, 105.1, 168, 321.3, 17.8),
    Measured("conv4_2", 261, 254.8, 210.0, 168, 643.7, 28.6),
    Measured("conv4_3", 240, 246.3, 210.0, 168, 643.7, 22.8),
    Measured("conv5_1", 258, 54.3, 48.3, 168, 90.0, 6.3),
    Measured("conv5_2", 236, 53.7, 48.5, 168, 90.0, 5.7),
    Measured("conv5_3", 230, 53.7, 48.5, 168, 90.0, 5.6),
)


@dataclass(frozen=True)
class Fitted:
    """The constants that Table V fits: fields of the instance `engine`."""

    stall_rel: float
    mac_pj: float
    clock_pj_per_pe: float

    def overrides(self) -> list[str]:
        """As `--set` wants them."""
        return [f"instances.engine.{name}={value!r}" for name, value in vars(self).items()]


@dataclass(frozen=True)
class Simulated:
    """A layer simulated alone, beside what was measured; `fitted`: with which constants (None: the spec's)."""

    measured: Measured
    fitted: Fitted | None
    total_ms: float
    processing_ms: float
    power_mw: float
    active_pes: int
    buffer_mb: float
    dram_mb: float


@dataclass(frozen=True)
class _Layer:
    """What the fit needs of a layer: seconds of filling and of multiplying, what is counted, the buffer's energy."""

    measured: Measured
    plan: Plan
    fill_s: float
    compute_s: float
    nonzero_macs: int
    buffer_j: float


class Bench:
    """The chip, a workload of layer shapes, and what was measured of its layers.

    Args:
        mapped: whether layers have the mappings of the workload; else each is given the quickest one.
    """

    def __init__(
        self, specs: Path, workloads: Path, network: str, measured: Sequence[Measured], mapped: bool = True
    ) -> None:
        self._spec_path = specs / "eyeriss.yaml"
        loaded = load_workload(workloads / network)
        unmapped = [layer.model_copy(update={"mapping": None}) for layer in loaded.cnn.layers]
        self._workload = loaded if mapped else loaded.with_layers(unmapped, loaded.cnn.batch)
        self._chip = build_chip(load_spec(self._spec_path))
        self._layers = [self._layer(index, row) for index, row in enumerate(measured)]

    def _layer(self, index: int, measured: Measured) -> _Layer:
        chip, cnn = self._chip, self._workload.cnn
        engine, buffer = chip["engine"], chip["buffer"].spec
        plan = plan_layer(chip, cnn.layers[index], cnn.batch)
        n_passes = plan.n_groups * plan.passes_per_group
        values_per_word = buffer.port_bits / engine.spec.word_bits
        reads = plan.n_groups * plan.read_words + plan.dram_out_words
        writes = plan.n_groups * plan.write_words + plan.dram_in_words
        return _Layer(
            measured=measured,
            plan=plan,
            fill_s=n_passes * -(-plan.filter_words // engine.spec.bus_words) / engine.hertz,
            compute_s=plan.compute_cycles / engine.hertz,
            nonzero_macs=cnn.expected_nonzero_macs(index),
            buffer_j=(reads * buffer.read_pj + writes * buffer.write_pj) / values_per_word * 1e-12,
        )

    def fit(self, without: str | None = None) -> Fitted:
        """Least squares on relative errors over all layers, or over all but the one named."""
        return _fit(self._chip, [layer for layer in self._layers if layer.measured.layer != without])

    def leave_one_out(self) -> list[Simulated]:
        """Every layer, simulated with constants fitted to the others."""
        return [self._simulate(layer, self.fit(without=layer.measured.layer)) for layer in self._layers]

    def as_specified(self) -> list[Simulated]:
        """Every layer, simulated with the constants of the spec."""
        return [self._simulate(layer, None) for layer in self._layers]

    def _simulate(self, layer: _Layer, fitted: Fitted | None) -> Simulated:
        spec = load_spec(self._spec_path, fitted.overrides() if fitted else ())
        run = simulate(spec, alone(self._workload, layer.measured.layer), RunOptions(n_inputs=1))
        seconds = run.chips[0].makespan / run.chip.clocks.tick_hz
        energy_j = account.total_pj(run.chips[0].ledger) * 1e-12
        moved = layer.plan.dram_in_words + layer.plan.dram_out_words
        value_bytes = run.chip["engine"].spec.word_bits / 8
        return Simulated(
            measured=layer.measured,
            fitted=fitted,
            total_ms=seconds * 1e3,
            processing_ms=(seconds - _sending_s(run.chip, layer.plan)) * 1e3,
            power_mw=energy_j / seconds * 1e3,
            active_pes=layer.plan.active_pes,
            buffer_mb=layer.plan.buffer_words * value_bytes / 1e6,
            dram_mb=moved * value_bytes / 1e6,
        )


def alone(workload: Workload, name: str, batch: int | None = None) -> Workload:
    """The workload with one layer only (and another batch)."""
    layers = [layer for layer in workload.cnn.layers if layer.name == name]
    return workload.with_layers(layers, batch or workload.cnn.batch)


def _sending_s(chip: Chip, plan: Plan) -> float:
    """Time in which the outputs leave for DRAM; the rest of a layer's time is its processing."""
    port = chip["dram"]
    words = plan.dram_out_words * chip["engine"].spec.word_bits / port.spec.word_bits
    return float(words / port.hertz)


def _least_squares(columns: Sequence[Any], rest: Any, target: Any) -> npt.NDArray[np.float64]:
    """Coefficients that bring `columns @ x + rest` closest to `target`, by squares of relative errors."""
    scaled = np.stack([np.asarray(column) / target for column in columns], axis=1)
    found: npt.NDArray[np.float64] = np.linalg.lstsq(scaled, 1 - np.asarray(rest) / target, rcond=None)[0]
    return found


def _fit(chip: Chip, layers: Sequence[_Layer]) -> Fitted:
    """Stalls from processing times; energy and idle power from the power and total time that were measured."""
    processing = np.array([layer.measured.processing_ms for layer in layers]) * 1e-3
    power = np.array([layer.measured.power_mw for layer in layers]) * 1e-3
    total = np.array([layer.measured.total_ms for layer in layers]) * 1e-3
    compute, fill = (np.array([getattr(layer, name) for layer in layers]) for name in ("compute_s", "fill_s"))
    (slowdown,) = _least_squares([compute], fill, processing)
    mac_rate = np.array([layer.nonzero_macs for layer in layers]) / total
    buffer_w = np.array([layer.buffer_j for layer in layers]) / total
    idle_w, mac_j = _least_squares([np.ones(len(layers)), mac_rate], buffer_w, power)
    engine = chip["engine"]
    pe_cycles_per_s = engine.spec.n_pe_rows * engine.spec.n_pe_cols * engine.hertz
    return Fitted(float(slowdown) - 1, float(mac_j) * 1e12, float(idle_w) / pe_cycles_per_s * 1e12)


def rms_percent(layers: Sequence[Simulated], figure: str) -> float:
    """Root mean square over layers of the relative error of a figure, in percent."""
    errors = [getattr(layer, figure) / getattr(layer.measured, figure) - 1 for layer in layers]
    return float(np.sqrt(np.mean(np.square(errors)))) * 100
