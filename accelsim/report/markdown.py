"""`report.md`: a run as a page, made from what `summary.json` and `energy.csv` hold and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from accelsim.account import STATIC, LedgerRow
from accelsim.report import words
from accelsim.report.quantities import picojoules, seconds

Summary = dict[str, Any]


def report(summary: Summary, ledger: Sequence[LedgerRow]) -> str:
    """The page.

    Args:
        summary: as in `summary.json`.
        ledger: the rows of `energy.csv`.
    """
    parts = [
        _title(summary),
        table(("figure", ""), words.headline(summary)),
        _population(summary),
        "## Where the energy goes",
        _energies(summary, ledger),
        "## The three largest consumers",
        _largest(summary, ledger),
        "## What the figures rest on",
        bullets(f"{label}: {text}" for label, text in words.footer(summary) if label != "Largest"),
        _open_ended(summary),
        "## What is left out",
        bullets(_left_out(summary)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(summary: Summary) -> str:
    spec, workload = PurePath(summary["spec"]).stem, PurePath(summary["workload"]).name
    lines = [
        f"# {spec} on {workload}",
        f"Accounting: **{summary['accounting']}**. {words.conditions(summary)}. Method: {summary['method']}. "
        f"Seed {summary['seed']}. Made by `{summary['command']}`.",
        *(f"Changed: `{override}`" for override in summary["overrides"]),
        *(f"Note: {note}" for note in summary["notes"]),
    ]
    return "\n\n".join(lines)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> str:
    """A table; the last `right` columns are aligned to the right."""
    rules = ["---"] * (len(headings) - right) + ["---:"] * right
    lines = (f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in row)} |" for row in rows)
    return "\n".join([f"| {' | '.join(headings)} |", f"|{'|'.join(rules)}|", *lines])


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _population(summary: Summary) -> str:
    if not summary["population"]:
        return ""
    headings = ("a chip's", *words.PERCENTILES)
    spreads = table(headings, words.population_rows(summary), right=len(words.PERCENTILES))
    title = f"## Over {summary['n_chips']} chips"
    yields = bullets(f"yield, {line}" for line in words.yields(summary))
    return "\n\n".join(part for part in (title, spreads, yields) if part)


def _energies(summary: Summary, ledger: Sequence[LedgerRow]) -> str:
    """One row an action or static power that costs something, per input."""
    total, bases = summary["energy_pj"]["mean"], {(row.instance, row.action): row.basis for row in ledger}
    rows = []
    for name, energy in summary["energy_by_action_pj"].items():
        if energy:
            site = tuple(name.split("."))
            counted = _count(summary, [row for row in ledger if (row.instance, row.action) == site])
            rows.append((f"`{name}`", bases[site], counted, picojoules(energy), f"{energy / total:.1%}"))
    rows.append(("total", "", "", picojoules(total), "100.0%" if total else ""))
    return table(("where", "basis", "count", "pJ per input", "share"), rows, right=3)


def _count(summary: Summary, rows: Sequence[LedgerRow]) -> str:
    """Count of an action per input; of static power the time that is an input's share of the run."""
    if rows[0].phase == STATIC:
        return seconds(summary["makespan_s"] / summary["n_inputs"])
    return f"{sum(row.count for row in rows) / summary['n_inputs']:,.1f}"


def _largest(summary: Summary, ledger: Sequence[LedgerRow]) -> str:
    sources = {f"{row.instance}.{row.action}": (row.basis, row.source) for row in ledger}
    rows = []
    for one in summary["largest_consumers"]:
        basis, source = sources[one["name"]]
        rows.append((f"`{one['name']}`", picojoules(one["energy_pj"]), f"{one['share']:.1%}", basis, source))
    if not rows:
        return "Nothing is charged."
    return table(("where", "pJ per input", "share", "basis", "source"), rows)


def _open_ended(summary: Summary) -> str:
    if not summary["assumed_without_range"]:
        return ""
    names = ", ".join(f"`{path}`" for path in summary["assumed_without_range"])
    return f"Assumed, and no range is stated: {names}."


def _left_out(summary: Summary) -> list[str]:
    lines = []
    if names := summary["not_charged"]:
        lines.append(f"not charged (counted all the same): {words.by_instance(names)}")
    if names := summary["ideal_parts"]:
        lines.append(f"ideal (no imperfection modelled): {words.by_instance(names)}")
    unknown = [name for name, area in summary["area_by_instance_um2"].items() if area is None]
    if unknown:
        lines.append(f"area unknown: {', '.join(unknown)}")
    return lines or ["nothing"]
