"""Simulations that the table needs: shipped specs on shipped workloads, with fixed numbers of inputs and seed 0.

*Energy and time* come from `simulate`. *Answers* (accuracy, coverage) are of all recorded inputs and need no engine:
values never depend on time (docs/architecture.md, first law). What is not in the repository yet is not an error: a
figure that needs it says what would bring it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accelsim import account
from accelsim.account import LedgerRow
from accelsim.chip import Chip, build_chip
from accelsim.dataflows.block import Block
from accelsim.errors import InvariantError, UsageError
from accelsim.jobs import JobBuilder
from accelsim.manifest import Manifest
from accelsim.manifest_check import find_manifest
from accelsim.reproduce.quantity import UNITS
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.run import DATAFLOWS, Run, RunOptions, simulate
from accelsim.spec import load_spec, not_charged, spec_sha256
from accelsim.workload import Workload, load_workload

SEED = 0
JOULES_PER_PJ = float(UNITS["pJ"])


@dataclass(frozen=True)
class Pair:
    """A spec and a workload, by name.

    Attributes:
        spec, workload: file in `arch_specs/` and folder in `workloads/`.
        n_inputs: inputs to simulate; 0 for answers, which are of all recorded inputs.
        comes_with: what brings the files where they are not in the repository; "" if they must be there.
    """

    spec: str
    workload: str
    n_inputs: int = 0
    comes_with: str = ""

    @property
    def name(self) -> str:
        """`SPEC on WORKLOAD`."""
        return f"{self.spec} on {self.workload}"


class NotRun(Exception):
    """A figure whose spec or workload is not there."""


@dataclass(frozen=True)
class Simulated:
    """Energy and time of one pair, per input.

    Attributes:
        rows: the ledger of the whole run.
        latency_s: mean from admission to answer.
    """

    pair: Pair
    rows: list[LedgerRow]
    latency_s: float
    spec_sha256: str
    workload_sha256: str
    not_charged: list[str]

    def joules(self, *sites: str) -> float:
        """Energy of `instance` or `instance.action` sites in J per input, static power included; of all without one."""
        rows = self.rows if not sites else [row for site in sites for row in self._at(site)]
        return account.total_pj(rows) * JOULES_PER_PJ / self.pair.n_inputs

    def phase_joules(self, *phases: str) -> float:
        """Dynamic energy of phases (layers, glimpses, the match) in J per input."""
        rows = (row for row in self.rows if row.phase in phases)
        return account.total_pj(rows) * JOULES_PER_PJ / self.pair.n_inputs

    def static_joules(self, *instances: str) -> float:
        """Energy of static power (leakage, clocks, bias) in J per input; of all instances without one."""
        of = [row for name in instances for row in self._at(name)] if instances else self.rows
        rows = (row for row in of if row.phase == account.STATIC)
        return account.total_pj(rows) * JOULES_PER_PJ / self.pair.n_inputs

    def count(self, *sites: str, phase: str | None = None) -> float:
        """Actions per input of `instance.action` sites, in one phase or in all."""
        rows = (row for site in sites for row in self._at(site) if phase in (None, row.phase))
        return sum(row.count for row in rows) / self.pair.n_inputs

    def unit_joules(self, site: str) -> float:
        """Energy of one action of an `instance.action` site in J."""
        return self._at(site)[0].unit_pj * JOULES_PER_PJ

    def input_s(self) -> float:
        """Time of the run over its inputs, in s: what an input's share of static power is drawn for."""
        return self.count("engine.leakage") * 1e-9

    def shares_by_basis(self) -> dict[str, float]:
        """Basis of the unit energies → its share of the energy."""
        total = account.total_pj(self.rows)
        return account.grouped_pj(self.rows, lambda row: row.basis, 1 / total)

    def _at(self, site: str) -> list[LedgerRow]:
        instance, _, action = site.partition(".")
        rows = [row for row in self.rows if row.instance == instance and action in ("", row.action)]
        if not rows:
            raise InvariantError(f"reproduce: {self.pair.name} has no {site}")
        return rows


@dataclass(frozen=True)
class Answers:
    """What a chip (chip 0 of seed 0) answers on all recorded inputs; arrays `[n_inputs]`."""

    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    covered: npt.NDArray[np.bool_]

    @property
    def n_inputs(self) -> int:
        """Recorded inputs."""
        return len(self.labels)

    def accuracy(self) -> float:
        """Share of right answers."""
        return float((self.predicted == self.labels).mean())

    def coverage(self) -> float:
        """Share of inputs that were answered without the fallback."""
        return float(self.covered.mean())

    def accuracy_of_classes(self) -> list[float]:
        """Share of right answers for each class."""
        right = self.predicted == self.labels
        return [float(right[self.labels == label].mean()) for label in np.unique(self.labels)]


class Runs:
    """All simulations, made by one call; readings look them up by spec and workload."""

    def __init__(self, root: Path) -> None:
        """Args: root: folder that has `arch_specs/` and `workloads/`.

        Raises:
            UsageError: if it has not.
        """
        for folder in ("arch_specs", "workloads"):
            if not (root / folder).is_dir():
                raise UsageError(f"reproduce: got no {folder}/ in {root.resolve()}, need a checkout of the repository")
        self._root = root
        self._simulated: dict[tuple[str, str], Simulated] = {}
        self._answers: dict[tuple[str, str], Answers] = {}
        self._absent: dict[tuple[str, str], str] = {}

    def make(self, simulated: tuple[Pair, ...], answered: tuple[Pair, ...], done: Callable[[], None]) -> None:
        """Runs everything that is there; `done` is called after each pair."""
        for pair in (*simulated, *answered):
            if pair.comes_with and not self._is_there(pair):
                self._absent[pair.spec, pair.workload] = pair.comes_with
            elif pair.n_inputs:
                self._simulated[pair.spec, pair.workload] = self._simulate(pair)
            else:
                self._answers[pair.spec, pair.workload] = self._answer(pair)
            done()

    def energy(self, spec: str, workload: str) -> Simulated:
        """The simulation of a pair.

        Raises:
            NotRun: if its files are not there.
        """
        self._require(spec, workload)
        return self._simulated[spec, workload]

    def answers(self, spec: str, workload: str) -> Answers:
        """The answers of a pair.

        Raises:
            NotRun: if its files are not there.
        """
        self._require(spec, workload)
        return self._answers[spec, workload]

    def workload(self, name: str) -> Workload:
        """A shipped workload."""
        return load_workload(self._root / "workloads" / name)

    def manifest(self, name: str) -> Manifest:
        """Of a trained workload, shipped or not: what was measured when it was made.

        Raises:
            NotRun: if it is not there.
        """
        found = find_manifest(self._root, name)
        if found is None:
            raise NotRun(f"no manifest of {name}")
        return found

    def chip(self, spec: str) -> Chip:
        """A shipped chip."""
        return build_chip(load_spec(self._root / "arch_specs" / f"{spec}.yaml"))

    def all_simulated(self) -> list[Simulated]:
        """Every simulation of energy and time, in the order they were made."""
        return list(self._simulated.values())

    def all_absent(self) -> dict[str, str]:
        """`SPEC on WORKLOAD` → what would bring the files."""
        return {f"{spec} on {workload}": reason for (spec, workload), reason in self._absent.items()}

    def _require(self, spec: str, workload: str) -> None:
        if (reason := self._absent.get((spec, workload))) is not None:
            raise NotRun(reason)

    def _is_there(self, pair: Pair) -> bool:
        spec = self._root / "arch_specs" / f"{pair.spec}.yaml"
        return spec.is_file() and (self._root / "workloads" / pair.workload).is_dir()

    def _simulate(self, pair: Pair) -> Simulated:
        spec = load_spec(self._root / "arch_specs" / f"{pair.spec}.yaml")
        run: Run = simulate(spec, self.workload(pair.workload), RunOptions(pair.n_inputs, SEED))
        columns = run.chips[0].columns
        ticks = float((columns["end_ticks"] - columns["start_ticks"]).mean())
        return Simulated(
            pair=pair,
            rows=run.chips[0].ledger,
            latency_s=ticks / run.chip.clocks.tick_hz,
            spec_sha256=spec_sha256(run.chip.spec),
            workload_sha256=run.workload.sha256,
            not_charged=not_charged(run.chip.spec),
        )

    def _answer(self, pair: Pair) -> Answers:
        chip, workload = self.chip(pair.spec), self.workload(pair.workload)
        dataflow = DATAFLOWS[chip.spec.kind](chip, workload, Sample(SEED, 0))
        predicted, covered = [], []
        for index, first in enumerate(range(0, workload.n_inputs, BLOCK_INPUTS)):
            keep = min(BLOCK_INPUTS, workload.n_inputs - first)
            inputs = np.minimum(np.arange(first, first + BLOCK_INPUTS), workload.n_inputs - 1)
            block = Block(index, inputs, np.zeros(BLOCK_INPUTS, dtype=np.int64), SEED, 0)
            outcome = dataflow.lay(JobBuilder(chip.services, first, BLOCK_INPUTS), block)
            predicted.append(outcome.predicted[:keep])
            covered.append(outcome.covered[:keep])
        labels = workload.labels.astype(np.int64)
        return Answers(labels, np.concatenate(predicted), np.concatenate(covered))
