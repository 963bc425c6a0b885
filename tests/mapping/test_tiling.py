"""Tiling: every multiply-accumulate once, every buffer respected, and the two networks' tiles by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import RangeError
from accelsim.mapping.tiling import Layer, Tile, tiles

HYBRID = {
    "n_pe_rows": 12,
    "n_pe_cols": 14,
    "weight_tile_bytes": 32768,
    "input_tile_bytes": 16384,
    "psum_tile_bytes": 16384,
}
FULL_CHIP = {
    "n_pe_rows": 8,
    "n_pe_cols": 8,
    "weight_tile_bytes": 4096,
    "input_tile_bytes": 2048,
    "psum_tile_bytes": 2048,
}


def conv(name: str, channels: tuple[int, int], side: int, stride: int, padding: int) -> Layer:
    """A square 3 x 3 convolution."""
    return Layer(name, "conv", *channels, side, side, 3, stride, padding, 1, True)


STUDENT = (
    conv("conv1", (1, 32), 32, 2, 0),
    conv("conv2", (32, 128), 15, 2, 0),
    conv("conv3", (128, 256), 7, 1, 1),
    conv("head", (256, 16), 7, 1, 1),
)
SMALL = (
    conv("conv1", (1, 4), 28, 2, 1),
    conv("conv2", (4, 8), 14, 2, 1),
    Layer("fc", "dense", 392, 10, 1, 1, 1, 1, 0, 1, False),
)


def test_the_student_is_the_reconstructed_one():
    assert [layer.dense_macs for layer in STUDENT] == [64_800, 1_806_336, 14_450_688, 1_806_336]
    assert sum(layer.dense_macs for layer in STUDENT) == 18_128_160
    assert sum(layer.n_weights for layer in STUDENT) == 368_928
    assert STUDENT[-1].n_outputs == 784


def test_tiles_of_the_student_by_hand():
    cut = [tiles(layer, **HYBRID) for layer in STUDENT]
    # conv1: 32 channels x 15 columns x 4 B leave room for 8 rows. conv2: 112 channels (32,256 B of weights),
    # 5 rows; then 16 channels, all rows. conv3: 28 channels (32,256 B) a group. head: 14 channels, then 2.
    assert [len(part) for part in cut] == [2, 2 + 1, 10, 2]
    assert [len(tile.out_rows) for tile in cut[1]] == [5, 2, 7]
    assert [len(tile.out_channels) for tile in cut[2]] == [28] * 9 + [4]
    cycles = [sum(tile.compute_cycles for tile in part) for part in cut]
    assert cycles == [
        3 * (10 + 9) * 9,  # ceil(32/14) x (ceil(120/12) + ceil(105/12)) x 9
        8 * (3 + 2) * 288 + 2 * 5 * 288,
        (9 * 2 + 1) * 5 * 1152,
        (1 + 1) * 5 * 2304,
    ]
    assert sum(tile.first_of_group for part in cut for tile in part) == 1 + 2 + 10 + 2
    # conv3 and the head hold all their inputs (6,272 and 12,544 B), so only their first tile loads them.
    assert [[tile.loads_input for tile in part] for part in cut] == [
        [True, True],
        [True, True, True],
        [True] + [False] * 9,
        [True, False],
    ]


def test_tiles_of_the_small_network_by_hand():
    assert sum(layer.dense_macs for layer in SMALL) == 7_056 + 14_112 + 3_920
    cut = [tiles(layer, **FULL_CHIP) for layer in SMALL]
    # conv1: 4 channels x 14 columns x 4 B = 224 B a row, 9 rows; conv2: 8 x 7 x 4 B = 224 B a row, all 7;
    # fc: 392 B a channel, 10 channels fit, of which 8 are a multiple of the columns.
    assert [len(part) for part in cut] == [2, 1, 2]
    assert [tile.compute_cycles for tile in cut[2]] == [392, 392]


@pytest.mark.parametrize("layer", [*STUDENT, *SMALL], ids=lambda layer: f"{layer.name}-{layer.in_channels}")
def test_input_bytes_are_the_rows_that_the_tile_touches(layer):
    for tile in tiles(layer, **HYBRID):
        touched = {
            row * layer.stride - layer.padding + k for row in tile.out_rows for k in range(layer.kernel)
        }
        rows = touched & set(range(layer.in_height))
        assert tile.input_bytes == (max(rows) - min(rows) + 1) * layer.in_width * layer.in_channels


def cells(tile: Tile) -> set[tuple[int, int]]:
    return {(channel, row) for channel in tile.out_channels for row in tile.out_rows}


@st.composite
def layers_and_budgets(draw: st.DrawFn) -> tuple[Layer, dict[str, int]]:
    """A layer, and a chip on which at least its smallest tile fits."""

    def upto(most: int) -> int:
        return draw(st.integers(1, most))

    kernel = upto(5)
    padding = upto(kernel) - 1
    height, width = (max(1, kernel - 2 * padding) + upto(15) - 1 for _ in range(2))
    stride = upto(4)
    shortest = (min(height, width) + 2 * padding - kernel) // stride + 1
    max_pool = upto(min(3, shortest))
    layer = Layer("layer", "conv", upto(40), upto(60), height, width, kernel, stride, padding, max_pool, True)
    input_rows = min(height, (max_pool - 1) * stride + kernel)
    budget = {
        "n_pe_rows": upto(20),
        "n_pe_cols": upto(20),
        "weight_tile_bytes": layer.weights_per_channel * upto(30) + upto(20),
        "input_tile_bytes": layer.in_channels * layer.in_width * input_rows + upto(2000),
        "psum_tile_bytes": 4 * max_pool * layer.out_width * upto(70) + upto(200),
    }
    return layer, budget


@settings(max_examples=300)
@given(layers_and_budgets())
def test_tiles_cover_the_layer_once(case):
    layer, budget = case
    cut = tiles(layer, **budget)
    covered = [cell for tile in cut for cell in cells(tile)]
    assert len(covered) == len(set(covered)) == layer.out_channels * layer.out_height
    assert sum(tile.macs for tile in cut) == layer.dense_macs
    assert sum(tile.outputs for tile in cut) == layer.out_channels * layer.out_height * layer.out_width
    assert sum(tile.pooled_outputs for tile in cut) == layer.n_outputs
    assert sum(tile.pool_comparisons for tile in cut) == layer.n_outputs * (layer.max_pool**2 - 1)
    groups = [tile.out_channels for tile in cut if tile.first_of_group]
    assert sum(len(group) for group in groups) == layer.out_channels
    assert [tile.first_of_group for tile in cut] == [
        number == 0 or tile.out_channels != cut[number - 1].out_channels for number, tile in enumerate(cut)
    ]


@settings(max_examples=300)
@given(layers_and_budgets())
def test_tiles_respect_every_budget(case):
    layer, budget = case
    cut = tiles(layer, **budget)
    n_pes = budget["n_pe_rows"] * budget["n_pe_cols"]
    for tile in cut:
        assert len(tile.out_channels) * layer.weights_per_channel <= budget["weight_tile_bytes"]
        assert 0 < tile.input_bytes <= budget["input_tile_bytes"]
        assert tile.outputs * 4 <= budget["psum_tile_bytes"]
        assert tile.compute_cycles * n_pes >= tile.macs
        last = tile.out_rows.stop == layer.out_height
        assert last or len(tile.out_rows) % layer.max_pool == 0


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            {"weight_tile_bytes": 1151},
            r"weight_tile_bytes: got 1151, need at least 1152 \(one output channel",
        ),
        (
            {"psum_tile_bytes": 27},
            r"psum_tile_bytes: got 27, need at least 28 \(1 output rows of one",
        ),
        (
            {"input_tile_bytes": 1791},
            r"input_tile_bytes: got 1791, need at least 1792 \(inputs of 1 output",
        ),
        ({"input_tile_bytes": 1792}, r"input_tile_bytes: got 1792, need at least 2688"),
    ],
)
def test_what_does_not_fit_raises(budget, message):
    with pytest.raises(RangeError, match=message):
        tiles(STUDENT[2], **{**HYBRID, **budget})


def test_too_many_tiles_raise():
    layer = Layer("wide", "conv", 1, 5000, 8, 8, 1, 1, 0, 1, True)
    with pytest.raises(RangeError, match="more than 20000 tiles"):
        tiles(layer, **{**HYBRID, "input_tile_bytes": 8, "weight_tile_bytes": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_channels": 0}, "got a size of 0, need at least 1"),
        ({"padding": 3}, "got padding 3, need 0 … 2"),
        ({"padding": -1}, "got padding -1"),
        ({"in_height": 2, "padding": 0}, "got kernel 3, need at most 2"),
        ({"max_pool": 8}, "got max_pool 8, need at most 7"),
        ({"op": "dense"}, "got a dense layer with spatial sizes"),
    ],
)
def test_impossible_layer_raises(change, message):
    fields = {field: getattr(STUDENT[2], field) for field in STUDENT[2].__dataclass_fields__}
    with pytest.raises(RangeError, match=message):
        Layer(**{**fields, **change})
