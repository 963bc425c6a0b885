"""The teacher against the student, simulated: on the same PEs, but with other memories and other operands.

The teacher's 23.5 MB of weights do not fit on the chip: they are streamed from DRAM and pass through its buffer, once
an input. The student's are resident, and nothing is charged for bringing them there. So the ratio of the two chips is
also taken without the teacher's DRAM and staging, and the ratio of operations stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.reproduce.quantity import shown
from accelsim.reproduce.simulations import Runs, Simulated

CHIP = "teacher_physical"
STEMS = ("resnet50_cifar_stem", "resnet50_imagenet_stem")
_NAMES = {"resnet50_cifar_stem": "3x3 stem", "resnet50_imagenet_stem": "ImageNet stem"}


@dataclass(frozen=True)
class Ratio:
    """Teacher over student on images of 32x32.

    Attributes:
        energy_x, local_x, dense_x, macs_x: ratios of all energy; without DRAM and staging; without them and with the
            student's gated multiply-accumulates charged as the others; of multiply-accumulates.
        total_j, dram_j, staging_j, clock_j: the teacher's energy, and what of it are reads of the DRAM, writes and
            reads of streamed weights in the buffer, and the engine's clock; J an input.
        input_s, stream_s: time of an input, and what streaming the weights takes at the memory's rate.
    """

    energy_x: float
    local_x: float
    dense_x: float
    macs_x: float
    total_j: float
    dram_j: float
    staging_j: float
    clock_j: float
    input_s: float
    stream_s: float


def ratio(runs: Runs, stem: str) -> Ratio:
    """The teacher with one of its stems over the student."""
    teacher, student = runs.energy(CHIP, stem), runs.energy("hybrid_physical", "paper_hybrid")
    chip = runs.chip(CHIP)
    store, buffer = chip["weights"].spec, chip["buffer"].spec
    fetched = teacher.count("weights.read")
    staged = fetched * store.word_bits / buffer.port_bits  # a tile's last word, padded, is not in it
    dram_j = teacher.joules("weights.read")
    staging_j = staged * (teacher.unit_joules("buffer.write") + teacher.unit_joules("buffer.read"))
    local_j = teacher.joules() - dram_j - staging_j
    saved_j = student.unit_joules("engine.mac") - student.unit_joules("engine.mac_gated")
    ungated_j = student.count("engine.mac_gated") * saved_j
    return Ratio(
        teacher.joules() / student.joules(),
        local_j / student.joules(),
        local_j / (student.joules() + ungated_j),
        _macs(teacher) / _macs(student),
        teacher.joules(),
        dram_j,
        staging_j,
        teacher.joules("engine.clock"),
        teacher.input_s(),
        fetched / store.words_per_cycle / chip["weights"].hertz,
    )


def simulated(runs: Runs) -> str:
    """How many times the student's energy the teacher takes, with either stem."""
    found = (f"{_x(ratio(runs, stem).energy_x)} ({_NAMES[stem]})" for stem in STEMS)
    return f"Simulated on 32x32, the teacher takes {' or '.join(found)} the student's energy."


def unequal(runs: Runs, stems: tuple[str, ...]) -> str:
    """What else than the networks differs between the two chips, and the ratios without that."""
    of_teacher = (_teacher(ratio(runs, stem), _NAMES[stem]) for stem in stems)
    gated = [_gated(runs.energy("hybrid_physical", name)) for name in ("paper_hybrid", "cifar10_hybrid")]
    return (
        "These are the same PEs with different memories: the teacher's weights are streamed from DRAM and staged in "
        "its buffer, the student's are resident and nothing is charged for bringing them. The teacher is dense (layer "
        f"shapes alone); of the student's multiply-accumulates {gated[0]:.0%} meet a zero and are gated "
        f"({gated[1]:.0%} in the trained network, not pruned). {' '.join(of_teacher)}"
    )


def _teacher(one: Ratio, stem: str) -> str:
    parts = (f"{_mj(one.dram_j)} DRAM", f"{_mj(one.staging_j)} staging", f"{_mj(one.clock_j)} the engine's clock")
    return (
        f"{stem[0].upper()}{stem[1:]}: of {_mj(one.total_j)} an input {', '.join(parts)} over {one.input_s * 1e3:.1f} "
        f"ms, in which the weights take {one.stream_s * 1e3:.1f} ms to stream; the ratio is {_x(one.energy_x)}, "
        f"without DRAM and staging {_x(one.local_x)} (the wait for the DRAM stays in it), with the student's gated "
        f"operations charged too {_x(one.dense_x)}; that of multiply-accumulates is {_x(one.macs_x)}."
    )


def _macs(run: Simulated) -> float:
    return run.count("engine.mac", "engine.mac_gated")


def _gated(run: Simulated) -> float:
    return run.count("engine.mac_gated") / _macs(run)


def _x(value: float) -> str:
    return f"{value:.3g}x"


def _mj(joules: float) -> str:
    return f"{shown(joules * 1000, '', 2)} mJ"
