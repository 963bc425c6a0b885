"""Searching one lookup table: from its root to a value row, node by node and key by key.

The controller routes to a node; every key of the node passes through array compare, conversion and the minimum scan;
the winner leads to a child node or to a value row. Tables that are not resident are fetched node by node.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip, Instance
from accelsim.component import per_input
from accelsim.components import adc, distance_array, lut_controller, minimum_scan, weight_store
from accelsim.dataflows.block import Block, add_op
from accelsim.dataflows.glimpses import phase_of
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.rng import Sample
from accelsim.workload import Workload

NOWHERE = -1

Bits = npt.NDArray[np.uint8]


class Winner(NamedTuple):
    """A table's answer to a query, `[n]` each.

    Attributes:
        row: value row (-1: not searched).
        distance: in codes of the converters.
        tied: whether another key of a node on the way had the same total.
        saturated: conversions that saturated.
        last: last job.
    """

    row: IntArray
    distance: IntArray
    tied: BoolArray
    saturated: IntArray
    last: Handle


class _At(NamedTuple):
    """Where a search is: glimpse, access (which of an input's node visits this is), node of each input (-1: none)."""

    glimpse: int
    access: str
    node: IntArray


class TableWalk:
    """Searches tables on the instances `controller`, `tables`, `arrays`, `adc`, `scan`.

    Attributes:
        layout: how a key lies in the arrays.
        resident: whether the arrays hold all keys; else every node is written into the same first rows.
    """

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        arrays, mbi = workload.model, workload.mbi
        self._chip, self._workload, self._mbi = chip, workload, mbi
        self._tables = lut_controller.Tables(arrays["keys"], arrays["key_next"], arrays["node_start"], mbi.key_bits)
        spec = chip["arrays"].spec
        parts = (mbi.patch_bits, mbi.pixel_bits, mbi.hidden_bits, mbi.key_location_bits)
        self.layout = distance_array.split_layout(spec, *parts)
        self.resident: bool = chip["controller"].spec.residency == "resident"
        self._passes = distance_array.passes(spec, self.layout)
        self._rounds = adc.rounds(chip["adc"].spec, self.layout.n_splits)
        self._arrays = distance_array.build(spec, self.layout, sample.draws("arrays"))
        self._converters = self._calibrate(sample)
        sizes = self._tables.node_sizes
        placed = lut_controller.rows_of_nodes(sizes, spec.n_rows, self._passes)[0]
        self._first_row = placed if self.resident else np.zeros_like(placed)

    def _calibrate(self, sample: Sample) -> adc.Converters | None:
        cells, spec = self._arrays.cells, self._chip["adc"].spec
        if cells is None:
            return None
        return adc.calibrate(spec, cells.zero_v, self.layout.split_of_array, sample.draws("adc"))

    @property
    def can_saturate(self) -> bool:
        """Whether the converters have a range."""
        return self._converters is not None

    def threshold_codes(self, glimpse: int, distance: int) -> int:
        """The largest sum of a glimpse's winning distances, in codes, that is not beyond `distance` units."""
        weights = self._workload.model["split_weights"][glimpse]
        return adc.threshold_codes(self._chip["adc"].spec, self._converters, distance, weights, self._mbi.n_tables)

    def search(
        self,
        jobs: JobBuilder,
        block: Block,
        glimpse: int,
        table: int,
        query: Bits,
        needs: list[Handle],
        active: BoolArray,
    ) -> Winner:
        """Walks one table from its root to a value row."""
        n, phase = block.size, phase_of(glimpse)
        root = int(self._workload.model["roots"][glimpse, table])
        node = np.where(active, root, NOWHERE)
        row, distance = np.full(n, NOWHERE), np.zeros(n, dtype=np.int64)
        tied, last = np.zeros(n, dtype=bool), needs[-1]
        saturated, level = np.zeros(n, dtype=np.int64), 0
        # The query register is loaded once a glimpse, for its first table's root.
        query_bits = per_input(n, self.layout.n_columns if table == 0 else 0)
        while (node >= 0).any():
            visited = node >= 0
            visit = lut_controller.Visit(node, query_bits)
            routed = lut_controller.route(
                self._chip["controller"].spec, self._tables, visit, block.draws("controller")
            )
            ready = add_op(
                jobs, self._chip["controller"], "route", routed, phase=phase, needs=needs, mask=visited
            )
            if not self.resident:
                self._reload(jobs, block, phase, routed.y.valid, ready, visited)
            at = _At(glimpse, f"{glimpse}.{table}.{level}", node)
            nearest, clipped, scanned = self._scan(jobs, block, at, query, routed.y, ready)
            step = lut_controller.next_node(self._tables, node, nearest.key)
            arrived = step.row >= 0
            row, distance = np.where(arrived, step.row, row), np.where(arrived, nearest.distance, distance)
            tied |= nearest.tied & visited
            saturated += clipped
            last = jobs.latest([last, scanned])
            needs, query_bits, node, level = [last], per_input(n, 0), step.node, level + 1
        return Winner(row, distance, tied, saturated, last)

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
        write = distance_array.write_row(arrays.spec, self.layout, n_keys, block.draws("arrays"))
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
        self, jobs: JobBuilder, block: Block, at: _At, query: Bits, keys: lut_controller.NodeKeys, ready: Handle
    ) -> tuple[minimum_scan.Nearest, IntArray, Handle]:
        """Compares, converts and scans every key of a node; returns the nearest, saturations, and the last scan job."""
        chip, phase, visited = self._chip, phase_of(at.glimpse), at.node >= 0
        valid, n_splits = keys.valid, self.layout.n_splits
        arrays, converter, scan = chip["arrays"], chip["adc"], chip["scan"]
        row = np.where(visited, self._first_row[at.node], 0)
        comparison = distance_array.Comparison(query, keys.bits, valid, at.node, row)
        compared = distance_array.compare(arrays.spec, self._arrays, comparison, block.draws("arrays"))
        bank = row // arrays.spec.n_rows * converter.spec.count // arrays.spec.n_sets
        sums = adc.Sums(compared.y, valid, n_splits, bank, at.access)
        converted = adc.convert(converter.spec, self._converters, sums, block.draws("adc"))
        codes = minimum_scan.Codes(converted.y.distances, valid, n_splits, converter.spec.conversions_per_compare)
        weights = self._workload.model["split_weights"][at.glimpse]
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
        return scanned.y, converted.y.saturated, last


def _repeated(instance: Instance, op: str, times: int) -> tuple[int, int]:
    """Latency and interval, in cycles, of an op that runs several times in a row for one key."""
    latency = instance.latency(op)
    return times * latency, (times - 1) * latency + instance.interval(op)
