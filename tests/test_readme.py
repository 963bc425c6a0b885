"""README shows what accelsim prints, and its two commands are those that CI runs."""

from tests.readme import README, ROOT, filled


def test_outputs_and_tables_are_what_accelsim_prints() -> None:
    text = README.read_text(encoding="utf-8")
    assert filled(text) == text, "python -m tests.readme writes them anew"


def test_every_file_it_names_exists() -> None:
    text = README.read_text(encoding="utf-8")
    pages = ("workload-format.md", "architecture.md", "decisions/")
    for name in (*(f"docs/{page}" for page in pages), "CONTRIBUTING.md", "CHANGELOG.md"):
        assert f"`{name}`" in text
        assert (ROOT / name).exists()
