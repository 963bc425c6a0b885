"""The row-stationary dataflow: a layer table on an engine as Eyeriss, with its global buffer and the DRAM beside it.

A layer is cut into runs of passes (`accelsim/mapping/row_stationary.py`). While the engine works on a run, the buffer's
port delivers that run's inputs and partial sums, and DRAM brings what later runs need; the slowest of them decides. The
first run waits only for what its first pass needs. A layer's outputs leave for DRAM when its last run is done, and then
the next layer begins.

*Source:* Chen et al., JSSC 52(1) 2017. That outputs leave after the processing is assumed: in Table V total minus
processing time is close to the outputs' bytes over the 64-bit, 60 MHz port (4.4, 2.7, 0.5 ms against 4.8, 3.1, 0.7 ms
for layers 1, 2 and 5; 1.8 and 2.4 against 1.1 ms for 3 and 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

import numpy as np

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.components import admission, dram_port, row_stationary_engine, sram_buffer, synchroniser
from accelsim.dataflows.admit import PHASE
from accelsim.dataflows.block import Block, Outcome, add_op, at_port_rate
from accelsim.errors import RangeError
from accelsim.jobs import Handle, JobBuilder
from accelsim.layer_tiles import geometry
from accelsim.manifest_cnn import ConvLayer, DenseLayer
from accelsim.mapping import row_stationary as mapping
from accelsim.rng import Sample
from accelsim.units import exact
from accelsim.workload import Workload

COMMAND_BITS = 8  # what admission receives: a start, since the images already lie in DRAM


def grid_of(chip: Chip) -> mapping.Grid:
    """The bounds that a chip sets to a mapping."""
    engine, port = chip["engine"].spec, chip["dram"]
    return mapping.Grid(
        n_pe_rows=engine.n_pe_rows,
        n_pe_cols=engine.n_pe_cols,
        filter_words=engine.filter_words,
        input_words=engine.input_words,
        psum_words=engine.psum_words,
        buffer_words=chip["buffer"].spec.n_bytes * 8 // engine.word_bits,
        bus_words=engine.bus_words,
        dram_words=port.spec.word_bits * port.hertz / (engine.word_bits * chip["engine"].hertz),
    )


def plan_layer(chip: Chip, layer: ConvLayer | DenseLayer, batch: int) -> mapping.Plan:
    """A layer under its own mapping, or where it has none, under the quickest one.

    Raises:
        RangeError: if the mapping does not fit, or none does.
    """
    shape, grid = geometry(layer), grid_of(chip)
    if layer.mapping is None:
        return mapping.choose(shape, batch, grid)
    return mapping.plan(shape, batch, grid, mapping.Mapping(**layer.mapping.model_dump()))


class RowStationary:
    """Layer after layer; one input is a batch of images."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip, self._cnn = chip, workload.cnn
        self._plans = [self._plan(index, workload) for index in range(len(self._cnn.layers))]
        self.programmed: Mapping[str, Programmed] = {}

    def _plan(self, index: int, workload: Workload) -> mapping.Plan:
        """A layer's plan; a mapping that does not fit is a fault of the workload's file.

        Raises:
            RangeError: with its place.
        """
        layer = self._cnn.layers[index]
        try:
            return plan_layer(self._chip, layer, self._cnn.batch)
        except RangeError as exc:
            place = f"{workload.folder / 'manifest.yaml'} cnn.layers.{index}"
            remedy = "; without its mapping one that fits is looked for" if layer.mapping else ""
            raise RangeError(f"{place}: {exc} on {self._chip.spec.name}{remedy}") from exc

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Lays down the jobs and activity of a block; nothing is decided, as nothing is computed."""
        door = self._chip["admission"]
        started = admission.admit(door.spec, None, COMMAND_BITS, block.draws("admission"))
        admitted = add_op(jobs, door, "admit", started, phase=PHASE, needs=[], release=block.release)
        done = admitted
        for index in range(len(self._plans)):
            done = self._lay_layer(jobs, block, index, done, admitted)
        nothing = np.zeros(block.size, dtype=bool)
        return Outcome(np.zeros(block.size, dtype=np.int64), nothing, ~nothing)

    def _lay_layer(self, jobs: JobBuilder, block: Block, index: int, start: Handle, admitted: Handle) -> Handle:
        chip, plan, phase = self._chip, self._plans[index], self._cnn.layers[index].name
        word_bytes = chip["engine"].spec.word_bits / 8
        macs = _edges(plan.macs, plan.n_groups)
        nonzero = [self._nonzero(index) * edge // plan.macs for edge in macs]
        # The first pass's share comes first; the rest, in equal parts, before the runs that follow.
        first = min(plan.dram_in_words, plan.filter_words + plan.first_input_words)
        arrive = [first, *_parts(plan.dram_in_words - first, max(plan.n_groups - 1, 1))]
        read_words = sram_buffer.words(chip["buffer"].spec, int(plan.read_words * word_bytes))
        write_words = sram_buffer.words(chip["buffer"].spec, int(plan.write_words * word_bytes))
        loaded = computed = start
        for run in range(plan.n_groups):
            arrived = self._from_dram(jobs, block, arrive[run], phase, start if run == 0 else admitted)
            # What a layer needs first comes from DRAM after the layer before it has left; runs follow each other.
            ready = [arrived, loaded, computed] if run else [arrived]
            work = row_stationary_engine.Passes(
                plan.passes_per_group,
                plan.pass_cycles,
                plan.filter_words,
                macs[run + 1] - macs[run],
                nonzero[run + 1] - nonzero[run],
            )
            result = row_stationary_engine.compute(chip["engine"].spec, None, work, block.draws("engine"))
            result, also = at_port_rate(result, write_words), {"buffer.write": write_words}
            load = sram_buffer.load(chip["buffer"].spec, None, read_words, block.draws("buffer"))
            loaded = add_op(jobs, chip["buffer"], "load", load, phase=phase, needs=ready)
            computed = add_op(jobs, chip["engine"], "compute", result, phase=phase, needs=ready, also=also)
        rest = arrive[plan.n_groups :]
        needs = [admitted, loaded, computed, *(self._from_dram(jobs, block, part, phase, admitted) for part in rest)]
        return self._to_dram(jobs, block, plan, phase, needs)

    def _nonzero(self, index: int) -> int:
        """Multiply-accumulates of a layer whose activation is not zero: a PE looks at nothing else. Half rounds up."""
        kept = 1 - exact(self._cnn.layers[index].activation_zeros or 0)
        return math.floor(self._plans[index].macs * kept + Fraction(1, 2))

    def _from_dram(self, jobs: JobBuilder, block: Block, n_words: int, phase: str, after: Handle) -> Handle:
        """DRAM → port → synchroniser → buffer."""
        chip = self._chip
        bits = n_words * chip["engine"].spec.word_bits
        read = dram_port.read(chip["dram"].spec, None, bits, block.draws("dram"))
        also = {"buffer.write": sram_buffer.words(chip["buffer"].spec, -(-bits // 8))}
        handle = add_op(jobs, chip["dram"], "read", read, phase=phase, needs=[after], also=also)
        if "sync" not in chip:
            return handle
        crossed = synchroniser.cross(chip["sync"].spec, None, bits, block.draws("sync"))
        return add_op(jobs, chip["sync"], "cross", crossed, phase=phase, needs=[handle])

    def _to_dram(self, jobs: JobBuilder, block: Block, plan: mapping.Plan, phase: str, needs: list[Handle]) -> Handle:
        chip = self._chip
        bits = plan.dram_out_words * chip["engine"].spec.word_bits
        write = dram_port.write(chip["dram"].spec, None, bits, block.draws("dram"))
        also = {"buffer.read": sram_buffer.words(chip["buffer"].spec, -(-bits // 8))}
        return add_op(jobs, chip["dram"], "write", write, phase=phase, needs=needs, also=also)


def _edges(total: int, parts: int) -> list[int]:
    """Where `parts` equal shares of a total begin and end, exactly."""
    return [total * part // parts for part in range(parts + 1)]


def _parts(total: int, parts: int) -> list[int]:
    return [high - low for low, high in pairwise(_edges(total, parts))]
