"""Cuts a layer into tiles that fit a PE grid's buffers.

Output channels lie across PE columns, output pixels across PE rows, input channels x kernel run in time. A
tile is a group of output channels times a group of output rows; channel groups are the outer loop, so a
group's weights are fetched once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accelsim.errors import RangeError

PSUM_BYTES = 4
MAX_TILES = 20_000  # a tile makes up to four jobs, and an input may have 100,000


@dataclass(frozen=True)
class Layer:
    """Geometry of one layer.

    A dense layer is a 1 x 1 convolution of a 1 x 1 image: features are channels, all else is 1, padding 0.

    Attributes:
        name, op: as in the workload's manifest.
        in_channels, out_channels, in_height, in_width, kernel, stride, padding: of the convolution.
        max_pool: side of the pooling windows after it, 1 for none.
        relu: whether negative outputs become 0.

    Raises:
        RangeError: if no such layer exists.
    """

    name: str
    op: Literal["conv", "dense"]
    in_channels: int
    out_channels: int
    in_height: int
    in_width: int
    kernel: int
    stride: int
    padding: int
    max_pool: int
    relu: bool

    def __post_init__(self) -> None:
        spatial = (self.in_height, self.in_width, self.kernel, self.stride, self.max_pool)
        smallest = min(self.in_channels, self.out_channels, *spatial)
        if smallest < 1:
            raise RangeError(f"layer {self.name}: got a size of {smallest}, need at least 1")
        if self.op == "dense" and spatial != (1, 1, 1, 1, 1):
            raise RangeError(f"layer {self.name}: got a dense layer with spatial sizes {spatial}, need all 1")
        if not 0 <= self.padding < self.kernel:
            raise RangeError(f"layer {self.name}: got padding {self.padding}, need 0 … {self.kernel - 1}")
        padded = min(self.in_height, self.in_width) + 2 * self.padding
        if padded < self.kernel:
            raise RangeError(
                f"layer {self.name}: got kernel {self.kernel}, need at most {padded} (padded input)"
            )
        side = min(self.out_height, self.out_width)
        if self.max_pool > side:
            raise RangeError(f"layer {self.name}: got max_pool {self.max_pool}, need at most {side} (output)")

    @property
    def out_height(self) -> int:
        """Rows before pooling."""
        return (self.in_height + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def out_width(self) -> int:
        """Columns before pooling."""
        return (self.in_width + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def pooled_height(self) -> int:
        """Rows after pooling."""
        return self.out_height // self.max_pool

    @property
    def pooled_width(self) -> int:
        """Columns after pooling."""
        return self.out_width // self.max_pool

    @property
    def n_outputs(self) -> int:
        """Values the next layer reads."""
        return self.out_channels * self.pooled_height * self.pooled_width

    @property
    def weights_per_channel(self) -> int:
        """Weights of one output channel, which are also the multiply-accumulates of one output."""
        return self.in_channels * self.kernel**2

    @property
    def n_weights(self) -> int:
        """Weights, without biases."""
        return self.out_channels * self.weights_per_channel

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates when no zero is left out (those with padding included)."""
        return self.out_height * self.out_width * self.n_weights


@dataclass(frozen=True)
class Tile:
    """One run of the engine.

    Attributes:
        layer: name of the layer.
        out_channels, out_rows: ranges of output channels and of rows before pooling.
        compute_cycles: cycles of the PE grid.
        macs: dense multiply-accumulates.
        outputs: values before pooling; pooled_outputs: after it.
        pool_comparisons: what pooling takes.
        input_bytes: input rows that the tile needs, all channels, padding not counted.
        first_of_group: whether the channel group's weights must be fetched for it.
        loads_input: whether its input rows must be loaded; not when the tile before it had the same ones.
    """

    layer: str
    out_channels: range
    out_rows: range
    compute_cycles: int
    macs: int
    outputs: int
    pooled_outputs: int
    pool_comparisons: int
    input_bytes: int
    first_of_group: bool
    loads_input: bool


def tiles(
    layer: Layer,
    *,
    n_pe_rows: int,
    n_pe_cols: int,
    weight_tile_bytes: int,
    input_tile_bytes: int,
    psum_tile_bytes: int,
) -> tuple[Tile, ...]:
    """The tiles of `layer`, in the order in which they run.

    A channel group is the largest multiple of `n_pe_cols` whose dense int8 weights, and int32 partial sums of
    the fewest rows, fit; fewer channels where not even one such multiple does. A row group is the most rows
    (a multiple of max_pool, save the last) whose inputs and partial sums fit.

    Raises:
        RangeError: if one channel or its fewest rows (max_pool) do not fit, or there are too many tiles.
    """
    per_group = _channels_per_group(layer, n_pe_cols, weight_tile_bytes, psum_tile_bytes)
    found: list[Tile] = []
    for channel in range(0, layer.out_channels, per_group):
        channels = range(channel, min(channel + per_group, layer.out_channels))
        row = 0
        while row < layer.out_height:
            rows = range(row, row + _rows_from(layer, row, len(channels), input_tile_bytes, psum_tile_bytes))
            loads_input = not found or found[-1].out_rows != rows
            found.append(_tile(layer, channels, rows, n_pe_rows, n_pe_cols, loads_input))
            row = rows.stop
            if len(found) > MAX_TILES:
                raise RangeError(
                    f"layer {layer.name}: got more than {MAX_TILES} tiles, need larger tile buffers"
                )
    return tuple(found)


def _channels_per_group(layer: Layer, n_pe_cols: int, weight_tile_bytes: int, psum_tile_bytes: int) -> int:
    by_weights = weight_tile_bytes // layer.weights_per_channel
    if by_weights < 1:
        raise RangeError(
            f"weight_tile_bytes: got {weight_tile_bytes}, need at least {layer.weights_per_channel} "
            f"(one output channel of layer {layer.name})"
        )
    least_psums = PSUM_BYTES * layer.max_pool * layer.out_width
    by_psums = psum_tile_bytes // least_psums
    if by_psums < 1:
        raise RangeError(
            f"psum_tile_bytes: got {psum_tile_bytes}, need at least {least_psums} "
            f"({layer.max_pool} output rows of one channel of layer {layer.name})"
        )
    fit = min(by_weights, by_psums)
    return fit - fit % n_pe_cols if fit >= n_pe_cols else fit


def _rows_from(layer: Layer, first: int, n_channels: int, input_tile_bytes: int, psum_tile_bytes: int) -> int:
    """Output rows of the tile that begins at output row `first`."""
    by_psums = psum_tile_bytes // (PSUM_BYTES * n_channels * layer.out_width)
    row_bytes = layer.in_channels * layer.in_width
    input_rows = input_tile_bytes // row_bytes
    first_input = _input_start(layer, first)
    rest = layer.out_height - first
    if layer.in_height - first_input > input_rows:
        # The last of r output rows ends at input row (first + r - 1) stride - padding + kernel.
        by_input = (first_input + input_rows + layer.padding - layer.kernel) // layer.stride + 1 - first
    else:
        by_input = rest
    n_rows = min(rest, by_psums, by_input)
    if n_rows < rest:
        n_rows -= n_rows % layer.max_pool
    if n_rows < 1:
        least = min(first + layer.max_pool, layer.out_height)
        need = row_bytes * (_input_stop(layer, least) - first_input)
        raise RangeError(
            f"input_tile_bytes: got {input_tile_bytes}, need at least {need} "
            f"(inputs of {least - first} output rows of layer {layer.name})"
        )
    return n_rows


def _input_start(layer: Layer, out_row: int) -> int:
    return max(0, out_row * layer.stride - layer.padding)


def _input_stop(layer: Layer, out_stop: int) -> int:
    return min(layer.in_height, (out_stop - 1) * layer.stride - layer.padding + layer.kernel)


def _tile(
    layer: Layer, channels: range, rows: range, n_pe_rows: int, n_pe_cols: int, loads_input: bool
) -> Tile:
    pixels = len(rows) * layer.out_width
    input_rows = _input_stop(layer, rows.stop) - _input_start(layer, rows.start)
    pooled = len(channels) * (len(rows) // layer.max_pool) * layer.pooled_width
    passes = -(-len(channels) // n_pe_cols) * -(-pixels // n_pe_rows)
    return Tile(
        layer=layer.name,
        out_channels=channels,
        out_rows=rows,
        compute_cycles=passes * layer.weights_per_channel,
        macs=len(channels) * pixels * layer.weights_per_channel,
        outputs=len(channels) * pixels,
        pooled_outputs=pooled,
        pool_comparisons=pooled * (layer.max_pool**2 - 1),
        input_bytes=layer.in_channels * layer.in_width * input_rows,
        first_of_group=rows.start == 0,
        loads_input=loads_input,
    )
