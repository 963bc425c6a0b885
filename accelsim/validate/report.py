"""A validation as data, as a page and on the terminal; the last two are made from the data and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from accelsim.report.markdown import bullets, table
from accelsim.validate.check import STATUSES, tally
from accelsim.validate.suite import NOT_COVERED, Outcome

Document = dict[str, Any]
ROUNDING = 1e-9  # results below it are rounding of floats, and print as 0
COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow", "compared": "dim"}


def document(outcome: Outcome, command: str, version: str) -> Document:
    """`validation.json`."""
    return {
        "schema_version": 1,
        "accelsim": version,
        "command": command,
        "tally": dict(tally(outcome.checks)),
        "left_out": outcome.left_out,
        "circuit": outcome.circuit,
        "checks": [asdict(check) for check in outcome.checks],
        "fitted": outcome.fitted,
        "not_covered": list(NOT_COVERED),
    }


def calibration(data: Document) -> str:
    """The fitted parameters as YAML."""
    card = data["circuit"]
    lines = [
        f"# Fitted by `{data['command']}` with {card['ngspice']}, card {card['card']}, sha256 {card['card_sha256']}"
    ]
    for group, values in data["fitted"].items():
        lines += [f"{group}:", *(f"  {name}: {value:.6g}" for name, value in values.items())]
    return "\n".join(lines) + "\n"


def page(data: Document) -> str:
    """`validation.md`."""
    parts = [
        "# Validation",
        f"Made by `{data['command']}` (accelsim {data['accelsim']}): {_tally(data)}.",
        "Each tolerance was set before its result was known; where a circuit or the range of a check was changed after "
        "a result had been seen, its note says so. A skipped check counts as nothing. A comparison has no tolerance, "
        "because its two sides are not the same thing, or because something in it was chosen by what was measured.",
        bullets(f"Left out: {text}" for text in data["left_out"]),
    ]
    for group, checks in _groups(data):
        rows = [(f"`{c['id']}`", c["what"], c["tolerance"], _result(c), _outcome(c)) for c in checks]
        parts += [
            f"## {group}",
            table(("check", "what", "tolerance", "result", "outcome"), rows),
            bullets(_note(c) for c in checks),
            bullets(sorted({f"Source: {c['source']}" for c in checks})),
        ]
    parts += ["## Where the models are wrong", bullets(_wrong(data))]
    parts += [*_circuit(data), "## What is not covered", bullets(data["not_covered"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def print_document(data: Document, console: Console) -> None:
    """The tables and the tally."""
    for group, checks in _groups(data):
        columns = ("check", "tolerance", "result", "outcome", "figures")
        shown = Table(*(Column(name, overflow="fold") for name in columns), box=SIMPLE_HEAD, title=group)
        shown.title_justify = "left"
        for c in checks:
            outcome = f"[{COLOURS[c['status']]}]{c['status']}[/]"
            shown.add_row(c["id"], c["tolerance"], _result(c), outcome, escape(c["figures"] or c["remark"]))
        console.print(shown, highlight=False)
    for text in _skips(data):
        console.print(text, highlight=False, soft_wrap=True)
    for text in data["left_out"]:
        console.print(f"left out: {text}", highlight=False)
    console.print("not covered:", highlight=False)
    for text in data["not_covered"]:
        console.print(f"  {text}", highlight=False)
    console.print(_tally(data), highlight=False)


def _groups(data: Document) -> Iterator[tuple[str, list[Document]]]:
    for group, checks in groupby(data["checks"], key=lambda check: check["group"]):
        yield group, list(checks)


def _tally(data: Document) -> str:
    return ", ".join(f"{data['tally'][status]} {status}" for status in STATUSES)


def _skips(data: Document) -> Iterator[str]:
    for check in data["checks"]:
        if check["status"] == "skipped":
            yield f"{check['id']} check: skipped - {check['remark']}"


def _result(check: Document) -> str:
    if check["result"] is None:
        return "none" if check["status"] == "skipped" else "not finite"
    value = check["result"] if abs(check["result"]) > ROUNDING else 0
    return f"{value:.3g} {check['unit']}"


def _outcome(check: Document) -> str:
    return f"**{check['status']}**" if check["status"] == "failed" else str(check["status"])


def _note(check: Document) -> str:
    return f"`{check['id']}`: {check['figures'] or check['remark']}"


def _wrong(data: Document) -> Iterable[str]:
    """Remarks, each with the checks it belongs to, failed checks first."""
    ids: dict[str, list[str]] = {}
    for check in sorted(data["checks"], key=lambda check: check["status"] != "failed"):
        if check["remark"] and check["status"] != "skipped":
            failed = " (failed)" if check["status"] == "failed" else ""
            ids.setdefault(check["remark"], []).append(f"`{check['id']}`{failed}")
    return (f"{', '.join(names)}: {remark}" for remark, names in ids.items())


def _circuit(data: Document) -> list[str]:
    """Simulator, card, and what was fitted."""
    found = data["circuit"]
    if not found:
        return []
    rows = [(group, name, f"{value:.5g}") for group, values in data["fitted"].items() for name, value in values.items()]
    return [
        "## Circuit simulation",
        f"{found['ngspice']}, card {found['card']} (sha256 {found['card_sha256']}), models "
        f"{', '.join(found['models'])}. A minimum core NMOS drives {found['core_on_a'] * 1e6:.1f} uA and leaks "
        f"{found['core_off_a'] * 1e12:.1f} pA; thresholds {found['core_vth_n_v']:.3f} V (NMOS) and "
        f"{found['core_vth_p_v']:.3f} V (PMOS).",
        "Fitted, each on a part of the runs, and judged on another:",
        table(("law", "parameter", "value"), rows, right=1),
    ]
