"""The MBI dataflow: glimpse by glimpse, nearest key by nearest key (arXiv 2307.07631).

A glimpse is extracted, then each of its tables is searched: the controller routes to a node, every key of the node
passes through array compare, conversion and the minimum scan, and the winner leads to a child node or to a value row.
The rows of a glimpse's winners are voted on and make the hidden code of the next query. Locations are fixed, so the
next glimpse is extracted while this one is searched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip, Instance
from accelsim.component import OpResult, Programmed, per_input
from accelsim.components import (
    adc,
    distance_array,
    glimpse_extractor,
    lut_controller,
    minimum_scan,
    value_memory,
    vote,
    weight_store,
)
from accelsim.dataflows.admit import admit
from accelsim.dataflows.block import Block, Outcome, add_op
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.rng import Draws
from accelsim.workload import Workload

PIXEL_BITS = 8
NOWHERE = -1

Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Found:
    """What the lookups of a block gave, `[n]` each.

    Attributes:
        ballot: what `vote.accumulate` returned last.
        far: whether a glimpse lay beyond its threshold.
        tied: whether a nearest key was not the only one.
        last: the last lookup job.
    """

    ballot: Any
    far: BoolArray
    tied: BoolArray
    last: Handle


class Verdict(NamedTuple):
    """The lookups' answer, `[n]` each: class, whether a decision on the way was a tie, and the last job."""

    predicted: IntArray
    tied: BoolArray
    last: Handle


class _Winner(NamedTuple):
    """A table's answer to a query, `[n]` each: value row (-1: not searched), distance, tie, last job."""

    row: IntArray
    distance: IntArray
    tied: BoolArray
    last: Handle


class LookUp:
    """Searches the workload's tables on the instances from `pixels` to `vote`; programs them when it is made."""

    def __init__(self, chip: Chip, workload: Workload, seed: int, chip_index: int) -> None:
        self._chip, self._workload, self._mbi = chip, workload, workload.mbi
        arrays, mbi = workload.model, workload.mbi
        self._tables = lut_controller.Tables(
            arrays["keys"], arrays["key_next"], arrays["node_start"], mbi.key_bits
        )
        spec = chip["arrays"].spec
        self._layout = distance_array.split_layout(spec, mbi.patch_bits, mbi.pixel_bits, mbi.hidden_bits)
        self._passes = distance_array.passes(spec, self._layout)
        self._rounds = adc.rounds(chip["adc"].spec, self._layout.n_splits)
        self._geometry = [self._glimpse_geometry(index) for index in range(len(mbi.glimpses))]
        self.programmed: Mapping[str, Programmed] = self._program(seed, chip_index)

    @property
    def input_bits(self) -> int:
        """Bits of one input image as the chip receives it."""
        return self._mbi.image.height * self._mbi.image.width * PIXEL_BITS

    @property
    def n_classes(self) -> int:
        """Classes that the tables answer."""
        return self._mbi.n_classes

    def _glimpse_geometry(self, index: int) -> glimpse_extractor.GlimpseGeometry:
        mbi = self._mbi
        patches = tuple(glimpse_extractor.Patch(p.row, p.col, p.pool) for p in mbi.glimpses[index])
        size = mbi.image
        return glimpse_extractor.GlimpseGeometry(
            size.height, size.width, mbi.patch_size, mbi.pixel_thresholds, patches
        )

    def _program(self, seed: int, chip_index: int) -> Mapping[str, Programmed]:
        chip, n_keys = self._chip, len(self._tables.key_next)
        n_rows = len(self._workload.model["value_hidden"])
        draws = {name: Draws(seed, chip_index, name) for name in ("arrays", "tables", "values")}
        rows = (n_rows, self._mbi.value_bits)
        programmed = {"values": value_memory.program(chip["values"].spec, rows, draws["values"])}
        if self._resident:
            state = (self._layout, n_keys)
            programmed["arrays"] = distance_array.program(chip["arrays"].spec, state, draws["arrays"])
        else:
            bits = n_keys * self._mbi.key_bits
            programmed["tables"] = weight_store.program(chip["tables"].spec, bits, draws["tables"])
        return programmed

    @property
    def _resident(self) -> bool:
        return bool(self._chip["controller"].spec.residency == "resident")

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
        first_hidden = lut_controller.unpack_bits(self._workload.model["hidden_init"], mbi.hidden_bits)
        hidden: Bits = np.repeat(first_hidden[None], n, axis=0)
        previous: Bits | None = None
        ballot, last = None, admitted
        for glimpse in range(len(mbi.glimpses)):
            # Where a far glimpse ends the lookups, the next one is not extracted before that is known.
            extract_after = last if abort_at_first_far else admitted
            patch, extracted = self._extract(jobs, block, glimpse, extract_after, active)
            query = np.concatenate((patch, hidden), axis=1)
            toggles = distance_array.query_toggles(self._layout, query, previous)
            jobs.count("arrays", "query_toggle", _phase(glimpse), toggles, active)
            distance = np.zeros(n, dtype=np.int64)
            written = hidden.copy()
            needs = [extracted, last]
            for table in range(mbi.n_tables):
                winner = self._search(jobs, block, glimpse, table, query, needs, active)
                ballot, taken_in = self._take_in(jobs, block, glimpse, table, winner, ballot, written, active)
                last = jobs.latest([last, taken_in])
                distance += np.where(active, winner.distance, 0)
                tied |= winner.tied & active
            hidden, previous = written, query
            if thresholds is not None:
                jobs.count("scan", "compare", _phase(glimpse), 1, active)
                far |= active & (distance > thresholds[glimpse])
                active = active & ~far if abort_at_first_far else active
        return Found(ballot, far, tied, last)

    def _extract(
        self, jobs: JobBuilder, block: Block, glimpse: int, after: Handle, active: BoolArray
    ) -> tuple[Bits, Handle]:
        """Query bits of a glimpse's patches `[n, patch_bits]`, from pixels or as recorded; both cost the same."""
        instance, geometry = self._chip["extractor"], self._geometry[glimpse]
        costs = glimpse_extractor.costs(instance.spec, geometry)
        activity = {
            "add": per_input(block.size, costs.adds),
            "quantise": per_input(block.size, costs.comparisons),
        }
        result = OpResult(None, activity, per_input(block.size, costs.extra_cycles))
        handle = add_op(
            jobs,
            instance,
            "extract",
            result,
            phase=_phase(glimpse),
            needs=[after],
            mask=active,
            also={"pixels.read": costs.pixel_reads},
        )
        if block.images is None:
            packed = self._workload.evaluation["patches"][block.inputs, glimpse]
            return lut_controller.unpack_bits(packed, self._mbi.patch_bits), handle
        levels = glimpse_extractor.extract(instance.spec, geometry, block.images, block.draws("extractor")).y
        return glimpse_extractor.query_bits(levels, self._mbi.pixel_bits), handle

    def _search(
        self,
        jobs: JobBuilder,
        block: Block,
        glimpse: int,
        table: int,
        query: Bits,
        needs: list[Handle],
        active: BoolArray,
    ) -> _Winner:
        """Walks one table from its root to a value row."""
        n, phase = block.size, _phase(glimpse)
        root = int(self._workload.model["roots"][glimpse, table])
        node = np.where(active, root, NOWHERE)
        row, distance = np.full(n, NOWHERE), np.zeros(n, dtype=np.int64)
        tied, last = np.zeros(n, dtype=bool), needs[-1]
        # The query register is loaded once a glimpse, for its first table's root.
        query_bits = per_input(n, self._layout.n_columns if table == 0 else 0)
        while (node >= 0).any():
            visited = node >= 0
            visit = lut_controller.Visit(node, query_bits)
            routed = lut_controller.route(
                self._chip["controller"].spec, self._tables, visit, block.draws("controller")
            )
            ready = add_op(
                jobs, self._chip["controller"], "route", routed, phase=phase, needs=needs, mask=visited
            )
            if not self._resident:
                self._reload(jobs, block, phase, routed.y.valid, ready, visited)
            nearest, scanned = self._scan(jobs, block, glimpse, query, routed.y, ready, visited)
            step = lut_controller.next_node(self._tables, node, nearest.key)
            arrived = step.row >= 0
            row, distance = np.where(arrived, step.row, row), np.where(arrived, nearest.distance, distance)
            tied |= nearest.tied & visited
            last = jobs.latest([last, scanned])
            needs, query_bits, node = [last], per_input(n, 0), step.node
        return _Winner(row, distance, tied, last)

    def _reload(
        self, jobs: JobBuilder, block: Block, phase: str, valid: BoolArray, routed: Handle, visited: BoolArray
    ) -> None:
        """Fetches a node's keys from the table store and writes them into the arrays.

        The compares that follow wait because the arrays work in order, not because they need the write: a stored key
        takes no slot, only a sampled sum does.
        """
        store, arrays = self._chip["tables"], self._chip["arrays"]
        n_keys = valid.sum(axis=1, dtype=np.int64)
        fetch = weight_store.fetch(store.spec, None, n_keys * self._mbi.key_bits, block.draws("tables"))
        fetched = add_op(jobs, store, "fetch", fetch, phase=phase, needs=[routed], mask=visited)
        write = distance_array.write_row(arrays.spec, self._layout, n_keys, block.draws("arrays"))
        jobs.add(
            "arrays",
            "write_row",
            phase=phase,
            needs=[fetched],
            cycles=np.maximum(write.y, 1) * arrays.latency("write_row"),
            mask=visited,
            activity=write.activity,
        )

    def _scan(
        self,
        jobs: JobBuilder,
        block: Block,
        glimpse: int,
        query: Bits,
        node: lut_controller.NodeKeys,
        ready: Handle,
        visited: BoolArray,
    ) -> tuple[minimum_scan.Nearest, Handle]:
        """Compares, converts and scans every key of a node; returns the nearest and the last scan job."""
        chip, phase = self._chip, _phase(glimpse)
        valid, n_splits = node.valid, self._layout.n_splits
        arrays, converter, scan = chip["arrays"], chip["adc"], chip["scan"]
        comparison = distance_array.Comparison(query, node.bits, valid)
        compared = distance_array.compare(arrays.spec, self._layout, comparison, block.draws("arrays"))
        sums = adc.Sums(compared.y, valid, n_splits)
        converted = adc.convert(converter.spec, None, sums, block.draws("adc"))
        codes = minimum_scan.Codes(converted.y, valid, n_splits, converter.spec.conversions_per_compare)
        weights = self._workload.model["split_weights"][glimpse]
        scanned = minimum_scan.accumulate(scan.spec, weights, codes, block.draws("scan"))
        for name, result in (("arrays", compared), ("adc", converted), ("scan", scanned)):
            for action, count in result.activity.items():
                jobs.count(name, action, phase, count, visited)
        steps = [
            (arrays, "compare", *_repeated(arrays, "compare", self._passes)),
            (converter, "convert", *_repeated(converter, "convert", self._rounds)),
            (scan, "accumulate", *_repeated(scan, "accumulate", 1)),
        ]
        last = ready
        for key in range(valid.shape[1]):
            exists, handle = valid[:, key] & visited, ready
            for instance, op, cycles, interval in steps:
                handle = jobs.add(
                    instance.name,
                    op,
                    phase=phase,
                    needs=[handle],
                    cycles=cycles,
                    interval=interval,
                    mask=exists,
                )
            last = jobs.latest([last, handle])
        return scanned.y, last

    def _take_in(
        self,
        jobs: JobBuilder,
        block: Block,
        glimpse: int,
        table: int,
        winner: _Winner,
        ballot: Any,
        hidden: Bits,
        active: BoolArray,
    ) -> tuple[Any, Handle]:
        """Reads the winner's value row, adds its votes, and writes its bits of the next hidden code into `hidden`."""
        chip, model, phase = self._chip, self._workload.model, _phase(glimpse)
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
        hidden[:, table * width : (table + 1) * width] = lut_controller.unpack_bits(
            model["value_hidden"][row], width
        )
        # `last` takes the class of the first table's winner; a vote counts every winner.
        keeps = ballot is not None and not votes and table > 0
        return (ballot if keeps else counted.y), last

    def decide(
        self, jobs: JobBuilder, block: Block, found: Found, admitted: Handle, mask: BoolArray | None = None
    ) -> Verdict:
        """The class, and the job that closes the input."""
        instance, decision = self._chip["vote"], self._mbi.decision
        result = vote.decide(instance.spec, decision, found.ballot, block.draws("vote"))
        last = add_op(jobs, instance, "decide", result, phase="decide", needs=[found.last, admitted], mask=mask)
        return Verdict(result.y.winner, result.y.tied | found.tied, last)


class Mbi:
    """Lookups alone: every input is answered from the tables."""

    def __init__(self, chip: Chip, workload: Workload, seed: int, chip_index: int) -> None:
        self._chip = chip
        self._lookup = LookUp(chip, workload, seed, chip_index)
        self.programmed: Mapping[str, Programmed] = self._lookup.programmed

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Computes the values of a block and lays down its jobs and activity."""
        admitted = admit(jobs, self._chip, block, self._lookup.input_bits, "pixels")
        found = self._lookup.lay(jobs, block, admitted)
        verdict = self._lookup.decide(jobs, block, found, admitted)
        return Outcome(verdict.predicted, verdict.tied, np.ones(block.size, dtype=bool))


def _phase(glimpse: int) -> str:
    return f"glimpse{glimpse + 1}"


def _repeated(instance: Instance, op: str, times: int) -> tuple[int, int]:
    """Latency and interval, in cycles, of an op that runs several times in a row for one key."""
    latency = instance.latency(op)
    return times * latency, (times - 1) * latency + instance.interval(op)
