"""The recurrent attention model whose steps memorization-based inference memorises.

*Source*: layers, quantisers and losses are those of the authors' code (kevinzakka/recurrent-visual-attention, pull
request 46): the "what" and "where" of a glimpse, a recurrent core, an extra layer down to the hidden code, a locator
trained by REINFORCE against a learned baseline, and a classifier read after the last glimpse.
*Departures*: the first glimpse is at the image's centre, not at random (a stored table has one start); a location is
quantised to the codes that a table stores; a quantised hidden code may be trained through a straight-through estimator,
where the authors quantise a trained network; a pixel is 0 … 1 and not normalised; a rate of 3e-4 for 200 epochs became
one of 1e-3 that falls along a cosine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from accelsim.train.images import Images, Split
from accelsim.train.loop import Recipe, fit
from accelsim.train.progress import progress_bar

WHAT, WHERE, CORE, LOCATOR = 128, 128, 256, 32
"""Widths of the layers, as in the authors' code; the locator's is half the base row's hidden code."""

POLICY_SHARE = 0.01
"""Share of the REINFORCE loss in the sum. Only the locator follows it, and Adam takes no notice of a scale."""

RATE, BATCH = 1e-3, 128


@dataclass(frozen=True)
class RamConfig:
    """One row of the authors' parameter sweep; the defaults are its base row with the hidden code at one bit.

    Attributes:
        scale: patch k covers a square of patch_size * scale^k pixels, pooled to patch_size^2.
        pixel_bits: of a pooled pixel; None = as it is.
        hidden: values of the hidden code, each of `hidden_bits` bits; None = as they are.
        location_bits: a coordinate; None = as it is.
        std: of a sampled location, in units of half an image side. The authors' configuration has 0.05; on the
            validation images of MNIST 0.17 gave 94.7 % after 10 epochs, 0.05 93.9 %.
    """

    n_glimpses: int = 5
    patch_size: int = 4
    scale: int = 4
    n_patches: int = 3
    pixel_bits: int | None = 2
    hidden: int = 64
    hidden_bits: int | None = 1
    location_bits: int | None = 5
    std: float = 0.17

    @property
    def pools(self) -> tuple[int, ...]:
        return tuple(self.scale**k for k in range(self.n_patches))

    @property
    def n_pixels(self) -> int:
        return self.n_patches * self.patch_size**2

    def corner(self, pool: int) -> int:
        """Rows, and columns, from the pixel a glimpse is centred on to the first ones of the patch pooled by `pool`."""
        return -(self.patch_size * pool // 2)

    @property
    def centre_code(self) -> int:
        """Location code of the image's centre."""
        return int(2 ** ((self.location_bits or 1) - 1))

    def pixel_thresholds(self) -> tuple[int, ...]:
        """Ascending; a level counts the thresholds that a pooled pixel reaches.

        Rounding x / 255 to steps of 1 / (2^bits - 1) turns to level k at x = 255 (2k - 1) / (2 (2^bits - 1)).
        """
        if self.pixel_bits is None:
            return ()
        steps = 2**self.pixel_bits - 1
        return tuple(-(-255 * (2 * k - 1) // (2 * steps)) for k in range(1, steps + 1))


@dataclass(frozen=True)
class Pass:
    """n images seen through all glimpses.

    Attributes:
        logits: [n, n_classes] after the last glimpse.
        log_policy: [n, n_glimpses - 1] log density of each sampled location but for a constant; 0 without sampling.
        baseline: [n, n_glimpses - 1] reward expected.
    """

    logits: Tensor
    log_policy: Tensor
    baseline: Tensor


class _Step(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    """Rounded to multiples of 1 / steps forward, the identity backward."""

    @staticmethod
    def forward(context: Any, value: Tensor, steps: int) -> Tensor:
        # Exactly one half is rounded up, at one bit too (torch.round would take it to 0).
        return torch.floor(value * steps + 0.5) / steps

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class Ram(nn.Module):  # type: ignore[misc, unused-ignore]
    """The network. Locations are (row, column) in -1 … 1, a hidden code is [n, hidden] in 0 … 1.

    Images are given as `integral_images`. Every step is a function of (pixels, location, hidden code) alone.
    """

    def __init__(self, config: RamConfig, image: tuple[int, int], n_classes: int, seed: int) -> None:
        """image: height and width."""
        super().__init__()
        self.config, self.image = config, image
        torch.manual_seed(seed)
        self.what = nn.Sequential(nn.Linear(config.n_pixels, WHAT), nn.ReLU(), nn.Linear(WHAT, WHAT + WHERE))
        self.where = nn.Sequential(nn.Linear(2, WHERE), nn.ReLU(), nn.Linear(WHERE, WHAT + WHERE))
        self.input, self.recurrent = nn.Linear(WHAT + WHERE, CORE), nn.Linear(config.hidden, CORE)
        self.extra = nn.Linear(CORE, config.hidden)
        # The middle of the clamp: no value starts where it has no gradient.
        nn.init.constant_(self.extra.bias, 0.5)
        self.locator = nn.Sequential(nn.Linear(config.hidden, LOCATOR), nn.ReLU(), nn.Linear(LOCATOR, 2), nn.Tanh())
        self.baseline = nn.Linear(config.hidden, 1)
        self.classifier = nn.Linear(config.hidden, n_classes)
        levels = np.digitize(np.arange(256), config.pixel_thresholds())
        self.register_buffer("level_of", torch.from_numpy(levels.astype(np.int64)), persistent=False)

    def start(self, n: int) -> tuple[Tensor, Tensor]:
        """(location, hidden code) before the first glimpse: the centre, and zeros."""
        return self.quantised(torch.zeros(n, 2)), torch.zeros(n, self.config.hidden)

    def codes(self, location: Tensor) -> Tensor:
        """Locations [n, 2] -> codes [n, 2] int64."""
        if self.config.location_bits is None:
            raise ValueError("an unquantised location has no code")
        n_codes = 2**self.config.location_bits
        return ((location + 1) * (n_codes / 2)).floor().long().clamp(0, n_codes - 1)

    def quantised(self, location: Tensor) -> Tensor:
        """The middle of each location's code, or the location itself."""
        if self.config.location_bits is None:
            return location.clamp(-1, 1)
        return self.middle(self.codes(location))

    def middle(self, codes: Tensor) -> Tensor:
        """Codes [n, 2] -> the locations that they stand for."""
        return (2 * codes.float() + 1) / 2 ** (self.config.location_bits or 0) - 1

    def levels(self, integral: Tensor, location: Tensor) -> Tensor:
        """Pixel levels [n, n_pixels] int64 (means 0 … 255, rounded down, where pixels are not quantised).

        integral: [n, height + 1, width + 1]; location: [n, 2], quantised.
        """
        means = torch.cat([self._pooled(integral, location, pool) for pool in self.config.pools], 1)
        return means if self.config.pixel_bits is None else self.level_of[means]

    def _pooled(self, integral: Tensor, location: Tensor, pool: int) -> Tensor:
        """[n, patch_size^2] means of pool^2 pixels, rounded down; outside the image is 0."""
        size, (height, width) = self.config.patch_size, self.image
        corners = torch.arange(size + 1) * pool + self.config.corner(pool)
        sides = torch.tensor([height, width])
        if self.config.location_bits is None:
            centre = ((location + 1) * sides / 2).long()
        else:
            centre = (2 * self.codes(location) + 1) * sides >> (self.config.location_bits + 1)
        # A corner outside the image sees the sums at its border.
        rows = (centre[:, :1] + corners).clamp(0, height)
        columns = (centre[:, 1:] + corners).clamp(0, width)
        index = (rows[:, :, None] * (width + 1) + columns[:, None]).flatten(1)
        sums = integral.flatten(1).gather(1, index).view(-1, size + 1, size + 1)
        return (sums.diff(dim=1).diff(dim=2).flatten(1) // pool**2).long()

    def think(self, levels: Tensor, location: Tensor, hidden: Tensor) -> Tensor:
        """The next hidden code."""
        top = 255 if self.config.pixel_bits is None else 2**self.config.pixel_bits - 1
        glimpse = torch.relu(self.what(levels.float() / top) + self.where(location))
        core = torch.relu(self.input(glimpse) + self.recurrent(hidden))
        code: Tensor = self.extra(core).clamp(0, 1)
        if self.config.hidden_bits is not None:
            code = _Step.apply(code, 2**self.config.hidden_bits - 1)
        return code

    def aim(self, hidden: Tensor) -> Tensor:
        """Mean [n, 2] of the next location; no gradient flows back into the hidden code."""
        mean: Tensor = self.locator(hidden.detach())
        return mean

    def forward(self, integral: Tensor, generator: torch.Generator | None = None) -> Pass:
        """See the images; with a generator locations are sampled, without one they are the means."""
        location, hidden = self.start(len(integral))
        log_policy, baseline = [], []
        for glimpse in range(self.config.n_glimpses):
            hidden = self.think(self.levels(integral, location), location, hidden)
            if glimpse + 1 < self.config.n_glimpses:
                mean = self.aim(hidden)
                sampled = self.sample(mean, generator)
                log_policy.append(-((sampled - mean) ** 2).sum(1) / (2 * self.config.std**2))
                baseline.append(self.baseline(hidden.detach())[:, 0])
                location = self.quantised(sampled)
        return Pass(self.classifier(hidden), torch.stack(log_policy, 1), torch.stack(baseline, 1))

    def sample(self, mean: Tensor, generator: torch.Generator | None) -> Tensor:
        """A draw around `mean` without a gradient, or the mean itself without a generator."""
        if generator is None:
            return mean.detach()
        return (mean + self.config.std * torch.randn(mean.shape, generator=generator)).detach()

    def with_hidden_bits(self, hidden_bits: int | None) -> Ram:
        """The same weights with another quantiser of the hidden code, as the authors quantise after training."""
        other = Ram(replace(self.config, hidden_bits=hidden_bits), self.image, self.classifier.out_features, 0)
        other.load_state_dict(self.state_dict())
        other.eval()
        return other


def integral_images(images: npt.NDArray[np.uint8]) -> Tensor:
    """[n, height, width] uint8 -> [n, height + 1, width + 1] int32: sums of all pixels above and to the left."""
    sums = np.zeros((len(images), images.shape[1] + 1, images.shape[2] + 1), np.int32)
    np.cumsum(np.cumsum(images, axis=1, dtype=np.int32), axis=2, out=sums[:, 1:, 1:])
    return torch.from_numpy(sums)


def hybrid_loss(seen: Pass, labels: Tensor) -> Tensor:
    """Cross-entropy, squared error of the baseline, and REINFORCE on what the reward (right = 1) has above it."""
    reward = (seen.logits.argmax(1) == labels).float()[:, None]
    policy = -(seen.log_policy * (reward - seen.baseline.detach())).sum(1).mean()
    error = (seen.baseline - reward).square().mean()
    loss: Tensor = nn.functional.cross_entropy(seen.logits, labels) + error + POLICY_SHARE * policy
    return loss


def predict(model: Ram, integral: Tensor) -> npt.NDArray[np.int64]:
    """[n] classes, without sampling."""
    with torch.no_grad():
        classes = [model(part).logits.argmax(1) for part in integral.split(2048)]
    found: npt.NDArray[np.int64] = torch.cat(classes).numpy()
    return found


def accuracy(model: Ram, images: Images) -> float:
    """Fraction of the images that the network classifies right, without sampling."""
    return float((predict(model, integral_images(images.grey)) == images.label_bytes).mean())


def ram_recipe(epochs: int, seed: int, name: str = "ram") -> Recipe:
    """How `train_ram` trains; `name` is that of the checkpoint."""
    return Recipe(name, epochs, seed, RATE, BATCH)


def train_ram(config: RamConfig, split: Split, recipe: Recipe, *, n_classes: int, checkpoint: Path | None) -> Ram:
    """Train the network on the fitted images as they are."""
    integral, labels = integral_images(split.fitted.grey), split.fitted.labels
    _, height, width = split.fitted.grey.shape
    model = Ram(config, (height, width), n_classes, recipe.seed)

    def batch_loss(batch: Tensor, generator: torch.Generator) -> Tensor:
        return hybrid_loss(model(integral[batch], generator), labels[batch])

    with progress_bar() as progress:
        fit(
            model, len(integral), recipe, batch_loss,
            validate=lambda: accuracy(model, split.validation), progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
    return model
