"""README and reports show what accelsim prints, and the reports are of the specs and workloads that are shipped."""

import json
from pathlib import Path

import pytest

from accelsim.report.markdown import report
from accelsim.spec import load_spec, spec_sha256
from accelsim.workload import load_workload
from tests.readme import README, REPORTS, ROOT, filled, read_ledger


@pytest.mark.parametrize("page", [README, REPORTS], ids=["README", "reports"])
def test_outputs_and_tables_are_what_accelsim_prints(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "python -m tests.readme writes them anew"


def test_reports_are_of_the_shipped_specs_and_workloads() -> None:
    """Otherwise run the commands of reports/README.md again."""
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in REPORTS.parent.glob("*/summary.json")]
    assert len(summaries) == 5
    for summary in summaries:
        assert summary["n_inputs"] == 10_000
        assert summary["spec_sha256"] == spec_sha256(load_spec(ROOT / summary["spec"]))
        workload = load_workload(ROOT / summary["workload"])
        assert summary["workload_sha256"] == workload.sha256
        assert summary["accuracy"] == workload.manifest.accuracy.measured


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
