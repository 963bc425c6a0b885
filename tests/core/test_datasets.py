"""Image sets by name, from small files of each set's own format."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import stat
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from accelsim.datasets import DATASETS, IDX_FILES, Dataset, load, load_images, padded, to_grey
from accelsim.errors import DataError
from accelsim.workload import load_workload

pytestmark = pytest.mark.torch

IDX_SETS = [found for found in DATASETS.values() if found.packed]
N_TRAIN, N_TEST = 30, 20
ROOT = Path(__file__).resolve().parents[2]


def idx(array: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """An array of bytes as an idx file: magic 00 00 08 ndim, the sizes as big-endian int32, the bytes."""
    sizes = np.array(array.shape, dtype=">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def some_images(n: int, shape: tuple[int, ...], seed: int) -> tuple[Any, Any]:
    draws = np.random.default_rng(seed)
    return draws.integers(0, 256, (n, *shape), np.uint8), (np.arange(n) % 10).astype(np.uint8)


def contents(seed: int = 0) -> dict[str, Any]:
    """What the four files of an idx set hold."""
    train, test = some_images(N_TRAIN, (28, 28), seed), some_images(N_TEST, (28, 28), seed + 1)
    return dict(zip(IDX_FILES, (*train, *test), strict=True))


def write_idx(root: Path, dataset: Dataset, arrays: dict[str, Any], packed: bool) -> Path:
    folder = root / dataset.folder
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))
    return folder


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dataset", IDX_SETS, ids=lambda found: found.name)
def test_idx_sets(dataset: Dataset, packed: bool, tmp_path: Path) -> None:
    arrays = contents()
    write_idx(tmp_path, dataset, arrays, packed)
    for train, (images, labels) in ((True, IDX_FILES[:2]), (False, IDX_FILES[2:])):
        found = load(dataset.name, tmp_path, train)
        assert np.array_equal(found.images, arrays[images])
        assert np.array_equal(found.labels, arrays[labels])
        assert found.images.dtype == found.labels.dtype == np.uint8


def test_a_read_only_folder_of_packed_files_stays_as_it_is(tmp_path: Path) -> None:
    dataset = DATASETS["kmnist"]
    folder = write_idx(tmp_path, dataset, contents(), packed=True)
    (folder / IDX_FILES[0]).write_bytes(gzip.decompress((folder / f"{IDX_FILES[0]}.gz").read_bytes()))
    before = sorted(path.name for path in folder.iterdir())
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        # What is there is not fetched.
        assert len(load("kmnist", tmp_path, train=False, download=True).labels) == N_TEST
        assert sorted(path.name for path in folder.iterdir()) == before
    finally:
        folder.chmod(stat.S_IRWXU)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda found: found.name)
def test_an_absent_set_says_how_to_get_it(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        load(dataset.name, tmp_path, train=True)
    place = tmp_path / dataset.folder
    names = ", ".join(dataset.files) + (" (.gz or unpacked)" if dataset.packed else "")
    assert str(raised.value) == (
        f"{dataset.title}: got none in {tmp_path}, need its original files in {place}/: "
        f"accelsim train … --dataset {dataset.name} --download fetches them, or put {names} there"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import FashionMNIST

    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])  # the discard port: nobody answers
    message = (
        r"^--download: cannot fetch Fashion-MNIST into .*FashionMNIST/raw \(Error downloading .*\): put train-.* there$"
    )
    with pytest.raises(DataError, match=message):
        load("fashion_mnist", tmp_path, train=True, download=True)


def test_a_download_fetches_what_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import KMNIST

    source = write_idx(tmp_path / "mirror", DATASETS["kmnist"], contents(), packed=True)
    sums = [(f"{name}.gz", hashlib.md5((source / f"{name}.gz").read_bytes()).hexdigest()) for name in IDX_FILES]
    monkeypatch.setattr(KMNIST, "resources", sums)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(source))) as mirror:
        Thread(target=mirror.serve_forever, daemon=True).start()
        monkeypatch.setattr(KMNIST, "mirrors", [f"http://127.0.0.1:{mirror.server_port}/"])
        found = load("kmnist", tmp_path / "data", train=True, download=True)
        mirror.shutdown()
    assert len(found.labels) == N_TRAIN
    assert np.array_equal(load("kmnist", tmp_path / "data", train=True).images, found.images)


@pytest.mark.parametrize(
    ("name", "damaged", "message"),
    [
        (IDX_FILES[0], b"", "got damaged files"),
        (IDX_FILES[0], idx(np.zeros((N_TRAIN, 28, 28), np.uint8))[:-1], "got damaged files"),
        (
            IDX_FILES[0],
            idx(np.zeros((N_TRAIN, 16, 16), np.uint8)),
            r"got images of shape \(30, 16, 16\), need KMNIST's",
        ),
        (IDX_FILES[0], idx(np.zeros((0, 28, 28), np.uint8)), "got damaged files"),
        (IDX_FILES[1], idx(np.zeros(N_TRAIN - 1, np.uint8)), r"got \(29,\) labels for 30 images, need one each"),
        (IDX_FILES[1], idx(np.full(N_TRAIN, 10, np.uint8)), "got a label 10, need 0 to 9"),
    ],
)
def test_damaged_files(name: str, damaged: bytes, message: str, tmp_path: Path) -> None:
    folder = write_idx(tmp_path, DATASETS["kmnist"], contents(), packed=False)
    (folder / name).write_bytes(damaged)
    with pytest.raises(DataError, match=message):
        load("kmnist", tmp_path, train=True)


def test_a_damaged_packed_file(tmp_path: Path) -> None:
    folder = write_idx(tmp_path, DATASETS["mnist"], contents(), packed=True)
    packed = folder / f"{IDX_FILES[0]}.gz"
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"MNIST in .*: got damaged files, need the original ones"):
        load("mnist", tmp_path, train=True)


def test_colour_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    dataset = DATASETS["cifar10"]
    folder = tmp_path / dataset.folder
    folder.mkdir()
    images, labels = some_images(60, (32, 32, 3), 3)
    sums = {}
    for index, name in enumerate(dataset.files):
        part = slice(10 * index, 10 * index + 10)
        planes = images[part].transpose(0, 3, 1, 2).reshape(10, -1) if index < 6 else None
        entry = {"data": planes, "labels": labels[part].tolist()} if index < 6 else {"label_names": list("abcdefghij")}
        (folder / name).write_bytes(pickle.dumps(entry))
        sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in dataset.files[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    train, test = (load("cifar10", tmp_path, train) for train in (True, False))
    assert np.array_equal(train.images, images[:50])
    assert np.array_equal(test.images, images[50:])
    assert np.array_equal(test.labels, labels[50:])
    (folder / "test_batch").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"CIFAR-10 in .*: got damaged files"):
        load("cifar10", tmp_path, train=True)


def test_unknown_names() -> None:
    with pytest.raises(DataError, match=r"^--dataset: got 'svhn', need one of mnist, fashion_mnist, kmnist, cifar10$"):
        load("svhn", Path(), train=True)


def test_padding() -> None:
    images = np.arange(1, 2 * 4 * 4 + 1, dtype=np.uint8).reshape(2, 4, 4)
    wide = padded(images, 8)
    assert wide.shape == (2, 8, 8)
    assert np.array_equal(wide[:, 2:6, 2:6], images)
    assert wide.sum(dtype=int) == images.sum(dtype=int)
    assert padded(images, 4) is images
    assert padded(images[..., np.newaxis].repeat(3, axis=3), 6).shape == (2, 6, 6, 3)
    for side in (3, 5):
        with pytest.raises(DataError, match=f"got 4 x 4 pixels, which cannot stand in the middle of {side} x {side}"):
            padded(images, side)


def test_grey_by_hand() -> None:
    # (19595 · 10 + 38470 · 20 + 7471 · 30 + 32768) >> 16 = 1,222,248 >> 16 = 18
    assert to_grey(np.array([[10, 20, 30], [255, 255, 255], [0, 0, 0]], np.uint8)).tolist() == [18, 255, 0]


@pytest.mark.data
def test_workloads_name_their_set(data_root: Path) -> None:
    assert load_images(load_workload(ROOT / "workloads" / "mnist_mbi"), data_root, 3).shape == (3, 28, 28)
    assert load_images(load_workload(ROOT / "workloads" / "cifar10_hybrid"), data_root, 3).shape == (3, 32, 32)


def test_a_generated_workload_has_no_images(tmp_path: Path) -> None:
    message = "was recorded on 'generated', need one of MNIST, Fashion-MNIST, KMNIST, CIFAR-10$"
    with pytest.raises(DataError, match=message):
        load_images(load_workload(ROOT / "workloads" / "paper_mbi"), tmp_path, 1)


def test_recorded_names() -> None:
    assert DATASETS["cifar10"].recorded_name(grey=True) == "CIFAR-10 greyscale"
    assert DATASETS["cifar10"].recorded_name(grey=False) == "CIFAR-10"
    assert DATASETS["mnist"].recorded_name(grey=True) == "MNIST"
