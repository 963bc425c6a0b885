"""Row-stationary mapping: passes and words by hand, and the quickest mapping by brute force."""

from collections.abc import Iterator
from itertools import product
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import RangeError
from accelsim.mapping.row_stationary import Grid, Mapping, choose, faults, plan, sets_that_fit
from accelsim.mapping.tiling import Layer

EYERISS = Grid(12, 14, 224, 12, 24, 51_200, bus_words=4, dram_words=1.2)


def conv(
    channels: int, filters: int, side: int, kernel: int, stride: int = 1, padding: int = 0, groups: int = 1
) -> Layer:
    return Layer("conv", "conv", channels, filters, side, side, kernel, stride, padding, 1, True, groups)


CONV1 = conv(3, 96, 227, 11, stride=4)
CONV2 = conv(96, 256, 27, 5, padding=2, groups=2)
CONV3 = conv(256, 384, 13, 3, padding=1)


def test_alexnet_conv1_by_hand() -> None:
    found = plan(CONV1, 4, EYERISS, Mapping(n=1, e=7, p=16, q=1, r=1, t=2))
    assert found.active_pes == 11 * 7 * 1 * 2  # 154, as measured on the chip
    strips, images, filter_groups = ceil(55 / 7), 4, 96 // 32
    assert found.n_groups == strips * images * filter_groups
    assert found.passes_per_group == 3  # one channel a pass
    assert found.pass_cycles == 1 * 16 * 1 * 11 * 55  # images x filters x channels x kernel row x output row
    outputs = 4 * 96 * 55 * 55
    psums = ceil(outputs / found.n_groups)
    strip = ((7 - 1) * 4 + 11) * 227  # input rows of a strip, all columns
    weights = ceil(96 * 3 * 11 * 11 * strips * images / found.n_groups)
    assert found.write_words == psums * 3
    assert found.read_words == psums * 2 + 3 * strip + weights
    assert found.dram_in_words == 4 * 3 * 227 * 227 + 96 * 3 * 11 * 11 * strips * images
    assert found.dram_out_words == outputs
    assert found.macs == outputs * 3 * 11 * 11


def test_a_set_wider_than_the_grid_is_folded() -> None:
    assert sets_that_fit(CONV2, EYERISS, 27) == 1  # 2 strips of 5 rows: 10 of 12 PE rows
    assert sets_that_fit(CONV3, EYERISS, 13) == 4  # 4 x 3 rows
    assert sets_that_fit(CONV1, EYERISS, 7) == 2  # side by side
    found = plan(CONV2, 4, EYERISS, Mapping(n=1, e=27, p=16, q=2, r=1, t=1))
    assert found.active_pes == 5 * 27
    assert found.passes_per_group == 48 // 2  # the channels of one group
    assert found.n_groups == 4 * 2 * (128 // 16)  # images x groups x groups of filters


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 8}, "n (images): got 8, need at most 4"),
        ({"e": 14}, "e (output rows): got 14, need at most 13"),
        ({"q": 5, "p": 8}, "q x kernel (input scratchpad words): got 15, need at most 12"),
        ({"r": 3}, "r x t (PE sets): got 6, need at most 4"),
        ({"p": 25}, "p x q x kernel (filter scratchpad words): got 225, need at most 224"),
    ],
)
def test_a_mapping_that_does_not_fit(change: dict[str, int], message: str) -> None:
    mapping = Mapping(**{"n": 4, "e": 13, "p": 16, "q": 3, "r": 2, "t": 2, **change})
    with pytest.raises(RangeError) as caught:
        plan(CONV3, 4, EYERISS, mapping)
    assert str(caught.value) == f"mapping of layer conv: {message}"


def test_a_kernel_higher_than_the_grid() -> None:
    with pytest.raises(RangeError, match="got no row-stationary mapping that fits, need a kernel of at most 2"):
        choose(CONV3, 1, Grid(2, 14, 224, 12, 24, 51_200, 4, 1.2))


LAYERS = st.builds(
    conv,
    channels=st.integers(1, 6),
    filters=st.integers(1, 6),
    side=st.integers(4, 7),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
)
SMALL = Grid(4, 3, 12, 6, 4, 400, bus_words=2, dram_words=1.0)


@settings(max_examples=40, deadline=None)
@given(LAYERS, st.integers(1, 3))
def test_every_multiply_accumulate_has_its_place(layer: Layer, batch: int) -> None:
    found = choose(layer, batch, SMALL)
    slots = found.active_pes * found.compute_cycles
    assert slots >= found.macs == batch * layer.out_height * layer.out_width * layer.n_weights
    assert found.active_pes <= 4 * 3
    assert faults(layer, batch, SMALL, found.mapping) == []


def cycles(layer: Layer, batch: int, mapping: Mapping) -> float:
    """Cycles as the class docstring of Plan and Grid define them, from the loops themselves."""
    found = plan(layer, batch, SMALL, mapping)
    passes = sum(1 for _ in range(0, layer.in_channels, mapping.q * mapping.r))
    runs = sum(
        1
        for _ in product(
            range(0, layer.out_height, mapping.e),
            range(0, batch, mapping.n),
            range(0, layer.out_channels, mapping.p * mapping.t),
        )
    )
    loaded = min(mapping.p * mapping.t, layer.out_channels) * min(mapping.q * mapping.r, layer.in_channels)
    filters = loaded * layer.kernel**2
    multiply = mapping.n * mapping.p * mapping.q * layer.kernel * layer.out_width
    run = max(passes * (multiply + ceil(filters / 2)), max(found.read_words, found.write_words) / 2)
    # DRAM moves a word a cycle: the first pass's words come before all, the rest beside the runs, outputs after all.
    first = min(found.dram_in_words, filters + found.first_input_words)
    beside = max(runs * run, found.dram_in_words - first + (run if runs > 1 else 0))
    return first + beside + found.dram_out_words


def balanced(total: int) -> list[int]:
    """Sizes of which one less would make one more group."""
    return [size for size in range(1, total + 1) if size == 1 or ceil(total / size) < ceil(total / (size - 1))]


def candidates(layer: Layer, batch: int) -> Iterator[Mapping]:
    """All balanced mappings; of filters a PE, the two largest balanced sizes that its scratchpads take."""
    for n, e, r, t in product(
        balanced(batch), balanced(layer.out_height), balanced(layer.in_channels), balanced(layer.out_channels)
    ):
        for q in balanced(ceil(layer.in_channels / r)):
            room = min(SMALL.psum_words, SMALL.filter_words // (q * layer.kernel))
            for p in [size for size in balanced(ceil(layer.out_channels / t)) if size <= room][-2:]:
                mapping = Mapping(n, e, p, q, r, t)
                if not faults(layer, batch, SMALL, mapping):
                    yield mapping


def rank(layer: Layer, batch: int, mapping: Mapping) -> tuple[float, int]:
    found = plan(layer, batch, SMALL, mapping)
    words = found.n_groups * (found.read_words + found.write_words)
    return cycles(layer, batch, mapping), found.dram_in_words + words


@settings(max_examples=60, deadline=None)
@given(LAYERS, st.integers(1, 3))
def test_no_candidate_is_quicker_nor_as_quick_with_fewer_words(layer: Layer, batch: int) -> None:
    best = min(rank(layer, batch, mapping) for mapping in candidates(layer, batch))
    assert rank(layer, batch, choose(layer, batch, SMALL).mapping) == best
