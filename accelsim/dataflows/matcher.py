"""Matching templates digitally: binariser → (die link, synchroniser) → digital matcher, which also decides.

*Source*: ours; the same job as the ACAM, sense amplifiers and winner-take-all of arXiv 2502.10089.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.components import digital_matcher
from accelsim.components.digital_matcher import Stored
from accelsim.dataflows.block import Answer, Block, add_op
from accelsim.dataflows.match import MATCH, Delivery
from accelsim.jobs import BoolArray, Handle, JobBuilder
from accelsim.rng import Sample
from accelsim.workload import Workload


class MatcherBackEnd:
    """Matches feature vectors on the instances `binariser` to `matcher`; programs the templates when it is made."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        arrays = workload.model
        self._chip = chip
        self._delivery = Delivery(chip, workload)
        bounds = arrays["template_low"], arrays["template_high"]
        stored = Stored(*bounds, arrays["row_class"], workload.acam.feature_levels)
        self.programmed: Mapping[str, Programmed] = {
            "matcher": digital_matcher.program(chip["matcher"].spec, stored, sample.draws("matcher"))
        }

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        features: npt.NDArray[np.int8],
        needs: Sequence[Handle],
        admitted: Handle,
        mask: BoolArray | None = None,
    ) -> Answer:
        """Jobs from reading the features out of the buffer to the row that matches best."""
        levels, step = self._delivery.lay(jobs, block, features, needs, mask)
        matcher, state = self._chip["matcher"], self.programmed["matcher"].state
        found = digital_matcher.match(matcher.spec, state, levels, block.draws("matcher"))
        last = add_op(jobs, matcher, "match", found, phase=MATCH, needs=[step, admitted], mask=mask)
        return Answer(state.row_class[found.y.row], found.y.tied, last)
