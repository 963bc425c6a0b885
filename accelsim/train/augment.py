"""Images as the hybrid's networks see them, and numbered random views of them.

A view is a shift and perhaps a mirroring of each image, drawn from (seed, view). Views are numbered so that a teacher's
answers to them can be computed once and kept (`distill.py`): student and teacher then see the very same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

INPUT_OFFSET = 128
INPUT_SCALE = 1 / 64
"""The network sees (pixel - 128) / 64: the workload format's integer input times a power of two near the grey level's
standard deviation (61), so that the integer network needs no separate normalisation."""


def to_input(pixels: Tensor) -> Tensor:
    """[n, channels, height, width] uint8 -> the same shape, float32, channels last."""
    x = (pixels.float() - INPUT_OFFSET).mul_(INPUT_SCALE)
    return x.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Views:
    """`n_views` views of each of n images.

    Attributes:
        pixels: [n, channels, height, width] uint8.
        shifts: [n_views, n, 2] int16, 0 … 2 max_shift, down and to the right.
        flips: [n_views, n] bool, mirrored left to right.
        max_shift: pixels by which a view is shifted at most, up, down, left and right.
        mirrored: whether half of the views are mirrored.
        background: pixel value of what a shift brings in.
    """

    pixels: Tensor
    shifts: Tensor
    flips: Tensor
    max_shift: int
    mirrored: bool
    background: int

    @classmethod
    def drawn(
        cls, pixels: Tensor, n_views: int, seed: int, max_shift: int, mirrored: bool, background: int
    ) -> Views:
        """Views that are a function of (seed, view, image)."""
        generator = torch.Generator().manual_seed(seed)
        shape = (n_views, len(pixels))
        shifts = torch.randint(2 * max_shift + 1, (*shape, 2), generator=generator, dtype=torch.int16)
        flips = torch.randint(2, shape, generator=generator).bool() & mirrored
        return cls(pixels, shifts, flips, max_shift, mirrored, background)

    @property
    def n_views(self) -> int:
        return len(self.shifts)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """[n] numbers of views."""
        return torch.randint(self.n_views, (n,), generator=generator)

    def batch(self, indices: Tensor, views: Tensor) -> Tensor:
        """Network inputs [n, channels, height, width] of view `views[i]` of image `indices[i]`."""
        side = self.pixels.shape[-1]
        shift, flip = self.shifts[views, indices], self.flips[views, indices]
        rows = shift[:, :1] + torch.arange(side)
        columns = shift[:, 1:] + torch.where(flip[:, None], torch.arange(side).flip(0), torch.arange(side))
        border = (self.max_shift,) * 4
        padded = nn.functional.pad(self.pixels[indices], border, value=self.background)
        image = torch.arange(len(indices))[:, None, None, None]
        channel = torch.arange(self.pixels.shape[1])[None, :, None, None]
        return to_input(padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]])
