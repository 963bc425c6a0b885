"""What a run's summary says, in words: the sentences that the terminal and `report.md` share.

Everything here reads `summary.json`'s keys alone, so a report can be written again from a run's files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from accelsim.report.quantities import picojoules, seconds

LAYER_SHAPES = "layer shapes"  # `inputs_from` of a shape-only workload

Summary = dict[str, Any]
PERCENTILES = ("mean", "std", "p5", "p50", "p95", "min", "max")


def conditions(summary: Summary) -> str:
    """How many inputs, when they came, how many jobs they made, on how many chips, how old."""
    text = f"{summary['n_inputs']:,} inputs, {summary['arrivals']}; {summary['n_jobs']:,} jobs"
    if summary["n_chips"] > 1:
        text += f"; mean of {summary['n_chips']} chips"
    if summary["age_s"]:
        text += f"; {summary['age_s']:g} s after writing"
    return text


def headline(summary: Summary) -> list[tuple[str, str]]:
    """Label and figures of each line of the headline."""
    rows = [("accuracy", _accuracy(summary))]
    if summary["accuracy"] is not None and summary["accuracy"] != summary["accuracy_ideal"]:
        rows.append(("ideal chip", f"{summary['accuracy_ideal']:.2%}  with every imperfection removed"))
    if summary["kind"] == "cascade":
        rows.append(("coverage", f"{summary['coverage']:.2%} answered without the fallback"))
    if summary["inputs_from"] != LAYER_SHAPES:
        rows.append(("ties", f"{summary['tie_rate']:.2%} of inputs had a tied decision (lowest index wins)"))
    rows.append(("latency", _times(summary["latency_s"]) + "  from admission to answer"))
    if summary["arrivals"] != "back-to-back":
        rows.append(("response", _times(summary["response_s"]) + "  from arrival to answer"))
    rate, over = summary["throughput_per_s"], seconds(summary["makespan_s"])
    rows.append(("throughput", f"{rate:,.6g} inputs/s over {over}"))
    dynamic, static = (picojoules(summary[f"energy_{part}_pj"]["mean"]) for part in ("dynamic", "static"))
    total = picojoules(summary["energy_pj"]["mean"])
    rows.append(("energy", f"{total} pJ per input = {dynamic} dynamic + {static} static"))
    if interval := summary["energy_interval_pj"]:
        low, high, rss_low, rss_high = (picojoules(interval[key]) for key in ("low", "high", "rss_low", "rss_high"))
        ends = f"{low} to {high} pJ with all ranged prices at their ends together"
        rows.append(("interval", f"{ends}, {rss_low} to {rss_high} pJ if their errors are independent"))
    if (written := summary["programming"])["energy_pj"]:
        text = f"{picojoules(written['energy_pj'])} pJ and {seconds(written['time_s'])} once, not included above"
        rows.append(("programming", text))
    return rows


def _accuracy(summary: Summary) -> str:
    if summary["inputs_from"] == LAYER_SHAPES:
        return "not evaluated (shape-only workload)"
    if summary["accuracy"] is None:
        return "not evaluated (generated workload: its labels carry no meaning)"
    low, high = summary["accuracy_ci95"]
    return f"{summary['accuracy']:.2%}  (95 % interval {low:.2%} to {high:.2%}; {summary['method']})"


def _times(times: dict[str, float]) -> str:
    return f"mean {seconds(times['mean'])}, p50 {seconds(times['p50'])}, p99 {seconds(times['p99'])}"


def footer(summary: Summary) -> list[tuple[str, str]]:
    """Label and text of what stands below the table of energies, without what is not charged or ideal."""
    rows = []
    if largest := summary["largest_consumers"]:
        parts = (f"{one['name']} {picojoules(one['energy_pj'])} pJ ({one['share']:.1%})" for one in largest)
        rows.append(("Largest", ", ".join(parts)))
    total = summary["energy_pj"]["mean"]
    if total:
        shares = [(basis, pj / total) for basis, pj in summary["energy_by_basis_pj"].items() if pj]
        text = ", ".join(f"{share:.1%} {basis}" for basis, share in sorted(shares, key=lambda item: -item[1]))
        rows.append(("Basis", f"of the unit energies, by energy: {text}"))
        rows.append(("Assumptions", assumptions(summary)))
    ranked = sorted(summary["utilisation"].items(), key=lambda item: -item[1]["busy"])[:5]
    rows.append(("Busiest", ", ".join(f"{name} {share['busy']:.1%}" for name, share in ranked)))
    if counted := {name: mean for name, mean in summary["counters"].items() if mean}:
        text = ", ".join(f"{name} {mean:.4g}" for name, mean in counted.items())
        rows.append(("Counted besides", f"(mean per input) {text}"))
    return rows


def assumptions(summary: Summary) -> str:
    """The share of the energy whose price is assumed, edited apart, and how much of that no range bounds."""
    edited = f", and {_percent(summary['edited_share'])} on edited ones" if summary["edited_share"] else ""
    open_ended = len(summary["assumed_without_range"])
    constants = "constant states" if open_ended == 1 else "constants state"
    unbounded = f"; {open_ended} assumed {constants} no range" if open_ended else ""
    return f"{_percent(summary['assumed_share'])} of the energy rests on assumed prices{edited}{unbounded}"


def _percent(share: float) -> str:
    """A share that is not 0 does not read as 0."""
    return "less than 0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def by_instance(names: Iterable[str]) -> str:
    """`instance.part` names as `instance (part, part), …`."""
    groups: dict[str, list[str]] = {}
    for name in names:
        instance, _, part = name.partition(".")
        groups.setdefault(instance, []).append(part)
    return ", ".join(f"{instance} ({', '.join(parts)})" for instance, parts in groups.items())


def population_rows(summary: Summary) -> list[tuple[str, ...]]:
    """Figure, then mean, deviation, percentiles and extremes over the chips, as text."""
    shown: list[tuple[str, str, Callable[[float], str]]] = [
        ("accuracy", "accuracy", "{:.2%}".format),
        ("energy_pj", "energy, pJ", picojoules),
        ("latency_s", "latency", seconds),
    ]
    found = [(label, text, summary["population"][name]) for name, label, text in shown]
    return [(label, *(text(spread[key]) for key in PERCENTILES)) for label, text, spread in found if spread]


def yields(summary: Summary) -> list[str]:
    """One sentence a limit, and one for all together where there are several."""
    found = summary["population"]["yield"]
    lines = []
    for name, entry in found.items():
        if name == "all" and len(found) == 2:
            continue
        low, high = entry["ci95"]
        chips = f"{entry['passed']} of {summary['n_chips']} chips"
        of = f"{entry['yield']:.1%} (95 % interval {low:.1%} to {high:.1%})"
        lines.append(f"{_limit(name, entry)}: {chips}, {of}")
    return lines


def _limit(name: str, entry: dict[str, Any]) -> str:
    if name == "all":
        return "all of these"
    if name == "min_accuracy":
        return f"accuracy ≥ {entry['limit']:.2%}"
    if name == "max_energy_pj":
        return f"energy ≤ {picojoules(entry['limit'])} pJ"
    return f"latency ≤ {seconds(entry['limit'])}"
