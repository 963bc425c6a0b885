"""The full chip: memorization-based inference first; inputs with a far key fall back to the CNN engine.

Every lookup that a fallen-back input has made is charged, and so is the whole CNN pass; with `abort: first_far` the
lookups stop at the first far glimpse, with `after_all` they are finished first. The CNN answers by argmax over its
logits or, when its head is an ACAM, by template matching.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.dataflows.admit import admit
from accelsim.dataflows.block import Answer, Block, Outcome
from accelsim.dataflows.classify import argmax
from accelsim.dataflows.cnn import CnnFrontEnd
from accelsim.dataflows.hybrid import back_end
from accelsim.dataflows.lookup import LookUp
from accelsim.jobs import BoolArray, Handle, JobBuilder
from accelsim.rng import Sample
from accelsim.workload import Workload

FALLBACK = "fallback"


class Cascade:
    """Lookups, then the CNN for what was far."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip = chip
        self._cascade = workload.cascade
        self._lookup = LookUp(chip, workload, sample)
        self._front = CnnFrontEnd(chip, workload, sample)
        has_acam = workload.cnn.head == "acam"
        self._back = back_end(chip, workload, sample) if has_acam else None
        self.programmed: Mapping[str, Programmed] = {
            **self._lookup.programmed,
            **self._front.programmed,
            **(self._back.programmed if self._back else {}),
        }

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Computes the values of a block and lays down its jobs and activity."""
        admitted = admit(jobs, self._chip, block, self._lookup.input_bits, "pixels", self._lookup.input_words)
        abort = self._cascade.abort == "first_far"
        found = self._lookup.lay(jobs, block, admitted, self._cascade.thresholds, abort)
        near = ~found.far
        looked_up = self._lookup.decide(jobs, block, found, admitted, near)
        match = self._fall_back(jobs, block, found.last, admitted, found.far)
        predicted = np.where(near, looked_up.predicted, match.predicted)
        tied = np.where(near, looked_up.tied, match.tied | found.tied)
        return Outcome(predicted, tied, near, {**found.counters, **match.counters})

    def _fall_back(
        self, jobs: JobBuilder, block: Block, given_up: Handle, admitted: Handle, far: BoolArray
    ) -> Answer:
        values = self._front.values(block)
        moved = self._front.move_input(jobs, block, self._lookup.input_words, given_up, far)
        done = self._front.lay(jobs, block, values, moved, admitted, far)
        if self._back:
            return self._back.lay(jobs, block, values.features.astype(np.int8), [done], admitted, far)
        return argmax(jobs, self._chip, block, values.features, done, admitted, FALLBACK, far)
