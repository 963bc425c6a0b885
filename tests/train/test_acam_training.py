"""ACAM-aware training: the network's counts are the array's, gradients are the ramps', and it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from accelsim.errors import RangeError

pytestmark = pytest.mark.torch
N_CLASSES = 10


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def network(torch: Any, seed: int = 0, **options: Any) -> tuple[Any, Any, Any]:
    """A small student's start on random images: the network, their inputs and labels."""
    from accelsim.train.acam_training import AcamOptions, start_acam
    from accelsim.train.networks import ConvSpec, Student

    layers = (ConvSpec("first", 1, 8, 5, 4, 0), ConvSpec("head", 8, 16, 1, 1, 0))
    student = Student(layers, N_CLASSES, seed).eval()
    random = torch.Generator().manual_seed(seed)
    x, labels = torch.randn(80, 1, 32, 32, generator=random), torch.arange(80) % N_CLASSES
    x += labels.reshape(-1, 1, 1, 1) / 4
    return start_acam(student, x, labels, AcamOptions(**options), seed).eval(), x, labels


OPTIONS = (
    {},
    {"dont_care": True},
    {"templates_per_class": 3},
    {"feature_levels": 4},
    {"feature_levels": 16, "templates_per_class": 2},
)


@pytest.mark.parametrize("options", OPTIONS)
def test_counts_are_those_of_the_stored_templates(torch: Any, options: dict[str, Any]) -> None:
    """Also after latents have moved, to places where windows have any width."""
    made, x, _ = network(torch, **options)
    random = torch.Generator().manual_seed(1)
    for step in range(3):
        if step:
            with torch.no_grad():
                for parameter in (made.windows.offset, made.windows.half_width, made.moved):
                    if parameter.requires_grad:
                        parameter += torch.randn(parameter.shape, generator=random) * step
            made.clip()
        scale = 1 / 32
        with torch.no_grad():
            integers = torch.round(made.student.features(x) / scale).clamp(-128, 127)
            counts = made.matches(integers * scale)
        stored, integers = made.templates(scale), integers.numpy().astype(np.int8)
        assert (stored.low <= stored.high).all()
        assert stored.high.max() < stored.n_levels
        assert (np.diff(stored.thresholds.astype(int), axis=1) >= 0).all()
        np.testing.assert_array_equal(stored.counts(integers), counts)
        if not made.options.wide:
            np.testing.assert_array_equal(stored.low, stored.high)


def test_windows_store_the_levels_nearest_to_their_ends(torch: Any) -> None:
    from accelsim.train.acam_training import Windows

    offset = torch.tensor([[0.0, 1.0, 2.4, 1.5, 3.0, 0.2]]) - 1.5
    half_width = torch.tensor([[0.0, 0.4, 1.0, 1.5, 0.6, 0.4]])
    low, high = Windows(offset, half_width, 4, wide=True).stored()
    assert low.tolist() == [[0, 1, 1, 0, 2, 0]]
    assert high.tolist() == [[0, 1, 3, 3, 3, 1]]


def test_a_window_is_never_empty(torch: Any) -> None:
    from accelsim.train.acam_training import Windows

    offset = torch.linspace(-1.5, 1.5, 601).repeat(3, 1)
    width = torch.tensor([[0.0], [0.25], [0.5]]).expand(3, 601).clone()
    member = Windows(offset, width, 4, wide=True)().detach()
    assert member.sum(2).min() == 1
    assert member[0].sum(1).max() == 1  # without width exactly one level


def test_the_gradients_are_those_of_ramps(torch: Any) -> None:
    from accelsim.train.acam_training import step

    x = torch.tensor([-1.5, -0.9, 0.0, 0.1, 0.9, 1.5], requires_grad=True)
    y = step(x, 1.0)
    y.sum().backward()
    assert y.tolist() == [0, 0, 0, 1, 1, 1]
    assert x.grad.tolist() == [0, 0.5, 0.5, 0.5, 0.5, 0]


def test_a_latent_binary_weight_gets_the_gradient_of_its_match(torch: Any) -> None:
    """d count / d centre is +1 where the bit is 1 and -1 where it is 0, whatever is stored."""
    made, x, _ = network(torch)
    with torch.no_grad():
        made.windows.offset.uniform_(-0.4, 0.4)
        features = made.student.features(x[:1])
    made.counts(x[:1]).sum().backward()
    bit = (features.unsqueeze(2) > made.thresholds).float()[..., 0]
    np.testing.assert_array_equal(made.windows.offset.grad, (2 * bit - 1).expand(N_CLASSES, -1))


def test_the_start_follows_the_classes(torch: Any) -> None:
    """Images whose brightness is their class: statistics alone do better than chance."""
    for options in ({}, {"feature_levels": 4}, {"templates_per_class": 2}):
        made, x, labels = network(torch, **options)
        with torch.no_grad():
            assert (made(x).argmax(1) == labels).float().mean() > 0.3


def test_several_rows_answer_by_the_best(torch: Any) -> None:
    made, x, _ = network(torch, templates_per_class=3)
    with torch.no_grad():
        counts = made.counts(x)
        assert torch.equal(made(x), counts.reshape(80, N_CLASSES, 3).amax(2))
    assert counts.shape == (80, 30)


def test_it_learns_and_a_stopped_run_continues_where_it_was(torch: Any, tmp_path: Any) -> None:
    from rich.progress import Progress

    from accelsim.errors import DataError
    from accelsim.train.acam_training import fit_acam
    from accelsim.train.augment import Views
    from accelsim.train.distill import Distillation
    from accelsim.train.lessons import Lessons
    from accelsim.train.loop import Recipe

    random = torch.Generator().manual_seed(3)
    labels = torch.arange(120) % N_CLASSES
    pixels = torch.randint(0, 60, (120, 1, 32, 32), generator=random) + 18 * labels.reshape(-1, 1, 1, 1)
    lessons = Lessons(Views.drawn(pixels.byte(), 2, 0, 1, False, 0), labels, Distillation(0.0, 1.0))

    def run(checkpoint: Any, stop_after: int, seed: int = 5) -> Any:
        made, _, _ = network(torch, seed=2)
        made.noise_counts = 2.0
        epochs = iter(range(1, stop_after))

        def validate() -> float:
            return float(next(epochs))

        with Progress(disable=True) as progress:
            try:
                recipe = Recipe("array", 4, seed, 0.01, 40, "adam")
                fit_acam(
                    made, lessons, recipe,
                    validate=validate, progress=progress, checkpoint=checkpoint,
                )  # fmt: skip
            except StopIteration:
                return None
        return made

    undisturbed = run(None, stop_after=9)
    assert run(tmp_path / "state.pt", stop_after=3) is None
    resumed = run(tmp_path / "state.pt", stop_after=9)
    for one, other in zip(undisturbed.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    start, _, _ = network(torch, seed=2)
    x, _ = lessons.draw(torch.arange(120), torch.Generator().manual_seed(0))

    def loss(made: Any) -> float:
        rows = made.logits(x, torch.Generator().manual_seed(1)).detach()
        return float(lessons.loss(rows, torch.arange(120), torch.zeros(120, dtype=torch.int64)))

    assert loss(undisturbed) < loss(start)
    with pytest.raises(DataError, match=r"state\.pt: got a checkpoint of"):
        run(tmp_path / "state.pt", stop_after=9, seed=6)


def test_a_kept_network_comes_back(torch: Any) -> None:
    from accelsim.errors import DataError
    from accelsim.train.acam_training import AcamNetwork
    from accelsim.train.networks import ConvSpec, Student
    from accelsim.train.state import kept, restored

    for options in OPTIONS:
        made, x, _ = network(torch, **options)
        layers = (ConvSpec("first", 1, 8, 5, 4, 0), ConvSpec("head", 8, 16, 1, 1, 0))
        again = restored(AcamNetwork.blank(Student(layers, N_CLASSES, 9), made.options), kept(made))
        with torch.no_grad():
            assert torch.equal(again.counts(x), made.counts(x))
    with pytest.raises(DataError, match=r"^got the state of another model than Student"):
        restored(Student(layers, N_CLASSES, 0), kept(made))


@pytest.mark.parametrize("levels", [1, 17])
def test_arrays_that_cannot_be(levels: int, torch: Any) -> None:
    from accelsim.train.acam_training import AcamOptions

    with pytest.raises(RangeError, match=rf"^feature_levels: got {levels}, need 2 to 16$"):
        AcamOptions(feature_levels=levels)
    with pytest.raises(RangeError, match=r"^templates_per_class: got 0, need at least 1$"):
        AcamOptions(templates_per_class=0)
