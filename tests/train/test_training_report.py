"""`reports/training.md` from records and manifests: every figure on the page is one of theirs. No torch."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import DataError, OutputError
from accelsim.report.intervals import wilson_interval
from accelsim.train.ablations import ABLATIONS, Ablation
from accelsim.train.ablations.record import Histogram, Record, Row, load, save
from accelsim.train.report import render, report
from accelsim.train.report_plots import plots

ROOT = Path(__file__).resolve().parents[2]
N_IMAGES = 5000


def value(ablation: Ablation, key: str, kind: str, index: int) -> Any:
    """Of the column `key` in row number `index`."""
    if kind != "factor":
        return 0.5 + 0.01 * index if kind != "number" else 10 * (index + 1)
    numeric = key == ablation.plot.x and ablation.plot.kind == "lines"
    return index + 1 if numeric else f"{key} {index % 2}"


def some_rows(ablation: Ablation, n: int = 4, seeds: tuple[int, ...] = (0,)) -> list[Row]:
    columns = ablation.columns
    return [
        {**{c.key: value(ablation, c.key, c.kind, index) for c in columns}, "seed": seed}
        for index in range(n)
        for seed in seeds
    ]


def one_row(**changes: Any) -> Row:
    (row,) = some_rows(ABLATIONS["pruning"], 1)
    return {**row, **changes}


def record_of(name: str, **changes: Any) -> Record:
    histogram = Histogram([0.0, 0.1, 0.5], [0.6, 0.3]) if ABLATIONS[name].histogram else None
    made = Record(
        name=name,
        command=f"accelsim train ablate {name} --seed 0",
        dataset="MNIST",
        sizes={"fitted_images": 10_000, "validation_images": N_IMAGES, "epochs": 3},
        quick=False,
        seconds=90.0,
        device="a CPU",
        versions={"torch": "9.9"},
        rows=some_rows(ABLATIONS[name]),
        facts={"teacher_validation_accuracy": 0.9123, "trials": 12},
        histogram=histogram,
    )
    return replace(made, **changes)


@pytest.mark.parametrize("name", ABLATIONS)
def test_a_record_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    made = record_of(name)
    path = save(made, tmp_path / "new")
    assert path == tmp_path / "new" / f"{name}.json"
    assert load(path) == made
    assert made.seeds == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "got schema_version 2, need 1"),
        ({"name": "luck"}, "got the ablation 'luck', need one of distillation, "),
        ({"rows": []}, "got no rows, need at least one"),
        ({"rows": [{"seed": 0}]}, "row 0 has no schedule, sparsity, validation_accuracy, zeros"),
        ({"extra": 1}, "extra: Unexpected keyword argument, need a record of accelsim train ablate"),
        ({"rows": 5}, "rows: Input should be a valid array, need a record"),
        ({"rows": [3]}, "rows.0: Input should be an object, need a record"),
        ({"rows": [one_row(validation_accuracy=1.7)]}, "validation_accuracy: got 1.7, need a number from 0 to 1"),
        ({"rows": [one_row(zeros="x")]}, "row 0: zeros: got 'x', need a number from 0 to 1"),
        ({"rows": [one_row(seed=None)]}, "row 0: seed: got None, need a number"),
        ({"rows": [one_row(schedule=[])]}, "row 0: schedule: got [], need a word, a number or nothing"),
        ({"seconds": "x"}, "seconds: Input should be a valid number, need a record"),
        ({"versions": []}, "versions: Input should be an object, need a record"),
        ({"rows": [one_row(sparsity="x")]}, "row 0: sparsity: got 'x', need a number"),
        ({"sizes": {"validation_images": "x"}}, "sizes.validation_images: got 'x', need a whole number above 0"),
        ({"facts": None}, "facts: Input should be an object, need a record"),
        ({"histogram": {"edges": 3, "shares": []}}, "histogram.edges: Input should be a valid array"),
        ({"histogram": {"edges": [0], "shares": [1]}}, "got 1 edges, need ascending ones, one more than shares"),
    ],
)
def test_a_damaged_record_is_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = save(record_of("pruning"), tmp_path)
    path.write_text(json.dumps({**asdict(record_of("pruning")), **change}))
    with pytest.raises(DataError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_not_json(text: str, tmp_path: Path) -> None:
    (tmp_path / "pruning.json").write_text(text)
    with pytest.raises(DataError, match="need a record of accelsim train ablate"):
        load(tmp_path / "pruning.json")


def test_one_seed_has_an_interval_and_several_a_spread() -> None:
    rows = some_rows(ABLATIONS["pruning"], 1)
    low, high = wilson_interval(0.5, N_IMAGES)
    page = render({"pruning": record_of("pruning", rows=rows)}, Path("nowhere"), ROOT)
    assert f"| schedule 0 | 1 | 50.00% ({low:.2%} to {high:.2%}) | 50.0% |" in page
    several = [{**rows[0], "seed": seed, "validation_accuracy": found} for seed, found in enumerate((0.5, 0.53, 0.54))]
    page = render({"pruning": record_of("pruning", rows=several)}, Path("nowhere"), ROOT)
    deviation = statistics.stdev([0.5, 0.53, 0.54])
    assert f"| schedule 0 | 1 | {157 / 300:.2%} ± {deviation:.2%} | 50.0% |" in page
    assert "seeds 0, 1, 2." in page


def test_the_page_says_how_each_was_measured() -> None:
    made = record_of("table-rows")
    page = render({"table-rows": made}, Path("nowhere"), ROOT)
    section = page.split("### ")[1 + list(ABLATIONS).index("table-rows")]
    assert section.startswith(f"{made.ablation.title}\n\n{made.ablation.question}\n\n")
    assert "MNIST; fitted images 10,000, validation images 5,000, epochs 3; seed 0." in section
    assert "`accelsim train ablate table-rows --seed 0`: 1.5 minutes on a CPU; written with torch 9.9." in section
    assert "- teacher validation accuracy: 91.23%\n- trials: 12" in section
    assert "](training/table-rows.svg)" in section
    assert "](training/table-rows-histogram.svg)" in section
    assert "Not measured yet: `accelsim train ablate pruning --out reports/training`." in page
    assert "Not measured yet: `accelsim train mbi-sweep --out reports/training`." in page
    assert "--quick" not in page


def test_an_accuracy_of_some_images_has_their_interval() -> None:
    made = record_of("threshold-curve", rows=some_rows(ABLATIONS["threshold-curve"], 1))
    (row,) = (line for line in render({made.name: made}, Path("nowhere"), ROOT).splitlines() if "| tables 0 |" in line)
    of_half, of_all = (wilson_interval(0.5, n) for n in (N_IMAGES // 2, N_IMAGES))
    assert row.endswith(
        f"| 50.00% ({of_half[0]:.2%} to {of_half[1]:.2%}) | 50.00% ({of_all[0]:.2%} to {of_all[1]:.2%}) |"
    )


def test_a_quick_record_says_so() -> None:
    page = render({"pruning": record_of("pruning", quick=True)}, Path("nowhere"), ROOT)
    assert "**Made with --quick: it shows that the stages run, and its figures say nothing.**" in page


def test_what_is_written_by_hand_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "what-did-not-work.md").write_text("- Prayer.\n")
    (tmp_path / "pruning.md").write_text("Half is free.\n")
    page = render({"pruning": record_of("pruning")}, tmp_path, ROOT)
    assert page.endswith("## What did not work\n\n- Prayer.\n")
    assert "\n\nHalf is free.\n\n| pruned |" in page


def test_targets_are_compared_with_what_was_measured(tmp_path: Path) -> None:
    page = render({}, tmp_path, ROOT)
    import yaml

    manifest = yaml.safe_load((ROOT / "workloads" / "mnist_mbi" / "manifest.yaml").read_text(encoding="utf-8"))
    measured, n = manifest["accuracy"]["measured"], manifest["dataset"]["n_inputs"]
    low, high = wilson_interval(measured, n)
    (row,) = (line for line in page.splitlines() if line.startswith("| MBI, coverage 100 %"))
    assert (
        f"| ≥ 98.5% | {manifest['training']['validation_accuracy']:.2%} | {measured:.2%} ({low:.2%} to {high:.2%}) |"
        in row
    )
    training = manifest["training"]
    reached = "yes" if measured >= 0.985 else "no"
    assert f"| {reached}: {training['charged_nj']} nJ, {training['table_kb']} kB |" in row
    assert f"`{manifest['training']['command']}`" in row


def test_a_manifest_alone_is_enough(tmp_path: Path) -> None:
    alone = tmp_path / "reports" / "training" / "workloads" / "mnist_mbi_half" / "manifest.yaml"
    alone.parent.mkdir(parents=True)
    text = (ROOT / "workloads" / "mnist_mbi" / "manifest.yaml").read_text(encoding="utf-8")
    for charged, reached in (("12.947", "no: 12.947 nJ (outside), 61.8 kB"), ("6.458", "yes: 6.458 nJ, 61.8 kB")):
        alone.write_text(text.replace("charged_nj: 12.947", f"charged_nj: {charged}"), encoding="utf-8")
        (row,) = (line for line in render({}, tmp_path, tmp_path).splitlines() if "half the energy" in line)
        assert "| ≥ 97.5% |" in row
        assert f"| {reached} |" in row
    alone.write_text(text.replace("charged_nj", "charged_j"), encoding="utf-8")
    assert "| no: charged_nj not recorded, 61.8 kB |" in render({}, tmp_path, tmp_path)


def test_a_workload_that_is_absent_says_so(tmp_path: Path) -> None:
    rows = [line for line in render({}, tmp_path, tmp_path).splitlines() if " yet | – | – | – |" in line]
    assert len(rows) == 16


@pytest.mark.parametrize("name", ABLATIONS)
def test_plots_come_out_the_same_again(name: str, tmp_path: Path) -> None:
    made = record_of(name, rows=some_rows(ABLATIONS[name], 6, (0, 1)))
    drawn = plots(made)
    assert list(drawn) == [f"{name}.svg", *([f"{name}-histogram.svg"] if made.histogram else [])]
    for file, draw in drawn.items():
        draw(tmp_path / file)
        draw(tmp_path / f"again-{file}")
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert text == (tmp_path / f"again-{file}").read_text(encoding="utf-8")
        assert "<svg" in text
        assert "dc:date" not in text


def test_the_command_writes_page_and_plots(tmp_path: Path) -> None:
    for name in ABLATIONS:
        save(record_of(name), tmp_path / "training")
    (tmp_path / "training" / "mbi-sweep.md").write_text("# A title\n\nThe sweep's table.\n")
    (tmp_path / "training" / "mbi-sweep.json").write_text("{}")  # not an ablation's record
    written = report(tmp_path, ROOT)
    assert sorted(path.name for path in (tmp_path / "training").glob("*.svg")) == sorted(
        path.name for path in written if path.suffix == ".svg"
    )
    page = (tmp_path / "training.md").read_text(encoding="utf-8")
    for ablation in ABLATIONS.values():
        assert f"](training/{ablation.name}.svg)" in page
    assert "parameters\n\nThe sweep's table.\n\n## What did" in page
    assert "Not measured yet" not in page


def test_a_record_under_another_name(tmp_path: Path) -> None:
    save(record_of("pruning"), tmp_path / "training").rename(tmp_path / "training" / "bits.json")
    with pytest.raises(DataError, match=r"bits.json: got the record of pruning, need that of bits$"):
        report(tmp_path, ROOT)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError):
        report(tmp_path / "out", ROOT)


def test_reports_need_no_torch() -> None:
    import subprocess

    code = "import sys, accelsim.train.report; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
