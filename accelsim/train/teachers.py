"""Teachers of the hybrid's student.

- `fast`: a small wide network after airbench94 (Jordan, "94% on CIFAR-10 in 3.29 seconds", arXiv 2404.00498): a fixed
  whitening layer, three blocks of two 3x3 convolutions with 64, 256 and 256 channels, max-pooling, GELU, batch norm
  without scale, orthogonalised momentum. Two million parameters; a CPU trains it in well under an hour.
- `resnet50`: torchvision's ResNet-50 adapted to 32 x 32 (the teacher of arXiv 2502.10089): a 3x3 stem of stride 1 for
  the image's channels, no first max-pooling, and a softmax layer for its classes. From scratch; a GPU's task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor, nn

from accelsim.errors import RangeError
from accelsim.train.augment import to_input
from accelsim.train.distill import Distillation
from accelsim.train.lessons import Lessons
from accelsim.train.loop import Muon, Recipe, fit
from accelsim.train.networks import device_of

FAST_WIDTHS = (64, 256, 256)
WHITENING_KERNEL = 3
WHITENING_IMAGES = 5000
WHITENING_EPS = 5e-4
NORM_MOMENTUM = 0.4

FAST_BATCH = 1000
FAST_SMOOTHING = 0.2
FAST_CONVOLUTION_RATE = 0.2
FAST_CONVOLUTION_MOMENTUM = 0.6
FAST_BIAS_RATE = 53.0
FAST_SOFTMAX_RATE = 670.0
FAST_MOMENTUM = 0.85
FAST_DECAY = 0.002
"""The source's rates for a loss summed over a batch, times our batch for our mean; decay is that of a step."""

RESNET_BATCH = 128
RESNET_RATE = 0.1
RESNET_DECAY = 5e-4
"""He et al., arXiv 1512.03385, for CIFAR-10; decay as usual since (theirs: 1e-4)."""

KINDS = ("fast", "resnet50")


class _FastBlock(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(n_out, momentum=NORM_MOMENTUM) for _ in range(2))
        for convolution, norm in zip((self.first, self.second), self.norms, strict=True):
            nn.init.dirac_(convolution.weight.data[: convolution.weight.shape[1]])
            norm.weight.requires_grad = False

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.gelu(self.norms[0](nn.functional.max_pool2d(self.first(x), 2)))
        return nn.functional.gelu(self.norms[1](self.second(x)))


class FastTeacher(nn.Module):  # type: ignore[misc, unused-ignore]
    """x [n, channels, 32, 32] -> logits [n, n_classes]."""

    def __init__(self, channels: int, n_classes: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        n_whitened = 2 * channels * WHITENING_KERNEL**2
        self.whitening = nn.Conv2d(channels, n_whitened, WHITENING_KERNEL)
        self.whitening.weight.requires_grad = False
        widths = (n_whitened, *FAST_WIDTHS)
        self.blocks = nn.Sequential(*(_FastBlock(*pair) for pair in zip(widths, FAST_WIDTHS, strict=False)))
        self.softmax = nn.Linear(FAST_WIDTHS[-1], n_classes, bias=False)
        nn.init.normal_(self.softmax.weight)
        self.to(memory_format=torch.channels_last)

    def whiten(self, x: Tensor) -> None:
        """Set the first layer from network inputs x: their patches' eigenvectors, at unit variance, and negated."""
        with torch.no_grad():
            patches = nn.functional.unfold(x.contiguous(), WHITENING_KERNEL).transpose(1, 2).flatten(0, 1)
            variance, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
            filters = (vectors / (variance + WHITENING_EPS).sqrt()).T.flip(0)
            shaped = filters.reshape(-1, *self.whitening.weight.shape[1:])
            self.whitening.weight.copy_(torch.cat([shaped, -shaped]))
            self.whitening.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(nn.functional.gelu(self.whitening(x)))
        logits: Tensor = self.softmax(nn.functional.max_pool2d(x, 3).flatten(1)) / FAST_WIDTHS[-1]
        return logits

    def optimisers(self) -> list[torch.optim.Optimizer]:
        """Orthogonalised momentum for the convolutions, gradient descent for biases and the softmax layer."""
        convolutions = [p for p in self.parameters() if p.ndim == 4 and p.requires_grad]
        biases = [p for p in self.parameters() if p.ndim == 1 and p.requires_grad]
        groups = [([self.softmax.weight], FAST_SOFTMAX_RATE), (biases, FAST_BIAS_RATE)]
        plain = torch.optim.SGD(
            [{"params": params, "lr": rate, "weight_decay": FAST_DECAY / rate} for params, rate in groups],
            momentum=FAST_MOMENTUM,
            nesterov=True,
        )
        muon = Muon(convolutions, lr=FAST_CONVOLUTION_RATE, momentum=FAST_CONVOLUTION_MOMENTUM, unit_rows=True)
        return [muon, plain]


def resnet50(channels: int, n_classes: int, seed: int) -> Any:
    """torchvision's ResNet-50 for 32 x 32 images; its own initialisation."""
    from torchvision.models import resnet50 as build

    torch.manual_seed(seed)
    network = build(weights=None, num_classes=n_classes)
    network.conv1 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
    network.maxpool = nn.Identity()
    return network.to(memory_format=torch.channels_last)


def build_teacher(kind: str, channels: int, n_classes: int, seed: int) -> Any:
    """An untrained teacher: x [n, channels, 32, 32] -> logits [n, n_classes].

    Raises:
        RangeError: if there is no teacher of this kind.
    """
    if kind not in KINDS:
        raise RangeError(f'teacher: got "{kind}", need one of {", ".join(KINDS)}')
    return FastTeacher(channels, n_classes, seed) if kind == "fast" else resnet50(channels, n_classes, seed)


class Mirrored(nn.Module):  # type: ignore[misc, unused-ignore]
    """A teacher whose answer is the mean of those to an image and to its mirror image, as airbench94 is evaluated."""

    def __init__(self, teacher: Any) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, x: Tensor) -> Tensor:
        """As the teacher's."""
        logits: Tensor = (self.teacher(x).float() + self.teacher(x.flip(3)).float()) / 2
        return logits


class Ensemble(nn.Module):  # type: ignore[misc, unused-ignore]
    """Teachers whose answer is the mean of theirs."""

    def __init__(self, teachers: Sequence[Any]) -> None:
        super().__init__()
        self.teachers = nn.ModuleList(teachers)

    def forward(self, x: Tensor) -> Tensor:
        """As one teacher's."""
        logits: Tensor = sum(teacher(x).float() for teacher in self.teachers) / len(self.teachers)
        return logits


def recipe_of(kind: str, epochs: int, seed: int) -> Recipe:
    """Hyper-parameters of a teacher's training."""
    if kind == "fast":
        return Recipe("fast teacher", epochs, seed, FAST_CONVOLUTION_RATE, FAST_BATCH, "muon")
    return Recipe(
        "ResNet-50 teacher", epochs, seed, RESNET_RATE, RESNET_BATCH, "sgd", weight_decay=RESNET_DECAY, warmup=0.05
    )


def fit_teacher(
    teacher: Any,
    lessons: Lessons,
    recipe: Recipe,
    *,
    validate: Callable[[], float],
    progress: Progress,
    checkpoint: Path | None = None,
) -> None:
    """Train a teacher in place on labels.

    Raises:
        DataError, OutputError: as `loop.fit`.
    """
    found = None
    if isinstance(teacher, FastTeacher):
        teacher.whiten(to_input(lessons.views.pixels[:WHITENING_IMAGES]).to(device_of(teacher)))
        lessons = Lessons(lessons.views, lessons.labels, Distillation(0.0, 1.0, FAST_SMOOTHING))
        found = teacher.optimisers()
    fit(
        teacher, len(lessons), recipe, lessons.batch_loss(teacher),
        validate=validate, progress=progress, found=found, checkpoint=checkpoint,
    )  # fmt: skip
