"""Image data sets, read through torchvision's own loaders, and their integer conversion to grey.

*Source*: the original files of CIFAR-10 and MNIST; torchvision checks the CIFAR-10 files' md5 itself.
torchvision is imported only when a set is loaded.
"""

import gzip
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from accelsim.errors import DataError
from accelsim.workload import Workload

Bytes = npt.NDArray[np.uint8]

MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class ImageSet:
    """images: [n, height, width] (grey) or [n, height, width, 3] (RGB) uint8; labels: [n] uint8."""

    images: Bytes
    labels: Bytes

    def first(self, n_images: int | None) -> "ImageSet":
        """The first `n_images` images, or all of them when it is None."""
        return ImageSet(self.images[:n_images], self.labels[:n_images])


def load_cifar10(data_root: Path, train: bool) -> ImageSet:
    """CIFAR-10 in its own order: 50,000 (train) or 10,000 RGB images of 32 x 32."""
    datasets = _torchvision_datasets()
    try:
        loaded = datasets.CIFAR10(str(data_root), train=train, download=False)
    except (RuntimeError, OSError) as error:
        raise DataError(_missing("CIFAR-10", data_root, "cifar-10-batches-py/")) from error
    return ImageSet(np.asarray(loaded.data, dtype=np.uint8), np.asarray(loaded.targets, dtype=np.uint8))


def load_mnist(data_root: Path, train: bool) -> ImageSet:
    """MNIST in its own order: 60,000 (train) or 10,000 grey images of 28 x 28. The .gz files alone are enough."""
    datasets = _torchvision_datasets()
    try:
        with _unpacked_mnist(data_root) as root:
            loaded = datasets.MNIST(str(root), train=train, download=False)
    except (RuntimeError, OSError, EOFError) as error:
        raise DataError(_missing("MNIST", data_root, "MNIST/raw/")) from error
    return ImageSet(loaded.data.numpy().astype(np.uint8), loaded.targets.numpy().astype(np.uint8))


def to_grey(rgb: Bytes) -> Bytes:
    """[..., 3] uint8 -> [...] uint8, with the integer weights of the workload format (they sum to 2**16)."""
    red, green, blue = (rgb[..., channel].astype(np.uint32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)


def load_images(workload: Workload, data_root: Path, n_inputs: int) -> Bytes:
    """The first `n_inputs` test images that a workload was recorded on, ready for its first layer or glimpse.

    Returns:
        Grey images `[n_inputs, height, width]`, or RGB `[n_inputs, height, width, 3]` where the network takes colour.

    Raises:
        DataError: if the workload was not recorded on a known data set, the set is absent, or its labels are not the
            recorded ones (then the images are not in the recorded order); if it has layer shapes alone.
    """
    if workload.shapes_only:
        raise DataError(f"--data-root: got layer shapes alone in {workload.folder}, need a workload with weights")
    name = workload.manifest.dataset.name
    if name.startswith("CIFAR-10"):
        found = load_cifar10(data_root, train=False)
    elif name.startswith("MNIST"):
        found = load_mnist(data_root, train=False)
    else:
        raise DataError(
            f"--data-root: {workload.folder} was recorded on {name!r}, need one on CIFAR-10 or MNIST"
        )
    if not np.array_equal(found.labels[:n_inputs], workload.labels[:n_inputs]):
        raise DataError(f"--data-root: labels in {data_root} differ from those recorded in {workload.folder}")
    images = found.images[:n_inputs]
    return to_grey(images) if images.ndim == 4 and workload.cnn.grey else images


def _missing(name: str, data_root: Path, folder: str) -> str:
    return f"{name} not found, or damaged, in {data_root}: need its original files in {data_root / folder}"


def _torchvision_datasets() -> ModuleType:
    try:
        from torchvision import datasets
    except ImportError as error:
        raise DataError(
            "images: got no torchvision, need it to read them (pip install 'accelsim[train]')"
        ) from error
    module: ModuleType = datasets
    return module


@contextmanager
def _unpacked_mnist(data_root: Path) -> Iterator[Path]:
    """A root where torchvision finds MNIST unpacked: `data_root`, else a temporary copy (55 MB) of the .gz files.

    The data folder may be read-only and stays as it is.
    """
    raw = data_root / "MNIST" / "raw"
    if all((raw / name).is_file() for name in MNIST_FILES):
        yield data_root
        return
    with tempfile.TemporaryDirectory(prefix="accelsim-mnist-") as temporary:
        target = Path(temporary) / "MNIST" / "raw"
        target.mkdir(parents=True)
        for name in MNIST_FILES:
            with gzip.open(raw / f"{name}.gz") as packed, open(target / name, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        yield Path(temporary)
