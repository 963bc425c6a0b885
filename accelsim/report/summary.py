"""The run as one dictionary: `summary.json`. Its keys are stable; scripts depend on them."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from accelsim import __version__, account
from accelsim.account import LedgerRow
from accelsim.constants import assumed_without_range
from accelsim.ideal import ideal_parts
from accelsim.recost import energy_interval
from accelsim.report.intervals import mean_of_dicts, quantiles, wilson_interval
from accelsim.report.population import NO_LIMITS, Limits, population
from accelsim.report.words import LAYER_SHAPES
from accelsim.run import ChipRun, Run
from accelsim.spec import not_charged, spec_sha256

SCHEMA_VERSION = 1
N_LARGEST = 3
STATIC_PHASE = account.STATIC


def summary(
    run: Run, *, command: str, spec_path: str, overrides: list[str], limits: Limits = NO_LIMITS
) -> dict[str, Any]:
    """Everything a script may want to know of a run. Figures of several chips are means over the chips.

    Args:
        command: the command line that made the run.
        spec_path: the spec's file; overrides: its `--set` values.
        limits: what a good chip keeps to, for the yield.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "spec": spec_path,
        "spec_sha256": spec_sha256(run.chip.spec),
        "overrides": overrides,
        "workload": str(run.workload.folder),
        "workload_sha256": run.workload.sha256,
        "method": run.workload.manifest.method,
        "accounting": run.chip.spec.accounting,
        "kind": run.chip.spec.kind,
        "notes": _notes(run),
        "not_charged": not_charged(run.chip.spec),
        "ideal_parts": ideal_parts(run.chip.spec),
        "engine": "events",
        "inputs_from": _inputs_from(run),
        "arrivals": run.options.arrivals.text,
        "seed": run.options.seed,
        "age_s": run.options.age_s,
        "n_inputs": run.options.n_inputs,
        "n_chips": run.options.n_chips,
        "n_jobs": sum(chip.n_jobs for chip in run.chips),
        "jobs_per_input_max": max(chip.jobs_per_input_max for chip in run.chips),
        **_accuracy(run),
        **_times(run),
        **_energy(run),
        "energy_interval_pj": energy_interval(run),
        "assumed_without_range": assumed_without_range(run.chip.spec),
        "population": population(run, limits),
        "counters": _counters(run),
        "programming": _programming(run),
        "area_by_instance_um2": account.areas_um2(run.chip),
        "utilisation": _utilisation(run),
        "timeline_sha256": run.timeline_sha256,
        "versions": {
            "accelsim": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "simpy", "pydantic", "pyarrow", "safetensors")},
        },
    }


def _notes(run: Run) -> list[str]:
    """What a reader must know to read the figures."""
    mbi, notes = run.workload.manifest.mbi, []
    if mbi and mbi.metric != run.chip["arrays"].spec.metric:
        notes.append(f"the tables were trained on metric {mbi.metric}")
    if run.chip.spec.kind == "row_stationary":
        layers = run.workload.cnn.layers
        mapped = sum(layer.mapping is not None for layer in layers)
        if mapped:
            notes.append(
                f"{mapped} of {len(layers)} layers have the mapping that the workload states, whatever the grid; "
                "without it they are given the quickest one found"
            )
    return notes


def _programming(run: Run) -> dict[str, Any]:
    """The programming ledger; the mean over the chips, which need not take the same number of pulses."""
    ledgers = [account.programming(run.chip, chip.programmed) for chip in run.chips]
    first = ledgers[0]
    if all(ledger == first for ledger in ledgers):
        return first
    by_action = {}
    for name, entry in first["by_action"].items():
        counts = [ledger["by_action"][name]["count"] for ledger in ledgers]
        count = math.fsum(counts) / len(counts)
        by_action[name] = {**entry, "count": count, "energy_pj": count * entry["unit_pj"]}
    sums = mean_of_dicts([{key: ledger[key] for key in ("energy_pj", "time_s")} for ledger in ledgers])
    return {**sums, "by_action": by_action}


def _counters(run: Run) -> dict[str, float]:
    """What happened beside actions, per input and chip; a counter that a chip does not have is 0 there."""
    names = dict.fromkeys(name for chip in run.chips for name in chip.counters)
    trials = run.options.n_inputs * len(run.chips)
    return {name: sum(chip.counters.get(name, 0) for chip in run.chips) / trials for name in names}


def _inputs_from(run: Run) -> str:
    if run.workload.shapes_only:
        return LAYER_SHAPES
    return "recorded activations" if run.options.data_root is None else str(run.options.data_root)


def _mean(run: Run, figure: Callable[[ChipRun], float]) -> float:
    return math.fsum(figure(chip) for chip in run.chips) / len(run.chips)


def _accuracy(run: Run) -> dict[str, Any]:
    n = run.options.n_inputs
    correct = [int(chip.columns["correct"].sum()) for chip in run.chips]
    meaningful = run.workload.manifest.accuracy.measured is not None
    accuracy = sum(correct) / (n * len(correct)) if meaningful else None
    return {
        "accuracy": accuracy,
        "accuracy_ideal": accuracy if run.ideal_correct is None else run.ideal_correct / n,
        # Over inputs only: chips see the same ones, so they add no trials.
        "accuracy_ci95": None if accuracy is None else wilson_interval(accuracy, n),
        "accuracy_per_chip": [c / n for c in correct] if meaningful else None,
        "coverage": _mean(run, lambda chip: float(chip.columns["covered"].mean())),
        "tie_rate": _mean(run, lambda chip: float(chip.columns["tied"].mean())),
    }


def _times(run: Run) -> dict[str, Any]:
    tick_hz = run.chip.clocks.tick_hz
    latency, response = [], []
    for chip in run.chips:
        columns = chip.columns
        latency.append(quantiles((columns["end_ticks"] - columns["start_ticks"]) / tick_hz))
        response.append(quantiles((columns["end_ticks"] - columns["arrival_ticks"]) / tick_hz))
    makespans = [chip.makespan for chip in run.chips]
    makespan: float = makespans[0] if len(set(makespans)) == 1 else sum(makespans) / len(makespans)
    return {
        "latency_s": mean_of_dicts(latency),
        "response_s": mean_of_dicts(response),
        "throughput_per_s": _mean(run, lambda chip: run.options.n_inputs * tick_hz / chip.makespan),
        "tick_hz": tick_hz,
        "makespan_ticks": makespan,
        "makespan_s": makespan / tick_hz,
        "cycles": {name: makespan / (tick_hz // hertz) for name, hertz in run.chip.clocks.hertz.items()},
    }


def _mean_per_input(run: Run, key: Callable[[LedgerRow], str]) -> dict[str, float]:
    scale = 1 / (run.options.n_inputs * len(run.chips))
    return account.grouped_pj((row for chip in run.chips for row in chip.ledger), key, scale)


def _energy(run: Run) -> dict[str, Any]:
    n, n_chips = run.options.n_inputs, len(run.chips)
    rows = [row for chip in run.chips for row in chip.ledger]
    dynamic = account.total_pj(row for row in rows if row.phase != STATIC_PHASE) / n_chips
    static = account.total_pj(row for row in rows if row.phase == STATIC_PHASE) / n_chips
    by_action = _mean_per_input(run, lambda row: f"{row.instance}.{row.action}")
    by_basis = _mean_per_input(run, lambda row: row.basis)
    spread = mean_of_dicts([quantiles(chip.columns["energy_dynamic_pj"]) for chip in run.chips])
    return {
        "energy_pj": {"mean": (dynamic + static) / n, "total": dynamic + static},
        "energy_dynamic_pj": {
            "mean": dynamic / n,
            "p50": spread["p50"],
            "p99": spread["p99"],
            "total": dynamic,
        },
        "energy_static_pj": {"mean": static / n, "total": static},
        "energy_by_instance_pj": _mean_per_input(run, lambda row: row.instance),
        "energy_by_action_pj": by_action,
        "energy_by_basis_pj": by_basis,
        "largest_consumers": _largest(by_action, (dynamic + static) / n),
        "assumed_share": _share(by_basis, "assumed"),
        "edited_share": _share(by_basis, "edited"),
    }


def _largest(by_action: dict[str, float], total: float) -> list[dict[str, Any]]:
    """The actions and static powers that cost most, and their share of the energy per input."""
    ranked = sorted(by_action.items(), key=lambda item: -item[1])[:N_LARGEST]
    return [{"name": name, "energy_pj": pj, "share": pj / total} for name, pj in ranked if pj]


def _share(by_basis: dict[str, float], basis: str) -> float | None:
    """Share of the energy whose price has this basis; None where nothing is charged."""
    total = math.fsum(by_basis.values())
    return by_basis.get(basis, 0.0) / total if total else None


def _utilisation(run: Run) -> dict[str, dict[str, float]]:
    states = ("busy", "blocked", "idle")
    return {
        name: {
            state: _mean(run, lambda chip, n=name, s=state: getattr(chip.shares[n], s) / chip.makespan)  # type: ignore[misc]
            for state in states
        }
        for name in run.chip.instances
    }
