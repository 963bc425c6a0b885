"""The CNN dataflow: the network on the digital engine, then the class of the largest logit, found by the vote unit.

With head none (shape-only workloads whose layers decide nothing) an input ends with its last write; the answer is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip
from accelsim.component import Programmed, per_input
from accelsim.components import sram_buffer, vote
from accelsim.dataflows.admit import admit
from accelsim.dataflows.block import Answer, Block, Outcome, add_op, at_port_rate
from accelsim.dataflows.cnn import CnnFrontEnd
from accelsim.jobs import BoolArray, Handle, JobBuilder
from accelsim.manifest_cnn import LOGIT_BYTES
from accelsim.rng import Sample
from accelsim.workload import Workload

DECIDE = "decide"


def argmax(
    jobs: JobBuilder,
    chip: Chip,
    block: Block,
    logits: npt.NDArray[np.integer[Any]],
    done: Handle,
    admitted: Handle,
    phase: str,
    mask: BoolArray | None = None,
) -> Answer:
    """The class of the largest logit (`[n, n_classes]`), the lowest on a tie: `vote` reads them out of `buffer`."""
    instance = chip["vote"]
    words = sram_buffer.words(chip["buffer"].spec, logits.shape[1] * LOGIT_BYTES)
    decided = vote.decide(instance.spec, "vote", logits.astype(np.int64), block.draws("vote"))
    result, also = at_port_rate(decided, words), {"buffer.read": words}
    last = add_op(jobs, instance, "decide", result, phase=phase, needs=[done, admitted], mask=mask, also=also)
    return Answer(decided.y.winner, decided.y.tied, last)


class Classify:
    """Every input is answered by the network alone."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip = chip
        self._decides = workload.cnn.head == "argmax"
        self._front = CnnFrontEnd(chip, workload, sample)
        self.programmed: Mapping[str, Programmed] = self._front.programmed

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Computes the values of a block and lays down its jobs and activity."""
        values = self._front.values(block)
        admitted = admit(jobs, self._chip, block, self._front.input_bits, "buffer", self._front.input_words)
        done = self._front.lay(jobs, block, values, admitted, admitted)
        covered = np.ones(block.size, dtype=bool)
        if not self._decides:
            return Outcome(per_input(block.size, 0), ~covered, covered)
        answer = argmax(jobs, self._chip, block, values.features, done, admitted, DECIDE)
        return Outcome(answer.predicted, answer.tied, covered)
