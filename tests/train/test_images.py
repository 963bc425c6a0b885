"""What a training run may see, and what it keeps for choosing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.datasets import ImageSet, load, to_grey
from accelsim.errors import DataError, RangeError, UsageError

pytestmark = [pytest.mark.torch, pytest.mark.data]


@pytest.mark.parametrize(("name", "n_validation"), [("mnist", 10_000), ("cifar10", 5_000)])
def test_the_last_training_images_validate(name: str, n_validation: int, data_root: Path) -> None:
    from accelsim.train.images import load_split

    split, found = load_split(name, data_root), load(name, data_root, train=True)
    grey = to_grey(found.images) if found.images.ndim == 4 else found.images
    assert np.array_equal(split.fitted.grey, grey[:-n_validation])
    assert np.array_equal(split.validation.grey, grey[-n_validation:])
    assert np.array_equal(split.fitted.label_bytes, found.labels[:-n_validation])
    assert np.array_equal(split.validation.labels.numpy(), found.labels[-n_validation:])


def test_colour(data_root: Path) -> None:
    from accelsim.train.images import load_test

    images = load_test("cifar10", data_root, grey=False, limit=100)
    assert images.pixels.shape == (100, 3, 32, 32)
    found = load("cifar10", data_root, train=False).images[:100]
    assert np.array_equal(images.pixels.numpy().transpose(0, 2, 3, 1), found)
    with pytest.raises(UsageError, match="got 3 channels, need grey ones"):
        _ = images.grey
    with pytest.raises(UsageError, match=r"^--colour: got MNIST, whose images are grey; need --grey$"):
        load_test("mnist", data_root, grey=False)


def test_a_limit_takes_the_first_of_each_part(data_root: Path) -> None:
    from accelsim.train.images import load_split

    whole, few = load_split("mnist", data_root), load_split("mnist", data_root, limit=100)
    for part in ("fitted", "validation"):
        assert getattr(few, part).pixels.equal(getattr(whole, part).pixels[:100])
        assert len(set(getattr(few, part).labels.tolist())) == 10
    with pytest.raises(RangeError, match="got 99 images, need at least 100"):
        load_split("mnist", data_root, limit=99)


def test_the_hybrid_sees_a_border(data_root: Path) -> None:
    from accelsim.train.images import load_split

    split = load_split("mnist", data_root, limit=100)
    wide = split.as_hybrid_input().fitted
    assert wide.pixels.shape == (100, 1, 32, 32)
    assert wide.pixels[:, :, 2:30, 2:30].equal(split.fitted.pixels)
    assert wide.pixels.sum() == split.fitted.pixels.sum()
    colour = load_split("cifar10", data_root, grey=False, limit=100).fitted
    assert colour.as_hybrid_input() is colour


def test_a_set_too_small_to_choose_on(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelsim.train import images

    few = ImageSet(np.zeros((10_000, 28, 28), np.uint8), np.zeros(10_000, np.uint8))
    monkeypatch.setattr(images, "load", lambda *_: few)
    with pytest.raises(DataError, match="got 10000 training images, need more than are for validation"):
        images.load_split("mnist", data_root)
