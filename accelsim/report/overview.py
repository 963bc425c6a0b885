"""What there is before a run: one chip (`accelsim check`), and all specs and workloads (`accelsim list`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from accelsim.chip import Chip, Instance, build_chip
from accelsim.errors import AccelsimError
from accelsim.ideal import ideal_parts, unused_blocks
from accelsim.report.words import by_instance
from accelsim.spec import load_spec, not_charged
from accelsim.workload import Workload, load_workload
from accelsim.workload_fit import fit_problems

_NO_ACCURACY = {"recorded": "none (labels carry no meaning)", "shapes": "not evaluated (shape-only workload)"}
_HEADINGS = ("instance", "component", "die", "clock", "count", "op", "latency", "interval", "slack_ns")


def overview(file: str, chip: Chip) -> str:
    """The chip's kind, clocks, instances with delays of ops in cycles, what it does not charge, what is ideal."""
    spec = chip.spec
    clocks = ", ".join(f"{name} {clock.clock_mhz:g} MHz" for name, clock in spec.clocks.items())
    free, ideal, unused = not_charged(spec), ideal_parts(spec), unused_blocks(spec)
    rows = [row for instance in chip.instances.values() for row in _rows(instance)]
    return "\n".join(
        [
            f"{file}: {spec.name}, kind {spec.kind}, accounting {spec.accounting}",
            f"clocks: {clocks}; common tick {chip.clocks.tick_hz / 1e6:g} MHz",
            "",
            columns([_HEADINGS, *rows]),
            "",
            f"not charged: {', '.join(free) if free else 'nothing'}",
            f"ideal (no imperfection modelled): {by_instance(ideal) if ideal else 'nothing'}",
            *([f"of these, specified but not used by this read-out: {by_instance(unused)}"] if unused else []),
        ]
    )


def _rows(instance: Instance) -> Iterator[tuple[str, ...]]:
    """One row an op: latency and interval in cycles, slack of the latency in ns."""
    spec = instance.spec
    for op in instance.component.ops:
        delays = (instance.latency(op), instance.interval(op), f"{instance.slack_ns(op):.3g}")
        names = (instance.name, instance.component.name, spec.die, spec.clock, spec.count, op)
        yield tuple(str(value) for value in (*names, *delays))


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text as aligned columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in padded)


def listing(specs: Path, workloads: Path) -> str:
    """Every spec and workload in two folders; a spec's row names the workloads that fit it."""
    faults: list[str] = []
    loaded = []
    for manifest in sorted(workloads.glob("*/manifest.yaml")):
        try:
            loaded.append(load_workload(manifest.parent))
        except AccelsimError as exc:
            faults.append(str(exc))
    chips = []
    for path in sorted(specs.glob("*.yaml")):
        try:
            chips.append((path.name, build_chip(load_spec(path))))
        except AccelsimError as exc:
            faults.append(str(exc))
    parts = [_spec_table(specs, chips, loaded), _workload_table(workloads, loaded), *faults]
    return "\n\n".join(parts)


def _spec_table(folder: Path, chips: Sequence[tuple[str, Chip]], workloads: Sequence[Workload]) -> str:
    if not chips:
        return f"no specs in {folder}"
    rows = [("spec", "kind", "accounting", "workloads that fit")]
    for name, chip in chips:
        fitting = [workload.manifest.name for workload in workloads if not fit_problems(workload, chip)]
        rows.append((name, chip.spec.kind, chip.spec.accounting, ", ".join(fitting) or "none"))
    return f"{folder}\n{columns(rows)}"


def _workload_table(folder: Path, workloads: Sequence[Workload]) -> str:
    if not workloads:
        return f"no workloads in {folder}"
    rows = [("workload", "kind", "method", "inputs", "measured accuracy")]
    for workload in workloads:
        manifest = workload.manifest
        measured = manifest.accuracy.measured
        accuracy = _NO_ACCURACY[manifest.content] if measured is None else f"{measured:.2%}"
        rows.append((manifest.name, manifest.kind, manifest.method, str(workload.n_inputs), accuracy))
    return f"{folder}\n{columns(rows)}"
