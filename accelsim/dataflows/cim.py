"""The CIM dataflow: admission, then one job of the macro for each layer of a layer table, one after the other.

*Source*: arXiv 2307.07631, Table I, which counts multiply-accumulates and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from accelsim.chip import Chip
from accelsim.component import Programmed, per_input
from accelsim.components import admission, cim_macro
from accelsim.dataflows.block import Block, Outcome, add_op
from accelsim.jobs import JobBuilder
from accelsim.manifest_cnn import PIXEL_BITS
from accelsim.rng import Sample
from accelsim.workload import Workload


class Cim:
    """A layer table on a published macro; nothing is decided, as nothing is computed."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip = chip
        self._cnn = workload.cnn
        self.programmed: Mapping[str, Programmed] = {}

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Lays down the jobs and activity of a block."""
        door, macro, batch = self._chip["admission"], self._chip["macro"], self._cnn.batch
        bits = batch * prod(self._cnn.input.shape) * PIXEL_BITS
        received = admission.admit(door.spec, None, bits, block.draws("admission"))
        done = admitted = add_op(jobs, door, "admit", received, phase="admit", needs=[], release=block.release)
        for layer in self._cnn.layers:
            work = cim_macro.compute(macro.spec, None, batch * layer.n_macs, block.draws("macro"))
            done = add_op(jobs, macro, "compute", work, phase=layer.name, needs=[done, admitted])
        nothing = np.zeros(block.size, dtype=bool)
        return Outcome(per_input(block.size, 0), nothing, ~nothing)
