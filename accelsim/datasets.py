"""Image data sets by name, read through torchvision's own loaders, and their integer conversion to grey.

*Source*: the original files of MNIST, Fashion-MNIST, KMNIST and CIFAR-10; torchvision checks the md5 of the CIFAR-10
files itself, and of what it downloads; gzip checks packed files. torchvision is imported only when a set is loaded.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import DataError
from accelsim.workload import Workload

Bytes = npt.NDArray[np.uint8]

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
N_CLASSES = 10
GREYSCALE = " greyscale"
"""What follows a colour set's title in a manifest when its images were turned grey."""


@dataclass(frozen=True)
class Dataset:
    """One of torchvision's small-image sets.

    Attributes:
        name: as typed; title: as manifests have it; loader: torchvision's class.
        folder: below the data root; files: what must lie in it.
        packed: whether the same files with `.gz` behind their names are enough.
        shape: of an image, (height, width) or (height, width, 3).
        n_validation: training images, the last ones, that are never fitted: every choice is made on them.
    """

    name: str
    title: str
    loader: str
    folder: str
    files: tuple[str, ...]
    packed: bool
    shape: tuple[int, ...]
    n_validation: int

    @property
    def colour(self) -> bool:
        """Whether its images are RGB."""
        return len(self.shape) == 3

    def recorded_name(self, grey: bool) -> str:
        """`dataset.name` of a manifest of a workload that sees its images grey, or as they are."""
        return self.title + GREYSCALE if grey and self.colour else self.title


def _idx(name: str, title: str, loader: str) -> Dataset:
    return Dataset(name, title, loader, f"{loader}/raw", IDX_FILES, True, (28, 28), 10_000)


_BATCHES = (*(f"data_batch_{index}" for index in range(1, 6)), "test_batch", "batches.meta")

DATASETS = {
    found.name: found
    for found in (
        _idx("mnist", "MNIST", "MNIST"),
        _idx("fashion_mnist", "Fashion-MNIST", "FashionMNIST"),
        _idx("kmnist", "KMNIST", "KMNIST"),
        Dataset("cifar10", "CIFAR-10", "CIFAR10", "cifar-10-batches-py", _BATCHES, False, (32, 32, 3), 5_000),
    )
}


@dataclass(frozen=True)
class ImageSet:
    """images: [n, height, width] (grey) or [n, height, width, 3] (RGB) uint8; labels: [n] uint8."""

    images: Bytes
    labels: Bytes

    def first(self, n_images: int | None) -> ImageSet:
        """The first `n_images` images, or all of them when it is None."""
        return ImageSet(self.images[:n_images], self.labels[:n_images])


def load(name: str, data_root: Path, train: bool, download: bool = False) -> ImageSet:
    """The training or test images of the set `name` (of `DATASETS`), in their own order.

    Files that are there are used as they are, and the folder is not written to; only when they are not all there and
    `download` is set, torchvision fetches them into `data_root`.

    Raises:
        DataError: if there is no such set or no torchvision, or its files are absent, damaged or cannot be fetched.
    """
    if name not in DATASETS:
        raise DataError(f"--dataset: got {name!r}, need one of {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    if download and not _present(dataset, data_root):
        _download(dataset, data_root)
    try:
        with _unpacked(dataset, data_root) as root:
            loaded = _loader(dataset)(str(root), train=train, download=False)
    # What torchvision raises depends on where a file is damaged.
    except (RuntimeError, OSError, EOFError, ValueError, AssertionError, TypeError, IndexError, KeyError) as error:
        raise DataError(_missing(dataset, data_root)) from error
    found = ImageSet(np.asarray(loaded.data, dtype=np.uint8), np.asarray(loaded.targets, dtype=np.uint8))
    _check(dataset, data_root, found)
    return found


def to_grey(rgb: Bytes) -> Bytes:
    """[..., 3] uint8 -> [...] uint8, with the integer weights of the workload format (they sum to 2**16)."""
    red, green, blue = (rgb[..., channel].astype(np.uint32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)


def padded(images: Bytes, side: int) -> Bytes:
    """[n, height, width, …] in the middle of black images of `side` x `side`; those that are as large stay as they are.

    Raises:
        DataError: if they are larger, or cannot stand in the middle.
    """
    height, width = images.shape[1:3]
    if (height, width) == (side, side):
        return images
    if max(height, width) > side or (side - height) % 2 or (side - width) % 2:
        raise DataError(f"images: got {height} x {width} pixels, which cannot stand in the middle of {side} x {side}")
    border = [(0, 0), *(((side - found) // 2,) * 2 for found in (height, width)), *[(0, 0)] * (images.ndim - 3)]
    return np.pad(images, border)


def load_images(workload: Workload, data_root: Path, n_inputs: int) -> Bytes:
    """The first `n_inputs` test images that a workload was recorded on, ready for its first layer or glimpse.

    Returns:
        Grey images `[n_inputs, height, width]`, or RGB `[n_inputs, height, width, 3]` where the network takes colour;
        those smaller than the workload's stand in the middle of black ones.

    Raises:
        DataError: if the workload was not recorded on a known data set, the set is absent, or its labels are not the
            recorded ones (then the images are not in the recorded order); if it has layer shapes alone.
    """
    if workload.shapes_only:
        raise DataError(f"--data-root: got layer shapes alone in {workload.folder}, need a workload with weights")
    title = workload.manifest.dataset.name.removesuffix(GREYSCALE)
    names = [name for name, dataset in DATASETS.items() if dataset.title == title]
    if not names:
        known = ", ".join(dataset.title for dataset in DATASETS.values())
        got = workload.manifest.dataset.name
        raise DataError(f"--data-root: {workload.folder} was recorded on {got!r}, need one of {known}")
    found = load(names[0], data_root, train=False)
    if not np.array_equal(found.labels[:n_inputs], workload.labels[:n_inputs]):
        raise DataError(f"--data-root: labels in {data_root} differ from those recorded in {workload.folder}")
    images = found.images[:n_inputs]
    grey = workload.manifest.cnn is None or workload.cnn.grey
    return padded(to_grey(images) if images.ndim == 4 and grey else images, _side(workload))


def _side(workload: Workload) -> int:
    """Pixels a side of the images that the tables or, without tables, the network were made for."""
    image = workload.cnn.input if workload.manifest.mbi is None else workload.mbi.image
    return image.height


def _present(dataset: Dataset, data_root: Path) -> bool:
    """Whether every file is there, packed or not."""
    folder = data_root / dataset.folder
    endings = ("", ".gz") if dataset.packed else ("",)
    return all(any((folder / f"{name}{ending}").is_file() for ending in endings) for name in dataset.files)


def _download(dataset: Dataset, data_root: Path) -> None:
    loader = _loader(dataset)
    try:
        data_root.mkdir(parents=True, exist_ok=True)
        with redirect_stdout(io.StringIO()):
            loader(str(data_root), download=True)
    except (RuntimeError, HTTPException, OSError) as error:
        reason = " ".join(str(error).split())
        place = data_root / dataset.folder
        raise DataError(
            f"--download: cannot fetch {dataset.title} into {place} ({reason}): {_by_hand(dataset, place)}"
        ) from error


def _missing(dataset: Dataset, data_root: Path) -> str:
    place = data_root / dataset.folder
    if _present(dataset, data_root):
        return (
            f"{dataset.title} in {place}: got damaged files, need the original ones: remove them, then accelsim "
            f"train … --dataset {dataset.name} --download fetches them, or {_by_hand(dataset, place)}"
        )
    how = f"accelsim train … --dataset {dataset.name} --download fetches them, or {_by_hand(dataset, place)}"
    return f"{dataset.title}: got none in {data_root}, need its original files in {place}/: {how}"


def _by_hand(dataset: Dataset, place: Path) -> str:
    packed = " (.gz or unpacked)" if dataset.packed else ""
    return f"put {', '.join(dataset.files)}{packed} there"


def _check(dataset: Dataset, data_root: Path, found: ImageSet) -> None:
    """That the files hold what their names say."""
    place, shape = data_root / dataset.folder, found.images.shape
    if shape[1:] != dataset.shape or not len(found.images):
        raise DataError(f"{place}: got images of shape {shape}, need {dataset.title}'s [n, {dataset.shape}]")
    if found.labels.shape != shape[:1]:
        raise DataError(f"{place}: got {found.labels.shape} labels for {shape[0]} images, need one each")
    if found.labels.max() >= N_CLASSES:
        raise DataError(f"{place}: got a label {found.labels.max()}, need 0 to {N_CLASSES - 1}")


def _loader(dataset: Dataset) -> Any:
    return getattr(_torchvision_datasets(), dataset.loader)


def _torchvision_datasets() -> ModuleType:
    try:
        from torchvision import datasets
    except ImportError as error:
        absent = error.name or "torchvision"
        raise DataError(f"images: got no {absent}, need it to read them (pip install 'accelsim[train]')") from error
    module: ModuleType = datasets
    return module


@contextmanager
def _unpacked(dataset: Dataset, data_root: Path) -> Iterator[Path]:
    """A root where torchvision finds the files: `data_root`, else a temporary copy (55 MB) of the .gz files.

    The data folder may be read-only and stays as it is.
    """
    source = data_root / dataset.folder
    if not dataset.packed or all((source / name).is_file() for name in dataset.files):
        yield data_root
        return
    with tempfile.TemporaryDirectory(prefix=f"accelsim-{dataset.name}-") as temporary:
        target = Path(temporary) / dataset.folder
        target.mkdir(parents=True)
        for name in dataset.files:
            if (source / name).is_file():
                (target / name).symlink_to((source / name).resolve())
                continue
            with gzip.open(source / f"{name}.gz") as packed, open(target / name, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        yield Path(temporary)
