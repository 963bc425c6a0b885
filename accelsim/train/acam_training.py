"""Training a student for the analog CAM it answers through: thresholds and stored windows learned with the network.

What the array does with a feature vector is the model: feature i becomes a level (how many of its thresholds it
exceeds), cell (r, i) matches when the level lies in its window, a row's score is its number of matching cells, and
the class is that of the row with the most. All of it is trained, straight through the two roundings:

- a *bit* (feature above a threshold) is 1 or 0 forward; backward it is a ramp over `SURROGATE_WIDTH` either side;
- a *window* is stored as latent centre and half-width in levels, whose ends are rounded forward and ramps backward,
  and which are kept within the levels after each step. A binary cell without "don't care" is a centre alone: its
  latent weight.

With thermometer bits b_k (level >= k) and memberships m_l (1 where level l matches) a cell is m_0 + sum_k b_k (m_k -
m_{k-1}), so a search is one matrix product. A "don't care" cell matches always, as in the array, where it adds one to
its row.

Logits are a learned scale times the rows' counts; of several rows a class, the log-sum-exp while training,
the largest in use. Features are those of the last batch norm: its ReLU is dropped, so that both sides of a threshold
are alike.

*Source*: ours (arXiv 2502.10089 asks for ACAM-aware training and has none). Straight-through: Bengio et al., arXiv
1308.3432; latent binary weights: Courbariaux et al., arXiv 1602.02830. It is a binarised dense layer learned by
gradient in the place of class means; a workload made so says so (`method`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress
from torch import Tensor, nn

from accelsim.errors import RangeError
from accelsim.train.lessons import Lessons
from accelsim.train.loop import Recipe, fit
from accelsim.train.networks import N_FEATURES, Student, device_of
from accelsim.train.precision import fast_autocast
from accelsim.train.templates import Templates, cluster

SURROGATE_WIDTH = 1.0
"""Half width of a bit's ramp, in units of a feature (the output of a batch norm, whose scale has fallen to some 0.5 in
trained students). Assumed: 0.6 made no difference in a trial."""

EDGE_WIDTH, WIDE_EDGE_WIDTH = 0.5, 1.0
"""Half width of a window edge's ramp, in levels, of binary cells and of others. A binary cell's two edges move
together, and would cancel if both levels saw both; among more levels the two nearest see an edge, wherever it is.
Assumed, not tuned."""

FIRST_SCALE = 0.03
"""Logit a matching cell at the start; learned from there. Assumed: 0.02 and 0.04 were alike in a trial, 0.01 worse."""

SPREAD = 0.5
"""How far a latent starts from the flip, for a class whose share of ones is that much above the mean share."""

MAX_LEVELS = 16
INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class AcamOptions:
    """What the array may hold.

    Attributes:
        feature_levels: levels a feature has, 2 … 16.
        templates_per_class: rows a class.
        dont_care: binary cells may match both levels. (Windows of more levels always may.)
    """

    feature_levels: int = 2
    templates_per_class: int = 1
    dont_care: bool = False

    @property
    def wide(self) -> bool:
        """Whether windows have a width of their own."""
        return self.dont_care or self.feature_levels > 2

    def __post_init__(self) -> None:
        if not 2 <= self.feature_levels <= MAX_LEVELS:
            raise RangeError(f"feature_levels: got {self.feature_levels}, need 2 to {MAX_LEVELS}")
        if self.templates_per_class < 1:
            raise RangeError(f"templates_per_class: got {self.templates_per_class}, need at least 1")


class _Step(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    """1.0 where x > 0, else 0.0; backward a ramp from -width to width."""

    @staticmethod
    def forward(context: Any, x: Tensor, width: float) -> Tensor:
        context.save_for_backward(x)
        context.width = width
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        return gradient * (x.abs() < context.width) / (2 * context.width), None


def step(x: Tensor, width: float) -> Tensor:
    """1.0 where x > 0, else 0.0; its gradient is that of a ramp over -width … width."""
    stepped: Tensor = _Step.apply(x, width)
    return stepped


class Windows(nn.Module):  # type: ignore[misc, unused-ignore]
    """Latent windows of the array's cells.

    Attributes:
        offset: [n_rows, n_features], centre of each window above the middle of all levels, as a share of their span, so
            that crossing it takes as many optimiser steps as flipping a bit.
        half_width: the same; that of binary cells without "don't care" stays 0.
    """

    def __init__(self, offset: Tensor, half_width: Tensor, n_levels: int, *, wide: bool) -> None:
        """offset, half_width: in levels."""
        super().__init__()
        self.n_levels, self.span, self.middle = n_levels, n_levels - 1, (n_levels - 1) / 2
        self.edge_width = EDGE_WIDTH if n_levels == 2 else WIDE_EDGE_WIDTH
        self.offset = nn.Parameter(offset / self.span)
        self.half_width = nn.Parameter(half_width / self.span, requires_grad=wide)

    def forward(self) -> Tensor:
        """[n_rows, n_features, n_levels]: 1.0 where a level matches, else 0.0."""
        level = torch.arange(self.n_levels, device=self.offset.device) - self.middle
        below, above = level - 0.5, level + 0.5
        offset, half_width = self.span * self.offset, self.span * self.half_width
        from_low = above - (offset - half_width).unsqueeze(2)
        from_high = below - (offset + half_width).unsqueeze(2)
        # Strict on one side alone: a window without width still has exactly one level.
        return step(from_low, self.edge_width) * (1 - step(from_high, self.edge_width))

    def clip(self) -> None:
        """Keep centres among the levels and half-widths within their range, where a gradient still reaches them."""
        with torch.no_grad():
            self.offset.clamp_(-0.5, 0.5)
            self.half_width.clamp_(0, 0.5 + 0.5 / self.span)

    def stored(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """First and last matching level [n_rows, n_features]."""
        member = self().detach().byte()
        low, high = member.argmax(2), self.n_levels - 1 - member.flip(2).argmax(2)
        return low.numpy().astype(np.uint8), high.numpy().astype(np.uint8)


class AcamNetwork(nn.Module):  # type: ignore[misc, unused-ignore]
    """A student whose answer is the array's.

    Attributes:
        student: without the ReLU of its last layer.
        first: [n_features, n_levels - 1], thresholds at the start; moved: what they have moved since.
        windows: rows class by class, `templates_per_class` each.
        log_scale: logarithm of the logit that a matching cell is worth, over `FIRST_SCALE`.
        noise_counts: sigma of what a chip adds to a row's count, drawn for each example while training.
    """

    def __init__(self, student: Student, options: AcamOptions, thresholds: Tensor, windows: Windows) -> None:
        super().__init__()
        self.student, self.options = student, options
        self.register_buffer("first", thresholds)
        self.moved = nn.Parameter(torch.zeros_like(thresholds))
        self.windows = windows
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.noise_counts = 0.0

    @classmethod
    def blank(cls, student: Student, options: AcamOptions) -> AcamNetwork:
        """One whose state is to be loaded."""
        n_levels, n_rows = options.feature_levels, student.n_classes * options.templates_per_class
        cells = torch.zeros(n_rows, N_FEATURES)
        windows = Windows(cells, cells.clone(), n_levels, wide=options.wide)
        return cls(without_last_relu(student), options, torch.zeros(N_FEATURES, n_levels - 1), windows)

    @property
    def thresholds(self) -> Tensor:
        """[n_features, n_levels - 1] of the float features, ascending after `clip`."""
        return self.first + self.moved

    def counts(self, x: Tensor) -> Tensor:
        """Matching cells: network inputs x -> [n, n_rows] float32, whole numbers."""
        return self.matches(self.student.features(x).float())

    def matches(self, features: Tensor) -> Tensor:
        """The same for features [n, n_features]."""
        with torch.autocast(features.device.type, enabled=False):
            bits = step(features.unsqueeze(2) - self.thresholds, SURROGATE_WIDTH)
            member = self.windows()
            steps = (member[..., 1:] - member[..., :-1]).flatten(1)
            counts: Tensor = nn.functional.linear(bits.flatten(1), steps, member[..., 0].sum(1))
        return counts

    def logits(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """[n, n_classes] for training, rows with the noise of a chip."""
        counts = self.counts(x)
        if self.noise_counts > 0:
            counts = counts + self.noise_counts * torch.randn(counts.shape, generator=generator).to(counts.device)
        rows = (FIRST_SCALE * self.log_scale.exp() * counts).unflatten(1, (self.student.n_classes, -1))
        return rows.logsumexp(2)

    def forward(self, x: Tensor) -> Tensor:
        """The largest count of each class's rows [n, n_classes]; the lowest class wins a tie, as the lowest row
        does."""
        return self.counts(x).unflatten(1, (self.student.n_classes, -1)).amax(2)

    def clip(self) -> None:
        """After each optimiser step: thresholds ascending, windows among the levels."""
        with torch.no_grad():
            self.moved.copy_(self.thresholds.sort(1).values - self.first)
        self.windows.clip()

    def templates(self, scale: float) -> Templates:
        """What the array stores when one step of an int8 feature is `scale`.

        A feature f = n scale exceeds a threshold t when the integer n exceeds the floor of t / scale.
        """
        cuts = (self.thresholds.detach().double() / scale).floor().clamp(INT16.min, INT16.max)
        low, high = self.windows.stored()
        row_class = np.repeat(np.arange(self.student.n_classes), self.options.templates_per_class).astype(np.uint8)
        return Templates(cuts.numpy().astype(np.int16), low, high, row_class)


def without_last_relu(student: Student) -> Student:
    """A copy whose features may be negative."""
    bare = copy.deepcopy(student)
    bare.layers = (*bare.layers[:-1], replace(bare.layers[-1], relu=False))
    return bare


def fit_acam(
    network: AcamNetwork,
    lessons: Lessons,
    recipe: Recipe,
    *,
    validate: Callable[[], float],
    progress: Progress,
    checkpoint: Path | None = None,
) -> None:
    """Train student, thresholds and windows in place on the array's own answer.

    Raises:
        DataError, OutputError: as `loop.fit`.
    """

    def batch_loss(indices: Tensor, generator: torch.Generator) -> Tensor:
        x, views = lessons.draw(indices, generator)
        device = device_of(network)
        with fast_autocast(device):
            logits = network.logits(x.to(device), generator)
        return lessons.loss(logits, indices, views)

    fit(
        network, len(lessons), recipe, batch_loss,
        validate=validate, progress=progress, after_step=network.clip, checkpoint=checkpoint,
    )  # fmt: skip


def start_acam(student: Student, x: Tensor, labels: Tensor, options: AcamOptions, seed: int = 0) -> AcamNetwork:
    """The network that `fit_acam` starts from: thresholds and windows from the student's features of some images.

    Thresholds are quantiles of each feature. A cell starts as the half of the levels that its class's images have more
    often than the mean of all classes; a binary one the nearer to its other half, the less more often.

    Args:
        x: network inputs [n, channels, 32, 32], each class among them; labels: [n] int64.
    """
    bare = without_last_relu(student).eval()
    with torch.no_grad():
        features = torch.cat([bare.features(batch).float() for batch in x.split(1000)])
    n_levels, n_rows = options.feature_levels, options.templates_per_class
    shares = torch.arange(1, n_levels) / n_levels
    thresholds = features.quantile(shares, dim=0).T.contiguous()
    levels = (features.unsqueeze(2) > thresholds).sum(2)
    group = torch.from_numpy(cluster(levels.numpy(), labels.numpy(), bare.n_classes, n_rows, seed))
    found = nn.functional.one_hot(levels, n_levels).float()
    mean = torch.stack([found[group == row].mean(0) for row in range(bare.n_classes * n_rows)])
    excess = (mean - mean.mean(0))[..., n_levels // 2 :].sum(2)
    windows = Windows(*_first_windows(excess, n_levels), n_levels, wide=options.wide)
    return AcamNetwork(bare, options, thresholds, windows)


def _first_windows(excess: Tensor, n_levels: int) -> tuple[Tensor, Tensor]:
    """Offsets and half-widths, as `excess`: how far each row's share of the upper half of the levels is above the
    mean."""
    if n_levels == 2:
        return (SPREAD * excess).clamp(-0.5, 0.5), torch.zeros_like(excess)
    inner, outer = 0.5, (n_levels - 1) / 2 + 0.4
    upper = torch.where(excess > 0, 1.0, -1.0)
    return upper * (inner + outer) / 2, torch.full_like(excess, (outer - inner) / 2)
