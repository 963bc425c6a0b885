"""The hybrid dataflow: CNN engine → binariser → die link, synchroniser, drivers → ACAM → read-out.

*Source*: the component map of arXiv 2502.10089.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.components import acam_array, column_driver
from accelsim.dataflows.admit import admit
from accelsim.dataflows.block import Answer, Block, Outcome, add_op
from accelsim.dataflows.cnn import CnnFrontEnd
from accelsim.dataflows.match import MATCH, BackEnd, Delivery
from accelsim.dataflows.matcher import MatcherBackEnd
from accelsim.dataflows.read_out import ReadOut
from accelsim.jobs import BoolArray, Handle, JobBuilder
from accelsim.rng import Sample
from accelsim.workload import Workload


class AcamBackEnd:
    """Matches feature vectors on the instances from `binariser` to `wta`; programs the array when it is made."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        arrays = workload.model
        self._chip = chip
        self._delivery = Delivery(chip, workload)
        templates, draws = (arrays["template_low"], arrays["template_high"]), sample.draws("acam")
        array, n_features = chip["acam"].spec, arrays["template_low"].shape[1]
        written = acam_array.program(array, templates, draws)
        self.programmed: Mapping[str, Programmed] = {"acam": written}
        self._state = acam_array.aged(array, written.state, workload.acam.feature_levels, sample.age_s, draws)
        self._read_out = ReadOut(chip, arrays["row_class"], n_features, sample)

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        features: npt.NDArray[np.int8],
        needs: Sequence[Handle],
        admitted: Handle,
        mask: BoolArray | None = None,
    ) -> Answer:
        """Jobs from reading the features out of the buffer to the one-hot answer."""
        chip = self._chip
        levels, step = self._delivery.lay(jobs, block, features, needs, mask)
        driven = column_driver.drive(chip["driver"].spec, None, levels, block.draws("driver"))
        step = add_op(jobs, chip["driver"], "drive", driven, phase=MATCH, needs=[step], mask=mask)
        found = acam_array.search(chip["acam"].spec, self._state, levels, block.draws("acam"))
        step = add_op(jobs, chip["acam"], "search", found, phase=MATCH, needs=[step], mask=mask)
        return self._read_out.lay(jobs, block, found.y, step, admitted, mask)


def back_end(chip: Chip, workload: Workload, sample: Sample) -> BackEnd:
    """What matches templates on this chip: its digital matcher, or its ACAM."""
    return MatcherBackEnd(chip, workload, sample) if "matcher" in chip else AcamBackEnd(chip, workload, sample)


class Hybrid:
    """CNN front end and back end, one input after the other through both."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip = chip
        self._front = CnnFrontEnd(chip, workload, sample)
        self._back = back_end(chip, workload, sample)
        self.programmed: Mapping[str, Programmed] = {**self._front.programmed, **self._back.programmed}

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Computes the values of a block and lays down its jobs and activity."""
        values = self._front.values(block)
        admitted = admit(jobs, self._chip, block, self._front.input_bits, "buffer", self._front.input_words)
        done = self._front.lay(jobs, block, values, admitted, admitted)
        match = self._back.lay(jobs, block, values.features.astype(np.int8), [done], admitted)
        return Outcome(match.predicted, match.tied, np.ones(block.size, dtype=bool), match.counters)
