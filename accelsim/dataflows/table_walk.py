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
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.workload import Workload

NOWHERE = -1

Bits = npt.NDArray[np.uint8]


class Winner(NamedTuple):
    """A table's answer to a query, `[n]` each: value row (-1: not searched), distance, tie, last job."""

    row: IntArray
    distance: IntArray
    tied: BoolArray
    last: Handle


class TableWalk:
    """Searches tables on the instances `controller`, `tables`, `arrays`, `adc`, `scan`.

    Attributes:
        layout: how a key lies in the arrays.
        resident: whether the arrays hold all keys.
    """

    def __init__(self, chip: Chip, workload: Workload) -> None:
        arrays, mbi = workload.model, workload.mbi
        self._chip, self._workload, self._mbi = chip, workload, mbi
        self._tables = lut_controller.Tables(arrays["keys"], arrays["key_next"], arrays["node_start"], mbi.key_bits)
        spec = chip["arrays"].spec
        self.layout = distance_array.split_layout(spec, mbi.patch_bits, mbi.pixel_bits, mbi.hidden_bits)
        self.resident: bool = chip["controller"].spec.residency == "resident"
        self._passes = distance_array.passes(spec, self.layout)
        self._rounds = adc.rounds(chip["adc"].spec, self.layout.n_splits)

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
            nearest, scanned = self._scan(jobs, block, glimpse, query, routed.y, ready, visited)
            step = lut_controller.next_node(self._tables, node, nearest.key)
            arrived = step.row >= 0
            row, distance = np.where(arrived, step.row, row), np.where(arrived, nearest.distance, distance)
            tied |= nearest.tied & visited
            last = jobs.latest([last, scanned])
            needs, query_bits, node = [last], per_input(n, 0), step.node
        return Winner(row, distance, tied, last)

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
        chip, phase = self._chip, phase_of(glimpse)
        valid, n_splits = node.valid, self.layout.n_splits
        arrays, converter, scan = chip["arrays"], chip["adc"], chip["scan"]
        comparison = distance_array.Comparison(query, node.bits, valid)
        compared = distance_array.compare(arrays.spec, self.layout, comparison, block.draws("arrays"))
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


def phase_of(glimpse: int) -> str:
    """Name of a glimpse's phase."""
    return f"glimpse{glimpse + 1}"


def _repeated(instance: Instance, op: str, times: int) -> tuple[int, int]:
    """Latency and interval, in cycles, of an op that runs several times in a row for one key."""
    latency = instance.latency(op)
    return times * latency, (times - 1) * latency + instance.interval(op)
