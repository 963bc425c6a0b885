"""Row-stationary mapping: a layer and a PE grid with scratchpads → passes, cycles, and words moved.

A *PE set* computes `e` rows of one output channel's plane: kernel rows lie across PE rows, output rows across PE
columns (a set wider than the grid is folded into strips one above the other). In one *pass* the grid holds `r x t`
sets that work on `n` images: each PE keeps the rows of `p` filters and `q` channels, `r` sets take different
channels, `t` sets different filters. Partial sums of a pass go to the global buffer and come back for the next group
of channels.

*Source:* Chen, Krishna, Emer, Sze, JSSC 52(1) 2017 (Eyeriss): the dataflow and the names n, e, p, q, r, t of its
Table III. *Valid for:* convolutions whose kernel has at most as many rows as the grid; a dense layer is a 1 x 1
convolution. *Assumed:* padding is kept in the global buffer as zeros; strips of output rows are the outermost loop,
then groups of images, then groups of filters, then groups of channels, so filters come from DRAM again for each strip
and image group, and an input strip is read from the buffer again for each group of filters. """

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from accelsim.errors import RangeError
from accelsim.mapping.tiling import Layer


@dataclass(frozen=True)
class Grid:
    """What bounds a mapping: PEs, words of each PE's scratchpads and of the global buffer, and how fast words move.

    Attributes:
        n_pe_rows, n_pe_cols: the grid.
        filter_words, input_words, psum_words: scratchpads of one PE.
        buffer_words: global buffer.
        bus_words: words a cycle between the global buffer and the PEs, each way.
        dram_words: words a cycle between DRAM and the global buffer.
    """

    n_pe_rows: int
    n_pe_cols: int
    filter_words: int
    input_words: int
    psum_words: int
    buffer_words: int
    bus_words: int
    dram_words: float


@dataclass(frozen=True)
class Mapping:
    """How many images, output rows, filters and channels a pass works on (module docstring)."""

    n: int
    e: int
    p: int
    q: int
    r: int
    t: int


@dataclass(frozen=True)
class Plan:
    """A mapped layer.

    Attributes:
        mapping: the mapping.
        active_pes: PEs that work in a full pass.
        n_groups: runs of passes that finish a set of outputs (their channels are added up inside the run).
        passes_per_group: passes of one run.
        pass_cycles: cycles in which a PE does one multiply-accumulate each, a pass.
        filter_words, first_input_words: filter and input words of one pass.
        read_words, write_words: words that one run reads from and writes to the global buffer.
        dram_in_words: words that come from DRAM for the layer; dram_out_words: its outputs.
        macs: multiply-accumulates of the layer, all images.
    """

    mapping: Mapping
    active_pes: int
    n_groups: int
    passes_per_group: int
    pass_cycles: int
    filter_words: int
    first_input_words: int
    read_words: int
    write_words: int
    dram_in_words: int
    dram_out_words: int
    macs: int

    @property
    def buffer_words(self) -> int:
        """Words that the layer moves in and out of the global buffer."""
        return self.n_groups * (self.read_words + self.write_words)

    @property
    def compute_cycles(self) -> int:
        """Cycles of all passes, without filling, stalls, or waiting."""
        return self.n_groups * self.passes_per_group * self.pass_cycles


def _over(a: int, b: int) -> int:
    return -(-a // b)


def sets_that_fit(layer: Layer, grid: Grid, e: int) -> int:
    """PE sets of `e` output rows that lie on the grid at once (0: not even one)."""
    if e <= grid.n_pe_cols:
        return (grid.n_pe_rows // layer.kernel) * (grid.n_pe_cols // e)
    return grid.n_pe_rows // (layer.kernel * _over(e, grid.n_pe_cols))


def faults(layer: Layer, batch: int, grid: Grid, mapping: Mapping) -> list[str]:
    """What a mapping exceeds, in words; empty when it fits."""
    m, kernel = mapping, layer.kernel
    channels, filters = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    pass_words = m.n * (m.p * m.t * m.e * layer.out_width + m.q * m.r * _strip_rows(layer, m.e) * _padded(layer))
    limits = [
        ("n (images)", m.n, batch),
        ("e (output rows)", m.e, layer.out_height),
        ("r (PE sets with other channels)", m.r, channels),
        ("q (channels of a PE)", m.q, _over(channels, m.r)),
        ("t (PE sets with other filters)", m.t, filters),
        ("p (filters of a PE)", m.p, _over(filters, m.t)),
        ("r x t (PE sets)", m.r * m.t, sets_that_fit(layer, grid, m.e)),
        ("p x q x kernel (filter scratchpad words)", m.p * m.q * kernel, grid.filter_words),
        ("q x kernel (input scratchpad words)", m.q * kernel, grid.input_words),
        ("p (partial-sum scratchpad words)", m.p, grid.psum_words),
        ("words of a pass in the global buffer", pass_words, grid.buffer_words),
    ]
    return [f"{what}: got {got}, need at most {limit}" for what, got, limit in limits if got > limit]


def _strip_rows(layer: Layer, e: int) -> int:
    """Input rows, with padding, of `e` output rows."""
    return (e - 1) * layer.stride + layer.kernel


def _padded(layer: Layer) -> int:
    return layer.in_width + 2 * layer.padding


def plan(layer: Layer, batch: int, grid: Grid, mapping: Mapping) -> Plan:
    """Passes and traffic of a layer under a mapping.

    Args:
        batch: images that are worked on together.

    Raises:
        RangeError: if the mapping does not fit the layer or the grid.
    """
    wrong = faults(layer, batch, grid, mapping)
    if wrong:
        raise RangeError(f"mapping of layer {layer.name}: {wrong[0]}")
    m = mapping
    channels, filters = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    strips, image_groups = _over(layer.out_height, m.e), _over(batch, m.n)
    filter_groups, channel_groups = _over(filters, m.p * m.t), _over(channels, m.q * m.r)
    n_groups = strips * image_groups * layer.groups * filter_groups
    outputs = batch * layer.out_channels * layer.out_height * layer.out_width
    # A partial sum is written by every pass and read by every one but the first of its run.
    psums = _over(outputs, n_groups)
    inputs = m.n * channels * _strip_rows(layer, m.e) * _padded(layer)
    weights = layer.n_weights * strips * image_groups
    group_weights = _over(weights, n_groups)
    return Plan(
        mapping=m,
        active_pes=layer.kernel * m.e * m.r * m.t,
        n_groups=n_groups,
        passes_per_group=channel_groups,
        pass_cycles=m.n * m.p * m.q * layer.kernel * layer.out_width,
        filter_words=min(m.p * m.t, filters) * min(m.q * m.r, channels) * layer.kernel**2,
        first_input_words=m.n * min(m.q * m.r, channels) * _strip_rows(layer, m.e) * _padded(layer),
        read_words=psums * (channel_groups - 1) + inputs + group_weights,
        write_words=psums * channel_groups,
        dram_in_words=batch * layer.in_channels * layer.in_height * layer.in_width + weights,
        dram_out_words=outputs,
        macs=batch * layer.dense_macs,
    )


def choose(layer: Layer, batch: int, grid: Grid) -> Plan:
    """The quickest plan among balanced mappings; of equally quick ones, that which moves the fewest words.

    Balanced: output rows, filters and channels are shared out evenly over as many strips or groups as there are.

    Raises:
        RangeError: if no mapping fits.
    """
    best = _quickest(replace(layer, name=""), batch, grid)
    if best is None:
        need = f"a kernel of at most {grid.n_pe_rows} rows, and larger scratchpads or a larger global buffer"
        raise RangeError(f"layer {layer.name}: got no row-stationary mapping that fits, need {need}")
    return best


@cache
def _quickest(layer: Layer, batch: int, grid: Grid) -> Plan | None:
    """What `choose` looks for; networks repeat their layers under other names."""
    channels, filters = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    best, rank = None, (math.inf, 0)
    for e in _shares(layer.out_height, layer.out_height):
        sets = sets_that_fit(layer, grid, e)
        for r in _shares(channels, sets):
            for t in _shares(filters, sets // r):
                for mapping in _in_a_pe(layer, batch, grid, e, r, t):
                    if _least_cycles(layer, batch, mapping) > rank[0] or faults(layer, batch, grid, mapping):
                        continue
                    found = plan(layer, batch, grid, mapping)
                    if _rank(found, grid) < rank:
                        best, rank = found, _rank(found, grid)
    return best


def _least_cycles(layer: Layer, batch: int, m: Mapping) -> int:
    """Multiply-accumulates of a PE in all its passes: no layer takes fewer cycles."""
    channels, filters = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    runs = _over(layer.out_height, m.e) * _over(batch, m.n) * layer.groups * _over(filters, m.p * m.t)
    return runs * _over(channels, m.q * m.r) * m.n * m.p * m.q * layer.kernel * layer.out_width


def _in_a_pe(layer: Layer, batch: int, grid: Grid, e: int, r: int, t: int) -> Iterator[Mapping]:
    """Images of a pass, and filters and channels of a PE: of the filters the two largest shares that fit it."""
    channels, filters = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    for q in _shares(_over(channels, r), grid.input_words // layer.kernel):
        most = min(grid.psum_words, grid.filter_words // (q * layer.kernel))
        for p in _shares(_over(filters, t), most)[:2]:
            for n in _shares(batch, batch):
                yield Mapping(n, e, p, q, r, t)


def _shares(total: int, most: int) -> list[int]:
    """Sizes of at most `most` into which `total` can be shared evenly (the last may be less), largest first."""
    return sorted({_over(total, parts) for parts in range(_over(total, most), total + 1)}, reverse=True) if most else []


def _rank(found: Plan, grid: Grid) -> tuple[float, int]:
    """Cycles of the layer, and words moved.

    The first run waits for what its first pass needs; from then on runs and DRAM overlap, but the last run waits for
    the last words (where there is more than one). Then the outputs leave.
    """
    fill = found.passes_per_group * _over(found.filter_words, grid.bus_words)
    moved = max(found.read_words, found.write_words) / grid.bus_words
    run = max(found.passes_per_group * found.pass_cycles + fill, moved)
    first = min(found.dram_in_words, found.filter_words + found.first_input_words)
    last = run if found.n_groups > 1 else 0
    together = max(found.n_groups * run, (found.dram_in_words - first) / grid.dram_words + last)
    cycles = (first + found.dram_out_words) / grid.dram_words + together
    return cycles, found.dram_in_words + found.buffer_words
