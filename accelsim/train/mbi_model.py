"""Learned prototypes: tables whose keys and values are trained by gradient through the nearest-key choice.

This is vector quantisation trained from labels, on the hardware of memorization-based inference: it departs from the
paper, which stores episodes of a trained recurrent network. A table is flat, or a tree of two levels: the nearest key
of its root names a child node, and the nearest key of that one the value row. A tree of 8 and 7 keys makes 15
comparisons, as many as a flat table of 15, and tells 56 values apart: it buys accuracy with memory, at the same energy.
Bits are -1 and +1 here, 0 and 1 in files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from accelsim.train.mbi_tables import Geometry, pack
from accelsim.train.precision import has_fast_bfloat16

KEY_SPREAD = 0.3
"""Size of a fresh latent: its sign is the bit, its size how many steps it takes to turn the bit."""

EXACT_IN_BFLOAT16 = 256
"""Whole numbers up to this are exact in bfloat16."""

TIE = 0.1
"""Ties go to the lowest index, as in the format: distances are whole numbers, so less than 1 reorders nothing else."""


@dataclass(frozen=True)
class TableShape:
    """Keys in a table's root, and in each of its children (0: no children, a flat table)."""

    first: int
    then: int

    @property
    def comparisons(self) -> int:
        """Keys that a query is compared with."""
        return self.first + self.then

    @property
    def n_keys(self) -> int:
        return self.first + self.first * self.then

    @property
    def n_rows(self) -> int:
        """Value rows."""
        return self.first * max(self.then, 1)

    def places(self) -> Tensor:
        """[n_keys] place of each key in its node, 0 … 1."""
        then = torch.arange(self.then) / max(self.then, 1)
        return torch.cat([torch.arange(self.first) / self.first, then.repeat(self.first)])

    def levels(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Views of [n_tables, n_keys, n]: of root keys [.., first, n] and of their children's [.., first, then, n]."""
        return keys[:, : self.first], keys[:, self.first :].unflatten(1, (self.first, self.then))


class _Sign(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    """The sign forward (that of a zero counts too), the identity backward."""

    @staticmethod
    def forward(context: Any, latent: Tensor, dtype: torch.dtype) -> Tensor:
        return torch.copysign(torch.ones(()), latent).to(dtype)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.float(), None


class _Choose(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    """Nearest key of each table's root and of the child that it names; the choice of a softmax backward.

    The likeness of all keys [n_tables * n_keys, n] (of a table: its root's keys, then its children's) -> 1 at the
    chosen rows [n_tables * n_rows, n], else 0. Half the likeness is a constant less the distance.
    """

    @staticmethod
    def forward(context: Any, likeness: Tensor, shape: TableShape, temperature: float) -> Tensor:
        n = likeness.shape[1]
        nearness = likeness.reshape(-1, shape.n_keys, n) - 2 * TIE * shape.places()[:, None]  # float32
        root, children = shape.levels(nearness)
        behind = root - root.amax(1, keepdim=True)
        if shape.then:
            behind = (children - children.amax(2, keepdim=True)).add_(behind.unsqueeze(2))
        context.save_for_backward(nearness)
        context.shape, context.softness, context.dtype = shape, 2 * temperature, likeness.dtype
        # 1 where nothing is ahead. (Comparisons of floats are many times slower than their arithmetic here.)
        return behind.sign_().add_(1).to(likeness.dtype).reshape(-1, n)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (nearness,) = context.saved_tensors
        shape: TableShape = context.shape
        result = torch.empty(nearness.shape, dtype=context.dtype)
        root, children = shape.levels(nearness)
        to_root, to_children = shape.levels(result)
        of_root = _softmax(root, 1, context.softness)
        worth = gradient.float().reshape(len(nearness), -1, nearness.shape[2])
        if shape.then:
            of_child, each = _softmax(children, 2, context.softness), worth.view(children.shape)
            worth = (of_child * each).sum(2)
            each = (each - worth.unsqueeze(2)).mul_((of_root / context.softness).unsqueeze(2))
            to_children.copy_(of_child.mul_(each))
        to_root.copy_((worth - (of_root * worth).sum(1, keepdim=True)).mul_(of_root).div_(context.softness))
        return result.reshape(-1, nearness.shape[2]), None, None


def _softmax(x: Tensor, axis: int, softness: float) -> Tensor:
    # torch.softmax is many times slower along an axis that is not the last one of many.
    result = (x - x.amax(axis, keepdim=True)).div_(softness).exp_()
    return result.div_(result.sum(axis, keepdim=True))


def hard_bits(latent: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """[...] latents -> [...] -1 or +1, with a gradient."""
    bits: Tensor = _Sign.apply(latent, dtype)
    return bits


def glimpse_bits(images: Tensor, geometry: Geometry) -> Tensor:
    """images [n, height, width] of whole pixels -> patch bits [n, n_glimpses, patch_columns] int8, -1 or +1.

    As `mbi_tables.patch_levels`, for the trainer's own images; patches must lie inside the image.
    """
    size = geometry.patch_size
    glimpses = []
    for glimpse in geometry.glimpses:
        levels = []
        for patch in glimpse:
            side = size * patch.pool
            area = images[:, patch.row : patch.row + side, patch.col : patch.col + side].to(torch.int32)
            sums = area.reshape(-1, size, patch.pool, size, patch.pool).sum((2, 4), dtype=torch.int32).flatten(1)
            levels.append(sum((sums >= t * patch.pool**2).to(torch.uint8) for t in geometry.pixel_thresholds))
        level = torch.cat(levels, 1)
        bits = [(level >> j) & 1 for j in reversed(range(geometry.pixel_bits))]
        glimpses.append(torch.stack(bits, -1).flatten(1).to(torch.int8).mul_(2).sub_(1))
    return torch.stack(glimpses, 1)


class PrototypeTables(nn.Module):  # type: ignore[misc, unused-ignore]
    """`geometry.n_tables` tables of one shape a glimpse.

    key_latents [n_glimpses, n_tables * n_keys, n_columns]: their signs are the keys, in the order of `_Choose`.
    votes [n_glimpses, n_tables * n_rows, n_classes] and write_latents [n_glimpses, n_tables * n_rows, write_bits]: the
    value rows.

    Attributes:
        noise: standard deviation, in steps of distance, of what is added to every distance while training.
    """

    def __init__(self, geometry: Geometry, shape: TableShape, hidden_weight: int, examples: Tensor, seed: int) -> None:
        """examples: [n, n_glimpses, patch_columns] training patches, -1 or +1."""
        super().__init__()
        self.geometry, self.shape, self.hidden_weight = geometry, shape, hidden_weight
        self.noise = 0.0
        n_glimpses, n_tables = len(geometry.glimpses), geometry.n_tables
        generator = torch.Generator().manual_seed(seed)

        def normal(*size: int) -> Tensor:
            return torch.randn(*size, generator=generator)

        weights = torch.from_numpy(geometry.significance()).float()
        weights[geometry.patch_columns :] = hidden_weight
        self.register_buffer("column_weights", weights, persistent=False)
        patches = torch.stack([self._first_keys(examples[:, g].float(), generator) for g in range(n_glimpses)])
        hidden = normal(n_glimpses, patches.shape[1], geometry.hidden_bits)
        latents = torch.cat([KEY_SPREAD * patches + 0.05 * normal(*patches.shape), KEY_SPREAD * hidden], 2)
        self.key_latents = nn.Parameter(latents)
        n_rows = shape.n_rows * n_tables
        self.votes = nn.Parameter(0.01 * normal(n_glimpses, n_rows, geometry.n_classes))
        self.write_latents = nn.Parameter(KEY_SPREAD * normal(n_glimpses, n_rows, geometry.write_bits))
        own = torch.eye(n_tables).repeat_interleave(geometry.write_bits, 1)
        self.register_buffer("own_bits", own.repeat_interleave(shape.n_rows, 0), persistent=False)
        largest = float(weights.sum())
        exact = largest <= EXACT_IN_BFLOAT16
        self.dtype = torch.bfloat16 if exact and has_fast_bfloat16("cpu") else torch.float32

    def _first_keys(self, examples: Tensor, generator: torch.Generator) -> Tensor:
        """[n_tables * n_keys, patch_columns]: patches of training images, so that each key wins somewhere.

        A child's keys are patches nearest to the root key that names it.
        """

        def drawn(candidates: Tensor, n: int) -> Tensor:
            return candidates[torch.randint(len(candidates), (n,), generator=generator)]

        keys = []
        for _ in range(self.geometry.n_tables):
            root = drawn(examples, self.shape.first)
            keys.append(root)
            if self.shape.then:
                likeness = (examples * self.column_weights[: examples.shape[1]]) @ root.T
                nearest = likeness.argmax(1)
                groups = (examples[nearest == first] for first in range(self.shape.first))
                keys += [drawn(near if len(near) else examples, self.shape.then) for near in groups]
        return torch.cat(keys)

    def forward(self, patches: Tensor, temperature: float, generator: torch.Generator | None = None) -> Tensor:
        """patches [n, n_glimpses, patch_columns], -1 or +1 -> class votes [n, n_classes].

        Forward is always the nearest key; backward is the softmax of the negative distances over `temperature`.
        generator: of the noise.
        """
        n, geometry, dtype = len(patches), self.geometry, self.dtype
        votes = torch.zeros(geometry.n_classes, n)
        # The first hidden code is the same for all inputs: `keys` makes its keys' part equal to it.
        hidden = torch.zeros(geometry.hidden_bits, n, dtype=dtype)
        # Unbound at once: the gradient of each single index would be as large as the whole.
        parts = (self.key_latents.unbind(), self.votes.unbind(), self.write_latents.unbind())
        for g, (keys, cast, writes) in enumerate(zip(*parts, strict=True)):
            seen = torch.cat([patches[:, g].to(dtype).T, hidden]) * self.column_weights.to(dtype)[:, None]
            likeness = hard_bits(keys, dtype) @ seen
            if self.training and self.noise:
                likeness = likeness + 2 * self.noise * torch.randn(likeness.shape, generator=generator, dtype=dtype)
            chosen = _Choose.apply(likeness, self.shape, temperature)
            written = hard_bits(writes, dtype).repeat(1, geometry.n_tables) * self.own_bits.to(dtype)
            values = torch.cat([cast.to(dtype), written], 1).T @ chosen
            votes = votes + values[: geometry.n_classes].float()
            hidden = values[geometry.n_classes :]
        return votes.T

    def clamp(self) -> None:
        """Keep latents within -1 … 1, so that a bit can always turn again."""
        with torch.no_grad():
            self.key_latents.clamp_(-1, 1)
            self.write_latents.clamp_(-1, 1)

    def tables(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of `model.safetensors` but for the votes, which `votes_by_row` has: tables one after the other."""
        geometry, shape = self.geometry, self.shape
        n_glimpses, n_trees = len(geometry.glimpses), len(geometry.glimpses) * geometry.n_tables
        bits = ~self.key_latents.detach().signbit()
        bits[0, :, geometry.patch_columns :] = False
        nodes_of_tree = 1 + (shape.first if shape.then else 0)
        sizes = [shape.first, *[shape.then] * (nodes_of_tree - 1)] * n_trees
        split_weights = np.ones((n_glimpses, int(geometry.split_of_column().max()) + 1), np.int32)
        split_weights[:, geometry.split_of_column()[geometry.patch_columns] :] = self.hidden_weight
        return {
            "keys": pack(bits.flatten(0, 1).numpy().astype(np.uint8)),
            "key_next": self._key_next(n_trees, nodes_of_tree),
            "node_start": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
            "roots": (nodes_of_tree * np.arange(n_trees, dtype=np.int32)).reshape(n_glimpses, geometry.n_tables),
            "split_weights": split_weights,
            "value_hidden": pack((~self.write_latents.detach().signbit()).flatten(0, 1).numpy().astype(np.uint8)),
            "hidden_init": np.zeros(-(-geometry.hidden_bits // 8), np.uint8),
        }

    def votes_by_row(self) -> npt.NDArray[np.float64]:
        """[n_rows of all tables, n_classes], in the order of the value rows of `tables`."""
        votes: npt.NDArray[np.float64] = self.votes.detach().flatten(0, 1).double().numpy()
        return votes

    def _key_next(self, n_trees: int, nodes_of_tree: int) -> npt.NDArray[np.int32]:
        """[n_keys of all tables]: where each key leads."""
        shape, n_rows = self.shape, n_trees * self.shape.n_rows
        values = (-1 - np.arange(n_rows)).reshape(n_trees, shape.n_rows)
        if not shape.then:
            return values.reshape(-1).astype(np.int32)
        children = nodes_of_tree * np.arange(n_trees)[:, None] + 1 + np.arange(shape.first)
        return np.concatenate([children, values], axis=1).reshape(-1).astype(np.int32)
