"""What every way of matching templates shares: the levels of the features on their way there.

*Source*: the component map of arXiv 2502.10089.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.components import binariser, die_link, sram_buffer, synchroniser
from accelsim.dataflows.block import Answer, Block, add_op, at_port_rate
from accelsim.jobs import BoolArray, Handle, JobBuilder
from accelsim.workload import Workload

MATCH = "match"  # the phase of everything after the network


class BackEnd(Protocol):
    """Matches feature vectors with the stored templates; programs them when it is made."""

    @property
    def programmed(self) -> Mapping[str, Programmed]:
        """Instance name → what was written into it."""

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        features: npt.NDArray[np.int8],
        needs: Sequence[Handle],
        admitted: Handle,
        mask: BoolArray | None = None,
    ) -> Answer:
        """Jobs from reading the features out of the buffer to the answer."""


class Delivery:
    """Reads features out of the buffer, binarises them, and brings the levels to the die and clock of the templates."""

    def __init__(self, chip: Chip, workload: Workload) -> None:
        self._chip = chip
        self._thresholds = workload.model["thresholds"]
        levels = self._thresholds.shape[1] + 1
        self._bits = self._thresholds.shape[0] * (levels - 1).bit_length()

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        features: npt.NDArray[np.int8],
        needs: Sequence[Handle],
        mask: BoolArray | None,
    ) -> tuple[npt.NDArray[np.uint8], Handle]:
        """The levels `[n, n_features]`, and the job after which they are there."""
        chip = self._chip
        result = binariser.binarise(chip["binariser"].spec, self._thresholds, features, block.draws("binariser"))
        levels = result.y
        # A feature and its thresholds are a byte each, side by side in the buffer.
        n_bytes = features.shape[1] + self._thresholds.size
        words = sram_buffer.words(chip["buffer"].spec, n_bytes)
        result, reads = at_port_rate(result, words), {"buffer.read": words}
        step = add_op(
            jobs, chip["binariser"], "binarise", result, phase=MATCH, needs=list(needs), mask=mask, also=reads
        )
        for name, op, function in (
            ("link", "transfer", die_link.transfer),
            ("sync", "cross", synchroniser.cross),
        ):
            if name in chip:
                crossed = function(chip[name].spec, None, self._bits, block.draws(name))
                step = add_op(jobs, chip[name], op, crossed, phase=MATCH, needs=[step], mask=mask)
        return levels, step
