"""Learned prototypes: tables whose keys and values are trained by gradient through the nearest-key choice.

This is vector quantisation trained from labels, on the hardware of memorization-based inference: it
departs from the paper, which stores episodes of a trained recurrent network. Bits are -1 and +1 here, 0
and 1 in files.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from accelsim.train.mbi_tables import Geometry

KEY_SPREAD = 0.3
"""Size of a fresh latent: its sign is the bit, its size how many steps it takes to turn the bit."""


class _Sign(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    """The sign forward (0 counts as +1), the identity backward."""

    @staticmethod
    def forward(context: Any, latent: Tensor) -> Tensor:
        return torch.where(latent >= 0, 1.0, -1.0)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return gradient


def hard_bits(latent: Tensor) -> Tensor:
    """[...] latents -> [...] -1 or +1, with a gradient."""
    bits: Tensor = _Sign.apply(latent)
    return bits


def glimpse_bits(images: Tensor, geometry: Geometry) -> Tensor:
    """images [n, height, width] float32 -> patch bits [n, n_glimpses, patch_columns], -1 or +1.

    Patches must lie inside the image. This repeats `mbi_tables.patch_levels` in floats, because distorted
    images are not whole numbers; on whole ones the two agree.
    """
    size = geometry.patch_size
    significance = 2 ** torch.arange(geometry.pixel_bits).flip(0)
    glimpses = []
    for glimpse in geometry.glimpses:
        levels = []
        for patch in glimpse:
            side = size * patch.pool
            area = images[:, patch.row : patch.row + side, patch.col : patch.col + side]
            sums = area.reshape(-1, size, patch.pool, size, patch.pool).sum((2, 4)).flatten(1)
            levels.append(sum((sums >= t * patch.pool**2).long() for t in geometry.pixel_thresholds))
        bits = torch.cat(levels, 1).unsqueeze(-1).bitwise_and(significance) > 0
        glimpses.append(bits.flatten(1).float() * 2 - 1)
    return torch.stack(glimpses, 1)


class PrototypeTables(nn.Module):  # type: ignore[misc, unused-ignore]
    """n_tables flat tables of `n_keys` rows a glimpse.

    patch_latents [n_glimpses, n_tables * n_keys, patch_columns] and hidden_latents [.., hidden_bits]: their
    signs are the keys. votes [n_glimpses, n_tables, n_keys, n_classes] and write_latents [.., write_bits]:
    the values.
    """

    def __init__(
        self, geometry: Geometry, n_keys: int, hidden_weight: int, examples: Tensor, seed: int
    ) -> None:
        """examples: [n, n_glimpses, patch_columns] training patches, -1 or +1."""
        super().__init__()
        self.geometry, self.n_keys, self.hidden_weight = geometry, n_keys, hidden_weight
        n_glimpses, n_tables = len(geometry.glimpses), geometry.n_tables
        n_rows = n_tables * n_keys
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)

        # Keys start as patches of training images, so that each wins somewhere.
        chosen = torch.randint(len(examples), (n_glimpses, n_rows), generator=generator)
        patches = torch.stack([examples[chosen[g], g] for g in range(n_glimpses)])
        self.patch_latents = nn.Parameter(KEY_SPREAD * patches + 0.05 * normal(*patches.shape))
        self.hidden_latents = nn.Parameter(KEY_SPREAD * normal(n_glimpses, n_rows, geometry.hidden_bits))
        self.votes = nn.Parameter(0.01 * normal(n_glimpses, n_tables, n_keys, geometry.n_classes))
        write_shape = (n_glimpses, n_tables, n_keys, geometry.write_bits)
        self.write_latents = nn.Parameter(KEY_SPREAD * normal(*write_shape))
        significance = torch.from_numpy(geometry.significance()[: geometry.patch_columns]).float()
        self.register_buffer("column_weights", significance, persistent=False)

    def forward(self, patches: Tensor, temperature: float) -> Tensor:
        """patches [n, n_glimpses, patch_columns] -> class votes [n, n_classes].

        Forward is always the one nearest key of each table; backward is the softmax of the negative
        distances.
        """
        n, n_tables = len(patches), self.geometry.n_tables
        hidden = torch.full((n, self.geometry.hidden_bits), -1.0)
        # Ties go to the lowest index, as in the format; distances are whole, so nothing else is reordered.
        tie = torch.arange(self.n_keys) * (0.1 / self.n_keys)
        votes = torch.zeros(n, self.geometry.n_classes)
        for g in range(len(self.geometry.glimpses)):
            likeness = (patches[:, g] * self.column_weights) @ hard_bits(self.patch_latents[g]).T
            # The first hidden code is the same for all inputs: `keys` makes its keys' part equal to it.
            if g > 0:
                likeness = likeness + self.hidden_weight * (hidden @ hard_bits(self.hidden_latents[g]).T)
            # Half the likeness is a constant less the distance.
            nearness = (likeness / 2).reshape(n, n_tables, self.n_keys) - tie
            soft = nn.functional.softmax(nearness / temperature, -1)
            hard = torch.zeros_like(soft).scatter_(-1, nearness.argmax(-1, keepdim=True), 1.0)
            chosen = (hard + soft - soft.detach()).transpose(0, 1)
            votes = votes + torch.bmm(chosen, self.votes[g]).sum(0)
            hidden = torch.bmm(chosen, hard_bits(self.write_latents[g])).transpose(0, 1).reshape(n, -1)
        return votes

    def clamp(self) -> None:
        """Keep latents within -1 … 1, so that a bit can always turn again."""
        with torch.no_grad():
            for latent in (self.patch_latents, self.hidden_latents, self.write_latents):
                latent.clamp_(-1, 1)

    def keys(self) -> Tensor:
        """[n_glimpses * n_tables * n_keys, n_columns] key bits, 0 or 1; the first glimpse's hidden ones 0."""
        hidden = self.hidden_latents.detach() >= 0
        hidden[0] = False
        bits = torch.cat([self.patch_latents.detach() >= 0, hidden], -1)
        return bits.flatten(0, 1).to(torch.uint8)

    def written(self) -> Tensor:
        """[n_glimpses * n_tables * n_keys, write_bits] hidden bits of the value rows, 0 or 1."""
        return (self.write_latents.detach() >= 0).flatten(0, 2).to(torch.uint8)
