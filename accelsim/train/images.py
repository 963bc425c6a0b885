"""The images of a training run: what is fitted, what is chosen on, and what is reported on, read once at the end.

The last training images of a set (5,000 of CIFAR-10, 10,000 of the others) are for validation; `load_test` is called by
the end of a pipeline alone, when everything has been chosen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from accelsim.datasets import DATASETS, ImageSet, load, to_grey
from accelsim.errors import DataError, RangeError, UsageError

MIN_IMAGES = 100
"""The first hundred fitted, validation and test images of MNIST and CIFAR-10 hold every class."""

HYBRID_SIDE = 32
"""Pixels a side of what the hybrid's networks take."""


@dataclass(frozen=True)
class Images:
    """pixels: [n, channels, height, width] uint8, one channel (grey) or three (RGB); labels: [n] int64."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def grey(self) -> npt.NDArray[np.uint8]:
        """Grey images as numpy has them, [n, height, width] uint8, without a copy."""
        if self.pixels.shape[1] != 1:
            raise UsageError(f"images: got {self.pixels.shape[1]} channels, need grey ones")
        plane: npt.NDArray[np.uint8] = self.pixels[:, 0].numpy()
        return plane

    @property
    def label_bytes(self) -> npt.NDArray[np.uint8]:
        """Labels as a workload holds them, [n] uint8."""
        labels: npt.NDArray[np.uint8] = self.labels.numpy().astype(np.uint8)
        return labels

    def first(self, n_images: int | None) -> Images:
        """The first `n_images` images, or all of them when it is None."""
        return Images(self.pixels[:n_images], self.labels[:n_images])

    def as_hybrid_input(self) -> Images:
        """The same in the middle of black images of 32 x 32: MNIST's digits get a border of 2."""
        height, width = self.pixels.shape[2:]
        if (height, width) == (HYBRID_SIDE, HYBRID_SIDE):
            return self
        rows, columns = HYBRID_SIDE - height, HYBRID_SIDE - width
        border = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return Images(torch.nn.functional.pad(self.pixels, border), self.labels)


@dataclass(frozen=True)
class Split:
    """Images to fit on, and the last training images, to choose on."""

    fitted: Images
    validation: Images

    @property
    def digest(self) -> str:
        """Of pixels and labels: stages of a run that saw other images are not taken over."""
        found = hashlib.sha256()
        for images in (self.fitted, self.validation):
            for tensor in (images.pixels, images.labels):
                found.update(str(tuple(tensor.shape)).encode())
                found.update(tensor.contiguous().numpy().data)
        return found.hexdigest()

    def as_hybrid_input(self) -> Split:
        """Both in the middle of black images of 32 x 32."""
        return Split(self.fitted.as_hybrid_input(), self.validation.as_hybrid_input())


def load_split(
    dataset: str, data_root: Path, *, grey: bool = True, download: bool = False, limit: int | None = None
) -> Split:
    """The training images of the set `dataset`; `limit`: only the first so many of each part, for a quick try.

    grey: colour images are turned grey; False wants RGB.

    Raises:
        DataError: if there is no such set, or it is not there.
        UsageError: if colour is wanted of a grey set.
        RangeError: if `limit` is below 100, which might miss a class.
    """
    found = _images(dataset, data_root, True, grey, download, limit)
    n_fitted = len(found) - DATASETS[dataset].n_validation
    if n_fitted < 1:
        folder = data_root / DATASETS[dataset].folder
        raise DataError(f"{folder}: got {len(found)} training images, need more than are for validation")
    fitted = Images(found.pixels[:n_fitted], found.labels[:n_fitted])
    validation = Images(found.pixels[n_fitted:], found.labels[n_fitted:])
    return Split(fitted.first(limit), validation.first(limit))


def load_test(
    dataset: str, data_root: Path, *, grey: bool = True, download: bool = False, limit: int | None = None
) -> Images:
    """The test images, or the first `limit` of them. To be read once, when everything has been chosen.

    Raises:
        As `load_split`.
    """
    return _images(dataset, data_root, False, grey, download, limit).first(limit)


def _images(dataset: str, data_root: Path, train: bool, grey: bool, download: bool, limit: int | None) -> Images:
    if limit is not None and limit < MIN_IMAGES:
        raise RangeError(f"--limit: got {limit} images, need at least {MIN_IMAGES}")
    if not grey and dataset in DATASETS and not DATASETS[dataset].colour:
        raise UsageError(f"--colour: got {DATASETS[dataset].title}, whose images are grey; need --grey")
    return _as_tensors(load(dataset, data_root, train, download), grey)


def _as_tensors(found: ImageSet, grey: bool) -> Images:
    images = to_grey(found.images) if grey and found.images.ndim == 4 else found.images
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    pixels = torch.from_numpy(np.ascontiguousarray(planes))
    return Images(pixels, torch.from_numpy(found.labels.astype(np.int64)))
