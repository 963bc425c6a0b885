"""Views, distillation, curriculum, pruning, topologies and teachers of the hybrid's student."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

from accelsim.errors import RangeError

pytestmark = pytest.mark.torch

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")

from accelsim.train.augment import Views, to_input  # noqa: E402
from accelsim.train.distill import Bank, Curriculum, Distillation, teach  # noqa: E402
from accelsim.train.lessons import Lessons  # noqa: E402
from accelsim.train.loop import Recipe, fit  # noqa: E402
from accelsim.train.networks import TOPOLOGIES, Student, size, topology  # noqa: E402
from accelsim.train.prune import Pruning, prune, pruned_layers, zeros  # noqa: E402
from accelsim.train.teachers import Ensemble, Mirrored, build_teacher, fit_teacher, recipe_of  # noqa: E402


def pixels(n: int = 20, channels: int = 1, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, channels, 32, 32), generator=generator, dtype=torch.uint8)


def test_a_view_is_a_shift_and_perhaps_a_mirroring() -> None:
    images = pixels(30, channels=3)
    views = Views.drawn(images, n_views=4, seed=7, max_shift=2, mirrored=True, background=9)
    seen = views.batch(torch.arange(30), torch.full((30,), 2))
    mirrored = 0
    for image, view in zip(images, seen, strict=True):
        padded = torch.nn.functional.pad(image, (2, 2, 2, 2), value=9)
        crops = [padded[:, r : r + 32, c : c + 32] for r in range(5) for c in range(5)]
        plain = any(torch.equal(to_input(crop[None])[0], view) for crop in crops)
        flipped = any(torch.equal(to_input(crop.flip(2)[None])[0], view) for crop in crops)
        assert plain or flipped
        mirrored += flipped
    assert 5 < mirrored < 25


def test_views_without_shift_or_mirroring_are_the_images() -> None:
    images = pixels()
    views = Views.drawn(images, n_views=1, seed=0, max_shift=0, mirrored=False, background=0)
    assert torch.equal(views.batch(torch.arange(20), torch.zeros(20, dtype=torch.long)), to_input(images))


def test_a_mixed_view_is_a_mean_of_two_views_and_of_their_labels() -> None:
    plain = Views.drawn(pixels(), n_views=2, seed=3, max_shift=4, mirrored=True, background=128)
    mixtures = plain.mixtures(3, seed=5)
    views = plain.followed_by(mixtures)
    assert (views.n_views, views.n_plain, mixtures.n_plain) == (5, 2, 0)
    everyone = torch.arange(20)
    assert 0 <= float(views.shares.min()) < 0.1 < 0.4 < float(views.shares.max()) <= 0.5
    assert all(torch.equal(row.sort().values, everyone) for row in views.partners)
    whole = Views.drawn(pixels(), n_views=3, seed=5, max_shift=4, mirrored=True, background=128)
    for number in range(3):
        at = torch.full((20,), number)
        partners, shares = mixtures.partners[number], mixtures.shares[number]
        share = shares[:, None, None, None]
        expected = (1 - share) * whole.batch(everyone, at) + share * whole.batch(partners, at)
        assert torch.allclose(mixtures.batch(everyone, at), expected, atol=1e-6)
        assert torch.equal(views.batch(everyone, at + 2), mixtures.batch(everyone, at))
    assert torch.equal(views.batch(everyone, torch.ones(20).long()), plain.batch(everyone, torch.ones(20).long()))

    labels, logits = everyone % 10, torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
    losses = -torch.log_softmax(logits, 1)
    partner, share = int(labels[mixtures.partners[1, 4]]), float(mixtures.shares[1, 4])
    expected_loss = (1 - share) * losses[0, 4] + share * losses[0, partner] + losses[1, 6]
    lessons = Lessons(views, labels, Distillation(0.0, 1.0))
    found = lessons.loss(logits, torch.tensor([4, 16]), torch.tensor([3, 1]))
    assert float(found) == pytest.approx(float(expected_loss) / 2, rel=1e-5)


def test_what_is_difficult_is_seen_in_plain_views() -> None:
    plain = Views.drawn(pixels(), n_views=2, seed=3, max_shift=4, mirrored=True, background=128)
    logits = torch.randn(5, 20, 10, generator=torch.Generator().manual_seed(1)).half()
    labels = torch.arange(20) % 10
    lessons = Lessons(plain.followed_by(plain.mixtures(3, seed=5)), labels, Distillation(0.9, 1.0), Bank(logits))
    assert torch.equal(lessons.difficulty(), Bank(logits[:2]).difficulty(labels))


def test_the_bank_holds_the_teachers_answers_to_the_same_views() -> None:
    views = Views.drawn(pixels(), n_views=3, seed=0, max_shift=4, mirrored=True, background=128)
    teacher = Student(topology("paper", 1), 10, seed=0).eval()
    with Progress(disable=True) as progress:
        bank = Bank(torch.from_numpy(teach(teacher, views, progress, batch_size=7)))
    indices, numbers = torch.tensor([3, 11]), torch.tensor([2, 0])
    with torch.no_grad():
        expected = teacher(views.batch(indices, numbers))
    assert torch.allclose(bank.answers(indices, numbers), expected, atol=0.05)
    labels = torch.arange(20) % 10
    expected_loss = torch.nn.functional.cross_entropy(bank.logits[0].float()[:1], labels[:1])
    one = Bank(bank.logits[:1])
    assert one.difficulty(labels)[0] == pytest.approx(float(expected_loss), rel=1e-5)


def test_the_loss_is_the_mix_of_the_paper() -> None:
    logits, teacher = torch.tensor([[1.0, 2.0, 0.0]]), torch.tensor([[0.0, 3.0, 1.0]])
    label = torch.tensor([1])
    p, q = (torch.softmax(z / 4, 1) for z in (teacher, logits))
    divergence = float((p * (p / q).log()).sum())
    hard = float(-torch.log_softmax(logits, 1)[0, 1])
    found = Distillation(alpha=0.75, temperature=4.0).loss(logits, label, teacher)
    assert float(found) == pytest.approx(0.75 * 16 * divergence + 0.25 * hard, rel=1e-5)
    assert float(Distillation(0.0, 4.0).loss(logits, label, teacher)) == pytest.approx(hard, rel=1e-6)


def test_the_curriculum_goes_from_easy_to_all() -> None:
    difficulty = torch.arange(100.0).flip(0)
    curriculum = Curriculum(difficulty, epochs=10)
    first = curriculum.order(0, torch.Generator().manual_seed(0))
    assert len(first) == 100
    assert set(first.tolist()) == set(range(70, 100))
    assert sorted(curriculum.order(5, torch.Generator().manual_seed(5)).tolist()) == list(range(100))


@pytest.mark.parametrize("name", list(TOPOLOGIES))
@pytest.mark.parametrize("channels", [1, 3])
def test_topologies_keep_the_papers_budget(name: str, channels: int) -> None:
    layers = topology(name, channels)
    network = Student(layers, 10, seed=0).eval()
    assert network.features(torch.zeros(2, channels, 32, 32)).shape == (2, 784)
    counted: dict[str, int] = {}
    for spec in layers:
        network.convolutions[spec.name].register_forward_hook(
            lambda module, _, y, key=spec.name: counted.update({key: y[0, 0].numel() * module.weight.numel()})
        )
    network(torch.zeros(1, channels, 32, 32))
    assert size(layers, 10).macs == sum(counted.values()) + 7840
    if channels == 1:
        assert size(layers, 10).parameters <= 380_000
        # The paper's own reconstruction: 18,128,160 in its convolutions.
        assert size(layers, 10).macs - 7840 <= 18_128_160


def test_pruning_leaves_the_wanted_share() -> None:
    student = Student(topology("paper", 1), 10, seed=0)
    prune(student, 0.8)
    assert zeros(student) == pytest.approx(0.8, abs=1e-4)
    assert bool((student.mask_conv1 == 1).all())
    before = student.features(torch.ones(1, 1, 32, 32))
    with torch.no_grad():
        for name in pruned_layers(student):
            mask = getattr(student, f"mask_{name}")
            student.convolutions[name].weight[mask == 0] = 100.0
    assert torch.equal(student.features(torch.ones(1, 1, 32, 32)), before)


def test_pruning_by_absolute_magnitude_spares_layers_of_large_weights() -> None:
    student = Student(topology("paper", 1), 10, seed=0)
    with torch.no_grad():
        student.convolutions["conv2"].weight *= 100
    prune(student, 0.5)
    assert float(student.mask_conv2.mean()) == pytest.approx(0.5, abs=0.05)
    prune(student, 0.5, "absolute")
    assert zeros(student) == pytest.approx(0.5, abs=1e-4)
    assert float(student.mask_conv2.mean()) > 0.98


def test_pruning_grows_while_training() -> None:
    student = Student(topology("paper", 1), 10, seed=0)
    views = Views.drawn(pixels(40), n_views=2, seed=0, max_shift=4, mirrored=True, background=128)
    lessons = Lessons(views, torch.arange(40) % 10, Distillation(0.0, 1.0))
    pruning = Pruning(student, sparsity=0.8, n_steps=20, every=2)
    assert pruning.share(0) == 0
    assert pruning.share(12) == pytest.approx(0.8)
    recipe = Recipe("pruned", epochs=4, seed=0, rate=0.01, batch_size=8, optimiser="muon")
    with Progress(disable=True) as progress:
        fit(
            student, 40, recipe, lessons.batch_loss(student),
            validate=lambda: 0.0, progress=progress, after_step=pruning.after_step,
        )  # fmt: skip
    assert zeros(student) == pytest.approx(0.8, abs=1e-4)
    with pytest.raises(RangeError, match="sparsity"):
        Pruning(student, sparsity=1.0, n_steps=10)


def test_pruning_that_was_stopped_goes_on(tmp_path: Path) -> None:
    views = Views.drawn(pixels(40), n_views=2, seed=0, max_shift=4, mirrored=True, background=128)
    lessons = Lessons(views, torch.arange(40) % 10, Distillation(0.0, 1.0))
    recipe = Recipe("pruned", epochs=4, seed=0, rate=0.01, batch_size=8, optimiser="muon")

    def run(stop_at: int | None, checkpoint: Path | None) -> Any:
        student = Student(topology("paper", 1), 10, seed=0)
        pruning = Pruning(student, sparsity=0.8, n_steps=20, every=2)

        def after_step() -> None:
            pruning.after_step()
            if int(student.pruning_steps) == stop_at:
                raise KeyboardInterrupt

        with Progress(disable=True) as progress:
            fit(
                student, 40, recipe, lessons.batch_loss(student),
                validate=lambda: 0.0, progress=progress, after_step=after_step, checkpoint=checkpoint,
            )  # fmt: skip
        return student.state_dict()

    with pytest.raises(KeyboardInterrupt):
        run(13, tmp_path / "c.pt")
    stopped, whole = run(None, tmp_path / "c.pt"), run(None, None)
    assert all(torch.equal(stopped[name], value) for name, value in whole.items())


def test_the_mirrored_teacher_says_the_same_of_a_mirror_image() -> None:
    teacher = Mirrored(build_teacher("fast", 1, 10, seed=0)).eval()
    x = to_input(pixels(4))
    assert torch.allclose(teacher(x), teacher(x.flip(3)), atol=1e-5)
    assert not torch.allclose(teacher.teacher(x), teacher.teacher(x.flip(3)), atol=1e-3)


def test_an_ensemble_says_the_mean_of_what_its_teachers_say() -> None:
    teachers = [build_teacher("fast", 1, 10, seed=seed).eval() for seed in (0, 1, 2)]
    x = torch.randn(3, 1, 32, 32)
    expected = torch.stack([teacher(x) for teacher in teachers]).mean(0)
    assert torch.allclose(Ensemble(teachers).eval()(x), expected, atol=1e-5)
    assert not torch.allclose(teachers[0](x), expected, atol=1e-3)


def test_the_fast_teacher_whitens_its_input() -> None:
    views = Views.drawn(pixels(60), n_views=2, seed=0, max_shift=2, mirrored=True, background=128)
    labels = (views.pixels.float().mean((1, 2, 3)) > 127.5).long()
    lessons = Lessons(views, labels, Distillation(0.0, 1.0))
    teacher = build_teacher("fast", 1, 10, seed=0)
    with Progress(disable=True) as progress:
        fit_teacher(teacher, lessons, recipe_of("fast", 1, 0), validate=lambda: 0.0, progress=progress)
    patches = torch.nn.functional.unfold(to_input(views.pixels), 3).transpose(1, 2).flatten(0, 1)
    filters = teacher.whitening.weight.flatten(1)
    responses = patches @ filters[:9].T
    # Eigenvalues are far above the regulariser, so the filtered patches have unit second moments.
    assert torch.allclose(responses.T @ responses / len(patches), torch.eye(9), atol=0.02)
    assert torch.equal(filters[9:], -filters[:9])


def test_resnet50_takes_small_images() -> None:
    teacher = build_teacher("resnet50", 1, 10, seed=0).eval()
    assert teacher(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    assert sum(p.numel() for p in teacher.parameters()) == pytest.approx(23.5e6, rel=0.01)
    with pytest.raises(RangeError, match="teacher"):
        build_teacher("vgg", 1, 10, seed=0)
