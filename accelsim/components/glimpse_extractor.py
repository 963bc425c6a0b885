"""Glimpse extractor: crops the patches of one glimpse, average-pools them and quantises every pooled pixel.

A patch covers `(patch_size x pool)^2` pixels from its top-left corner; what lies outside the image is zero
and is neither read nor added. Pooling divides nothing: a pooled sum is compared with `threshold x pool^2`,
and the level is the number of thresholds it reaches.

*Source:* recurrent-attention glimpses of arXiv 2307.07631 §III-A; crop by patch_size x pool and zero padding
as in the authors' code, github.com/kevinzakka/recurrent-visual-attention pull request 46. Neither describes
hardware: the pipeline here is our own.
*Valid for:* locations that are fixed when the table is made, or read from it as codes (`centre`): where a glimpse is
decides counts and cycles, what is seen there does not; 8-bit grey pixels; one adder tree fed with
`pixels_per_cycle` pixels and a comparator for each threshold.
*Not modelled:* pixels that overlapping patches share (they are read again); making addresses, of learned locations
with two multiplications by a constant and two additions a patch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import CLOCK, Component, Delay, NonNegative, Op, OpResult, OrderedSpec, Static, per_input
from accelsim.errors import RangeError
from accelsim.rng import Draws

Bits = npt.NDArray[np.uint8]


class GlimpseExtractorSpec(OrderedSpec):
    """One extractor. In order: a later input would else hold the slots that an earlier one's next glimpse waits for.

    Attributes:
        pixels_per_cycle: image pixels it takes in a cycle.
        pipeline_cycles: from the first pixels to their quantised sum.
        add_pj: one addition of a pixel to a pooled sum.
        quantise_pj: one comparison of a pooled sum with a threshold.
        clock_pj: clock tree, a cycle.
    """

    component: Literal["glimpse_extractor"]
    pixels_per_cycle: Annotated[int, Field(ge=1, le=4096)]
    pipeline_cycles: Annotated[int, Field(ge=1, le=1000)]
    add_pj: NonNegative
    quantise_pj: NonNegative
    clock_pj: NonNegative


class Patch(NamedTuple):
    """Top-left corner (may lie outside the image) and pooling factor."""

    row: int
    col: int
    pool: int


@dataclass(frozen=True)
class GlimpseGeometry:
    """One glimpse: image size, patch side in pooled pixels, ascending thresholds (mean grey level), patches, and the
    pixels in one word of the image memory.

    Raises:
        RangeError: if there is no patch, a size or pool is not positive, or the thresholds do not ascend.
    """

    height: int
    width: int
    patch_size: int
    thresholds: tuple[int, ...]
    patches: tuple[Patch, ...]
    pixels_per_word: int

    def __post_init__(self) -> None:
        pools = (patch.pool for patch in self.patches)
        sizes = (self.height, self.width, self.patch_size, self.pixels_per_word, *pools)
        if not self.patches or min(sizes) < 1:
            raise RangeError(f"glimpse: got {self}, need a patch and positive sizes")
        if not self.thresholds or any(np.diff(self.thresholds) <= 0):
            raise RangeError(f"glimpse: got thresholds {self.thresholds}, need some, ascending")


def centre(code: int, side: int, code_bits: int) -> int:
    """The pixel of an image side that a coordinate's code stands for: the middle of its share of the side."""
    return (2 * code + 1) * side >> (code_bits + 1)


def moved(geometry: GlimpseGeometry, row: int, col: int) -> GlimpseGeometry:
    """The glimpse with all its patches moved by so many pixels."""
    return replace(geometry, patches=tuple(Patch(row + p.row, col + p.col, p.pool) for p in geometry.patches))


class Costs(NamedTuple):
    """What one glimpse costs, whatever its pixels: words read from the image memory, pixels taken from them, additions,
    comparisons, extra cycles.
    """

    word_reads: int
    pixel_reads: int
    adds: int
    comparisons: int
    extra_cycles: int


def _cover(start: int, pool: int, patch_size: int, size: int) -> npt.NDArray[np.bool_]:
    """Which image lines each pooled line covers, `[patch_size, size]`."""
    window = (np.arange(size) - start) // pool
    cover: npt.NDArray[np.bool_] = window == np.arange(patch_size)[:, None]
    return cover


def _covers(geometry: GlimpseGeometry, patch: Patch) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Rows `[patch_size, height]` and columns `[patch_size, width]` that a patch's pooled pixels cover."""
    rows = _cover(patch.row, patch.pool, geometry.patch_size, geometry.height)
    return rows, _cover(patch.col, patch.pool, geometry.patch_size, geometry.width)


def costs(spec: GlimpseExtractorSpec, geometry: GlimpseGeometry) -> Costs:
    """Counts and cycles of one glimpse; recorded queries cost the same as queries made from pixels.

    A pooled pixel of m pixels inside the image takes m reads, m - 1 additions (none when m = 0) and one
    comparison a threshold. Image rows begin at a word; of each row that a patch covers, the words with its
    columns are read, one a cycle. The first word and `pixels_per_cycle` pixels are within the latency.
    """
    words = reads = adds = 0
    for patch in geometry.patches:
        row_cover, col_cover = _covers(geometry, patch)
        rows, cols = row_cover.sum(axis=1), col_cover.sum(axis=1)
        pixels = np.outer(rows, cols)
        words += int(rows.sum()) * len(np.unique(np.flatnonzero(col_cover.any(axis=0)) // geometry.pixels_per_word))
        reads += int(pixels.sum())
        adds += int(np.maximum(pixels - 1, 0).sum())
    comparisons = len(geometry.patches) * geometry.patch_size**2 * len(geometry.thresholds)
    cycles = max(words, -(-reads // spec.pixels_per_cycle))
    return Costs(words, reads, adds, comparisons, max(cycles - 1, 0))


def _levels(geometry: GlimpseGeometry, patch: Patch, images: npt.NDArray[np.float64]) -> Bits:
    """Levels of one patch, `[n_inputs, patch_size^2]`."""
    rows, cols = (cover.astype(np.float64) for cover in _covers(geometry, patch))
    sums = rows @ images @ cols.T  # whole numbers below 2^53: float64 is exact in any order
    reached = sums.reshape(len(images), -1, 1) >= np.array(geometry.thresholds) * patch.pool**2
    levels: Bits = reached.sum(axis=-1, dtype=np.uint8)
    return levels


def extract(spec: GlimpseExtractorSpec, state: GlimpseGeometry, x: Bits, draws: Draws) -> OpResult:
    """Make the query part of one glimpse from images.

    Args:
        state: geometry of the glimpse.
        x: grey images `[n_inputs, height, width]` uint8.

    Returns:
        y: levels `[n_inputs, n_patches x patch_size^2]` uint8, patch after patch, row-major.

    Raises:
        RangeError: if the images do not have the geometry's size or are not uint8.
    """
    if x.dtype != np.uint8 or x.shape[1:] != (state.height, state.width):
        raise RangeError(
            f"glimpse_extractor: got {x.dtype} images of shape {x.shape[1:]}, "
            f"need uint8 of {(state.height, state.width)}"
        )
    images = x.astype(np.float64)
    levels = [_levels(state, patch, images) for patch in state.patches]
    cost, n = costs(spec, state), len(x)
    activity = {"add": per_input(n, cost.adds), "quantise": per_input(n, cost.comparisons)}
    return OpResult(np.concatenate(levels, axis=1), activity, per_input(n, cost.extra_cycles))


def query_bits(levels: Bits, pixel_bits: int) -> Bits:
    """Levels `[..., n_pixels]` as key columns `[..., n_pixels x pixel_bits]`, most significant bit first.

    Raises:
        RangeError: if a level does not fit in `pixel_bits`.
    """
    if levels.max(initial=0) >= 2**pixel_bits:
        raise RangeError(
            f"glimpse_extractor: got level {levels.max()}, need below {2**pixel_bits} (pixel_bits)"
        )
    shifts = np.arange(pixel_bits, dtype=np.uint8)[::-1]
    bits = (levels[..., None] >> shifts & 1).astype(np.uint8)
    return bits.reshape(*levels.shape[:-1], -1)


GLIMPSE_EXTRACTOR = Component(
    name="glimpse_extractor",
    spec=GlimpseExtractorSpec,
    ops={"extract": Op(lambda spec: Delay(cycles=spec.pipeline_cycles), lambda spec: Delay(cycles=1))},
    actions={"add": "add_pj", "quantise": "quantise_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
