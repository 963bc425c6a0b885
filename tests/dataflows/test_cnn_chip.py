"""The CNN chip by hand: the tiny network in two tiles and an argmax, and layers alone that decide nothing."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.run import Run, RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.dataflows.hand_counts import CHANNEL_BITS, CONV_BITS, Hand, admitted, conv, dense, with_riders
from tests.dataflows.test_hand_ledger import WRITE_NS, check, check_programming
from tests.dataflows.test_hand_ledger import run as run_built
from tests.dataflows.test_hand_timelines import cnn_spans, run, spans
from tests.workload import builders

SIZES: dict[str, Any] = {"side": 3, "channels": (2,)}
FC_BITS = 3 * (8 * 8 + 32)  # three classes: eight weights and a bias each


def test_timeline(tmp_path: Path) -> None:
    builders.write_cnn(tmp_path / "w", **SIZES, n_inputs=1)
    admit = ceil(9 * 8 / 64)
    cnn, done = cnn_spans(admit, words=ceil(9 / 8))
    fetched = admit + ceil(CONV_BITS / 64)  # the store is free again: a word a cycle
    fetch, load = ceil(FC_BITS / 64), ceil(8 / 8)
    begin = max(fetched + fetch, done + load)
    compute = 3 + ceil(3 / 2) * 1 * 8 - 1  # three classes on two columns, one pixel, eight inputs in time
    write = 2 + max(0, ceil(3 * 4 / 8) - 1)  # nothing is requantised; three logits of four bytes are two words
    logits = begin + compute + write
    dense_spans = [
        ("weights.fetch", fetched, fetched + fetch),
        ("buffer.load", done, done + load),
        ("engine.compute", begin, begin + compute),
        ("post.write_back", begin + compute, logits),
    ]
    decide = 1 + max(3 - 1, ceil(3 * 4 / 8) - 1)  # two comparisons after the first logit
    expected = [("admission.admit", 0, admit), *cnn, *dense_spans, ("vote.decide", logits, logits + decide)]
    assert spans(run(chips.chip(tmp_path, "cnn"), load_workload(tmp_path / "w"), 1), 0) == expected


def test_ledger(tmp_path: Path) -> None:
    built = builders.cnn(**SIZES, n_inputs=4)
    hand = [admitted("buffer", 3, 2) + conv(built, i, 3) + dense(built, i, "decide") for i in range(4)]
    done = check(tmp_path, built, hand, {})
    assert done.columns["predicted"].tolist() == built.predicted.tolist()
    assert done.columns["covered"].all()
    words = ceil((CONV_BITS + FC_BITS) / 64)
    check_programming(run_built(tmp_path, built, 1, {}), {"weights.write": words}, words * WRITE_NS)


def test_a_tie_goes_to_the_lowest_class(tmp_path: Path) -> None:
    built = builders.cnn(**SIZES, n_inputs=3)
    built.evaluation["features"] = np.array([[5, 7, 7], [7, 5, 7], [-1, -1, -1]], dtype=np.int32)
    (done,) = run_built(tmp_path, built, 3, {}).chips
    assert done.columns["predicted"].tolist() == [1, 0, 0]
    assert done.columns["tied"].all()


ROOM: dict[str, dict[str, Any]] = {"engine": {"n_pe_rows": 3, "n_pe_cols": 4}, "weights": {"word_bits": 16}}


def run_shapes(folder: Path, n_inputs: int, **sizes: Any) -> Run:
    workload = load_workload(builders.write_folder(folder / "w", builders.shapes(**sizes)))
    return simulate(chips.spec(folder, "cnn", **ROOM), workload, RunOptions(n_inputs))


def hand_shapes(batch: int, logits: bool) -> Hand:
    """conv1: 8 of 3 x 3 from 3 x 6 x 6; conv2: 6 of 4 x 4, pooled to 2 x 2, from 4 x 4 x 4; fc: 3 from 20.

    Each layer is one tile an image. The rows of conv2's two groups lie side by side in the input tile.
    """
    kept = [int(batch * n + 0.5) for n in (8 * 9 * 27 * 0.75 * 0.5, 6 * 16 * 2 * 0.1, 3 * 20 * 0.875)]
    macs = [batch * n for n in (8 * 9 * 27, 6 * 16 * 2, 3 * 20)]
    outputs, weights, inputs = (8 * 9, 6 * 16, 3), (8 * 27, 6 * 2, 3 * 20), (3 * 36, 4 * 16, 20)
    written = (8 * 9, 6 * 4, 3 * (4 if logits else 1))
    hand = admitted("buffer", 1, ceil(batch * 3 * 36 / 8))
    hand["admission.receive@admit"] = batch * 3 * 36 * 8
    for i, name in enumerate(("conv1", "conv2", "fc")):
        last = logits and name == "fc"
        bits = 8 * weights[i] + (8, 6, 3)[i] * (32 if last else CHANNEL_BITS)
        hand += Hand(
            {
                f"weights.read@{name}": ceil(bits / 16),
                f"buffer.read@{name}": batch * ceil(inputs[i] / 8),
                f"engine.mac@{name}": kept[i],
                f"engine.mac_gated@{name}": macs[i] - kept[i],
                f"engine.weight_fill@{name}": weights[i],
                f"engine.input_fill@{name}": batch * inputs[i],
                f"engine.psum_move@{name}": batch * outputs[i],
                f"post.requantise@{name}": 0 if last else batch * outputs[i],
                f"post.pool@{name}": batch * 6 * 4 * 3 if name == "conv2" else 0,
                f"buffer.write@{name}": batch * ceil(written[i] / 8),
            }
        )
    if logits:
        hand += Hand({"buffer.read@decide": ceil(3 * 4 / 8), "vote.compare@decide": 2})
    return with_riders(+hand, {"buffer": 9, "weights": 11})  # 4096 bytes: 512 words of 64 bits, 2048 of 16


@pytest.mark.parametrize(("head", "batch"), [("argmax", 1), ("none", 1), ("none", 3)])
def test_layer_shapes(tmp_path: Path, head: Any, batch: int) -> None:
    (done,) = run_shapes(tmp_path, 2, head=head, batch=batch).chips
    found = {f"{r.instance}.{r.action}@{r.phase}": r.count for r in done.ledger if r.phase != "static" and r.count}
    assert found == {site: 2 * count for site, count in hand_shapes(batch, head == "argmax").items()}
    assert done.columns["predicted"].tolist() == [0, 0]
    assert not done.columns["tied"].any()
    # Admission; three fetches; a load, a compute and a write each image and layer; and an argmax.
    assert done.jobs_per_input_max == 1 + 3 + 3 * 3 * batch + (head == "argmax")


def test_the_last_write_closes_an_input_that_decides_nothing(tmp_path: Path) -> None:
    """One input in flight: the second is admitted when the first has been written back, and takes as long."""
    finished = run_shapes(tmp_path, 2, head="none")
    (done,) = finished.chips
    start, end = done.columns["start_ticks"], done.columns["end_ticks"]
    assert start[1] == end[0]
    assert end[1] - start[1] == end[0] - start[0]


def test_a_batch_takes_its_weights_once_and_less_than_as_many_inputs(tmp_path: Path) -> None:
    (one,), (three,) = (run_shapes(tmp_path / str(n), 1, head="none", batch=n).chips for n in (1, 3))
    reads = [sum(r.count for r in run.ledger if (r.instance, r.action) == ("weights", "read")) for run in (one, three)]
    assert reads[0] == reads[1]
    assert one.makespan < three.makespan < 3 * one.makespan
