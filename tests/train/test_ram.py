"""The recurrent attention model: what it sees, its quantisers, its losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch

torch: Any = pytest.importorskip("torch", reason="torch is not installed")

from accelsim.train.episode_tables import table_geometry  # noqa: E402
from accelsim.train.mbi_tables import centres, levels_at  # noqa: E402
from accelsim.train.ram import Pass, Ram, RamConfig, hybrid_loss, integral_images, predict  # noqa: E402


def images(n: int, height: int = 28, width: int = 28) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, height, width), dtype=np.uint8)


def network(config: RamConfig, image: tuple[int, int] = (28, 28)) -> Ram:
    return Ram(config, image, n_classes=10, seed=0).eval()


def test_multiply_accumulates_are_the_papers() -> None:
    model = network(RamConfig())
    weights = {name: parameter.numel() for name, parameter in model.named_parameters() if name.endswith("weight")}
    not_in_a_glimpse = weights["classifier.weight"], weights["baseline.weight"]
    assert not_in_a_glimpse == (640, 64)
    assert sum(weights.values()) - sum(not_in_a_glimpse) == 172_352  # physics.md 4.3, from the authors' modules.py
    assert 5 * 172_352 + 640 == 862_400


@pytest.mark.parametrize("size", [2, 3])
def test_pixels_are_means_of_zero_padded_crops(size: int) -> None:
    """A patch of an odd side begins half a side, rounded down, before its centre pixel."""
    config = RamConfig(pixel_bits=None, patch_size=size, scale=3, n_patches=3, location_bits=4)
    shown = images(5, 9, 12)
    codes = torch.tensor([[0, 0], [15, 15], [8, 8], [3, 12], [14, 1]])
    model = network(config, (9, 12))
    found = model.levels(integral_images(shown), model.middle(codes)).numpy()
    for image, (row, column), pixels in zip(shown, codes.tolist(), found, strict=True):
        centre = (2 * row + 1) * 9 // 32, (2 * column + 1) * 12 // 32
        expected = []
        for pool in (1, 3, 9):
            canvas = np.pad(image, 40).astype(int)
            top, left = (40 + middle - size * pool // 2 for middle in centre)
            for i, j in np.ndindex(size, size):
                block = canvas[top + i * pool : top + (i + 1) * pool, left + j * pool : left + (j + 1) * pool]
                expected.append(block.sum() // pool**2)
        assert pixels.tolist() == expected


@pytest.mark.parametrize("size", [{}, {"patch_size": 3, "scale": 3}])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_levels_are_those_of_the_tables(bits: int, size: dict[str, int]) -> None:
    config = RamConfig(pixel_bits=bits, **size)
    model, shown = network(config), images(200)
    geometry = table_geometry(config, (28, 28), 10, located=True)
    codes = np.random.default_rng(2).integers(0, 32, (200, 2), dtype=np.uint8)
    seen = model.levels(integral_images(shown), model.middle(torch.from_numpy(codes))).numpy()
    assert np.array_equal(seen, levels_at(shown, geometry, 0, codes))


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
def test_thresholds_round_as_the_authors_do(bits: int) -> None:
    steps = 2**bits - 1
    levels = np.digitize(np.arange(256), RamConfig(pixel_bits=bits).pixel_thresholds())
    # 255 and steps are odd, so x steps / 255 is never half-way between whole numbers.
    assert np.array_equal(levels, np.rint(np.arange(256) / 255 * steps))


def test_a_code_stands_for_the_middle_of_its_share_of_the_image() -> None:
    config = RamConfig()
    model, geometry = network(config), table_geometry(config, (28, 28), 10, located=True)
    codes = torch.arange(32)[:, None].repeat(1, 2)
    places = model.middle(codes)
    assert torch.equal(model.codes(places), codes)
    assert torch.equal(model.codes(torch.tensor([[-1.0, 1.0]])), torch.tensor([[0, 31]]))
    assert np.array_equal(centres(codes.numpy(), geometry), ((places + 1) * 14).long().numpy())
    assert model.codes(model.start(1)[0]).tolist() == [[config.centre_code] * 2] == [[16, 16]]


def test_a_hidden_code_of_one_bit_is_binary_and_learns() -> None:
    model = network(RamConfig())
    location, hidden = model.start(50)
    code = model.think(model.levels(integral_images(images(50)), location), location, hidden)
    assert set(code.unique().tolist()) <= {0.0, 1.0}
    code.sum().backward()
    assert model.extra.weight.grad.abs().sum() > 0
    assert model.locator[0].weight.grad is None


def test_quantising_afterwards_keeps_the_weights() -> None:
    full = network(RamConfig(hidden_bits=None))
    binary, shown = full.with_hidden_bits(1), integral_images(images(20))
    location, hidden = full.start(20)
    levels = full.levels(shown, location)
    # One half goes up.
    expected = (full.think(levels, location, hidden) >= 0.5).float()
    assert torch.equal(binary.think(levels, location, hidden), expected)


def test_sampling_is_by_the_generator_alone() -> None:
    model, shown = network(RamConfig()), integral_images(images(20))
    first, again = (model(shown, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.log_policy, again.log_policy)
    assert (first.log_policy < 0).all()
    assert np.array_equal(predict(model, shown), predict(model, shown))
    assert (model(shown).log_policy == 0).all()


def test_a_reward_above_the_baseline_pulls_the_mean_to_what_was_tried() -> None:
    # Two images: the first is classified right. Baselines 0.25: advantages 0.75 and -0.25.
    mean = torch.zeros(2, 1, requires_grad=True)
    tried, std = torch.tensor([[0.1], [0.2]]), 0.17
    seen = Pass(
        logits=torch.tensor([[5.0, 0.0], [5.0, 0.0]]),
        log_policy=-((tried - mean) ** 2) / (2 * std**2),
        baseline=torch.full((2, 1), 0.25, requires_grad=True),
    )
    hybrid_loss(seen, torch.tensor([0, 1])).backward()
    expected = -0.01 * np.array([0.75 * 0.1, -0.25 * 0.2]) / std**2 / 2
    assert mean.grad[:, 0].numpy() == pytest.approx(expected)
    # Squared error alone: 2 (b - reward) / n.
    assert seen.baseline.grad[:, 0].tolist() == pytest.approx([0.25 - 1, 0.25])
