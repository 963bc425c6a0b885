"""Inputs are evaluated in blocks, and it shows nowhere: 300 inputs give what each of them gives alone."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import run as running
from accelsim.account import DynamicLedger
from accelsim.arrivals import Arrivals
from accelsim.dataflows.block import Block, Outcome
from accelsim.jobs import Activity, JobBuilder
from accelsim.rng import BLOCK_INPUTS, Draws
from accelsim.run import ChipRun, RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import by_hand, chips
from tests.workload import builders
from tests.workload.parts import Array, Built

N = 300  # a whole block, and a part of a second one
KINDS = ("hybrid", "mbi", "cascade", "cascade with acam", "mbi with learned locations", "cascade by margin")
ALONE = (0, 130, 255, 256, 299)
LOOKUP: dict[str, Any] = {"side": 6, "n_glimpses": 2, "hidden_bits": 8, "n_tables": 2, "branches": 3, "depth": 2}


@pytest.fixture(scope="module")
def built() -> dict[str, Built]:
    """Workloads with ties at every decision: of keys at a root alone, at a child alone, of votes alone, of logits."""
    cascade: dict[str, Any] = {**LOOKUP, "channels": (2,)}
    parts = {
        "hybrid": builders.hybrid(3, n_inputs=N, side=5, channels=(2,)),
        "mbi": builders.mbi(2, n_inputs=N, **LOOKUP),
        "cascade": builders.cascade(2, n_inputs=N, **cascade),
        "cascade with acam": builders.cascade(2, n_inputs=N, **cascade, head="acam", abort="after_all"),
        "mbi with learned locations": builders.mbi(2, n_inputs=N, **LOOKUP, location_bits=3),
        "cascade by margin": builders.cascade(2, n_inputs=N, **cascade, margin=2),
    }
    for kind in KINDS[1:]:
        parts[kind].model["value_votes"] %= 3
    parts["cascade"].evaluation["features"][::7] = [5, -2, 5]
    return parts


@dataclass
class Done:
    """A run, the hash of its times, and `[n_inputs]` counts of every site that was ever counted."""

    run: ChipRun
    times: str
    counts: dict[str, list[int]]


def done(folder: Path, parts: Built, n_inputs: int, block: int = BLOCK_INPUTS) -> Done:
    """Runs with blocks of another size, and looks at the counts on their way into the ledger."""
    builders.write_folder(folder / "w", parts)
    spec = chips.spec(folder, parts.manifest["kind"])
    activities: list[Activity] = []
    add = DynamicLedger.add

    def seen(ledger: DynamicLedger, activity: Activity) -> Array:
        activities.append(activity)
        return add(ledger, activity)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamicLedger, "add", seen)
        for name, module in list(sys.modules.items()):
            if name.startswith("accelsim.") and hasattr(module, "BLOCK_INPUTS"):
                patch.setattr(module, "BLOCK_INPUTS", block)
        options = RunOptions(n_inputs, arrivals=Arrivals.parse("interval:700"))
        finished = simulate(spec, load_workload(folder / "w"), options)
    assert len(activities) == -(-n_inputs // block)
    counts: dict[str, list[int]] = {}
    sites = {site for activity in activities for site in activity.sites}
    for site in sites:
        columns = [
            a.counts[:, a.sites.index(site)] if site in a.sites else np.zeros(len(a.counts), dtype=np.int64)
            for a in activities
        ]
        if any(column.any() for column in columns):
            counts[".".join(site)] = np.concatenate(columns).tolist()
    return Done(finished.chips[0], finished.timeline_sha256, counts)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory, built: dict[str, Built]) -> dict[str, Done]:
    """All inputs of every workload in blocks of 256."""
    return {kind: done(tmp_path_factory.mktemp("whole"), built[kind], N) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_any_size_give_the_same_run(
    tmp_path: Path, kind: str, built: dict[str, Built], wholes: dict[str, Done]
) -> None:
    """One input a block is 300 evaluations apart; answers, ties, counts, energies and times are the same."""
    whole = wholes[kind]
    for block in (1, 77):
        cut = done(tmp_path, built[kind], N, block)
        assert cut.run.columns.keys() == whole.run.columns.keys()
        for name, column in whole.run.columns.items():
            assert cut.run.columns[name].tolist() == column.tolist(), name
        assert cut.counts == whole.counts
        assert cut.times == whole.times
        assert [row for row in cut.run.ledger if row.count] == [row for row in whole.run.ledger if row.count]
        assert (cut.run.n_jobs, cut.run.makespan) == (whole.run.n_jobs, whole.run.makespan)


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_alone_gives_what_it_gives_among_others(
    tmp_path: Path, kind: str, built: dict[str, Built], wholes: dict[str, Done]
) -> None:
    whole = wholes[kind]
    for number in ALONE:
        single = built[kind].copy()
        single.evaluation = {name: array[[number]] for name, array in single.evaluation.items()}
        single.manifest["dataset"]["n_inputs"] = 1
        alone = done(tmp_path, single, 1)
        for name in ("label", "predicted", "correct", "covered", "tied", "energy_dynamic_pj"):
            assert alone.run.columns[name].tolist() == [whole.run.columns[name][number]], name
        here = {site: [counts[number]] for site, counts in whole.counts.items() if counts[number]}
        assert alone.counts == here


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_inputs_are_the_first_of_more(
    tmp_path: Path, kind: str, built: dict[str, Built], wholes: dict[str, Done]
) -> None:
    whole = wholes[kind]
    for n in (1, 255, 256, 257):
        fewer = done(tmp_path, built[kind], n)
        for name in ("input", "label", "predicted", "correct", "covered", "tied", "energy_dynamic_pj"):
            assert fewer.run.columns[name].tolist() == whole.run.columns[name][:n].tolist(), name
        assert fewer.counts == {site: counts[:n] for site, counts in whole.counts.items() if any(counts[:n])}


@pytest.mark.parametrize("kind", KINDS)
def test_static_energy_is_shared_equally(
    tmp_path: Path, kind: str, built: dict[str, Built], wholes: dict[str, Done]
) -> None:
    for n, run in ((N, wholes[kind].run), (7, done(tmp_path, built[kind], 7).run)):
        static = sum(row.energy_pj for row in run.ledger if row.phase == "static")
        assert static > 0
        assert run.columns["energy_static_pj"].tolist() == pytest.approx([static / n] * n, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_and_tie_is_that_of_plain_loops(
    kind: str, built: dict[str, Built], wholes: dict[str, Done]
) -> None:
    parts, columns = built[kind], wholes[kind].run.columns
    answers = [by_hand.answer(parts, number) for number in range(N)]
    assert columns["input"].tolist() == list(range(N))
    assert columns["label"].tolist() == parts.evaluation["labels"].tolist()
    assert columns["predicted"].tolist() == [answer.predicted for answer in answers]
    assert columns["tied"].tolist() == [answer.tied for answer in answers]
    assert (columns["correct"] == (columns["predicted"] == columns["label"])).all()
    far = [kind.startswith("cascade") and by_hand.entered(parts, number)[1] for number in range(N)]
    assert columns["covered"].tolist() == [not one for one in far]
    ways = Counter(zip(far, (answer.tied for answer in answers), strict=True))
    assert len(ways) == (4 if any(far) else 2)  # ties and none, on both ways out
    assert min(ways.values()) >= 10


def test_what_a_dataflow_is_given(tmp_path: Path, built: dict[str, Built], monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are numbered (the numbers key random draws), and hold their own inputs and arrivals; the last is full."""
    blocks: list[Block] = []

    class Spy(running.DATAFLOWS["mbi"]):  # type: ignore[misc, name-defined]
        def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
            assert (jobs.first_input, jobs.n_inputs) == (BLOCK_INPUTS * block.index, BLOCK_INPUTS)
            blocks.append(block)
            return super().lay(jobs, block)

    monkeypatch.setitem(running.DATAFLOWS, "mbi", Spy)
    builders.write_folder(tmp_path / "w", built["mbi"])
    options = RunOptions(N, seed=5, n_chips=2, arrivals=Arrivals.parse("interval:700"))  # 70 ticks of 10 ns
    simulate(chips.spec(tmp_path, "mbi"), load_workload(tmp_path / "w"), options)
    assert [(block.chip, block.index) for block in blocks] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for block in blocks:
        numbers = np.arange(BLOCK_INPUTS * block.index, BLOCK_INPUTS * (block.index + 1))
        assert block.inputs.tolist() == np.minimum(numbers, N - 1).tolist()
        assert block.release.tolist() == (70 * numbers).tolist()
        assert block.draws("adc") == Draws(5, block.chip, "adc", block.index)
