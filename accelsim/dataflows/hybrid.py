"""The hybrid dataflow: CNN engine → binariser → die link, synchroniser, drivers → ACAM → read-out.

*Source*: the component map of arXiv 2502.10089.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.components import (
    acam_array,
    binariser,
    column_driver,
    die_link,
    sense_amps,
    sram_buffer,
    synchroniser,
    winner_take_all,
)
from accelsim.dataflows.admit import admit
from accelsim.dataflows.block import Block, Outcome, add_op, at_port_rate
from accelsim.dataflows.cnn import CnnFrontEnd
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.rng import Sample
from accelsim.workload import Workload

MATCH = "match"  # the phase of everything after the network


@dataclass(frozen=True)
class Match:
    """What the ACAM answers, `[n]` each: class, whether its decision was tied, and the last job."""

    predicted: IntArray
    tied: BoolArray
    last: Handle


class AcamBackEnd:
    """Matches feature vectors on the instances from `binariser` to `wta`; programs the array when it is made."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        arrays = workload.model
        self._chip = chip
        self._thresholds = arrays["thresholds"]
        templates = (arrays["template_low"], arrays["template_high"])
        self.programmed: Mapping[str, Programmed] = {
            "acam": acam_array.program(chip["acam"].spec, templates, sample.draws("acam"))
        }
        self._rows = winner_take_all.Rows(arrays["row_class"], self._thresholds.shape[0])
        levels = self._thresholds.shape[1] + 1
        self._bits = self._thresholds.shape[0] * (levels - 1).bit_length()

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        features: npt.NDArray[np.int8],
        needs: Sequence[Handle],
        admitted: Handle,
        mask: BoolArray | None = None,
    ) -> Match:
        """Jobs from reading the features out of the buffer to the one-hot answer."""
        chip = self._chip
        result = binariser.binarise(
            chip["binariser"].spec, self._thresholds, features, block.draws("binariser")
        )
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
        driven = column_driver.drive(chip["driver"].spec, None, levels, block.draws("driver"))
        step = add_op(jobs, chip["driver"], "drive", driven, phase=MATCH, needs=[step], mask=mask)
        state = self.programmed["acam"].state
        found = acam_array.search(chip["acam"].spec, state, levels, block.draws("acam"))
        step = add_op(jobs, chip["acam"], "search", found, phase=MATCH, needs=[step], mask=mask)
        return self._read_out(jobs, block, found.y, step, admitted, mask)

    def _read_out(
        self,
        jobs: JobBuilder,
        block: Block,
        counts: IntArray,
        searched: Handle,
        admitted: Handle,
        mask: BoolArray | None,
    ) -> Match:
        wta, sense = self._chip["wta"], self._chip["sense"]
        decided = winner_take_all.decide(wta.spec, self._rows, counts, block.draws("wta"))
        decisions = winner_take_all.sense_decisions(wta.spec, self._rows, counts)
        sensed = sense_amps.sense(sense.spec, None, decisions, block.draws("sense"))
        order = _READ_OUT[wta.spec.readout]
        if order == ("sense", "decide"):
            # Row comparators strobe as long as the ramp runs; the decision starts with them.
            sensed = sensed._replace(extra_cycles=decided.extra_cycles)
        last = searched
        for step in order:
            needs = [searched if order[0] == "sense" else last, admitted]
            instance, result = (wta, decided) if step == "decide" else (sense, sensed)
            last = add_op(jobs, instance, step, result, phase=MATCH, needs=needs, mask=mask)
        predicted = self._rows.row_class[decided.y.winner].astype(np.int64)
        return Match(predicted, decided.y.tied, last)


# What works in a read-out, in order: an analog WTA's outputs are restored by the sense amplifiers; a ramp runs while
# the sense amplifiers compare; a compare tree has its own latches.
_READ_OUT = {
    "analog_wta": ("decide", "sense"),
    "ramp": ("sense", "decide"),
    "compare_tree": ("decide",),
}


class Hybrid:
    """CNN front end and ACAM back end, one input after the other through both."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip = chip
        self._front = CnnFrontEnd(chip, workload, sample)
        self._back = AcamBackEnd(chip, workload, sample)
        self.programmed: Mapping[str, Programmed] = {**self._front.programmed, **self._back.programmed}

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Computes the values of a block and lays down its jobs and activity."""
        values = self._front.values(block)
        admitted = admit(jobs, self._chip, block, self._front.input_bits, "buffer", self._front.input_words)
        done = self._front.lay(jobs, block, values, admitted, admitted)
        match = self._back.lay(jobs, block, values.features.astype(np.int8), [done], admitted)
        return Outcome(match.predicted, match.tied, np.ones(block.size, dtype=bool))
