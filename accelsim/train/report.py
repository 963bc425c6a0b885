"""`accelsim train report`: the page `training.md` and its plots, from what was measured before; nothing is run here.

Records of the ablations, `what-did-not-work.md` and, for each ablation, a few words of reading (`NAME.md`, written by
hand, optional) lie in the folder `training` beside the page; the table of targets is made from the manifests of the
shipped workloads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from accelsim.errors import DataError, UsageError
from accelsim.report.files import write_files, write_text
from accelsim.report.markdown import bullets, table
from accelsim.train.ablations import ABLATIONS, Ablation
from accelsim.train.ablations.record import VALIDATED, Record, load
from accelsim.train.report_plots import plots
from accelsim.train.report_rows import cell, grouped
from accelsim.train.report_targets import targets_table

FOLDER = "training"
FAILURES = "what-did-not-work.md"
SWEEP, SWEEP_TITLE = "mbi-sweep.md", "The recurrent attention model against its parameters"

INTRODUCTION = """\
`accelsim train report --out reports` writes this page from the records in `training/`, from what is written by hand
there, and from the manifests of the shipped workloads. It runs nothing."""

ABOUT_TARGETS = """\
A row is one run, which read the test images once, when everything had been chosen on the validation images (the last
5,000 training images of CIFAR-10, the last 10,000 of MNIST). Where runs of other settings or seeds were read too,
before or after, their figures are under "What did not work". Intervals are 95 % (Wilson) and say what other test images
would do, not what other seeds would. "Published" is what arXiv 2502.10089 and 2307.07631 report. Figures of chips with
imperfections are those of the committed run that is named (its `summary.json` has the command), on the same workload.
nJ are by arXiv 2307.07631's constants with adders, value reads and votes charged; `mbi_paper` charges what that paper
charges, so its runs say less. Finished stages were taken over from older code by hand for some rows:
`docs/decisions/0015-one-training-loop-and-stages.md` says which.

"The paper's own recipe" is as near as it can be told. The hybrid paper gives neither α, temperature nor pruning
schedule, so those are ours, and our teacher is the small `fast` network: the paper's ResNet-50 at 32x32 takes 72 times
the student's operations (`--teacher resnet50` is there, but no result here was taught by it)."""

ABOUT_ABLATIONS = """\
Each was measured on a reduced setting, which is said with it, so that its command takes about an hour or less on two
cores: read them for differences, not for levels. Minutes include stages that ablations share (teacher, student). All
accuracies here are of validation images, the same ones for each variant; no ablation reads a test image. One seed: with
its 95 % (Wilson) interval; several: mean ± standard deviation over them (for templates: seeds of k-means, one trained
student). Variants of one seed that differ by less than about 1.4 times half an interval cannot be told apart by these
intervals; as all saw the same images, fewer points than that may still be real."""


def report(out: Path, root: Path) -> list[Path]:
    """Write `training.md` into `out` and the plots into `out/training`; their paths.

    root: folder that has `workloads` and `reports`.

    Raises:
        UsageError: if `root` has no workloads.
        DataError: if `out/training` holds a damaged record.
        OutputError: if the files cannot be written; earlier ones are then untouched.
    """
    if not (root / "workloads").is_dir():
        raise UsageError(f"--root: got {root}, need a folder that has workloads and reports")
    folder = out / FOLDER
    paths = [folder / f"{name}.json" for name in ABLATIONS]
    records = {path.stem: load(path) for path in paths if path.is_file()}
    for stem, record in records.items():
        if stem != record.name:
            raise DataError(f"{folder / stem}.json: got the record of {record.name}, need that of {stem}")
    page = render(records, folder, root)
    drawn: dict[str, Callable[[Path], None]] = {}
    for record in records.values():
        drawn |= plots(record)
    written = write_files(folder, drawn)
    return [*written, *write_files(out, {f"{FOLDER}.md": lambda path: write_text(page, path)})]


def render(records: dict[str, Record], folder: Path, root: Path) -> str:
    """The page; records: by name."""
    parts = [
        "# Training: targets, ablations, and what did not work",
        INTRODUCTION,
        "## Targets",
        ABOUT_TARGETS,
        targets_table(root),
        "## Ablations",
        ABOUT_ABLATIONS,
        *(_section(ablation, records.get(name), folder) for name, ablation in ABLATIONS.items()),
        _sweep(folder),
        "## What did not work",
        _by_hand(folder / FAILURES) or f"Nothing is written down yet (`{FOLDER}/{FAILURES}`).",
    ]
    return "\n\n".join(parts) + "\n"


def _sweep(folder: Path) -> str:
    """The page of `accelsim train mbi-sweep` as a section."""
    page = _by_hand(folder / SWEEP)
    if not page:
        return f"### {SWEEP_TITLE}\n\nNot measured yet: `accelsim train mbi-sweep --out reports/{FOLDER}`."
    _, _, rest = page.partition("\n")
    return f"### {SWEEP_TITLE}\n\n{rest.strip()}"


def _section(ablation: Ablation, record: Record | None, folder: Path) -> str:
    heading = f"### {ablation.title}"
    if record is None:
        how = f"Not measured yet: `accelsim train ablate {ablation.name} --out reports/{FOLDER}`."
        return "\n\n".join([heading, ablation.question, how])
    images = [f"![{_words(Path(name).stem, '-')}]({FOLDER}/{name})" for name in plots(record)]
    parts = [
        heading,
        ablation.question,
        _setting(record),
        _by_hand(folder / f"{ablation.name}.md"),
        _table(record),
        _facts(record),
        *images,
    ]
    return "\n\n".join(part for part in parts if part)


def _setting(record: Record) -> str:
    sizes = ", ".join(f"{_words(key)} {_value(value)}" for key, value in record.sizes.items())
    seeds = ", ".join(str(seed) for seed in record.seeds)
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    lines = [
        f"{record.dataset}; {sizes}; seed{'s' if len(record.seeds) > 1 else ''} {seeds}.",
        f"`{record.command}`: {record.seconds / 60:,.1f} minutes on {record.device}; written with {versions}.",
    ]
    if record.quick:
        lines.append("**Made with --quick: it shows that the stages run, and its figures say nothing.**")
    return " ".join(lines)


def _table(record: Record) -> str:
    columns = record.ablation.columns
    n_images = record.sizes.get(VALIDATED)
    rows = [[cell(group, column, n_images) for column in columns] for group in grouped(record)]
    measured = sum(column.kind != "factor" for column in columns)
    return table([column.heading for column in columns], rows, right=measured)


def _facts(record: Record) -> str:
    return bullets(f"{_words(key)}: {_value(value, key)}" for key, value in record.facts.items())


def _words(key: str, joint: str = "_") -> str:
    return key.replace(joint, " ")


def _value(value: object, key: str = "") -> str:
    if isinstance(value, float):
        return f"{value:.2%}" if "accuracy" in key or "share" in key else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _by_hand(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
