"""The lookups of memorization-based inference: glimpse by glimpse, table by table, key by key.

A glimpse is extracted (`glimpses.py`), then each of its tables is searched (`table_walk.py`). The value rows of the
winners are voted on and make the hidden code of the next query. Where locations are fixed, the next glimpse is
extracted while this one is searched; a learned one is known when the value row of the first table has been read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from accelsim import key_layout
from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.components import (
    distance_array,
    lut_controller,
    value_memory,
    vote,
    weight_store,
)
from accelsim.dataflows.block import Block, add_op
from accelsim.dataflows.glimpses import Glimpses, phase_of
from accelsim.dataflows.table_walk import Bits, TableWalk, Winner
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.manifest_cnn import PIXEL_BITS
from accelsim.rng import Sample
from accelsim.workload import Workload


@dataclass(frozen=True)
class Found:
    """What the lookups of a block gave, `[n]` each.

    Attributes:
        ballot: what `vote.accumulate` returned last.
        far: whether a glimpse lay beyond its threshold.
        tied: whether a nearest key was not the only one.
        last: the last lookup job.
        counters: as in `Outcome`: conversions that saturated, where converters can.
    """

    ballot: Any
    far: BoolArray
    tied: BoolArray
    last: Handle
    counters: Mapping[str, IntArray]


class Taken(NamedTuple):
    """A winner's value row: what `vote.accumulate` returned, the job that read it, and the last job."""

    ballot: Any
    read: Handle
    last: Handle


class Verdict(NamedTuple):
    """The lookups' answer, `[n]` each: class, whether a decision on the way was a tie, and the last job.

    trusted: whether the class leads by the margin that was asked for; always where none was.
    """

    predicted: IntArray
    tied: BoolArray
    last: Handle
    trusted: BoolArray


class LookUp:
    """Searches the workload's tables on the instances from `pixels` to `vote`; programs them when it is made."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip, self._workload, self._mbi = chip, workload, workload.mbi
        self._walk = TableWalk(chip, workload, sample)
        self._glimpses = Glimpses(chip, workload)
        self.programmed: Mapping[str, Programmed] = self._program(sample)

    @property
    def input_bits(self) -> int:
        """Bits of one input image as the chip receives it."""
        return self._mbi.image.height * self._mbi.image.width * PIXEL_BITS

    @property
    def input_words(self) -> int:
        """Words of one input image in the instance `pixels`; each image row begins at a word."""
        return self._glimpses.image_words

    def _program(self, sample: Sample) -> Mapping[str, Programmed]:
        """Writes the table store; at power-up it is read once into what is volatile: value rows and resident keys."""
        chip, n_keys = self._chip, len(self._workload.model["keys"])
        n_rows = len(self._workload.model["value_hidden"])
        draws = {name: sample.draws(name) for name in ("arrays", "tables", "values")}
        store, key_bits, value_bits = chip["tables"].spec, n_keys * self._mbi.key_bits, n_rows * self._mbi.value_bits
        controller, n_nodes = chip["controller"].spec, len(self._workload.model["node_start"]) - 1
        value_bits += n_nodes * controller.descriptor_bits  # what is read at power-up whatever the residency
        written = weight_store.program(store, key_bits + value_bits, draws["tables"])
        read = weight_store.read_once(store, value_bits + (key_bits if self._walk.resident else 0))
        rows = (n_rows, self._mbi.value_bits)
        programmed = {
            "tables": Programmed(written.state, {**written.activity, **read.activity}, written.steps + read.steps),
            "controller": lut_controller.program(controller, n_nodes, sample.draws("controller")),
            "values": value_memory.program(chip["values"].spec, rows, draws["values"]),
        }
        if self._walk.resident:
            state = (self._walk.layout, n_keys)
            programmed["arrays"] = distance_array.program(chip["arrays"].spec, state, draws["arrays"])
        return programmed

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        admitted: Handle,
        thresholds: Sequence[int] | None = None,
        abort_at_first_far: bool = False,
    ) -> Found:
        """The lookups of all glimpses.

        Args:
            thresholds: a glimpse is far when its winners' distances sum to more; None: never.
            abort_at_first_far: whether an input's lookups end with its first far glimpse.
        """
        mbi, n = self._mbi, block.size
        active = np.ones(n, dtype=bool)
        far, tied = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        saturated = np.zeros(n, dtype=np.int64)
        first_hidden = lut_controller.unpack_bits(self._workload.model["hidden_init"], mbi.hidden_bits)
        hidden: Bits = np.repeat(first_hidden[None], n, axis=0)
        previous: Bits | None = None
        ballot, last, located = None, admitted, admitted
        location = self._glimpses.first_location(n)
        for glimpse in range(len(mbi.glimpses)):
            # Where a far glimpse ends the lookups, the next one is not extracted before that is known.
            extract_after = last if abort_at_first_far else located
            patch, seen = self._glimpses.extract(jobs, block, glimpse, location, extract_after, active)
            query = np.concatenate((patch, hidden, self._glimpses.location_bits(location)), axis=1)
            toggles = key_layout.query_toggles(self._walk.layout, query, previous)
            jobs.count("arrays", "query_toggle", phase_of(glimpse), toggles, active)
            distance = np.zeros(n, dtype=np.int64)
            written = hidden.copy()
            needs = [*seen, last]
            for table in range(mbi.n_tables):
                winner = self._walk.search(jobs, block, glimpse, table, query, needs, active)
                taken = self._take_in(jobs, block, glimpse, table, winner, ballot, written, active)
                ballot, last = taken.ballot, jobs.latest([last, taken.last])
                if mbi.learned and table == 0:
                    located, location = taken.read, self._glimpses.next_location(np.maximum(winner.row, 0))
                distance += np.where(active, winner.distance, 0)
                tied |= winner.tied & active
                saturated += winner.saturated
            hidden, previous = written, query
            if thresholds is not None:
                jobs.count("scan", "compare", phase_of(glimpse), 1, active)
                far |= distance > self._walk.threshold_codes(glimpse, thresholds[glimpse])
                active = active & ~far if abort_at_first_far else active
        return Found(ballot, far, tied, last, {"adc.saturated": saturated} if self._walk.can_saturate else {})

    def _take_in(
        self,
        jobs: JobBuilder,
        block: Block,
        glimpse: int,
        table: int,
        winner: Winner,
        ballot: Any,
        hidden: Bits,
        active: BoolArray,
    ) -> Taken:
        """Reads the winner's value row, adds its votes, and writes its bits of the next hidden code into `hidden`."""
        chip, model, phase = self._chip, self._workload.model, phase_of(glimpse)
        row = np.maximum(winner.row, 0)
        bits = np.where(active, self._mbi.value_bits, 0)
        read = value_memory.read(chip["values"].spec, None, bits, block.draws("values"))
        handle = add_op(jobs, chip["values"], "read", read, phase=phase, needs=[winner.last], mask=active)
        votes = self._mbi.decision == "vote"
        stored = model["value_votes" if votes else "value_class"][row]
        cast = vote.Ballot(ballot if votes else None, stored[:, None])
        counted = vote.accumulate(chip["vote"].spec, self._mbi.decision, cast, block.draws("vote"))
        last = add_op(jobs, chip["vote"], "accumulate", counted, phase=phase, needs=[handle], mask=active)
        width = self._mbi.write_bits
        hidden[:, table * width : (table + 1) * width] = lut_controller.unpack_bits(model["value_hidden"][row], width)
        # `last` takes the class of the first table's winner; a vote counts every winner.
        keeps = ballot is not None and not votes and table > 0
        return Taken(ballot if keeps else counted.y, handle, last)

    def decide(
        self, jobs: JobBuilder, block: Block, found: Found, admitted: Handle, mask: BoolArray | None = None
    ) -> Verdict:
        """The class, and the job that closes the input."""
        instance, decision = self._chip["vote"], self._mbi.decision
        result = vote.decide(instance.spec, decision, found.ballot, block.draws("vote"))
        last = add_op(jobs, instance, "decide", result, phase="decide", needs=[found.last, admitted], mask=mask)
        trusted = np.ones(block.size, dtype=bool)
        return Verdict(result.y.winner, result.y.tied | found.tied, last, trusted)

    def decide_by_margin(self, jobs: JobBuilder, block: Block, found: Found, admitted: Handle, margin: int) -> Verdict:
        """The class of every input, and whether its votes lead by `margin`; the job closes those that are trusted."""
        instance = self._chip["vote"]
        result = vote.decide_by_margin(instance.spec, margin, found.ballot, block.draws("vote"))
        last = add_op(jobs, instance, "decide", result, phase="decide", needs=[found.last, admitted])
        verdict = result.y.verdict
        return Verdict(verdict.winner, verdict.tied | found.tied, last, result.y.trusted)
