"""What every workload of the student shares: grey CIFAR-10, softmax training, and the int8 layers.

The last tenth of the training images (5,000) is for validation; 500 training images calibrate the activation scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor

from accelsim.datasets import ImageSet, load_cifar10, to_grey
from accelsim.errors import RangeError
from accelsim.train.quantise import FloatLayer, IntegerLayer, evaluate, fold_batch_norm, quantise, to_manifest
from accelsim.train.student import (
    CONV_LAYERS,
    INPUT_OFFSET,
    INPUT_SCALE,
    N_CLASSES,
    N_FEATURES,
    Recipe,
    SoftmaxObjective,
    build_student,
    fit,
    softmax_accuracy,
)

VALIDATION_SHARE = 10
CALIBRATION_IMAGES = 500
MIN_IMAGES = 100
"""The first hundred images hold every class."""
IMAGE_SHAPE = (1, 32, 32)


@dataclass(frozen=True)
class Images:
    """pixels: [n, 32, 32] uint8, grey; labels: [n] int64."""

    pixels: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Split:
    """Images to fit on, and the last tenth of the training images, to choose on."""

    training: Images
    validation: Images


def load_split(data_root: Path, epochs: int, limit: int | None) -> Split:
    """The training images of CIFAR-10, or the first `limit` of them.

    Raises:
        DataError: if CIFAR-10 is not there.
        RangeError: if there are no epochs, or fewer than 100 images, to train on.
    """
    if epochs < 1 or (limit is not None and limit < MIN_IMAGES):
        raise RangeError(f"got {epochs} epochs of {limit} images, need at least 1 of {MIN_IMAGES}")
    return Split(*_split(_images(load_cifar10(data_root, train=True).first(limit))))


def load_test(data_root: Path, limit: int | None) -> Images:
    """The test images, or the first `limit` of them. To be read once, when everything has been chosen."""
    return _images(load_cifar10(data_root, train=False).first(limit))


def _images(found: ImageSet) -> Images:
    return Images(torch.from_numpy(to_grey(found.images)), torch.from_numpy(found.labels).long())


def _split(images: Images) -> tuple[Images, Images]:
    """Training and validation images; the latter are the last tenth."""
    n_training = len(images.labels) - len(images.labels) // VALIDATION_SHARE
    return (
        Images(images.pixels[:n_training], images.labels[:n_training]),
        Images(images.pixels[n_training:], images.labels[n_training:]),
    )


def train_student(split: Split, epochs: int, seed: int, checkpoint: Path | None, progress: Progress) -> Any:
    """The softmax student; with `checkpoint`, a stopped training continues from that file."""
    student = build_student(seed)
    fit(
        student,
        split.training.pixels,
        split.training.labels,
        Recipe(epochs, seed),
        SoftmaxObjective(),
        validate=lambda: softmax_accuracy(student, split.validation.pixels, split.validation.labels),
        progress=progress,
        checkpoint=checkpoint,
    )
    return student


def _float_layers(student: Any) -> list[FloatLayer]:
    """The student's layers, batch norm folded; the last is the softmax layer."""
    modules = list(student)
    layers: list[FloatLayer] = []
    shape: tuple[int, ...] = IMAGE_SHAPE
    for index, (name, _, _, stride, padding) in enumerate(CONV_LAYERS):
        weight, bias = fold_batch_norm(*modules[3 * index : 3 * index + 2])
        layers.append(FloatLayer(name, weight, bias, shape, stride, padding))
        shape = layers[-1].out_shape
    softmax = modules[-1]
    return [
        *layers,
        FloatLayer("softmax", softmax.weight.detach(), softmax.bias.detach(), (N_FEATURES,), relu=False, final=True),
    ]


def integer_input(images: Images) -> Tensor:
    """[n, 1, 32, 32] int8 as the workload format has it, with shift 0."""
    return (images.pixels.short() - INPUT_OFFSET).to(torch.int8).unsqueeze(1)


def quantised(student: Any, training: Images) -> list[IntegerLayer]:
    """All layers, the softmax last, calibrated on the first training images."""
    return quantise(_float_layers(student), integer_input(training)[:CALIBRATION_IMAGES], INPUT_SCALE)


def integer_softmax_accuracy(layers: list[IntegerLayer], images: Images) -> float:
    logits, _ = evaluate(layers, integer_input(images))
    return float((logits.argmax(axis=1) == images.labels.numpy()).mean())


def dataset_entry(n_inputs: int) -> dict[str, Any]:
    """`dataset` of the manifest."""
    return {"name": "CIFAR-10 greyscale", "split": "test", "n_inputs": n_inputs, "n_classes": N_CLASSES}


def cnn_entry(layers: list[IntegerLayer], head: str) -> dict[str, Any]:
    """`cnn` of the manifest."""
    channels, height, width = IMAGE_SHAPE
    return {
        "input": {"channels": channels, "height": height, "width": width, "offset": INPUT_OFFSET, "shift": 0},
        "grey": True,
        "head": head,
        "layers": [to_manifest(layer.shape) for layer in layers],
    }
