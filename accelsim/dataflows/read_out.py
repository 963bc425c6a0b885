"""The read-out of an ACAM's rows: sense amplifiers and winner-take-all, from matching cells to the winning class.

*Source*: the component map of arXiv 2502.10089; the three ways are those of `components/winner_take_all.py`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip
from accelsim.component import OpResult
from accelsim.components import acam_array, sense_amps, winner_take_all
from accelsim.dataflows.block import Answer, Block, add_op, stretched
from accelsim.dataflows.match import MATCH
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.rng import Sample

# What works in a read-out, in order: an analog WTA's outputs are restored by the sense amplifiers; a ramp runs while
# the sense amplifiers compare; a compare tree has its own latches.
_ORDER = {
    "analog_wta": ("decide", "sense"),
    "ramp": ("sense", "decide"),
    "compare_tree": ("decide",),
}


class ReadOut:
    """Instances `sense` and `wta` of one chip, with their fixed offsets."""

    def __init__(self, chip: Chip, row_class: npt.NDArray[np.uint8], full_scale: int, sample: Sample) -> None:
        self._chip = chip
        self._rows = winner_take_all.Rows(
            row_class,
            full_scale,
            acam_array.comparator_volts_per_count(chip["acam"].spec),
            winner_take_all.fixed_offsets_v(chip["wta"].spec, sample.draws("wta")),
        )
        self._sense_v = sense_amps.fixed_offsets_v(chip["sense"].spec, len(row_class), sample.draws("sense"))

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        found: acam_array.Found,
        searched: Handle,
        admitted: Handle,
        mask: BoolArray | None,
    ) -> Answer:
        """Jobs from settled rows to the answer; the last one needs the admission too."""
        wta, sense = self._chip["wta"], self._chip["sense"]
        lines = winner_take_all.Lines(found.counts, self._error(block, found))
        decided = winner_take_all.decide(wta.spec, self._rows, lines, block.draws("wta"))
        decision = decided.y
        decisions = winner_take_all.sense_decisions(wta.spec, len(self._rows.row_class), decided)
        sensed = sense_amps.sense(sense.spec, None, decisions, block.draws("sense"))
        decided = stretched(wta, "decide", decided, decision.extra_ns)
        order = _ORDER[wta.spec.readout]
        if order == ("sense", "decide"):
            # Row comparators strobe as long as the ramp runs; the decision starts with them.
            sensed = sensed._replace(extra_cycles=decided.extra_cycles)
        results: dict[str, OpResult] = {"decide": decided, "sense": sensed}
        last = searched
        for step in order:
            needs = [searched if order[0] == "sense" else last, admitted]
            last = add_op(
                jobs, wta if step == "decide" else sense, step, results[step], phase=MATCH, needs=needs, mask=mask
            )
        predicted = self._rows.row_class[decision.winner].astype(np.int64)
        counters = {}
        if wta.spec.settling:
            counters["wta.timeouts"] = _of(mask, decision.timeouts)
        if self._chip["acam"].spec.converts:
            counters["acam.saturated"] = _of(mask, found.saturated)
        return Answer(predicted, decision.tied, last, counters)

    def _error(self, block: Block, found: acam_array.Found) -> npt.NDArray[np.float64] | None:
        """Errors of the rows in counts, with those of the sense amplifiers where they are the comparators."""
        sense, volts = self._chip["sense"], self._rows.volts_per_count
        if self._chip["wta"].spec.readout != "ramp" or sense.spec.comparators is None or volts is None:
            return found.error
        off = sense_amps.deviations_v(sense.spec, self._sense_v, block.size, block.draws("sense")) / volts
        return off if found.error is None else found.error + off


def _of(mask: BoolArray | None, counts: IntArray) -> IntArray:
    """Counts of the inputs that took part."""
    return counts if mask is None else counts * mask
