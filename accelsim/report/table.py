"""The run as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from accelsim.account import STATIC, LedgerRow
from accelsim.report.files import mean_ledger
from accelsim.run import Run

MAX_WIDTH = 1000  # of a table that no terminal limits
_FIGURES = ("where", "count", "each", "pJ")
_COLUMNS = (*_FIGURES, "share", "basis")
_SI = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """A time with the unit that reads best."""
    scale, unit = next((pair for pair in _SI if abs(value) >= pair[0]), _SI[-1])
    return f"{value / scale:,.4g} {unit}"


def picojoules(value: float) -> str:
    """An energy in pJ: four digits below 10, one decimal below a million, whole above."""
    if abs(value) < 10:
        return f"{value:.4g}"
    return f"{value:,.1f}" if abs(value) < 1e6 else f"{value:,.0f}"


def print_run(run: Run, summary: dict[str, Any], console: Console) -> None:
    """Prints what a run found: headline, energy by instance and action, shares by basis, what is not charged."""
    _print_headline(run, summary, console)
    _print_energy_table(run, summary, console)
    _print_shares(summary, console)
    _print_utilisation(summary, console)
    if summary["not_charged"]:
        names = ", ".join(_grouped(run, summary["not_charged"]))
        console.print(f"[bold]Not charged[/bold] (counted all the same): {names}", highlight=False)


def _grouped(run: Run, not_charged: list[str]) -> list[str]:
    """`instance.action` names, or the instance alone where nothing of it is charged."""
    names: list[str] = []
    for instance in run.chip.instances.values():
        mine = [name for name in not_charged if name.split(".")[0] == instance.name]
        component = instance.component
        possible = {*component.actions, *component.statics, *component.programming}
        names += [instance.name] if len(mine) == len(possible) else mine
    return names


def _print_headline(run: Run, summary: dict[str, Any], console: Console) -> None:
    spec = run.chip.spec
    console.print(
        f"[bold]{spec.name}[/bold] on [bold]{run.workload.manifest.name}[/bold]"
        f" · accounting: [bold]{summary['accounting']}[/bold]\n"
        f"{summary['n_inputs']:,} inputs, {summary['arrivals']}; {summary['n_jobs']:,} jobs{_population(summary)}",
        highlight=False,
    )
    for override in summary["overrides"]:
        console.print(f"[bold]changed[/bold]: {escape(override)}", highlight=False)
    if (trained := _trained_metric(run)) is not None:
        console.print(f"[bold]note[/bold]: the tables were trained on metric {trained}", highlight=False)
    rows = Table.grid(Column(overflow="fold"), Column(overflow="fold"), padding=(0, 2))
    rows.add_row("accuracy", _accuracy_text(run, summary))
    if run.chip.spec.kind == "cascade":
        rows.add_row("coverage", f"{summary['coverage']:.2%} answered without the fallback")
    rows.add_row("ties", f"{summary['tie_rate']:.2%} of inputs had a tied decision (lowest index wins)")
    latency, response = summary["latency_s"], summary["response_s"]
    rows.add_row("latency", _spread(latency) + "  from admission to answer")
    if summary["arrivals"] != "back-to-back":
        rows.add_row("response", _spread(response) + "  from arrival to answer")
    rows.add_row(
        "throughput", f"{summary['throughput_per_s']:,.6g} inputs/s over {seconds(summary['makespan_s'])}"
    )
    energy, dynamic, static = (
        summary[key]["mean"] for key in ("energy_pj", "energy_dynamic_pj", "energy_static_pj")
    )
    rows.add_row(
        "energy",
        f"[bold]{picojoules(energy)} pJ[/bold] per input = {picojoules(dynamic)} dynamic + {picojoules(static)} static",
    )
    programming = summary["programming"]
    if programming["energy_pj"]:
        rows.add_row(
            "programming",
            f"{picojoules(programming['energy_pj'])} pJ and {seconds(programming['time_s'])} once, not included above",
        )
    console.print(rows, highlight=False)


def _population(summary: dict[str, Any]) -> str:
    return f"; mean of {summary['n_chips']} chips" if summary["n_chips"] > 1 else ""


def _trained_metric(run: Run) -> str | None:
    """The metric that the workload's tables were trained on, if the chip computes another."""
    mbi = run.workload.manifest.mbi
    return None if mbi is None or mbi.metric == run.chip["arrays"].spec.metric else mbi.metric


def _accuracy_text(run: Run, summary: dict[str, Any]) -> str:
    if summary["accuracy"] is None:
        return "not evaluated (generated workload: its labels carry no meaning)"
    low, high = summary["accuracy_ci95"]
    return (
        f"{summary['accuracy']:.2%}  (95 % interval {low:.2%} to {high:.2%}; {run.workload.manifest.method})"
    )


def _spread(times: dict[str, float]) -> str:
    return f"mean {seconds(times['mean'])}, p50 {seconds(times['p50'])}, p99 {seconds(times['p99'])}"


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


def _print_shares(summary: dict[str, Any], console: Console) -> None:
    total = summary["energy_pj"]["mean"]
    if total:
        shares = [(basis, pj / total) for basis, pj in summary["energy_by_basis_pj"].items() if pj]
        text = ", ".join(f"{share:.1%} {basis}" for basis, share in sorted(shares, key=lambda item: -item[1]))
        console.print(f"[bold]Basis[/bold] of the unit energies, by energy: {text}", highlight=False)


def _print_utilisation(summary: dict[str, Any], console: Console) -> None:
    ranked = sorted(summary["utilisation"].items(), key=lambda item: -item[1]["busy"])[:5]
    text = ", ".join(f"{name} {share['busy']:.1%}" for name, share in ranked)
    console.print(f"[bold]Busiest[/bold]: {text}", highlight=False)
