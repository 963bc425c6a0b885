"""Quantisation-aware fine-tuning: fake int8 is int8, pruned weights stay zero, training helps what rounding hurt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch
N_CLASSES = 10


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def small_student(torch: Any, seed: int = 0) -> Any:
    """Three convolutions, one of which is added to, with batch norm that does something."""
    from accelsim.train.networks import ConvSpec, Student

    layers = (
        ConvSpec("first", 1, 8, 4, 4, 0),
        ConvSpec("second", 8, 8, 3, 1, 1, add="first"),
        ConvSpec("head", 8, 16, 2, 1, 0, relu=False),
    )
    student = Student(layers, N_CLASSES, seed)
    random = torch.Generator().manual_seed(seed)
    for norm in student.norms.values():
        norm.running_mean.copy_(torch.randn(norm.running_mean.shape, generator=random) / 5)
        norm.running_var.copy_(0.1 + torch.rand(norm.running_var.shape, generator=random))
    return student.eval()


def images(torch: Any, n: int = 120) -> tuple[Any, Any]:
    """Pixels [n, 1, 32, 32] uint8 whose brightness is their class, and labels."""
    random = torch.Generator().manual_seed(3)
    labels = torch.arange(n) % N_CLASSES
    return (torch.randint(0, 80, (n, 1, 32, 32), generator=random) + 17 * labels.reshape(-1, 1, 1, 1)).byte(), labels


def as_integers(torch: Any, pixels: Any) -> Any:
    return (pixels.short() - 128).to(torch.int8)


def test_fake_int8_is_int8(torch: Any) -> None:
    """But for the rounding of float32 sums, which moves single values by one step."""
    from accelsim.train.augment import to_input
    from accelsim.train.qat import QuantisedStudent
    from accelsim.train.quantise import evaluate

    pixels, _ = images(torch)
    quantised = QuantisedStudent(small_student(torch), as_integers(torch, pixels)).eval()
    with torch.no_grad():
        quantised.moved += torch.tensor([0.1, -0.2, 0.05])  # learned scales
    layers = quantised.integer_layers()
    assert [layer.scale for layer in layers[:-1]] == quantised.scales.tolist()
    with torch.no_grad():
        fake = (quantised.features(to_input(pixels)) / quantised.scales[-1]).numpy()
        logits = quantised(to_input(pixels)).numpy()
    integers, _ = evaluate(layers[:-1], as_integers(torch, pixels))
    steps = np.rint(fake)
    assert np.abs(fake - steps).max() < 1e-3
    assert (steps != integers).mean() < 1e-4
    assert np.abs(steps - integers).max() <= 1
    assert integers.min() < 0 < integers.max()
    found, _ = evaluate(layers, as_integers(torch, pixels))
    assert np.corrcoef(found.ravel(), logits.ravel())[0, 1] > 0.9999


def test_it_starts_as_post_training_quantisation(torch: Any) -> None:
    from accelsim.train.augment import INPUT_SCALE
    from accelsim.train.prune import prune
    from accelsim.train.qat import QuantisedStudent
    from accelsim.train.quantise import evaluate, float_layers, quantise

    pixels, _ = images(torch)
    student = small_student(torch)
    prune(student, 0.5)
    x = as_integers(torch, pixels)
    after = quantise(float_layers(student), x, INPUT_SCALE)
    start = QuantisedStudent(student, x).integer_layers()
    for one, other in zip(after, start, strict=True):
        assert np.abs(one.weight.astype(int) - other.weight).max() <= 1
        assert (one.weight != other.weight).mean() < 0.01
    assert (evaluate(after, x)[0].argmax(1) == evaluate(start, x)[0].argmax(1)).mean() > 0.98


def test_gradients_pass_where_nothing_was_clipped(torch: Any) -> None:
    from accelsim.train.qat import _to_int8

    y = torch.tensor([-300.0, -20.2, 0.4, 30.5, 253.0, 300.0], requires_grad=True)
    scale = torch.tensor(2.0, requires_grad=True)
    rounded = _to_int8(y, scale, -128)
    assert rounded.tolist() == [-256, -20, 0, 30, 254, 254]  # halves up: 15.25 -> 15
    rounded.sum().backward()
    assert y.grad.tolist() == [0, 1, 1, 1, 1, 0]
    steps = np.array([-128, -10, 0, 15, 127, 127])
    inside = np.array([0, -10.1, 0.2, 15.25, 126.5, 0])
    assert float(scale.grad) == pytest.approx((steps - inside).sum(), rel=1e-5)


def test_fine_tuning_repairs_what_rounding_broke_and_keeps_zeros(torch: Any) -> None:
    from rich.progress import Progress

    from accelsim.train.augment import Views
    from accelsim.train.distill import Distillation
    from accelsim.train.lessons import Lessons
    from accelsim.train.loop import Recipe, fit
    from accelsim.train.prune import prune
    from accelsim.train.qat import QuantisedStudent

    pixels, labels = images(torch)
    student = small_student(torch)
    prune(student, 0.6)
    quantised = QuantisedStudent(student, as_integers(torch, pixels))
    lessons = Lessons(Views.drawn(pixels, 2, 0, 1, False, 0), labels, Distillation(0.0, 1.0))
    x, views = lessons.draw(torch.arange(len(labels)), torch.Generator().manual_seed(0))

    def loss() -> float:
        with torch.no_grad():
            return float(lessons.loss(quantised(x), torch.arange(len(labels)), views))

    before, scales = loss(), quantised.scales.detach().clone()
    with Progress(disable=True) as progress:
        fit(
            quantised, len(labels), Recipe("int8", 8, 0, 3e-3, 40), lessons.batch_loss(quantised),
            validate=lambda: 0.0, progress=progress,
        )  # fmt: skip
    assert loss() < before - 0.1
    assert not torch.equal(quantised.scales, scales)
    for layer in quantised.integer_layers()[1:-1]:
        mask = getattr(student, f"mask_{layer.shape.name}").numpy()
        assert not layer.weight[mask == 0].any()
        assert layer.weight[mask == 1].any()


def test_the_array_answers_through_fake_int8_as_through_the_integers(torch: Any) -> None:
    """An AcamNetwork with a quantised student and its exported templates on the integer features."""
    from accelsim.train.acam_training import AcamOptions, start_acam
    from accelsim.train.augment import to_input
    from accelsim.train.qat import QuantisedStudent
    from accelsim.train.quantise import evaluate

    pixels, labels = images(torch)
    network = start_acam(small_student(torch), to_input(pixels), labels, AcamOptions()).eval()
    network.student = quantised = QuantisedStudent(network.student, as_integers(torch, pixels))
    with torch.no_grad():
        counts = network.counts(to_input(pixels)).numpy()
    layers = quantised.integer_layers()[:-1]
    features, _ = evaluate(layers, as_integers(torch, pixels))
    stored = network.templates(layers[-1].scale)
    off = np.abs(stored.counts(features) - counts)
    assert off.mean() < 0.2
    assert (stored.classes(features) == counts.argmax(axis=1)).mean() > 0.98
