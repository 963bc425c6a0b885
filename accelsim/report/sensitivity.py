"""A tornado on the terminal, as JSON, and as a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accelsim.constants import assumed_without_range
from accelsim.report.markdown import bullets, table
from accelsim.report.quantities import picojoules, seconds
from accelsim.sensitivity import UNITS, Bar, Study, Tornado
from accelsim.spec import spec_sha256

_TEXT: dict[str, Callable[[float], str]] = {
    "energy": lambda value: f"{picojoules(value)} pJ",
    "latency": seconds,
    "accuracy": "{:.2%}".format,
}
_HEADINGS = ("constant", "basis", "low", "as it is", "high", "at low", "at high", "share")
_RIGHT = 6  # headings, from the right, of columns of figures
WORTH_A_LINE = 0.0005  # share of all spans from which the terminal shows a constant; the page shows all that move


def as_json(study: Study, found: Tornado, command: str) -> dict[str, Any]:
    """What `sensitivity.json` holds; `unit` names what figures are: pJ per input, seconds, or a share."""
    total = _total(found)
    return {
        "schema_version": 1,
        "command": command,
        "spec": str(study.spec_path),
        "spec_sha256": spec_sha256(study.spec),
        "overrides": study.overrides,
        "workload": str(study.workload.folder),
        "workload_sha256": study.workload.sha256,
        "accounting": study.spec.accounting,
        "metric": study.metric,
        "unit": UNITS[study.metric],
        "n_inputs": study.options.n_inputs,
        "n_chips": study.options.n_chips,
        "seed": study.options.seed,
        "age_s": study.options.age_s,
        "arrivals": study.options.arrivals.text,
        "nominal": found.nominal,
        "interval": {
            "all_prices_together": list(found.bounds) if found.bounds else None,
            "independent": list(found.independent),
        },
        "constants": [_constant(bar, total) for bar in found.bars],
        "assumed_without_range": assumed_without_range(study.spec),
    }


def _total(found: Tornado) -> float:
    return sum(bar.span for bar in found.bars)


def _constant(bar: Bar, total: float) -> dict[str, Any]:
    low, high = bar.constant.ends
    return {
        "path": bar.constant.path,
        "basis": bar.constant.source.basis,
        "source": bar.constant.source.text,
        "value": bar.constant.value,
        "low": low,
        "high": high,
        "method": bar.method,
        "at_low": bar.at_low,
        "at_high": bar.at_high,
        "span": bar.span,
        "share": bar.span / total if total else 0.0,
        "problem": bar.problem or None,
    }


def as_markdown(study: Study, found: Tornado, command: str) -> str:
    """The page `sensitivity.md`."""
    parts = [
        f"# Sensitivity of {study.metric}: {study.spec.name} on {study.workload.manifest.name}",
        f"Accounting: **{study.spec.accounting}**. {_conditions(study)}. Made by `{command}`.",
        "Each constant is moved to both ends of the range that its source states, the others as they are. Unit "
        "energies and powers are costed again from one run, exactly; the rest is simulated again with the same draws. "
        "`share` is the constant's part of the sum of all spans.",
        bullets(_intervals(study, found)),
        table(_HEADINGS, _rows(study, found), right=_RIGHT),
        bullets(_remarks(study, found)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def print_tornado(study: Study, found: Tornado, console: Console) -> None:
    """Prints the constants that move the metric most, widest first."""
    console.print(
        f"[bold]{study.spec.name}[/bold] on [bold]{study.workload.manifest.name}[/bold]"
        f" · accounting: [bold]{study.spec.accounting}[/bold]\n{_conditions(study)}",
        highlight=False,
    )
    title = f"What moves {study.metric}"
    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(_HEADINGS):
        shown.add_column(heading, justify="right" if index >= len(_HEADINGS) - _RIGHT else "left", no_wrap=True)
    rows = _rows(study, found, WORTH_A_LINE)
    for cells in rows:
        shown.add_row(*(escape(cell) for cell in cells))
    shown.width = shown.__rich_measure__(console, console.options.update(max_width=1000)).maximum
    console.print(shown, crop=False)
    if less := len(_rows(study, found)) - len(rows):
        console.print(f"and {less} more with less than {WORTH_A_LINE:.2%} each: sensitivity.md", highlight=False)
    for line in (*_intervals(study, found), *_remarks(study, found)):
        console.print(escape(line), highlight=False)


def _conditions(study: Study) -> str:
    options = study.options
    text = f"{options.n_inputs:,} inputs, {options.arrivals.text}; seed {options.seed}"
    text += f"; mean of {options.n_chips} chips" if options.n_chips > 1 else ""
    return text + (f"; {options.age_s:g} s after writing" if options.age_s else "")


def _intervals(study: Study, found: Tornado) -> list[str]:
    text = _TEXT[study.metric]
    low, high = map(text, found.independent)
    lines = [f"{study.metric} as it is: {text(found.nominal)}"]
    if found.bounds:
        bounds = " to ".join(map(text, found.bounds))
        lines.append(f"bounds: {bounds} (unit energies and powers only: all at their low ends, all at their high ends)")
    lines.append(f"if errors are independent: {low} to {high} (root of the sum of squares, one constant at a time)")
    if study.metric == "accuracy":
        lines.append(f"one answer on one chip is {1 / (study.options.n_inputs * study.options.n_chips):.2%}")
    return lines


def _rows(study: Study, found: Tornado, least: float = 0) -> list[tuple[str, ...]]:
    """Constants that move the metric, by at least so large a share of all spans, or that have no figure at an end."""
    total, text = _total(found), _TEXT[study.metric]
    rows = []
    for bar in found.bars:
        if (bar.span and bar.span >= least * total) or bar.problem:
            numbers = (f"{number:.6g}" for number in (bar.constant.ends[0], bar.constant.value, bar.constant.ends[1]))
            ends = ("none" if end is None else text(end) for end in (bar.at_low, bar.at_high))
            share = f"{bar.span / total:.1%}" if total else ""
            rows.append((bar.constant.path, bar.constant.source.basis, *numbers, *ends, share))
    return rows


def _remarks(study: Study, found: Tornado) -> list[str]:
    lines = [f"{bar.constant.path}, {bar.problem}" for bar in found.bars if bar.problem]
    if still := [bar.constant.path for bar in found.bars if not bar.span and not bar.problem]:
        lines.append(f"no effect over their ranges: {', '.join(still)}")
    if open_ended := assumed_without_range(study.spec):
        lines.append(f"assumed, no range stated, not judged: {', '.join(open_ended)}")
    return lines
