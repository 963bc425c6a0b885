"""Grouped convolutions and several images: each multiply-accumulate once, counted one by one, and the tiles by hand."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import RangeError
from accelsim.mapping.tiling import Layer, Tile, tiles

ROOMY = {"weight_tile_bytes": 10**6, "input_tile_bytes": 10**6, "psum_tile_bytes": 10**6}


def layer(channels: tuple[int, int], groups: int, side: int = 4, kernel: int = 3, max_pool: int = 1) -> Layer:
    """A square convolution of stride 1, padded by half its kernel."""
    return Layer("layer", "conv", *channels, side, side, kernel, 1, kernel // 2, max_pool, True, groups)


def seen(shape: Layer, out_channel: int) -> range:
    """Input channels of the group of an output channel."""
    group = out_channel // (shape.out_channels // shape.groups)
    return range(group * shape.in_channels // shape.groups, (group + 1) * shape.in_channels // shape.groups)


def counted(shape: Layer, tile: Tile) -> int:
    """Multiply-accumulates of a tile, one by one."""
    kernel = list(product(range(shape.kernel), repeat=2))
    return sum(
        len(kernel)
        for c in tile.out_channels
        for _ in seen(shape, c)
        for _ in product(tile.out_rows, range(shape.out_width))
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Layer, dict[str, int], int]:
    groups, kernel = draw(st.integers(1, 6)), draw(st.sampled_from([1, 3]))
    channels = tuple(groups * draw(st.integers(1, 5)) for _ in range(2))
    shape = layer(channels, groups, draw(st.integers(3, 7)), kernel, draw(st.integers(1, 3)))
    rows = min(shape.in_height, shape.max_pool - 1 + kernel)
    budget = {
        "n_pe_rows": draw(st.integers(1, 9)),
        "n_pe_cols": draw(st.integers(1, 9)),
        "weight_tile_bytes": shape.weights_per_channel * draw(st.integers(1, 20)),
        "input_tile_bytes": channels[0] // groups * shape.in_width * rows + draw(st.integers(0, 300)),
        "psum_tile_bytes": 4 * shape.max_pool * shape.out_width * draw(st.integers(1, 20)),
    }
    return shape, budget, draw(st.integers(1, 3))


@settings(max_examples=300)
@given(cases())
def test_every_multiply_accumulate_once_an_image(case: tuple[Layer, dict[str, int], int]) -> None:
    shape, budget, n_images = case
    cut = tiles(shape, **budget, n_images=n_images)
    assert all(tile.macs == counted(shape, tile) for tile in cut)
    assert sum(tile.macs for tile in cut) == n_images * shape.dense_macs
    cells = Counter((c, row) for tile in cut for c in tile.out_channels for row in tile.out_rows)
    assert set(cells) == set(product(range(shape.out_channels), range(shape.out_height)))
    assert set(cells.values()) == {n_images}
    assert sum(tile.pooled_outputs for tile in cut) == n_images * shape.n_outputs
    fetched = [tile.out_channels for tile in cut if tile.first_of_group]
    assert sum(len(channels) for channels in fetched) == shape.out_channels  # each weight once, for all images


@settings(max_examples=300)
@given(cases())
def test_tiles_respect_every_budget(case: tuple[Layer, dict[str, int], int]) -> None:
    shape, budget, n_images = case
    for tile in tiles(shape, **budget, n_images=n_images):
        assert len(tile.out_channels) * shape.weights_per_channel <= budget["weight_tile_bytes"]
        assert 4 * tile.outputs <= budget["psum_tile_bytes"]
        touched = {c for channel in tile.out_channels for c in seen(shape, channel)}
        rows = {row + k - shape.padding for row in tile.out_rows for k in range(shape.kernel)} & set(
            range(shape.in_height)
        )
        assert tile.input_bytes == len(touched) * len(rows) * shape.in_width <= budget["input_tile_bytes"]
        # A pass has one input for all its columns: channels of one group alone.
        passes = sum(
            -(-sum(seen(shape, c).start == first for c in tile.out_channels) // budget["n_pe_cols"])
            for first in {seen(shape, c).start for c in tile.out_channels}
        ) * -(-len(tile.out_rows) * shape.out_width // budget["n_pe_rows"])
        assert tile.compute_cycles == passes * shape.weights_per_channel


def test_one_group_by_hand() -> None:
    (tile,) = tiles(layer((6, 10), 1), n_pe_rows=3, n_pe_cols=4, **ROOMY)
    assert tile.compute_cycles == 3 * 6 * 54  # ten channels on four columns, sixteen pixels on three rows


def test_depthwise_by_hand() -> None:
    """Eight channels that each see one: a column at a time works, whatever the columns; all fit one tile."""
    shape = layer((8, 8), 8)
    assert (shape.dense_macs, shape.n_weights) == (8 * 16 * 9, 8 * 9)
    (tile,) = tiles(shape, n_pe_rows=4, n_pe_cols=4, **ROOMY)
    assert (tile.compute_cycles, tile.macs, tile.input_bytes) == (8 * (16 // 4) * 9, 8 * 16 * 9, 8 * 16)
    # Room for the input rows of three channels at most (three rows of four): three groups together, then three, two.
    three = tiles(shape, n_pe_rows=4, n_pe_cols=4, **{**ROOMY, "input_tile_bytes": 3 * 12})
    assert [tile.out_channels for tile in three if tile.first_of_group] == [range(0, 3), range(3, 6), range(6, 8)]


def test_parts_of_a_group_share_its_input() -> None:
    """Two groups of four channels, of which two fit: the second half of a group finds its input there."""
    shape = layer((4, 8), 2)
    cut = tiles(shape, n_pe_rows=16, n_pe_cols=2, **{**ROOMY, "weight_tile_bytes": 2 * 18})
    assert [(tile.out_channels, tile.loads_input) for tile in cut] == [
        (range(0, 2), True), (range(2, 4), False), (range(4, 6), True), (range(6, 8), False),
    ]  # fmt: skip


def test_a_batch_fetches_once_and_loads_each_image() -> None:
    """One group of channels, two of rows, three images."""
    shape = layer((1, 2), 1)
    cut = tiles(shape, n_pe_rows=16, n_pe_cols=2, **{**ROOMY, "input_tile_bytes": 3 * 4}, n_images=3)
    assert [tile.first_of_group for tile in cut] == [True] + [False] * (len(cut) - 1)
    assert all(tile.loads_input for tile in cut)
    assert [tile.out_rows for tile in cut] == 3 * [tile.out_rows for tile in cut[: len(cut) // 3]]
    # Where a tile holds a whole image, the next group of channels begins with the first image again.
    cut = tiles(shape, n_pe_rows=16, n_pe_cols=1, **{**ROOMY, "weight_tile_bytes": 9}, n_images=2)
    assert [(tile.out_channels.start, tile.first_of_group, tile.loads_input) for tile in cut] == [
        (0, True, True), (0, False, True), (1, True, True), (1, False, True),
    ]  # fmt: skip


@pytest.mark.parametrize("groups", [0, 3, 4])
def test_groups_divide_the_channels(groups: int) -> None:
    with pytest.raises(RangeError, match=f"got groups {groups}, need a divisor of 4 and 6 channels"):
        layer((4, 6), groups)
