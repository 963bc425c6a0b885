"""The row-stationary dataflow by hand: one small layer, its jobs, words and energy written as arithmetic.

Engine ticks are cycles of 10 ns; the DRAM's clock is half as fast. A word of the engine is 16 bits, the buffer's port
moves 4 of them, DRAM 2.
"""

from math import ceil
from pathlib import Path
from typing import Any

import pytest

from accelsim import yamlfile
from accelsim.errors import RangeError, WorkloadError
from accelsim.run import Run, RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.workload import Workload, load_workload
from tests.dataflows import chips
from tests.workload import builders

MAPPING = {"n": 1, "e": 2, "p": 2, "q": 1, "r": 1, "t": 2}


def write_layer(folder: Path, batch: int = 1, **layer: Any) -> None:
    """A workload of one layer: two channels of 4 x 4, four filters of 2 x 2, no padding, so outputs of 3 x 3."""
    shape = {
        **{"name": "conv", "op": "conv", "in_channels": 2, "out_channels": 4, "in_height": 4, "in_width": 4},
        **{"kernel": 2, "stride": 1, "padding": 0, "relu": True, "max_pool": 1},
        **{"activation_zeros": 0.5, "weight_zeros": 0, "mapping": MAPPING},
    }
    manifest = {
        **{"schema_version": 1, "name": "tiny", "kind": "cnn", "content": "shapes", "method": "layer_table"},
        **{"description": "a layer", "dataset": {"name": "none", "split": "none", "n_inputs": 3, "n_classes": 2}},
        **{"training": {}, "accuracy": {"measured": None, "note": "shapes"}},
        "cnn": {
            "input": {"channels": 2, "height": 4, "width": 4, "offset": 128, "shift": 0},
            **{"grey": False, "head": "none", "batch": batch, "layers": [{**shape, **layer}]},
        },
    }
    folder.mkdir()
    (folder / "manifest.yaml").write_text(yamlfile.dump(manifest), encoding="utf-8")


def workload(folder: Path, **layer: Any) -> Workload:
    write_layer(folder, **layer)
    return load_workload(folder)


def run(tmp_path: Path, n_inputs: int = 1, **layer: Any) -> Run:
    return simulate(chips.spec(tmp_path, "row_stationary"), workload(tmp_path / "w", **layer), RunOptions(n_inputs))


# Strips of 2 output rows: rows 0 and 1, row 2. All 4 filters in one group, a channel a pass.
RUNS, PASSES = 2, 2
PASS = ceil(1 * 2 * 1 * 2 * 3 * 1.25)  # images x filters x channels x kernel row x output row, with stalls
FILL = ceil(2 * 2 * 1 * 1 * 4 / 4)  # filters of both sets over a bus of 4 words
COMPUTE = PASSES * (FILL + PASS)
PSUMS = 4 * 9 // RUNS
INPUTS, WEIGHTS = 2 * 3 * 4, 4 * 2 * 4  # channels x (2 + 1) rows x columns; filters again in each strip
READ, WRITE = PSUMS * (PASSES - 1) + INPUTS + WEIGHTS, PSUMS * PASSES
FIRST = 2 * 2 * 4 + 1 * 3 * 4  # filters and inputs of the first pass
REST = 2 * 16 + RUNS * WEIGHTS - FIRST
OUT = 4 * 9


def words(values: int, per_word: int) -> int:
    return ceil(values / per_word)


def ticks(compute: int, read: int, write: int, first: int, rest: int, out: int, port: int, dram: int) -> int:
    """End of one layer of two runs; `port` and `dram` are values a word of the buffer's port and of DRAM."""
    dram_first = 2 * (ceil(60 / 20) + words(first, dram) - 1)  # in ticks; a cycle of DRAM is two
    dram_rest = 2 * (3 + words(rest, dram) - 1)
    admitted = 1  # 8 bits over a port of 64
    arrived = admitted + admitted % 2 + dram_first  # DRAM starts on its own edge
    run = max(3 + max(compute, words(write, port)) - 1, words(read, port))
    done = max(arrived + run, arrived + dram_rest) + run
    return done + done % 2 + 2 * (3 + words(out, dram) - 1)


def makespan(tmp_path: Path, port_bits: int, word_bits: int, **layer: Any) -> int:
    spec = chips.spec(tmp_path, "row_stationary", buffer={"port_bits": port_bits}, dram={"word_bits": word_bits})
    return simulate(spec, workload(tmp_path / "w", **layer), RunOptions(1)).chips[0].makespan


@pytest.mark.parametrize(
    ("port_bits", "word_bits", "decides"),
    [(64, 32, "DRAM"), (64, 256, "the engine"), (16, 256, "the port, reading")],
)
def test_the_time_of_one_layer(tmp_path: Path, port_bits: int, word_bits: int, decides: str) -> None:
    port, dram = port_bits // 16, word_bits // 16
    engine, load, rest = 3 + COMPUTE - 1, words(READ, port), 2 * (3 + words(REST, dram) - 1)
    slowest = max((engine, "the engine"), (load, "the port, reading"), (rest, "DRAM"))
    assert slowest[1] == decides
    expected = ticks(COMPUTE, READ, WRITE, FIRST, REST, OUT, port, dram)
    assert makespan(tmp_path, port_bits, word_bits) == expected


def test_writing_may_decide(tmp_path: Path) -> None:
    """One channel of 8 x 8, 1 x 1 kernels: a strip of 4 rows writes 4 x 32 sums and reads 32 inputs and 4 filters."""
    layer = {
        **{"in_channels": 1, "in_height": 8, "in_width": 8, "kernel": 1},
        "mapping": {"n": 1, "e": 4, "p": 2, "q": 1, "r": 1, "t": 2},
    }
    compute = ceil(2 * 2 / 4) + ceil(1 * 2 * 1 * 1 * 8 * 1.25)
    first = 2 * 2 + 4 * 8
    rest = 64 + 2 * 4 - first
    expected = ticks(compute, 4 * 8 + 4, 4 * 32, first, rest, 4 * 64, port=1, dram=16)
    assert makespan(tmp_path, 16, 256, **layer) == expected


def test_the_number_of_jobs(tmp_path: Path) -> None:
    found = run(tmp_path).chips[0]
    assert found.n_jobs == 1 + RUNS * (1 + 1 + 1) + 1  # admission; DRAM, load, compute a run; outputs


def test_layers_follow_each_other(tmp_path: Path) -> None:
    """A network takes as long as its layers one by one: the next one begins when the outputs of the last have left."""
    one = workload(tmp_path / "one")
    layer = one.cnn.layers[0]
    two = one.with_layers([layer, layer.model_copy(update={"name": "again"})], 1)
    spec = chips.spec(tmp_path, "row_stationary")
    single, double = (simulate(spec, work, RunOptions(1)).chips[0].makespan for work in (one, two))
    start = 2  # admission, then DRAM's edge
    assert double - start == 2 * (single - start)


def test_only_zero_activations_are_gated(tmp_path: Path) -> None:
    ledger = run(tmp_path, activation_zeros=0.25, weight_zeros=0.5).chips[0].ledger
    counts = {row.action: row.count for row in ledger if row.instance == "engine"}
    macs = 4 * 9 * 2 * 4
    assert (counts["mac"], counts["mac_gated"]) == (macs * 3 // 4, macs // 4)


def test_hardly_any_zeros(tmp_path: Path) -> None:
    """No run is given more non-zero multiply-accumulates than it has (17 filters of 5 x 5 on 87 x 87)."""
    side = {"in_channels": 3, "out_channels": 17, "in_height": 87, "in_width": 87, "kernel": 5}
    shape = workload(tmp_path / "w", **side, activation_zeros=1e-6, mapping=None)
    spec = load_spec(Path(__file__).parents[2] / "arch_specs" / "eyeriss.yaml")
    ledger = simulate(spec, shape, RunOptions(1)).chips[0].ledger
    counts = {row.action: row.count for row in ledger if row.instance == "engine"}
    macs = 17 * 83 * 83 * 3 * 25
    assert counts["mac"] + counts["mac_gated"] == macs
    assert counts["mac_gated"] == round(macs * 1e-6)


def test_the_counts_of_one_layer(tmp_path: Path) -> None:
    reads, writes = RUNS * words(READ, 4) + words(OUT, 4), RUNS * words(WRITE, 4) + words(FIRST, 4) + words(REST, 4)
    ledger = {(row.instance, row.action): row.count for row in run(tmp_path).chips[0].ledger if row.phase != "static"}
    macs = 4 * 9 * 2 * 4
    assert ledger == {
        ("admission", "receive"): 8,
        ("engine", "mac"): macs // 2,
        ("engine", "mac_gated"): macs - macs // 2,
        ("buffer", "read"): reads,
        ("buffer", "write"): writes,
        ("buffer", "level_shift"): reads * 9 + writes * (9 + 64),  # 512 words of 64 bits
        ("dram", "read"): words(FIRST, 2) + words(REST, 2),
        ("dram", "write"): words(OUT, 2),
    }


def test_inputs_follow_each_other(tmp_path: Path) -> None:
    """One batch at a time: three take three times as long, but that DRAM begins on its own edge."""
    one, three = run(tmp_path).chips[0].makespan, simulate(
        chips.spec(tmp_path, "row_stationary"), load_workload(tmp_path / "w"), RunOptions(3)
    ).chips[0].makespan
    assert 3 * one <= three <= 3 * (one + 1)


def test_a_layer_without_a_mapping_is_given_one(tmp_path: Path) -> None:
    own = run(tmp_path).chips[0].makespan
    (tmp_path / "other").mkdir()
    assert run(tmp_path / "other", mapping=None).chips[0].makespan <= own


def test_a_mapping_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(RangeError) as caught:
        run(tmp_path, mapping={**MAPPING, "t": 4, "r": 2, "p": 1})
    assert str(caught.value) == (
        f"{tmp_path}/w/manifest.yaml cnn.layers.0: mapping of layer conv: r x t (PE sets): got 8, need at most 4 "
        "on tiny_row_stationary; without its mapping one that fits is looked for"
    )


def test_values_are_not_for_this_chip(tmp_path: Path) -> None:
    builders.write_mbi(tmp_path / "mbi", n_inputs=2)
    with pytest.raises(WorkloadError, match="kind: got mbi, need cnn"):
        simulate(chips.spec(tmp_path, "row_stationary"), load_workload(tmp_path / "mbi"), RunOptions(1))
