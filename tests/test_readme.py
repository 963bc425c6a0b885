"""README and reports show what accelsim prints, and the reports are of the specs and workloads that are shipped."""

import json
from pathlib import Path

import pytest

from accelsim.report.markdown import report
from accelsim.spec import load_spec, spec_sha256
from accelsim.workload import load_workload
from tests.readme import README, REPORTS, ROOT, filled, read_ledger
from tests.reports import RUNS


@pytest.mark.parametrize("page", [README, REPORTS], ids=["README", "reports"])
def test_outputs_and_tables_are_what_accelsim_prints(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "python -m tests.readme writes them anew"


def test_reports_are_of_the_shipped_specs_and_workloads() -> None:
    """Otherwise run `python -m tests.reports` again."""
    assert {path.parent.name for path in REPORTS.parent.glob("*/summary.json")} == {"-".join(run) for run in RUNS}
    assert {spec for spec, _ in RUNS} == {path.stem for path in (ROOT / "arch_specs").glob("*.yaml")}
    for spec, name in RUNS:
        summary = json.loads((REPORTS.parent / f"{spec}-{name}" / "summary.json").read_text(encoding="utf-8"))
        assert summary["spec_sha256"] == spec_sha256(load_spec(ROOT / summary["spec"]))
        workload = load_workload(ROOT / summary["workload"])
        assert summary["workload_sha256"] == workload.sha256
        assert summary["accuracy_ideal"] == workload.manifest.accuracy.measured
        assert len(summary["largest_consumers"]) == 3 or summary["accounting"] == "paper-claim"
        assert 0 <= summary["assumed_share"] <= 1


def test_every_report_has_its_page_made_of_its_files() -> None:
    folders = [path.parent for path in REPORTS.parent.glob("*/summary.json")]
    for folder in folders:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        page = (folder / "report.md").read_text(encoding="utf-8")
        assert page == report(summary, read_ledger(folder / "energy.csv")), folder
        for one in summary["largest_consumers"]:
            assert f"| `{one['name']}` |" in page


def test_every_file_it_names_exists() -> None:
    text = README.read_text(encoding="utf-8")
    pages = ("workload-format.md", "architecture.md", "decisions/")
    for name in (*(f"docs/{page}" for page in pages), "CONTRIBUTING.md", "CHANGELOG.md"):
        assert f"`{name}`" in text
        assert (ROOT / name).exists()
