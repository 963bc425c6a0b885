"""The CNN front end: integer layers on the digital engine, tile by tile.

A tile's weights are fetched (once for all tiles of a group of output channels), its input patch is loaded from the
buffer, it is computed on the PE array, requantised, pooled and written back. With two slots each, loads, fetches and
results are double-buffered: the next tile comes in while one is computed. A layer's first load waits for the last write
of the layer before it, whatever it reads; later loads follow in order. What a residual connection adds to a tile is
read from the buffer when the tile is written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.components import cnn_engine, post_unit, sram_buffer, weight_store
from accelsim.dataflows.block import Block, add_op, at_port_rate
from accelsim.dataflows.cnn_values import CnnValues, evaluate
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.layer_tiles import geometry, layer_tiles
from accelsim.layer_weights import stored_bits
from accelsim.manifest_cnn import LOGIT_BYTES, PIXEL_BITS, ConvLayer, DenseLayer
from accelsim.mapping.tiling import Layer, Tile
from accelsim.rng import Sample
from accelsim.workload import Workload


@dataclass(frozen=True)
class _Plan:
    """A layer's tiles, and the stored bits of the weights that each must fetch (0 where they are there already).

    Attributes:
        adds: whether another layer's output is added to the outputs.
    """

    layer: Layer
    tiles: tuple[Tile, ...]
    weight_bits: tuple[int, ...]
    keeps_accumulators: bool
    adds: bool


class CnnFrontEnd:
    """Runs the workload's CNN on the instances `buffer`, `weights`, `engine`, `post`."""

    def __init__(self, chip: Chip, workload: Workload, sample: Sample) -> None:
        self._chip, self._workload = chip, workload
        self._cnn = workload.cnn
        self._plans = [self._plan(index, layer) for index, layer in enumerate(self._cnn.layers)]
        bits = sum(sum(plan.weight_bits) for plan in self._plans)
        store = weight_store.program(chip["weights"].spec, bits, sample.draws("weights"))
        self.programmed: Mapping[str, Programmed] = {"weights": store}

    @property
    def input_bits(self) -> int:
        """Bits of one input (an image, or a batch of them) as the chip receives it."""
        shape = self._cnn.input
        return self._cnn.batch * shape.channels * shape.height * shape.width * PIXEL_BITS

    @property
    def input_words(self) -> int:
        """Buffer words of one input."""
        return sram_buffer.words(self._chip["buffer"].spec, self.input_bits // 8)

    def _plan(self, index: int, layer: ConvLayer | DenseLayer) -> _Plan:
        engine, store = self._chip["engine"].spec, self._chip["weights"].spec
        cut = layer_tiles(engine, layer, self._cnn.batch)
        bits = [
            stored_bits(store, self._workload, layer, tile.out_channels) if tile.first_of_group else 0 for tile in cut
        ]
        return _Plan(geometry(layer), cut, tuple(bits), self._cnn.ends_at_accumulators(index), layer.add is not None)

    def values(self, block: Block) -> CnnValues:
        """Recorded features and MAC counts, or the network run on the block's pixels."""
        if block.images is None:
            recorded = self._workload.evaluation
            return CnnValues(recorded["features"][block.inputs], recorded["nonzero_macs"][block.inputs])
        return evaluate(self._cnn, self._workload.model, block.images)

    def lay(
        self,
        jobs: JobBuilder,
        block: Block,
        values: CnnValues,
        start: Handle,
        admitted: Handle,
        mask: BoolArray | None = None,
    ) -> Handle:
        """The jobs of all layers; returns the last write.

        The first load and the first fetch need `start`. Later ones need only the admission: they follow in order. With
        head none nothing comes after the last write, which then needs the admission too and so closes the input.
        """
        ready = start
        for index, plan in enumerate(self._plans):
            fetch_after = start if index == 0 else admitted
            nonzero = values.nonzero_macs[:, index]
            ready = self._lay_layer(jobs, block, plan, nonzero, ready, fetch_after, admitted, mask)
        return ready

    def move_input(self, jobs: JobBuilder, block: Block, stored_words: int, start: Handle, mask: BoolArray) -> Handle:
        """Copies the input, `stored_words` of the instance `pixels`, into the buffer (a fallback starts so)."""
        pixels, words = self._chip["pixels"], self.input_words
        read = sram_buffer.load(pixels.spec, None, stored_words, block.draws("pixels"))
        result, also = at_port_rate(read, words), {"buffer.write": words}
        return add_op(jobs, pixels, "load", result, phase="fallback", needs=[start], mask=mask, also=also)

    def _lay_layer(
        self,
        jobs: JobBuilder,
        block: Block,
        plan: _Plan,
        nonzero: IntArray,
        ready: Handle,
        fetch_after: Handle,
        admitted: Handle,
        mask: BoolArray | None,
    ) -> Handle:
        chip, phase = self._chip, plan.layer.name
        fetched = loaded = written = ready
        shares = _shares(nonzero, [tile.macs for tile in plan.tiles])
        for tile, bits, active in zip(plan.tiles, plan.weight_bits, shares, strict=True):
            first = tile is plan.tiles[0]
            if tile.first_of_group:
                fetched = self._fetch(jobs, block, bits, phase, fetch_after if first else admitted, mask)
                n_weights = len(tile.out_channels) * plan.layer.weights_per_channel
                jobs.count("engine", "weight_fill", phase, n_weights, mask)
            if tile.loads_input:
                words = sram_buffer.words(chip["buffer"].spec, tile.input_bytes)
                load = sram_buffer.load(chip["buffer"].spec, None, words, block.draws("buffer"))
                needs = [ready if first else admitted]
                fill = {"engine.input_fill": tile.input_bytes}
                loaded = add_op(jobs, chip["buffer"], "load", load, phase=phase, needs=needs, mask=mask, also=fill)
            size = (tile.compute_cycles, tile.macs, active)
            work = cnn_engine.compute(chip["engine"].spec, None, size, block.draws("engine"))
            needs = [loaded, fetched]
            moved = {"engine.psum_move": tile.outputs}
            computed = add_op(jobs, chip["engine"], "compute", work, phase=phase, needs=needs, mask=mask, also=moved)
            closes = self._cnn.head == "none" and plan is self._plans[-1] and tile is plan.tiles[-1]
            needs = [computed, admitted] if closes else [computed]
            written = self._write_back(jobs, block, plan, tile, needs, mask)
        return written

    def _fetch(
        self, jobs: JobBuilder, block: Block, bits: int, phase: str, after: Handle, mask: BoolArray | None
    ) -> Handle:
        store = self._chip["weights"]
        result = weight_store.fetch(store.spec, None, bits, block.draws("weights"))
        also = {}
        if store.spec.residency == "streamed":
            # What comes from outside passes through the buffer: written once, read once.
            words = sram_buffer.words(self._chip["buffer"].spec, -(-bits // 8))
            result, also = at_port_rate(result, words), {"buffer.write": words, "buffer.read": words}
        return add_op(jobs, store, "fetch", result, phase=phase, needs=[after], mask=mask, also=also)

    def _write_back(
        self,
        jobs: JobBuilder,
        block: Block,
        plan: _Plan,
        tile: Tile,
        needs: list[Handle],
        mask: BoolArray | None,
    ) -> Handle:
        requantised, buffer = not plan.keeps_accumulators, self._chip["buffer"].spec
        words = sram_buffer.words(buffer, tile.pooled_outputs * (1 if requantised else LOGIT_BYTES))
        operand = sram_buffer.words(buffer, tile.outputs) if plan.adds else 0
        work = post_unit.Written(tile.outputs if requantised else 0, tile.pool_comparisons, words, operand)
        result = post_unit.write_back(self._chip["post"].spec, None, work, block.draws("post"))
        also = {"buffer.write": words} | ({"buffer.read": operand} if operand else {})
        phase = plan.layer.name
        return add_op(
            jobs,
            self._chip["post"],
            "write_back",
            result,
            phase=phase,
            needs=needs,
            mask=mask,
            also=also,
        )


def _shares(nonzero: IntArray, macs: list[int]) -> list[IntArray]:
    """Splits a layer's non-zero MACs over its tiles in proportion to their size; the shares sum exactly.

    What is recorded is a count a layer; where in the layer its zeros fall is not.
    """
    edges = np.cumsum([0, *macs])
    bounds = [nonzero * edge // edges[-1] for edge in edges]
    return [high - low for low, high in pairwise(bounds)]
