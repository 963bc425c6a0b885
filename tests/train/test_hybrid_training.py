"""The hybrid's pipeline on a few images: folders that obey the format, stages that are not repeated, clear refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from accelsim.errors import DataError, RangeError, UsageError
from accelsim.workload import Workload, load_workload

pytestmark = pytest.mark.torch

N_IMAGES = 120
SPEC = Path(__file__).resolve().parents[2] / "arch_specs" / "hybrid_physical.yaml"


@pytest.fixture(scope="module")
def torch() -> Any:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


def options(data_root: Path, **given: Any) -> Any:
    from accelsim.train.hybrid_options import QUICK, HybridOptions

    return HybridOptions(data_root, **{**QUICK, "limit": N_IMAGES, "topology": "paper", "seed": 5, **given})


def answers(workload: Workload) -> Any:
    """Classes of the recorded features, cell by cell as the format has it."""
    features, model = workload.evaluation["features"].astype(int), workload.model
    levels = (features[:, :, None] > model["thresholds"]).sum(axis=2)[:, None]
    counts = ((levels >= model["template_low"]) & (levels <= model["template_high"])).sum(axis=2)
    return model["row_class"][counts.argmax(axis=1)]


def check(folder: Path, data_root: Path, dataset: str) -> Workload:
    """The folder loads, its accuracy is that of its arrays, and its features those of the simulated engine."""
    from accelsim.dataflows import cnn_values
    from accelsim.datasets import load_images

    made = load_workload(folder)
    assert made.n_inputs == N_IMAGES
    assert (answers(made) == made.labels).mean() == made.manifest.accuracy.measured
    found = cnn_values.evaluate(made.cnn, made.model, load_images(made, data_root, 12))
    np.testing.assert_array_equal(found.features, made.evaluation["features"][:12])
    np.testing.assert_array_equal(found.nonzero_macs, made.evaluation["nonzero_macs"][:12])
    training = made.manifest.training
    assert {"command", "seed", "device", "versions", "hours", "validation_accuracy"} <= set(training)
    assert training["training_images"] == training["validation_images"] == N_IMAGES
    assert f"dataset='{dataset}'" in training["command"]
    return made


@pytest.mark.data
def test_the_best_recipe_and_what_is_kept_of_it(
    torch: Any, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RGB, with every option of the array; stopped in the middle, it goes on; then everything is done before."""
    from accelsim.train import hybrid_stages
    from accelsim.train.hybrid import train_hybrid

    given = options(
        data_root, out=tmp_path / "w", colour=True, run_dir=tmp_path / "run", noise=SPEC,
        n_teachers=2, feature_bits=2, templates_per_class=2, topology=None, sparsity=0.8, mixed_views=1,
    )  # fmt: skip
    whole = hybrid_stages.train_array

    def stop(*args: Any, **how: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(hybrid_stages, "train_array", stop)
    with pytest.raises(KeyboardInterrupt):
        train_hybrid(given)
    assert not (tmp_path / "w").exists()
    monkeypatch.setattr(hybrid_stages, "train_array", whole)
    for name in ("train_teacher", "train_student", "prune_student"):
        monkeypatch.setattr(hybrid_stages, name, stop)
    train_hybrid(given)
    made = check(tmp_path / "w", data_root, "cifar10")
    assert (made.manifest.kind, made.manifest.name) == ("hybrid", "w")
    assert made.manifest.dataset.name == "CIFAR-10"
    assert made.manifest.acam is not None
    assert (made.manifest.acam.n_rows, made.manifest.acam.feature_levels) == (20, 4)
    assert (made.cnn.input.channels, made.cnn.grey) == (3, False)
    training = made.manifest.training
    assert training["zeros"] == pytest.approx(0.8, abs=0.001)
    assert training["noise_counts"] > 0
    epochs = {name: training[f"epochs_{name}"] for name in ("teacher", "student", "pruning", "array", "int8")}
    assert epochs == dict.fromkeys(epochs, 1)
    assert (training["sparsity"], training["n_views"], training["teachers"]) == (0.8, 2, 2)
    assert training["mixed_views"] == 1
    assert 0 <= training["validation_accuracy_ensemble"] <= 1
    assert 0 <= training["validation_accuracy_array"] <= 1
    assert any(layer.add for layer in made.cnn.layers)
    assert training["pruning"] == "absolute"
    weights = np.concatenate([made.model[f"{layer.name}.weight"].ravel() for layer in made.cnn.layers[1:]])
    assert (weights == 0).mean() >= 0.799

    arrays = {path.name: path.read_bytes() for path in (tmp_path / "w").iterdir()}
    for name in ("train_array", "fit_array"):
        monkeypatch.setattr(hybrid_stages, name, stop)
    train_hybrid(given)
    assert {path.name: path.read_bytes() for path in (tmp_path / "w").iterdir()} == arrays


@pytest.mark.data
def test_students_learn_what_teachers_say_of_mixtures(torch: Any, data_root: Path, tmp_path: Path) -> None:
    from accelsim.train.hybrid_run import HybridRun
    from accelsim.train.teachers import Ensemble

    def run(**given: Any) -> Any:
        return HybridRun(options(data_root, run_dir=tmp_path / "run", n_views=1, **given))

    mixed = run(mixed_views=2, n_teachers=2)
    lessons, plain = mixed.lessons, run(n_teachers=2).lessons
    assert (lessons.views.n_plain, lessons.views.n_views) == (1, 3)
    assert torch.equal(lessons.bank.logits[:1], plain.bank.logits)
    images = torch.arange(N_IMAGES)
    teachers = Ensemble([teacher for teacher, _ in mixed.taught]).eval()
    for view in (1, 2):
        at = torch.full_like(images, view)
        with torch.no_grad():
            expected = teachers(lessons.views.batch(images, at))
        assert torch.allclose(lessons.bank.answers(images, at), expected, atol=0.05)
        assert not torch.allclose(lessons.bank.answers(images, at), plain.bank.logits[0].float(), atol=0.05)

    for given in ({"n_teachers": 2}, {"teacher": "none"}):
        for views in (0, 2):
            _ = run(mixed_views=views, **given).student
    names = {path.name.rpartition("-")[0] for path in (tmp_path / "run").glob("*.safetensors")}
    assert names == {"teacher", "answers", "teacher-2", "answers-2", "ensemble", "mixed-answers", "student"}
    assert len(list((tmp_path / "run").glob("student-*.safetensors"))) == 4


@pytest.mark.data
def test_the_papers_recipe_and_its_baselines_share_stages(
    torch: Any, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train import hybrid_stages
    from accelsim.train.baselines import train_cosine, train_softmax
    from accelsim.train.hybrid import train_hybrid

    given = {"recipe": "paper", "dataset": "mnist", "run_dir": tmp_path / "run"}
    train_hybrid(options(data_root, out=tmp_path / "w", templates_per_class=2, **given))
    made = check(tmp_path / "w", data_root, "mnist")
    assert made.manifest.name == "w"
    assert made.manifest.dataset.name == "MNIST"
    assert made.manifest.method == "paper_recipe"
    assert made.manifest.training["threshold"] == "mean"
    assert made.model["row_class"].tolist() == [c for c in range(10) for _ in range(2)]
    assert all(layer.relu for layer in made.cnn.layers)
    assert made.cnn.input.height == 32

    def never(*args: Any, **how: Any) -> Any:
        raise AssertionError("trained again")

    for name in ("train_teacher", "train_student", "prune_student", "fit_softmax"):
        monkeypatch.setattr(hybrid_stages, name, never)
    for kind, train in (("softmax", train_softmax), ("cosine", train_cosine)):
        train(options(data_root, out=tmp_path / kind, **given))
        baseline = load_workload(tmp_path / kind)
        assert (baseline.manifest.kind, baseline.manifest.name) == ("cnn", kind)
        assert [layer.n_macs for layer in baseline.cnn.layers] == [64_800, 1_806_336, 14_450_688, 1_806_336, 7_840]
        right = baseline.evaluation["features"].argmax(axis=1) == baseline.labels
        assert baseline.manifest.accuracy.measured == right.mean()
        np.testing.assert_array_equal(baseline.model["head.weight"], made.model["head.weight"])
        training = baseline.manifest.training
        if kind == "cosine":
            rules = {rule: training[f"validation_accuracy_{rule}"] for rule in ("class_mean", "centred")}
            assert training["validation_accuracy"] == max(rules.values()) == rules[training["template_rule"]]


def test_absent_images_are_one_line(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.hybrid import train_hybrid

    with pytest.raises(DataError, match=r"^CIFAR-10: got none in [^\n]*$"):
        train_hybrid(options(tmp_path, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_accuracies_are_measured_on_the_device(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelsim.train import hybrid_run

    where: list[str] = []

    @contextmanager
    def placed(model: str, device: str) -> Iterator[None]:
        where.append(f"{model} on {device}")
        yield
        where.append("back")

    def accuracy(model: str) -> float:
        where.append("measured")
        return 0.5

    monkeypatch.setattr(hybrid_run, "placed", placed)
    run = object.__new__(hybrid_run.HybridRun)
    run.__dict__ |= {"options": SimpleNamespace(device="cuda"), "material": SimpleNamespace(accuracy=accuracy)}
    assert run.accuracy("net") == 0.5
    assert where == ["net on cuda", "measured", "back"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"dataset": "svhn"}, RangeError, r'^--dataset: got "svhn", need one of mnist, '),
        ({"alpha": 1.5}, RangeError, r"^--alpha: got 1\.5, need 0 to 1$"),
        ({"sparsity": 1.0}, RangeError, r"^--sparsity: got 1\.0, need 0 to 0\.99$"),
        ({"feature_bits": 5}, RangeError, r"^feature_levels: got 32, need 2 to 16$"),
        ({"rule": "mode"}, RangeError, r'^template rule: got "mode", need one of majority, '),
        ({"threshold": "foo"}, RangeError, r'^--threshold: got "foo", need one of mean, median, percentile:p, '),
        ({"threshold": "median", "feature_bits": 2}, RangeError, r'^--threshold: got "median" for 2 bits, need '),
        ({"noise_age_s": -1.0}, RangeError, r"^--noise-age-s: got -1\.0, need at least 0, and finite$"),
        ({"noise": SPEC, "recipe": "paper"}, UsageError, r"^--noise: got --recipe paper, need --recipe best"),
        ({"dont_care": True, "feature_bits": 2}, UsageError, r"^--dont-care: got --bits 2, need --bits 1"),
        ({"alpha": 0.0}, UsageError, r"^--alpha: got 0, need above 0, a curriculum, or --teacher none$"),
        ({"alpha": 0.0, "temperature": 4.0}, UsageError, r"^--temperature: got --alpha 0, need --alpha above 0$"),
        ({"mixed_views": 1, "curriculum": True}, UsageError, r"^--mixed-views: got --curriculum, need --no-"),
        ({"noise_age_s": float("nan")}, RangeError, r"^--noise-age-s: got nan, need at least 0, and finite$"),
        ({"alpha": 1.0000001}, RangeError, r"^--alpha: got 1\.0000001, need 0 to 1$"),
        ({"mixed_views": -1}, RangeError, r"^--mixed-views: got -1, need at least 0$"),
        ({"n_teachers": 0}, RangeError, r"^--teachers: got 0, need at least 1$"),
        ({"n_teachers": 2, "teacher": "none"}, UsageError, r"^--teachers: got --teacher none, need a teacher$"),
        ({"curriculum": True, "teacher": "none"}, UsageError, r"^--curriculum: got --teacher none, need a teacher$"),
        pytest.param(
            *({"templates_per_class": 16}, RangeError, r"^--templates: got \d+ images of class \d to fit on, need"),
            marks=pytest.mark.data,
        ),
        ({"topology": "vgg"}, RangeError, r'^topology: got "vgg", need one of paper, '),
        ({"dataset": "mnist", "colour": True}, UsageError, r"^--colour: got MNIST, whose images are grey"),
    ],
)
def test_options_that_cannot_be(
    given: dict[str, Any], error: type[Exception], message: str, torch: Any, data_root: Path
) -> None:
    from accelsim.train.hybrid import train_hybrid

    with pytest.raises(error, match=message):
        train_hybrid(options(data_root, **given))


def test_a_short_run_takes_steps(torch: Any) -> None:
    """Of one batch an epoch the only step would be the last, whose rate is 0."""
    from accelsim.train import hybrid_stages as steps
    from accelsim.train.distill import Distillation
    from accelsim.train.hybrid_options import AUGMENTATIONS
    from accelsim.train.images import Images, Split
    from accelsim.train.networks import Student, topology

    pixels = torch.randint(256, (60, 1, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
    images = Images(pixels, torch.arange(60) % 10)
    material = steps.Material.of(Split(images, images), AUGMENTATIONS["cifar10"], 2, 0, 10)
    recipe = material.sized(steps.student_recipe(1, 0))
    assert recipe.batch_size == 60 // steps.LEAST_STEPS
    layers = topology("paper", 1)
    trained = steps.train_student(material, layers, material.lessons(Distillation(0.0, 1.0)), recipe)
    fresh = Student(layers, 10, 0)
    for name in fresh.convolutions:
        assert not torch.equal(trained.convolutions[name].weight, fresh.convolutions[name].weight)


@pytest.mark.data
def test_a_gpu_that_is_not_there(torch: Any, data_root: Path) -> None:
    from accelsim.train.hybrid import train_hybrid

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match=r"^--device: got cuda, need a GPU that torch finds, or --device cpu$"):
        train_hybrid(options(data_root, device="cuda"))


@pytest.mark.data
def test_a_gpu_trains_the_same_pipeline(torch: Any, data_root: Path, tmp_path: Path) -> None:
    from accelsim.train.hybrid import train_hybrid

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    train_hybrid(options(data_root, out=tmp_path / "w", device="cuda", sparsity=0.8))
    check(tmp_path / "w", data_root, "cifar10")
