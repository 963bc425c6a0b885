"""Admission, the same in every dataflow: an input arrives, waits for room on the chip, and is written into a memory."""

from __future__ import annotations

from accelsim.chip import Chip
from accelsim.components import admission, sram_buffer
from accelsim.dataflows.block import Block, add_op
from accelsim.jobs import Handle, JobBuilder

PHASE = "admit"


def admit(jobs: JobBuilder, chip: Chip, block: Block, input_bits: int, memory: str) -> Handle:
    """Opens the inputs of a block: receives `input_bits` each and writes them into the instance `memory`."""
    door = chip["admission"]
    words = sram_buffer.words(chip[memory].spec, -(-input_bits // 8))
    result = admission.admit(door.spec, None, input_bits, block.draws("admission"))
    also = {f"{memory}.write": words}
    return add_op(jobs, door, "admit", result, phase=PHASE, needs=[], release=block.release, also=also)
