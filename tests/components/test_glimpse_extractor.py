"""Glimpse extractor: crop, pool, quantise."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.glimpse_extractor import (
    GLIMPSE_EXTRACTOR,
    GlimpseExtractorSpec,
    GlimpseGeometry,
    Patch,
    centre,
    costs,
    extract,
    moved,
    query_bits,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "extractor", 0)
FIELDS = {
    "component": "glimpse_extractor",
    "die": "mbi",
    "clock": "logic",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.5,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "pixels_per_cycle": 8,
    "pipeline_cycles": 3,
    "add_pj": 0.0071,
    "quantise_pj": 0.005,
    "clock_pj": 64.0,
}
PAPER = GlimpseGeometry(28, 28, 4, (64, 128, 192), (Patch(12, 12, 1), Patch(6, 6, 4), Patch(-18, -18, 16)), 8)


def make(**changes: object) -> GlimpseExtractorSpec:
    return GlimpseExtractorSpec(**{**FIELDS, **changes})


def images(n: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width), dtype=np.uint8)


def brute_force(image: np.ndarray, geometry: GlimpseGeometry) -> tuple[list[int], int, int]:
    """Levels, pixel reads and additions, pixel by pixel."""
    levels, reads, adds = [], 0, 0
    for top, left, pool in geometry.patches:
        for i, j in np.ndindex(geometry.patch_size, geometry.patch_size):
            rows = [r for r in range(top + i * pool, top + (i + 1) * pool) if 0 <= r < geometry.height]
            cols = [c for c in range(left + j * pool, left + (j + 1) * pool) if 0 <= c < geometry.width]
            total = sum(int(image[r, c]) for r in rows for c in cols)
            levels.append(sum(total >= t * pool**2 for t in geometry.thresholds))
            reads += len(rows) * len(cols)
            adds += max(len(rows) * len(cols) - 1, 0)
    return levels, reads, adds


def words_by_hand(geometry: GlimpseGeometry) -> int:
    """Words touched in each image row, patch by patch, pixel by pixel."""
    count, side = 0, geometry.patch_size
    for top, left, pool in geometry.patches:
        for r in range(max(top, 0), min(top + side * pool, geometry.height)):
            columns = range(max(left, 0), min(left + side * pool, geometry.width))
            count += len({(r, c // geometry.pixels_per_word) for c in columns})
    return count


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 4),
    st.lists(st.integers(0, 255), min_size=1, max_size=7, unique=True),
    st.lists(st.tuples(st.integers(-9, 14), st.integers(-9, 14), st.integers(1, 5)), min_size=1, max_size=3),
)
def test_extract_is_pixel_by_pixel_pooling(size, patch_size, thresholds, patches):
    patches = tuple(Patch(*p) for p in patches)
    geometry = GlimpseGeometry(*size, patch_size, tuple(sorted(thresholds)), patches, 3)
    x = images(3, *size)
    result = extract(make(), geometry, x, DRAWS)
    expected = [brute_force(image, geometry) for image in x]
    np.testing.assert_array_equal(result.y, [levels for levels, _, _ in expected])
    assert result.y.dtype == np.uint8
    assert costs(make(), geometry)[1:3] == expected[0][1:]
    assert costs(make(), geometry).word_reads == words_by_hand(geometry)
    assert result.y.max() <= len(thresholds)


def test_paper_glimpse_by_hand():
    """16 pixels at full resolution, 16 x 16 at pool 4, and the whole 28 x 28 image at pool 16."""
    cost = costs(make(), PAPER)
    reads = 16 + 256 + 784
    assert cost.pixel_reads == reads
    # No addition at pool 1; 15 a pixel at pool 4; at pool 16 the 28 lines are cut at -18 + 16 k: 14 and 14.
    assert cost.adds == 0 + 16 * 15 + 4 * (14 * 14 - 1)
    assert cost.comparisons == 3 * 16 * 3
    # Words of eight pixels: columns 12-15 lie in one; 6-21 in three; the whole row in four.
    words = 4 * 1 + 16 * 3 + 28 * 4
    assert cost.word_reads == words
    assert cost.extra_cycles == max(words, reads // 8) - 1
    result = extract(make(), PAPER, images(2, 28, 28), DRAWS)
    spec = make()
    energy_pj = sum(result.activity[a][1] * getattr(spec, f) for a, f in GLIMPSE_EXTRACTOR.actions.items())
    assert energy_pj == pytest.approx((240 + 780) * 0.0071 + 144 * 0.005)


def test_cycles():
    op = GLIMPSE_EXTRACTOR.ops["extract"]
    assert op.latency(make()).in_cycles(10**9) == 3
    assert op.interval is not None
    assert op.interval(make()).in_cycles(10**9) == 1
    assert op.latency(make()).ns == Fraction(0)


def test_patch_outside_the_image_reads_nothing():
    geometry = GlimpseGeometry(4, 4, 2, (0, 1), (Patch(10, 10, 1),), 8)
    assert costs(make(), geometry) == (0, 0, 0, 8, 0)
    np.testing.assert_array_equal(extract(make(), geometry, images(1, 4, 4), DRAWS).y, [[1, 1, 1, 1]])


@given(st.integers(1, 4096), st.integers(1, 8))
def test_codes_stand_for_the_middles_of_equal_shares(side, code_bits):
    shares = [Fraction(side * (2 * code + 1), 2 * 2**code_bits) for code in range(2**code_bits)]
    assert [centre(code, side, code_bits) for code in range(2**code_bits)] == [int(middle) for middle in shares]


def test_five_bits_on_28_pixels():
    """The corners' codes are the corner pixels; the middle of the image lies between two codes."""
    assert [centre(code, 28, 5) for code in (0, 1, 15, 16, 31)] == [0, 1, 13, 14, 27]


def test_a_moved_glimpse_costs_what_lies_within_the_image():
    """A patch of 4 x 4 pixels around a centre: whole inside, a quarter of it at a corner."""
    around = GlimpseGeometry(28, 28, 4, (64, 128, 192), (Patch(-2, -2, 1), Patch(-8, -8, 4)), 8)
    inside, corner = moved(around, 14, 14), moved(around, 0, 0)
    assert inside.patches == (Patch(12, 12, 1), Patch(6, 6, 4))
    assert costs(make(), inside)[1:3] == (16 + 256, 16 * 15)
    assert costs(make(), corner)[1:3] == (4 + 64, 4 * 15)
    assert costs(make(), corner).comparisons == costs(make(), inside).comparisons == 2 * 16 * 3


def test_counts_depend_on_the_geometry_alone_and_not_on_the_block():
    x = images(5, 28, 28)
    whole, part = extract(make(), PAPER, x, DRAWS), extract(make(), PAPER, x[2:4], DRAWS)
    np.testing.assert_array_equal(whole.y[2:4], part.y)
    for action, count in whole.activity.items():
        np.testing.assert_array_equal(count, np.full(5, part.activity[action][0]))


def test_query_bits_are_most_significant_first():
    np.testing.assert_array_equal(
        query_bits(np.array([[3, 0, 2, 1]], dtype=np.uint8), 2), [[1, 1, 0, 0, 1, 0, 0, 1]]
    )
    with pytest.raises(RangeError, match="got level 4, need below 4"):
        query_bits(np.array([[4]], dtype=np.uint8), 2)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 28, 27), np.uint8), r"got uint8 images of shape \(28, 27\), need uint8 of \(28, 28\)"),
        (np.zeros((1, 28, 28)), "got float64 images"),
    ],
)
def test_wrong_images(x, message):
    with pytest.raises(RangeError, match=message):
        extract(make(), PAPER, x, DRAWS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patches": ()}, "need a patch"),
        ({"patches": (Patch(0, 0, 0),)}, "positive sizes"),
        ({"thresholds": (5, 5)}, "ascending"),
        ({"thresholds": ()}, "need some"),
    ],
)
def test_wrong_geometry(changes, message):
    fields = {"height": 4, "width": 4, "patch_size": 2, "thresholds": (1,), "patches": (Patch(0, 0, 1),)}
    fields |= {"pixels_per_word": 8}
    with pytest.raises(RangeError, match=message):
        GlimpseGeometry(**{**fields, **changes})


@pytest.mark.parametrize("changes", [{"pixels_per_cycle": 0}, {"pipeline_cycles": 0}, {"add_pj": -1.0}])
def test_wrong_spec(changes):
    with pytest.raises(ValidationError):
        make(**changes)
