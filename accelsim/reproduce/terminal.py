"""The reproduction on the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accelsim.reproduce.claims import GROUPS
from accelsim.reproduce.verdict import STATUSES

Document = dict[str, Any]

STYLES = {"recomputes": "green", "within_rounding": "green", "measured_agrees": "green", "contradicts": "red"}
SHORT = {
    "recomputes": "recomputes",
    "within_rounding": "within rounding",
    "contradicts": "contradicts",
    "differs": "reconstruction differs",
    "measured_agrees": "trained here, agrees",
    "measured_differs": "trained here, differs",
    "unpublished": "not reproducible",
    "training": "not yet run",
    "input": "an input",
    "quoted": "quoted",
}


def print_document(document: Document, console: Console) -> None:
    """Prints a table for each seed and group, and the counts; bare figures are in the page only."""
    for seed in document["seeds"]:
        console.print(f"\n[bold]{escape(seed['title'])}[/bold]  (seed {seed['id']})", highlight=False)
        for group in GROUPS:
            claims = [claim for claim in seed["claims"] if claim["group"] == group and not _bare(claim)]
            console.print(_table(group, claims))
    bare = sum(_bare(claim) for seed in document["seeds"] for claim in seed["claims"])
    counts = "\n".join(f"{count:4d}  {STATUSES[status]}" for status, count in document["summary"].items() if count)
    console.print(f"[bold]{sum(document['summary'].values())} claims[/bold]\n{counts}", highlight=False)
    console.print(f"(* with assumed inputs; {bare} bare inputs and quotations are in the page alone)", highlight=False)


def _bare(claim: Document) -> bool:
    """An input or a quotation that nothing was computed or simulated for."""
    return claim["status"] in ("input", "quoted") and not any(claim[key] for key in ("own", "paper", "physical"))


def _table(group: str, claims: list[Document]) -> Table:
    table = Table(title=group, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("claim", overflow="fold", min_width=10)
    for name in ("published", "its inputs give", "paper mode", "physical mode"):
        table.add_column(name, justify="right", overflow="fold")  # a narrow terminal breaks a figure, and cuts none
    table.add_column("verdict", overflow="fold")
    table.add_column("")
    for claim in claims:
        own = claim["own"]["text"] if claim["own"] else "–"
        modes = (claim[mode]["text"] if claim[mode] else "–" for mode in ("paper", "physical"))
        refs = " ".join(claim["contradictions"])
        cells = (claim["what"], claim["published"]["text"], own, *modes, _short(claim), refs)
        table.add_row(*(escape(cell) for cell in cells), style=STYLES.get(claim["status"], ""))
    return table


def _short(claim: Document) -> str:
    """The verdict in a few words."""
    own, text = claim["own"], SHORT[claim["status"]]
    if claim["status"] in ("contradicts", "differs"):
        return f"{text}: {own['against']}"
    if claim["status"].startswith("measured"):
        return f"{text}: {claim['recipe']['text']}"
    return f"{text} *" if own and "assumed" in own["bases"] else text
