"""The run as a table on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from accelsim.account import STATIC, LedgerRow
from accelsim.chip import Instance
from accelsim.ideal import blocks
from accelsim.report import words
from accelsim.report.ledger import mean_ledger
from accelsim.report.quantities import picojoules, seconds
from accelsim.run import Run

MAX_WIDTH = 1000  # of a table that no terminal limits
_FIGURES = ("where", "count", "each", "pJ")
_COLUMNS = (*_FIGURES, "share", "basis")


def print_run(run: Run, summary: dict[str, Any], console: Console) -> None:
    """Prints what a run found: headline, energy by instance and action, what the figures rest on, what is left out."""
    _print_headline(run, summary, console)
    _print_energy_table(run, summary, console)
    if summary["population"]:
        _print_population(summary, console)
    for label, text in words.footer(summary):
        console.print(f"[bold]{label}[/bold]: {escape(text)}", highlight=False)
    for label, names in (
        ("Not charged[/bold] (counted all the same)", _grouped(run, summary["not_charged"], _prices)),
        ("Ideal[/bold] (no imperfection modelled)", _grouped(run, summary["ideal_parts"], _blocks)),
    ):
        if names:
            console.print(f"[bold]{label}: {', '.join(names)}", highlight=False)


def _prices(instance: Instance) -> set[str]:
    component = instance.component
    return {*component.actions, *component.statics, *component.programming}


def _blocks(instance: Instance) -> set[str]:
    return set(blocks(instance.component.name))


def _grouped(run: Run, listed: list[str], possible: Callable[[Instance], set[str]]) -> list[str]:
    """`instance.part` names, or the instance alone where all its possible parts are listed."""
    names: list[str] = []
    for instance in run.chip.instances.values():
        mine = [name for name in listed if name.split(".")[0] == instance.name]
        names += [instance.name] if mine and len(mine) == len(possible(instance)) else mine
    return names


def _print_headline(run: Run, summary: dict[str, Any], console: Console) -> None:
    console.print(
        f"[bold]{run.chip.spec.name}[/bold] on [bold]{run.workload.manifest.name}[/bold]"
        f" · accounting: [bold]{summary['accounting']}[/bold]\n{words.conditions(summary)}",
        highlight=False,
    )
    for override in summary["overrides"]:
        console.print(f"[bold]changed[/bold]: {escape(override)}", highlight=False)
    for note in summary["notes"]:
        console.print(f"[bold]note[/bold]: {note}", highlight=False)
    rows = Table.grid(Column(overflow="fold"), Column(overflow="fold"), padding=(0, 2))
    for label, text in words.headline(summary):
        rows.add_row(label, Text(text))
    console.print(rows, highlight=False)


def _print_population(summary: dict[str, Any], console: Console) -> None:
    """How figures spread over the chips; a chip's figures are means over its inputs."""
    title = f"Over {summary['n_chips']} chips"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("a chip's", *words.PERCENTILES):
        table.add_column(name, justify="left" if name == "a chip's" else "right", no_wrap=True)
    for cells in words.population_rows(summary):
        table.add_row(*cells)
    table.width = table.__rich_measure__(console, console.options.update(max_width=MAX_WIDTH)).maximum
    console.print(table, crop=False)
    for line in words.yields(summary):
        console.print(f"[bold]Yield[/bold]: {line}", highlight=False)


def _print_energy_table(run: Run, summary: dict[str, Any], console: Console) -> None:
    """Never cuts a figure: a narrow terminal gets fewer columns, and at last a table that is wider than itself."""
    for columns in (_COLUMNS, tuple(name for name in _COLUMNS if name != "share"), _FIGURES):
        table = _energy_table(run, summary, columns)
        table.width = table.__rich_measure__(console, console.options.update(max_width=MAX_WIDTH)).maximum
        if table.width <= console.width:
            break
    console.print(table, crop=False)


def _energy_table(run: Run, summary: dict[str, Any], columns: Sequence[str]) -> Table:
    total = summary["energy_pj"]["mean"]
    table = Table(title="Energy per input", title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in ("where", "basis") else "right", no_wrap=True)

    def add_row(cells: Mapping[str, str], style: str) -> None:
        table.add_row(*(Text(cells.get(name, ""), style=style) for name in columns))

    groups = _by_action(run)
    for instance in run.chip.instances:
        mine = [(action, rows) for (owner, action), rows in groups.items() if owner == instance and _worth_a_line(rows)]
        energy = summary["energy_by_instance_pj"].get(instance, 0.0)
        add_row({"where": instance, "pJ": picojoules(energy), "share": _share(energy, total)}, "bold")
        for action, rows in mine:
            add_row({"where": f"  {action}", **_figures(rows, summary, total)}, "")
    table.add_section()
    add_row({"where": "total", "pJ": picojoules(total), "share": _share(total, total)}, "bold")
    return table


def _microwatts(power_uw: float) -> str:
    return f"{power_uw:,.0f} µW" if power_uw >= 100 else f"{power_uw:.3g} µW"


def _share(energy: float, total: float) -> str:
    return f"{energy / total:.1%}" if energy else ""


def _by_action(run: Run) -> dict[tuple[str, str], list[LedgerRow]]:
    groups: dict[tuple[str, str], list[LedgerRow]] = {}
    for row in mean_ledger(run):
        groups.setdefault((row.instance, row.action), []).append(row)
    return groups


def _worth_a_line(rows: list[LedgerRow]) -> bool:
    """All that was counted, at whatever price; of static power only what there is."""
    return rows[0].unit_pj > 0 if rows[0].phase == STATIC else any(row.count for row in rows)


def _figures(rows: list[LedgerRow], summary: dict[str, Any], total: float) -> dict[str, str]:
    """Count, unit, energy, share and basis of an action, per input; static power as a time and a power."""
    n_inputs = summary["n_inputs"]
    count, energy = sum(row.count for row in rows) / n_inputs, sum(row.energy_pj for row in rows) / n_inputs
    if rows[0].phase == STATIC:
        time_s = summary["makespan_s"] / n_inputs
        counted, unit = seconds(time_s), _microwatts(energy * 1e-6 / time_s)
    else:
        counted = f"{count:,.0f}" if count.is_integer() or count >= 1e5 else f"{count:,.1f}"
        unit = f"{rows[0].unit_pj:.5g} pJ"
    cells = {"count": counted, "each": unit, "pJ": picojoules(energy)}
    return {**cells, "share": _share(energy, total), "basis": rows[0].basis}
