"""What `accelsim train hybrid`, `softmax` and `cosine` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Literal

from accelsim.datasets import DATASETS
from accelsim.errors import RangeError, UsageError
from accelsim.train.acam_training import AcamOptions
from accelsim.train.noise import DAY_S
from accelsim.train.prune import Measure
from accelsim.train.templates import TemplateOptions

PAPER_RULES = ("majority", "class_mean")
"""Template rules that compete on the validation images when none is given."""


LIMITS = {"alpha": (0.0, 1.0), "temperature": (0.1, 100.0), "sparsity": (0.0, 0.99)}
"""Least and largest value of an option."""


@dataclass(frozen=True)
class Augmentation:
    """Random views of a data set's images: shifts in pixels, mirroring, and what a shift brings in."""

    max_shift: int
    mirrored: bool
    background: int


AUGMENTATIONS = {
    "mnist": Augmentation(2, False, 0),
    "fashion_mnist": Augmentation(2, True, 0),
    "kmnist": Augmentation(2, False, 0),
    "cifar10": Augmentation(4, True, 128),
}


@dataclass(frozen=True)
class Epochs:
    """Passes over the fitted images, by stage.

    Attributes:
        teacher, student: from scratch; pruning: that prunes the student and trains what is left.
        array: on the array's own answer (recipe `best`).
        int8: quantisation-aware fine-tuning; 0 leaves post-training quantisation alone.
    """

    teacher: int = 16
    student: int = 120
    pruning: int = 30
    array: int = 30
    int8: int = 3


QUICK: dict[str, Any] = {"epochs": Epochs(1, 1, 1, 1, 1), "limit": 300, "n_views": 2}
"""Sizes of a run that shows that every stage works."""


@dataclass(frozen=True)
class RecipeDefaults:
    """What a recipe has unless it is asked for something else."""

    topology: str
    curriculum: bool
    sparsity: float
    pruning: Measure


RECIPES = {
    "best": RecipeDefaults("residual", False, 0.0, "absolute"),
    "paper": RecipeDefaults("paper", True, 0.8, "relative"),
}
"""The paper's curriculum and its 80 % of zeros; ours has neither (the ablations "distillation" and "pruning" measure
what they cost). What the paper prunes by is not published."""


@dataclass(frozen=True)
class HybridOptions:
    """One run.

    Attributes:
        out: workload folder; None writes none.
        colour: RGB in the place of grey.
        recipe: `best` trains the network on the array's own answer; `paper` is arXiv 2502.10089's: templates from class
            statistics of a softmax student's features.
        topology: of `networks.py`.
        start: workload folder whose network the student begins as (`start.py`); None begins with random weights.
        teacher, n_teachers: the kind (`teachers.py`), and how many, trained from different seeds, answer together;
            `start` is the student as it begins.
        alpha, temperature, curriculum: of the distillation; not used without a teacher.
        sparsity: share of weights that are pruned; 0 prunes none. Of topology, curriculum and sparsity None is the
            recipe's; `chosen` has them resolved.
        threshold, rule: of templates from class statistics (`templates.py`). threshold None: mean, or quantile for
            features of several bits; rule None: what validation likes best.
        templates_per_class, feature_bits, dont_care: what a row of the array holds.
        noise: spec file of the chip whose array's noise the best recipe trains with; noise_age_s: after its writing.
        device: where networks are trained: cpu or cuda.
        n_views: random views of each image that the teacher answers and the students see.
        mixed_views: so many more, in which it is mixed with another image, for students alone.
        limit: only the first images of each split.
        run_dir: where finished stages are kept; None keeps nothing.
        command: what the manifest says made it; None: these options, as Python has them.
    """

    data_root: Path
    out: Path | None = None
    dataset: str = "cifar10"
    colour: bool = False
    recipe: Literal["best", "paper"] = "best"
    topology: str | None = None
    start: Path | None = None
    teacher: Literal["fast", "resnet50", "start", "none"] = "fast"
    n_teachers: int = 1
    alpha: float = 0.9
    temperature: float = 1.0
    curriculum: bool | None = None
    sparsity: float | None = None
    threshold: str | None = None
    rule: str | None = None
    templates_per_class: int = 1
    feature_bits: int = 1
    dont_care: bool = False
    noise: Path | None = None
    noise_age_s: float = DAY_S
    epochs: Epochs = field(default_factory=Epochs)
    device: Literal["cpu", "cuda"] = "cpu"
    n_views: int = 16
    mixed_views: int = 0
    seed: int = 0
    limit: int | None = None
    run_dir: Path | None = None
    download: bool = False
    command: str | None = None

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise RangeError(f'--dataset: got "{self.dataset}", need one of {", ".join(DATASETS)}')
        for name, (low, high) in LIMITS.items():
            value = self.chosen.sparsity if name == "sparsity" else getattr(self, name)
            if not low <= value <= high:
                raise RangeError(f"--{name}: got {value}, need {low:g} to {high:g}")
        if self.n_teachers < 1:
            raise RangeError(f"--teachers: got {self.n_teachers}, need at least 1")
        if self.mixed_views < 0:
            raise RangeError(f"--mixed-views: got {self.mixed_views}, need at least 0")
        if not 0 <= self.noise_age_s < inf:
            raise RangeError(f"--noise-age-s: got {self.noise_age_s}, need at least 0, and finite")
        for option, given, need in self._pairs():
            if given:
                raise UsageError(f"{option}: got {given}, need {need}")
        _ = self.acam, self.templates  # their own checks

    def _pairs(self) -> list[tuple[str, str, str]]:
        """Options that would do nothing beside others: their name, what stands beside them ("" is well), and the
        need."""
        paper = "--recipe paper" if self.recipe == "paper" else ""
        several = f"--bits {self.feature_bits}" if self.feature_bits > 1 else ""
        unweighted = self.alpha == 0 and self.teacher != "none"
        unheard = unweighted and not self.chosen.curriculum
        eased = self.mixed_views and self.teacher != "none" and self.chosen.curriculum
        untaught = "--teacher none" if self.teacher == "none" else ""
        itself = "--teacher start" if self.teacher == "start" else ""
        random = "" if self.start else "no --start"
        return [
            ("--noise", paper if self.noise else "", "--recipe best, which trains on the array's answer"),
            ("--dont-care", paper if self.dont_care else "", "--recipe best, which learns the cells"),
            ("--dont-care", several if self.dont_care else "", "--bits 1: wider windows always may"),
            ("--temperature", "--alpha 0" if unweighted and self.temperature != 1 else "", "--alpha above 0"),
            ("--alpha", "0" if unheard else "", "above 0, a curriculum, or --teacher none"),
            ("--mixed-views", "--curriculum" if eased else "", "--no-curriculum: mixtures are of any images"),
            ("--teachers", untaught if self.n_teachers > 1 else "", "a teacher"),
            ("--teachers", itself if self.n_teachers > 1 else "", "--teacher fast or resnet50"),
            ("--teacher", f"start with {random}" if itself and random else "", "--start, which is then the teacher"),
            ("--out", f"{self.out}, the folder of --start" if self._onto_start() else "", "another folder"),
            ("--curriculum", "--epochs 0" if self.curriculum and not self.epochs.student else "", "--epochs above 0"),
            ("--epochs", f"0 with {random}" if random and not self.epochs.student else "", "at least 1, or --start"),
            ("--curriculum", untaught if self.curriculum else "", "a teacher"),
        ]

    def _onto_start(self) -> bool:
        return self.start is not None and self.out is not None and self.out.resolve() == self.start.resolve()

    @property
    def chosen(self) -> RecipeDefaults:
        """The recipe's, but for what was asked for."""
        recipe = RECIPES[self.recipe]
        return RecipeDefaults(
            self.topology or recipe.topology,
            bool(self.epochs.student) and (recipe.curriculum if self.curriculum is None else self.curriculum),
            recipe.sparsity if self.sparsity is None else self.sparsity,
            recipe.pruning,
        )

    def need_lessons(self, *, array: bool) -> None:
        """array: whether the array is trained.

        Raises:
            UsageError: if a teacher would be asked, and nothing is trained that could learn from it.
        """
        trains = self.epochs.student or self.chosen.sparsity or self.epochs.int8 or array
        if not trains and self.teacher != "none":
            raise UsageError(f"--teacher: got {self.teacher} with nothing that is trained, need --teacher none")

    @property
    def channels(self) -> int:
        return 3 if self.colour else 1

    @property
    def acam(self) -> AcamOptions:
        """What the array learns."""
        return AcamOptions(2**self.feature_bits, self.templates_per_class, self.dont_care)

    @property
    def templates(self) -> list[TemplateOptions]:
        """Template candidates from class statistics."""
        threshold = self.threshold or ("quantile" if self.feature_bits > 1 else "mean")
        more = ("spread", "contrast") if self.feature_bits > 1 else ()
        rules = (*PAPER_RULES, *more) if self.rule is None else (self.rule,)
        return [TemplateOptions(threshold, rule, self.templates_per_class, self.feature_bits) for rule in rules]

    @property
    def dataset_name(self) -> str:
        """`dataset.name` of the manifest."""
        return DATASETS[self.dataset].recorded_name(grey=not self.colour)

    def command_line(self, kind: str) -> str:
        """What makes the workload again."""
        return self.command or f"train_{kind}({self!r})"
