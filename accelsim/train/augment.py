"""Images as the hybrid's networks see them, and numbered random views of them.

A view is a shift and perhaps a mirroring of each image, drawn from (seed, view). Views are numbered so that a teacher's
answers to them can be computed once and kept (`distill.py`): student and teacher then see the very same pixels.

A mixed view is a weighted mean of two views, as in mixup (arXiv 1710.09412; its shares are drawn from a beta
distribution, ours evenly: assumed). Students that match a teacher on such mixtures, which it has not been trained on,
are what arXiv 2106.05237 recommends for distillation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

INPUT_OFFSET = 128
INPUT_SCALE = 1 / 64
"""The network sees (pixel - 128) / 64: the workload format's integer input times a power of two near the grey level's
standard deviation (61), so that the integer network needs no separate normalisation."""

PARTNERS_SEED = 1
"""Added to a mixture's seed for its partners and shares, so that they are not drawn with the numbers of its shifts."""


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
        partners: [n_mixed, n] int64, the other image in the last n_mixed views (seldom the same one), moved and
            mirrored as it is itself in that view.
        shares: [n_mixed, n] float32, its share, 0 … 1/2.
    """

    pixels: Tensor
    shifts: Tensor
    flips: Tensor
    max_shift: int
    mirrored: bool
    background: int
    partners: Tensor
    shares: Tensor

    @classmethod
    def drawn(
        cls, pixels: Tensor, n_views: int, seed: int, max_shift: int, mirrored: bool, background: int
    ) -> Views:
        """Views that are a function of (seed, view, image)."""
        generator = torch.Generator().manual_seed(seed)
        shape = (n_views, len(pixels))
        shifts = torch.randint(2 * max_shift + 1, (*shape, 2), generator=generator, dtype=torch.int16)
        flips = torch.randint(2, shape, generator=generator).bool() & mirrored
        none = torch.empty(0, len(pixels))
        return cls(pixels, shifts, flips, max_shift, mirrored, background, none.long(), none)

    def mixtures(self, n_views: int, seed: int) -> Views:
        """Mixed views alone: a function of (seed, view, image), shifts and mirrorings drawn as those of these views."""
        drawn = Views.drawn(self.pixels, n_views, seed, self.max_shift, self.mirrored, self.background)
        generator = torch.Generator().manual_seed(seed + PARTNERS_SEED)
        n = len(self.pixels)
        partners = torch.stack([torch.randperm(n, generator=generator) for _ in range(n_views)])
        return replace(drawn, partners=partners, shares=torch.rand(n_views, n, generator=generator) / 2)

    def followed_by(self, mixtures: Views) -> Views:
        """These views, none of them mixed, and then `mixtures` of the same images."""
        assert not len(self.partners), "mixed views come last"
        shifts, flips = torch.cat([self.shifts, mixtures.shifts]), torch.cat([self.flips, mixtures.flips])
        return replace(mixtures, shifts=shifts, flips=flips)

    @property
    def n_views(self) -> int:
        return len(self.shifts)

    @property
    def n_plain(self) -> int:
        """Views that are not mixed; they come first."""
        return self.n_views - len(self.partners)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """[n] numbers of views."""
        return torch.randint(self.n_views, (n,), generator=generator)

    def mixed(self, indices: Tensor, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which of the views `views[i]` of images `indices[i]` are mixed [m], with which image [m], its share [m]."""
        which = (views >= self.n_plain).nonzero().flatten()
        at = views[which] - self.n_plain, indices[which]
        return which, self.partners[at], self.shares[at]

    def batch(self, indices: Tensor, views: Tensor) -> Tensor:
        """Network inputs [n, channels, height, width] of view `views[i]` of image `indices[i]`."""
        x = self._moved(indices, views)
        which, partners, shares = self.mixed(indices, views)
        if len(which):
            x[which] = x[which].lerp(self._moved(partners, views[which]), shares[:, None, None, None])
        return x

    def _moved(self, indices: Tensor, views: Tensor) -> Tensor:
        """The same before mixing."""
        side = self.pixels.shape[-1]
        shift, flip = self.shifts[views, indices], self.flips[views, indices]
        rows = shift[:, :1] + torch.arange(side)
        columns = shift[:, 1:] + torch.where(flip[:, None], torch.arange(side).flip(0), torch.arange(side))
        border = (self.max_shift,) * 4
        padded = nn.functional.pad(self.pixels[indices], border, value=self.background)
        image = torch.arange(len(indices))[:, None, None, None]
        channel = torch.arange(self.pixels.shape[1])[None, :, None, None]
        return to_input(padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]])
