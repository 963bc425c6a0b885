"""The full chip: memorization-based inference first; inputs that it does not answer fall back to the CNN engine.

By `criterion: distance` an input is far when the winners of a glimpse are; with `abort: first_far` the lookups stop at
the first far glimpse, with `after_all` they are finished first. By `criterion: margin` it is far when the votes for its
class do not lead by enough. Every lookup that a fallen-back input has made is charged, and so is the whole CNN pass.
The CNN answers by argmax over its logits or, when its head is an ACAM, by template matching.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.dataflows.admit import admit
from accelsim.dataflows.block import Answer, Block, Outcome
from accelsim.dataflows.classify import argmax
from accelsim.dataflows.cnn import CnnFrontEnd
from accelsim.dataflows.hybrid import back_end
from accelsim.dataflows.lookup import Found, LookUp, Verdict
from accelsim.jobs import BoolArray, Handle, JobBuilder
from accelsim.rng import Sample
from accelsim.workload import Workload

FALLBACK = "fallback"


class LookedUp(NamedTuple):
    """What the lookups gave: the inputs `[n]` that they answer, their verdict, and the job after which others leave."""

    found: Found
    near: BoolArray
    verdict: Verdict
    given_up: Handle


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
        by_margin = self._cascade.criterion == "margin"
        found, near, looked_up, given_up = (self._by_margin if by_margin else self._by_distance)(jobs, block, admitted)
        match = self._fall_back(jobs, block, given_up, admitted, ~near)
        predicted = np.where(near, looked_up.predicted, match.predicted)
        tied = np.where(near, looked_up.tied, match.tied | found.tied)
        return Outcome(predicted, tied, near, {**found.counters, **match.counters})

    def _by_distance(self, jobs: JobBuilder, block: Block, admitted: Handle) -> LookedUp:
        """Inputs without a far glimpse are answered; the others need no vote."""
        abort = self._cascade.abort == "first_far"
        found = self._lookup.lay(jobs, block, admitted, self._cascade.thresholds, abort)
        verdict = self._lookup.decide(jobs, block, found, admitted, ~found.far)
        return LookedUp(found, ~found.far, verdict, found.last)

    def _by_margin(self, jobs: JobBuilder, block: Block, admitted: Handle) -> LookedUp:
        """Every input is voted on; those whose class leads are answered."""
        found = self._lookup.lay(jobs, block, admitted)
        verdict = self._lookup.decide_by_margin(jobs, block, found, admitted, self._cascade.margin or 0)
        return LookedUp(found, verdict.trusted, verdict, verdict.last)

    def _fall_back(self, jobs: JobBuilder, block: Block, given_up: Handle, admitted: Handle, far: BoolArray) -> Answer:
        values = self._front.values(block)
        moved = self._front.move_input(jobs, block, self._lookup.input_words, given_up, far)
        done = self._front.lay(jobs, block, values, moved, admitted, far)
        if self._back:
            return self._back.lay(jobs, block, values.features.astype(np.int8), [done], admitted, far)
        return argmax(jobs, self._chip, block, values.features, done, admitted, FALLBACK, far)
