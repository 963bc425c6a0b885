"""The accuracies that seed 000 claims, and what our training of its method gives."""

from __future__ import annotations

from collections.abc import Callable

from accelsim.reproduce import hybrid_inputs as i
from accelsim.reproduce.claims import Claim, Measured, Reading, Recipe, Unchecked
from accelsim.reproduce.simulations import Answers, NotRun, Runs

LABELS_ALONE = "cifar10_softmax_paper_labels"
PAPER_RECIPE = "`accelsim train hybrid --recipe paper`"
_TEACHER = "Our training is taught by a small network, the paper's by ResNet-50"


def _trained(runs: Runs) -> Answers:
    return runs.answers("hybrid_paper", "cifar10_hybrid")


def _on_physical(runs: Runs) -> Answers:
    return runs.answers("hybrid_physical", "cifar10_hybrid")


def _accuracy(spec: str, workload: str) -> Recipe:
    """Our training of the paper's method, on a chip."""

    def figure(runs: Runs) -> Measured:
        answers = runs.answers(spec, workload)
        return Measured.share(answers.accuracy(), answers.n_inputs)

    return Recipe(f"{spec} on {workload}, all recorded inputs", figure)


def _measured(workload: str) -> Recipe:
    """Our training of the paper's method, as measured when it was made."""
    what = f"{workload}, test images, when it was trained"
    return Recipe(what, lambda runs: Measured.share(*_recorded(runs, workload)))


def _recorded(runs: Runs, workload: str) -> tuple[float, int]:
    """A manifest's accuracy, and of how many inputs."""
    manifest = runs.manifest(workload)
    if manifest.accuracy.measured is None:
        raise NotRun(f"{workload} was not evaluated")
    return manifest.accuracy.measured, manifest.dataset.n_inputs


def _recovered(runs: Runs) -> Measured:
    """What the teacher and the curriculum add to labels alone."""
    (taught, n_inputs), (alone, _) = (_recorded(runs, name) for name in ("cifar10_softmax_paper", LABELS_ALONE))
    return Measured.gain(taught, alone, n_inputs)


def _class_accuracy(pick: Callable[[list[float]], float]) -> Recipe:
    """Of one class of our training of the paper's method."""

    def figure(runs: Runs) -> Measured:
        answers = runs.answers("hybrid_paper", "cifar10_hybrid_paper")
        shares = answers.accuracy_of_classes()
        return Measured.share(pick(shares), answers.n_inputs // len(shares))

    return Recipe("hybrid_paper on cifar10_hybrid_paper, all recorded inputs", figure)


_OTHER_METHOD = "Paper and physical mode answer with cifar10_hybrid, trained by another method (acam_aware)."
ACCURACY = (
    Claim(
        "softmax",
        "accuracy",
        i.SOFTMAX,
        Unchecked("training", "`accelsim train softmax --recipe paper`"),
        physical=Reading(
            "cnn_physical on cifar10_softmax, all recorded inputs",
            lambda r: r.answers("cnn_physical", "cifar10_softmax").accuracy(),
        ),
        recipe=_measured("cifar10_softmax_paper"),
        refs=("C3",),
        note=f"{_TEACHER}. Physical mode answers with cifar10_softmax, another network, on the CNN engine alone",
    ),
    Claim(
        "softmax_rounded",
        "accuracy",
        i.SOFTMAX_ROUNDED,
        i.SOFTMAX,
    ),
    Claim(
        "one_template",
        "accuracy",
        i.ONE_TEMPLATE,
        Unchecked("training", PAPER_RECIPE),
        paper=Reading("hybrid_paper on cifar10_hybrid, all recorded inputs", lambda r: _trained(r).accuracy()),
        physical=Reading("hybrid_physical on cifar10_hybrid, chip 0", lambda r: _on_physical(r).accuracy()),
        recipe=_accuracy("hybrid_paper", "cifar10_hybrid_paper"),
        refs=("C3",),
        note=f"{_TEACHER}. {_OTHER_METHOD}",
    ),
    Claim(
        "two_templates",
        "accuracy",
        i.TWO_TEMPLATES,
        Unchecked("training", "`accelsim train hybrid --recipe paper --templates 2`"),
        recipe=_measured("cifar10_hybrid_paper_2"),
        note=_TEACHER,
    ),
    Claim(
        "three_templates",
        "accuracy",
        i.THREE_TEMPLATES,
        Unchecked("training", "`accelsim train hybrid --recipe paper --templates 3`"),
        recipe=_measured("cifar10_hybrid_paper_3"),
        note=_TEACHER,
    ),
    Claim("plateau", "accuracy", i.PLATEAU, i.ONE_TEMPLATE),
    Claim("gap", "accuracy", i.GAP, i.SOFTMAX - i.ONE_TEMPLATE, refs=("C3",)),
    Claim(
        "recovered",
        "accuracy",
        i.RECOVERED,
        Unchecked("training", "`accelsim train softmax --recipe paper --teacher none`"),
        recipe=Recipe(f"cifar10_softmax_paper against {LABELS_ALONE}, test images", _recovered),
        note="The seed does not give the accuracy without distillation",
    ),
    Claim(
        "worst_class",
        "accuracy",
        i.WORST_CLASS,
        Unchecked("training", PAPER_RECIPE),
        paper=Reading("worst class of cifar10_hybrid", lambda r: min(_trained(r).accuracy_of_classes())),
        physical=Reading("the same, chip 0", lambda r: min(_on_physical(r).accuracy_of_classes())),
        recipe=_class_accuracy(min),
        note=_OTHER_METHOD,
    ),
    Claim(
        "best_class",
        "accuracy",
        i.BEST_CLASS,
        Unchecked("training", PAPER_RECIPE),
        paper=Reading("best class of cifar10_hybrid", lambda r: max(_trained(r).accuracy_of_classes())),
        physical=Reading("the same, chip 0", lambda r: max(_on_physical(r).accuracy_of_classes())),
        recipe=_class_accuracy(max),
        note=_OTHER_METHOD,
    ),
)
