"""Training on, at last, with the validation images too: what it is taught with, and what it leaves as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import UsageError
from accelsim.workload import load_workload

pytestmark = pytest.mark.torch
N_IMAGES = 120


@pytest.fixture(scope="module")
def torch() -> Any:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


def test_joined_lessons_are_both_after_each_other(torch: Any) -> None:
    """Pixels, labels and answers of an image go together, wherever it stands."""
    from accelsim.train.augment import Views
    from accelsim.train.distill import Bank, Distillation
    from accelsim.train.lessons import Lessons

    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(256, (20, 1, 8, 8), generator=generator).byte()
    first = Views.drawn(pixels[:12], 3, 7, 2, True, 128)
    more = first.of_others(pixels[12:], 8)
    how = Distillation(0.9, 1.0)
    answers = torch.arange(3 * 20 * 10).reshape(3, 20, 10).half()
    parts = [
        Lessons(first, torch.arange(12), how, Bank(answers[:, :12])),
        Lessons(more, torch.arange(12, 20), how, Bank(answers[:, 12:])),
    ]
    joined = parts[0].joined(parts[1])
    assert (len(joined), joined.views.n_views) == (20, 3)
    indices, views = torch.tensor([11, 12, 0, 19]), torch.tensor([0, 1, 2, 2])
    assert joined.labels[indices].tolist() == indices.tolist()
    alone = [parts[i >= 12].views.batch((i % 12)[None], v[None]) for i, v in zip(indices, views, strict=True)]
    assert torch.equal(joined.views.batch(indices, views), torch.cat(alone))
    assert joined.bank is not None
    assert torch.equal(joined.bank.answers(indices, views), answers[views, indices].float())
    untaught = replace(parts[0], bank=None).joined(replace(parts[1], bank=None))
    assert untaught.bank is None
    with pytest.raises(UsageError, match=r"^lessons: got some with a teacher's answers and some without"):
        parts[0].joined(replace(parts[1], bank=None))


@pytest.mark.data
@pytest.mark.parametrize("sparsity", [0.0, 0.6])
def test_a_refit_follows_the_choices(
    sparsity: float, torch: Any, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All stages of before are taken up; every training image is fitted on; zeros stay zeros; no validation figure is
    of the refitted network; a second run repeats nothing."""
    from accelsim.train import hybrid_stages
    from accelsim.train.baselines import train_cosine, train_softmax
    from accelsim.train.hybrid_options import QUICK, HybridOptions

    how = {**QUICK, "limit": N_IMAGES, "topology": "paper", "dataset": "mnist", "n_teachers": 2, "sparsity": sparsity}
    epochs = replace(how.pop("epochs"), int8=0)
    given = HybridOptions(data_root, out=tmp_path / "before", run_dir=tmp_path / "run", epochs=epochs, **how)
    train_softmax(given)
    seen = []
    fit = hybrid_stages.fit_softmax

    def watched(material: Any, student: Any, lessons: Any, *args: Any, **more: Any) -> None:
        seen.append((len(lessons), more["validated"]))
        fit(material, student, lessons, *args, **more)

    def never(*args: Any, **more: Any) -> Any:
        raise AssertionError("trained again")

    for name in ("train_teacher", "train_student", "prune_student"):
        monkeypatch.setattr(hybrid_stages, name, never)
    monkeypatch.setattr(hybrid_stages, "fit_softmax", watched)
    longer = replace(given, epochs=replace(epochs, refit=2))
    train_softmax(replace(longer, out=tmp_path / "after"))
    assert seen == [(2 * N_IMAGES, False)]
    train_cosine(replace(longer, out=tmp_path / "cosine"))
    train_softmax(replace(longer, out=tmp_path / "again"))
    assert len(seen) == 1

    before, after, cosine = (load_workload(tmp_path / name) for name in ("before", "after", "cosine"))
    said, was = after.manifest.training, before.manifest.training
    assert said["epochs_refit"] == 2
    assert {n: v for n, v in said.items() if n.startswith("validation")} == {
        n: v for n, v in was.items() if n.startswith("validation")
    }
    assert "at last with the validation images too" in after.manifest.description
    shared = [name for name in after.model if name.endswith("weight") and name in cosine.model]
    assert shared
    assert all(np.array_equal(after.model[name], cosine.model[name]) for name in shared)
    assert any(not np.array_equal(after.model[name], before.model[name]) for name in after.model)
    if sparsity:
        zeros = {name: (before.model[name] == 0).mean() for name in ("conv2.weight", "conv3.weight")}
        assert sum(zeros.values()) / 2 > 0.5
        assert all((after.model[name] == 0).mean() > 0.9 * share for name, share in zeros.items())
    right = after.evaluation["features"].argmax(axis=1) == after.labels
    assert after.manifest.accuracy.measured == right.mean()


def options(data_root: Path, run: Path, **given: Any) -> Any:
    from accelsim.train.hybrid_options import QUICK, HybridOptions

    sizes = {**QUICK, "limit": N_IMAGES, "topology": "paper", "dataset": "mnist", "run_dir": run}
    epochs = replace(sizes.pop("epochs"), refit=1, **given.pop("epochs", {}))
    return HybridOptions(data_root, epochs=epochs, **sizes, **given)


def stage(run: Path, name: str) -> dict[str, Any]:
    """Arrays of the only kept stage of this name."""
    from safetensors.numpy import load_file

    (path,) = (path for path in run.glob(f"{name}-*.safetensors") if path.stem.rpartition("-")[0] == name)
    return load_file(path)


@pytest.mark.data
def test_what_a_refit_is_made_of(torch: Any, data_root: Path, tmp_path: Path) -> None:
    """Both teachers answer the validation images; cosine templates are class means of all training images."""
    from accelsim.train.baselines import COSINE_RULES, train_cosine
    from accelsim.train.distill import teach
    from accelsim.train.hybrid_run import HybridRun
    from accelsim.train.hybrid_stages import integer_input
    from accelsim.train.integer_network import evaluate
    from accelsim.train.progress import progress_bar
    from accelsim.train.quantise import float_layers, from_arrays
    from accelsim.train.refit import MORE_VIEWS_SEED

    given = options(data_root, tmp_path / "run", n_teachers=2, out=tmp_path / "w", epochs={"int8": 0})
    train_cosine(given)
    run = HybridRun(given)
    split = run.material.split
    views = run.material.views.of_others(split.validation.pixels, given.seed + MORE_VIEWS_SEED)
    with progress_bar() as progress:
        each = [teach(teacher, views, progress).astype(np.float32) for teacher, _ in run.taught]
    np.testing.assert_allclose(stage(tmp_path / "run", "more-answers")["answers"], sum(each) / 2, atol=0.02)
    assert np.abs(each[0] - each[1]).max() > 0.1

    made = load_workload(tmp_path / "w")
    layers = from_arrays(float_layers(run.student), stage(tmp_path / "run", "refit-int8"))
    pixels = torch.cat([split.fitted.pixels, split.validation.pixels])
    labels = np.concatenate([split.fitted.label_bytes, split.validation.label_bytes])
    features, _ = evaluate(layers[:-1], integer_input(replace(split.fitted, pixels=pixels)))
    rule = made.manifest.training["template_rule"]
    np.testing.assert_array_equal(made.model["cosine.weight"], COSINE_RULES[rule](features, labels).weight)
    assert made.manifest.training["refit_images"] == 2 * N_IMAGES


@pytest.mark.data
def test_a_refit_rounds_as_was_chosen(
    torch: Any, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fine-tuned int8 is fine-tuned anew, by labels alone where nothing else was taught."""
    from accelsim.train import hybrid, hybrid_stages
    from accelsim.train.baselines import train_softmax

    seen = []
    fit = hybrid_stages.fit_softmax

    def watched(material: Any, student: Any, lessons: Any, *args: Any, **more: Any) -> None:
        seen.append((type(student).__name__, len(lessons), lessons.bank))
        fit(material, student, lessons, *args, **more)

    def fine_tuned(found: Any) -> Any:
        return best({"fine_tuned": found["fine_tuned"]})

    best = hybrid._best
    monkeypatch.setattr(hybrid, "_best", fine_tuned)
    monkeypatch.setattr(hybrid_stages, "fit_softmax", watched)
    train_softmax(options(data_root, tmp_path / "run", teacher="none", out=tmp_path / "w"))
    whole = 2 * N_IMAGES
    assert seen == [("QuantisedStudent", N_IMAGES, None), ("Student", whole, None), ("QuantisedStudent", whole, None)]
    assert load_workload(tmp_path / "w").manifest.training["quantisation"] == "fine_tuned"


def test_only_baselines_have_a_refit(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.hybrid import train_hybrid

    with pytest.raises(UsageError, match=r"^--refit-epochs: got 1, need train softmax or cosine$"):
        train_hybrid(options(tmp_path, tmp_path / "run"))
