"""The run as one dictionary: `summary.json`. Its keys are stable; scripts depend on them."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim import __version__, account
from accelsim.account import LedgerRow
from accelsim.run import ChipRun, Run
from accelsim.spec import not_charged, spec_sha256

SCHEMA_VERSION = 1
Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
STATIC_PHASE = account.STATIC


def summary(run: Run, *, command: str, spec_path: str, overrides: list[str]) -> dict[str, Any]:
    """Everything a script may want to know of a run. Figures of several chips are means over the chips.

    Args:
        command: the command line that made the run.
        spec_path: the spec's file; overrides: its `--set` values.
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
        "not_charged": not_charged(run.chip.spec),
        "engine": "events",
        "inputs_from": "recorded activations"
        if run.options.data_root is None
        else str(run.options.data_root),
        "arrivals": run.options.arrivals.text,
        "seed": run.options.seed,
        "n_inputs": run.options.n_inputs,
        "n_chips": run.options.n_chips,
        "n_jobs": sum(chip.n_jobs for chip in run.chips),
        "jobs_per_input_max": max(chip.jobs_per_input_max for chip in run.chips),
        **_accuracy(run),
        **_times(run),
        **_energy(run),
        "programming": account.programming(run.chip, run.chips[0].programmed),
        "area_by_instance_um2": account.areas_um2(run.chip),
        "utilisation": _utilisation(run),
        "timeline_sha256": run.timeline_sha256,
        "versions": {
            "accelsim": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "simpy", "pydantic", "pyarrow", "safetensors")},
        },
    }


def wilson_interval(p: float, trials: int) -> list[float]:
    """95 % Wilson score interval of a proportion `p` seen in so many trials."""
    z2 = Z95**2
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))
    return [max(0.0, centre - half), min(1.0, centre + half)]


def _mean(run: Run, figure: Callable[[ChipRun], float]) -> float:
    return math.fsum(figure(chip) for chip in run.chips) / len(run.chips)


def _accuracy(run: Run) -> dict[str, Any]:
    n = run.options.n_inputs
    correct = [int(chip.columns["correct"].sum()) for chip in run.chips]
    meaningful = run.workload.manifest.accuracy.measured is not None
    accuracy = sum(correct) / (n * len(correct)) if meaningful else None
    return {
        "accuracy": accuracy,
        # All parts are ideal until non-idealities are modelled, so the two figures are one and the same.
        "accuracy_ideal": accuracy,
        # Over inputs only: chips see the same ones, so they add no trials.
        "accuracy_ci95": None if accuracy is None else wilson_interval(accuracy, n),
        "accuracy_per_chip": [c / n for c in correct] if meaningful else None,
        "coverage": _mean(run, lambda chip: float(chip.columns["covered"].mean())),
        "tie_rate": _mean(run, lambda chip: float(chip.columns["tied"].mean())),
    }


def _quantiles(values: npt.NDArray[Any]) -> dict[str, float]:
    # "higher": a quantile is a value that occurred, so integer ticks stay exact.
    p50, p99 = np.quantile(values, [0.5, 0.99], method="higher")
    return {"mean": float(values.mean()), "p50": float(p50), "p99": float(p99), "max": float(values.max())}


def _mean_of_dicts(parts: list[dict[str, float]]) -> dict[str, float]:
    return {key: math.fsum(part[key] for part in parts) / len(parts) for key in parts[0]}


def _times(run: Run) -> dict[str, Any]:
    tick_hz = run.chip.clocks.tick_hz
    latency, response = [], []
    for chip in run.chips:
        columns = chip.columns
        latency.append(_quantiles((columns["end_ticks"] - columns["start_ticks"]) / tick_hz))
        response.append(_quantiles((columns["end_ticks"] - columns["arrival_ticks"]) / tick_hz))
    makespans = [chip.makespan for chip in run.chips]
    makespan: float = makespans[0] if len(set(makespans)) == 1 else sum(makespans) / len(makespans)
    return {
        "latency_s": _mean_of_dicts(latency),
        "response_s": _mean_of_dicts(response),
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
    spread = _mean_of_dicts([_quantiles(chip.columns["energy_dynamic_pj"]) for chip in run.chips])
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
        "energy_by_action_pj": _mean_per_input(run, lambda row: f"{row.instance}.{row.action}"),
        "energy_by_basis_pj": _mean_per_input(run, lambda row: row.basis),
    }


def _utilisation(run: Run) -> dict[str, dict[str, float]]:
    states = ("busy", "blocked", "idle")
    return {
        name: {
            state: _mean(run, lambda chip, n=name, s=state: getattr(chip.shares[n], s) / chip.makespan)  # type: ignore[misc]
            for state in states
        }
        for name in run.chip.instances
    }
