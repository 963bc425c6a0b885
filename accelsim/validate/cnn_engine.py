"""The output-stationary engine of the hybrid chips beside Eyeriss: another dataflow and width, the same number of PEs.

Nothing here is judged: the engine is not a model of that chip. It shows how far the time and power of an engine as
`arch_specs/teacher_physical.yaml` has it are from silicon of its size, on the same layers.
"""

from __future__ import annotations

from pathlib import Path

from accelsim import account
from accelsim.run import RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.validate.check import Check, compared
from accelsim.validate.eyeriss import ALEXNET, Simulated, alone, rms_percent
from accelsim.workload import load_workload

BATCH = 4


def checks(group: str, source: str, specs: Path, workloads: Path) -> list[Check]:
    """Latency of four images one after the other, and power without DRAM, of each convolution of AlexNet."""
    layers = _simulated(specs, workloads)
    remark = (
        "An int8 engine, output-stationary, that takes one image at a time; its idle power is Eyeriss' by assumption, "
        "so its power says little."
    )
    found = []
    for name, what, figure, unit, digits in (
        ("latency", "latency of four images against the chip's processing latency", "processing_ms", "ms", 1),
        ("power", "power without DRAM", "power_mw", "mW", 0),
    ):
        each = ", ".join(
            f"{layer.measured.layer} {getattr(layer, figure):.{digits}f} ({getattr(layer.measured, figure):g})"
            for layer in layers
        )
        found.append(
            compared(
                group,
                f"cnn-engine-{name}",
                f"our output-stationary engine (teacher_physical), AlexNet: {what}",
                result=rms_percent(layers, figure),
                unit="% rms",
                figures=f"simulated (measured), {unit}: {each}",
                source=source,
                remark=remark,
            )
        )
    return found


def _simulated(specs: Path, workloads: Path) -> list[Simulated]:
    spec = load_spec(specs / "teacher_physical.yaml")
    alexnet = load_workload(workloads / "alexnet_shapes")
    found = []
    for measured in ALEXNET:
        run = simulate(spec, alone(alexnet, measured.layer, batch=1), RunOptions(n_inputs=1))
        seconds = run.chips[0].makespan / run.chip.clocks.tick_hz
        on_chip = [row for row in run.chips[0].ledger if row.instance != "weights"]
        found.append(
            Simulated(
                measured=measured,
                fitted=None,
                total_ms=seconds * BATCH * 1e3,
                processing_ms=seconds * BATCH * 1e3,
                power_mw=account.total_pj(on_chip) * 1e-9 / seconds,
                active_pes=0,
                buffer_mb=0.0,
                dram_mb=0.0,
            )
        )
    return found
