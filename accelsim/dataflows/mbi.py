"""The MBI dataflow: lookups alone answer every input (arXiv 2307.07631)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.dataflows.admit import admit
from accelsim.dataflows.block import Block, Outcome
from accelsim.dataflows.lookup import LookUp
from accelsim.jobs import JobBuilder
from accelsim.rng import Sample
from accelsim.workload import Workload


class Mbi:
    """Lookups alone: every input is answered from the tables."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip = chip
        self._lookup = LookUp(chip, workload, sample)
        self.programmed: Mapping[str, Programmed] = self._lookup.programmed

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Computes the values of a block and lays down its jobs and activity."""
        admitted = admit(jobs, self._chip, block, self._lookup.input_bits, "pixels", self._lookup.input_words)
        found = self._lookup.lay(jobs, block, admitted)
        verdict = self._lookup.decide(jobs, block, found, admitted)
        return Outcome(verdict.predicted, verdict.tied, np.ones(block.size, dtype=bool), found.counters)
