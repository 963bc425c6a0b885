"""Episodes as rows: each is what the network does, and looking them up is what the network does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from accelsim.errors import RangeError

pytestmark = pytest.mark.torch

torch: Any = pytest.importorskip("torch", reason="torch is not installed")

from accelsim.train.episodes import distinct, look_up, sample_rows  # noqa: E402
from accelsim.train.ram import Ram, RamConfig, integral_images, predict  # noqa: E402
from accelsim.train.weights import Encoding, Exhaustive, Weights  # noqa: E402

N_IMAGES = 60


@pytest.fixture(scope="module")
def model() -> Ram:
    return Ram(RamConfig(), (28, 28), n_classes=10, seed=4).eval()


@pytest.fixture(scope="module")
def shown() -> Any:
    return integral_images(np.random.default_rng(5).integers(0, 256, (N_IMAGES, 28, 28), dtype=np.uint8))


def keys_of(rows: Any) -> np.ndarray:
    return np.concatenate([rows.levels, rows.hidden, rows.location], axis=1)


def test_a_row_is_what_the_network_makes_of_its_query(model: Ram, shown: Any) -> None:
    rows = sample_rows(model, shown, n_rows=10_000, passes=3, seed=0)
    # The first glimpse of an image is the same in every pass, the later ones are not.
    assert N_IMAGES * 5 < len(rows) <= N_IMAGES * (1 + 3 * 4)
    assert len(np.unique(keys_of(rows), axis=0)) == len(rows)
    location = model.middle(torch.from_numpy(rows.location))
    hidden = torch.from_numpy(rows.hidden).float()
    with torch.no_grad():
        following = model.think(torch.from_numpy(rows.levels).long(), location, hidden)
        assert np.array_equal(following.numpy(), rows.next_hidden)
        assert np.array_equal(model.codes(model.aim(following)).numpy(), rows.next_location)
        assert np.array_equal(model.classifier(following).argmax(1).numpy(), rows.label)


def test_looking_up_every_episode_is_the_network(model: Ram, shown: Any) -> None:
    rows = sample_rows(model, shown, n_rows=10_000, passes=1, seed=0)
    looked = look_up(model, shown, rows, Exhaustive.over(rows, Encoding(model.config), Weights(3, 1, 2)))
    assert (looked.distance == 0).all()
    assert np.array_equal(looked.predicted, predict(model, shown))


def test_a_budget_takes_a_random_share(model: Ram, shown: Any) -> None:
    everything = sample_rows(model, shown, n_rows=10_000, passes=1, seed=7)
    some = sample_rows(model, shown, n_rows=100, passes=1, seed=7)
    assert len(some) == 100
    assert np.array_equal(keys_of(some), keys_of(everything.first(100)))
    assert 10 < (some.hidden.sum(axis=1) == 0).sum() < 40  # a fifth of them are first glimpses


def test_without_the_location_equal_rows_are_one(model: Ram, shown: Any) -> None:
    rows = sample_rows(model, shown, n_rows=50, passes=1, seed=0)
    moved = rows.take(np.repeat(np.arange(50), 2))
    moved.location[1::2] = 31 - moved.location[1::2]
    assert len(distinct(moved)) == 100
    assert np.array_equal(keys_of(distinct(moved, located=False)), keys_of(rows))


@pytest.mark.parametrize(
    ("config", "got"),
    [
        (RamConfig(hidden_bits=2), "hidden_bits 2, pixel_bits 2, location_bits 5"),
        (RamConfig(pixel_bits=None), "hidden_bits 1, pixel_bits none, location_bits 5"),
        (RamConfig(location_bits=None), "hidden_bits 1, pixel_bits 2, location_bits none"),
    ],
)
def test_what_a_table_cannot_hold_is_refused(config: RamConfig, got: str, shown: Any) -> None:
    need = "need hidden_bits 1 and quantised pixels and locations"
    with pytest.raises(RangeError, match=f"^episodes: got {got}, {need}$"):
        sample_rows(Ram(config, (28, 28), 10, 0), shown, n_rows=10, passes=1, seed=0)
