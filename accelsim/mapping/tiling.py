"""Cuts a layer into tiles that fit a PE grid's buffers.

Output channels lie across PE columns, output pixels across PE rows, input channels x kernel run in time. A
tile is a group of output channels times a group of output rows; channel groups are the outer loop, so a
group's weights are fetched once, also for several images. The columns share an input, so the channels of
different groups of a grouped convolution never work side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
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
        groups: of a grouped convolution: an output channel sees in_channels / groups input channels.

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
    groups: int = 1

    def __post_init__(self) -> None:
        spatial = (self.in_height, self.in_width, self.kernel, self.stride, self.max_pool)
        smallest = min(self.in_channels, self.out_channels, *spatial)
        if smallest < 1:
            raise RangeError(f"layer {self.name}: got a size of {smallest}, need at least 1")
        if self.op == "dense" and spatial != (1, 1, 1, 1, 1):
            raise RangeError(f"layer {self.name}: got a dense layer with spatial sizes {spatial}, need all 1")
        if self.groups < 1 or self.in_channels % self.groups or self.out_channels % self.groups:
            channels = f"{self.in_channels} and {self.out_channels} channels"
            raise RangeError(f"layer {self.name}: got groups {self.groups}, need a divisor of {channels}")
        if not 0 <= self.padding < self.kernel:
            raise RangeError(f"layer {self.name}: got padding {self.padding}, need 0 … {self.kernel - 1}")
        padded = min(self.in_height, self.in_width) + 2 * self.padding
        if padded < self.kernel:
            raise RangeError(f"layer {self.name}: got kernel {self.kernel}, need at most {padded} (padded input)")
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
        return self.in_channels // self.groups * self.kernel**2

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
        input_bytes: input rows that the tile needs, all channels that it sees, padding not counted.
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


class TileError(RangeError):
    """A layer that cannot be cut into tiles.

    Attributes:
        field: the tile buffer that is too small, or the layer.
        got, need: of the message.
    """

    def __init__(self, field: str, got: str, need: str) -> None:
        self.field, self.got, self.need = field, got, need
        super().__init__(f"{field}: got {got}, need {need}")


def tiles(
    layer: Layer,
    *,
    n_pe_rows: int,
    n_pe_cols: int,
    weight_tile_bytes: int,
    input_tile_bytes: int,
    psum_tile_bytes: int,
    n_images: int = 1,
) -> tuple[Tile, ...]:
    """The tiles of `layer` for so many images, in the order in which they run.

    A channel group is the largest multiple of `n_pe_cols` whose dense int8 weights, and int32 partial sums of
    the fewest rows, fit; fewer channels where not even one such multiple does. A row group is the most rows
    (a multiple of max_pool, save the last) whose inputs and partial sums fit. Of a grouped convolution as many
    whole groups as fit are taken together, or else parts of one.

    Raises:
        TileError: if one channel or its fewest rows (max_pool) do not fit, or there are too many tiles.
    """
    fit = _channels_that_fit(layer, weight_tile_bytes, psum_tile_bytes)
    found: list[Tile] = []
    held: tuple[int, range, int] | None = None  # image, rows and first group of what the input tile holds
    for channels in _channel_groups(layer, n_pe_cols, fit, input_tile_bytes):
        row_groups = _row_groups(layer, channels, input_tile_bytes, psum_tile_bytes)
        for image, rows in product(range(n_images), row_groups):
            needed = (image, rows, channels.start * layer.groups // layer.out_channels)
            first_of_group = image == 0 and rows.start == 0
            found.append(_tile(layer, channels, rows, n_pe_rows, n_pe_cols, first_of_group, needed != held))
            held = needed
            if len(found) > MAX_TILES:
                raise TileError(f"layer {layer.name}", f"more than {MAX_TILES} tiles", "larger tile buffers")
    return tuple(found)


def _channel_groups(layer: Layer, n_pe_cols: int, fit: int, input_tile_bytes: int) -> Iterator[range]:
    """Output channels that are worked on together: parts of a group of the convolution, or several whole groups."""
    of_one = layer.out_channels // layer.groups
    if layer.groups == 1 or fit < of_one:
        most = fit - fit % n_pe_cols if fit >= n_pe_cols else fit
        for group in range(0, layer.out_channels, of_one):
            for first in range(group, group + of_one, most):
                yield range(first, min(first + most, group + of_one))
        return
    least_rows = min(layer.in_height, (layer.max_pool - 1) * layer.stride + layer.kernel)
    least_input = layer.in_channels // layer.groups * layer.in_width * least_rows
    together = of_one * max(1, min(fit // of_one, input_tile_bytes // least_input))
    for first in range(0, layer.out_channels, together):
        yield range(first, min(first + together, layer.out_channels))


def _row_groups(layer: Layer, channels: range, input_tile_bytes: int, psum_tile_bytes: int) -> list[range]:
    found: list[range] = []
    row = 0
    while row < layer.out_height:
        rows = range(row, row + _rows_from(layer, row, channels, input_tile_bytes, psum_tile_bytes))
        found.append(rows)
        row = rows.stop
    return found


def _groups_of(layer: Layer, channels: range) -> int:
    """Groups of the convolution that some output channels belong to: one, or so many whole ones."""
    return max(1, len(channels) * layer.groups // layer.out_channels)


def _channels_that_fit(layer: Layer, weight_tile_bytes: int, psum_tile_bytes: int) -> int:
    by_weights = weight_tile_bytes // layer.weights_per_channel
    if by_weights < 1:
        need = f"at least {layer.weights_per_channel} (one output channel of layer {layer.name})"
        raise TileError("weight_tile_bytes", str(weight_tile_bytes), need)
    least_psums = PSUM_BYTES * layer.max_pool * layer.out_width
    by_psums = psum_tile_bytes // least_psums
    if by_psums < 1:
        need = f"at least {least_psums} ({layer.max_pool} output rows of one channel of layer {layer.name})"
        raise TileError("psum_tile_bytes", str(psum_tile_bytes), need)
    return min(by_weights, by_psums)


def _rows_from(layer: Layer, first: int, channels: range, input_tile_bytes: int, psum_tile_bytes: int) -> int:
    """Output rows of the tile that begins at output row `first`."""
    by_psums = psum_tile_bytes // (PSUM_BYTES * len(channels) * layer.out_width)
    row_bytes = _row_bytes(layer, channels)
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
        n_bytes = row_bytes * (_input_stop(layer, least) - first_input)
        need = f"at least {n_bytes} (inputs of {least - first} output rows of layer {layer.name})"
        raise TileError("input_tile_bytes", str(input_tile_bytes), need)
    return n_rows


def _row_bytes(layer: Layer, channels: range) -> int:
    """An input row of the channels that some output channels see."""
    return layer.in_channels // layer.groups * _groups_of(layer, channels) * layer.in_width


def _input_start(layer: Layer, out_row: int) -> int:
    return max(0, out_row * layer.stride - layer.padding)


def _input_stop(layer: Layer, out_stop: int) -> int:
    return min(layer.in_height, (out_stop - 1) * layer.stride - layer.padding + layer.kernel)


def _tile(
    layer: Layer,
    channels: range,
    rows: range,
    n_pe_rows: int,
    n_pe_cols: int,
    first_of_group: bool,
    loads_input: bool,
) -> Tile:
    pixels = len(rows) * layer.out_width
    input_rows = _input_stop(layer, rows.stop) - _input_start(layer, rows.start)
    pooled = len(channels) * (len(rows) // layer.max_pool) * layer.pooled_width
    groups = _groups_of(layer, channels)
    passes = groups * -(-(len(channels) // groups) // n_pe_cols) * -(-pixels // n_pe_rows)
    return Tile(
        layer=layer.name,
        out_channels=channels,
        out_rows=rows,
        compute_cycles=passes * layer.weights_per_channel,
        macs=len(channels) * pixels * layer.weights_per_channel,
        outputs=len(channels) * pixels,
        pooled_outputs=pooled,
        pool_comparisons=pooled * (layer.max_pool**2 - 1),
        input_bytes=_row_bytes(layer, channels) * input_rows,
        first_of_group=first_of_group,
        loads_input=loads_input,
    )
