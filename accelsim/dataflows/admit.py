"""Admission, the same in every dataflow: an input arrives, waits for room on the chip, and is written into a memory."""

from __future__ import annotations

from accelsim.chip import Chip
from accelsim.components import admission
from accelsim.dataflows.block import Block, add_op, at_port_rate
from accelsim.jobs import Handle, JobBuilder

PHASE = "admit"


def admit(jobs: JobBuilder, chip: Chip, block: Block, input_bits: int, memory: str, words: int) -> Handle:
    """Opens the inputs of a block: receives `input_bits` each and writes them as `words` into the instance `memory`."""
    door = chip["admission"]
    received = admission.admit(door.spec, None, input_bits, block.draws("admission"))
    result = at_port_rate(received, words)
    also = {f"{memory}.write": words}
    return add_op(jobs, door, "admit", result, phase=PHASE, needs=[], release=block.release, also=also)
