"""Residual networks: answers of an evaluation written apart, pixels and recordings alike, ledger and time by hand."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.dataflows.cnn_values import evaluate
from accelsim.datasets import load
from accelsim.run import RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.dataflows.hand_counts import CHANNEL_BITS, Hand, admitted, conv, match
from tests.dataflows.test_cnn_chip import hand_shapes, run_shapes
from tests.dataflows.test_hand_ledger import check
from tests.dataflows.test_hand_timelines import run, spans
from tests.dataflows.test_values import lay
from tests.workload import builders, residual_parts
from tests.workload.parts import Built


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("kind", ["hybrid", "cnn"])
def test_answers_and_pixels(tmp_path: Path, kind: str, colours: int) -> None:
    """The same answers, jobs and activity from what was recorded and from the (grey or RGB) images it was made of."""
    built = residual_parts.network(3, kind=kind, colours=colours, n_inputs=20)
    workload = load_workload(builders.write_folder(tmp_path / "w", built))
    predicted, _, table, activity = lay(tmp_path, kind, workload, {})
    assert predicted.tolist() == built.predicted.tolist()
    from_pixels = lay(tmp_path, kind, workload, {}, built.images)
    assert from_pixels[0].tolist() == predicted.tolist()
    assert from_pixels[3].sites == activity.sites
    assert (from_pixels[3].counts == activity.counts).all()
    for column in ("instance", "cycles", "interval", "need", "need_start"):
        assert (getattr(from_pixels[2], column) == getattr(table, column)).all()


@pytest.mark.torch
@pytest.mark.data
@pytest.mark.parametrize("kind", ["hybrid", "cnn"])
def test_colour_images_of_a_data_set(tmp_path: Path, kind: str, data_root: Path) -> None:
    """A whole run from CIFAR-10's own RGB pixels equals one from what was recorded on them; the weights are random."""
    found = load("cifar10", data_root, train=False).first(20)
    stem = residual_parts.conv("stem", 4, 2, 4, 0)
    built = residual_parts.network(
        4, (stem, *residual_parts.LAYERS[1:]), kind=kind, side=32, colours=3, n_classes=10, images=found.images
    )
    built.manifest["dataset"] |= {"name": "CIFAR-10", "split": "test", "n_inputs": 20}
    built.evaluation["labels"] = found.labels
    workload, spec = load_workload(builders.write_folder(tmp_path / "w", built)), chips.spec(tmp_path, kind)
    recorded = simulate(spec, workload, RunOptions(20))
    pixels = simulate(spec, workload, RunOptions(20, data_root=data_root))
    assert recorded.chips[0].columns["predicted"].tolist() == built.predicted.tolist()
    assert pixels.timeline_sha256 == recorded.timeline_sha256
    assert pixels.chips[0].ledger == recorded.chips[0].ledger
    for name, column in recorded.chips[0].columns.items():
        assert (pixels.chips[0].columns[name] == column).all(), name


@pytest.mark.parametrize("seed", range(6))
def test_values_are_exact(tmp_path: Path, seed: int) -> None:
    built = residual_parts.network(seed, kind="cnn", n_inputs=5, colours=1 + 2 * (seed % 2))
    workload = load_workload(builders.write_folder(tmp_path, built))
    values = evaluate(workload.cnn, workload.model, built.images)
    assert (values.features == built.evaluation["features"]).all()
    assert (values.nonzero_macs == built.evaluation["nonzero_macs"]).all()


def test_what_is_added_matters(tmp_path: Path) -> None:
    """The reference would not notice a skip that is lost if it were all zeros."""
    built = residual_parts.network()
    workload = load_workload(builders.write_folder(tmp_path, built))
    features = evaluate(workload.cnn, workload.model, built.images).features
    for name in ("res2", "res3", "res4"):
        other = {**workload.model, f"{name}.skip_multiplier": np.ones(6, dtype=np.int32)}
        assert (evaluate(workload.cnn, other, built.images).features != features).any(), name


def test_dense_layers_add_too_and_convolutions_read_them(tmp_path: Path) -> None:
    dense: dict[str, Any] = {"op": "dense", "out_features": 6, "relu": True}
    layers = (
        residual_parts.conv("stem", 6, 4, 4, 0),
        {**dense, "name": "wide"},
        {**dense, "name": "again", "add": "wide"},
        residual_parts.conv("pixel", 6, 1, 1, 0, add="again"),
    )
    built = residual_parts.network(1, layers, kind="cnn", n_inputs=4)
    workload = load_workload(builders.write_folder(tmp_path, built))
    values = evaluate(workload.cnn, workload.model, built.images)
    assert (values.features == built.evaluation["features"]).all()


TINY = (residual_parts.conv("conv1", 2, 3, 2, 1), residual_parts.conv("conv2", 2, 1, 1, 0, add="conv1"))
ADD_BITS = 2 * (2 * 8 + CHANNEL_BITS + 32)  # two weights a channel, and one constant more


def tiny(pool: int = 1, n_inputs: int = 4) -> Built:
    """Two channels of 2 x 2 from an image of 3 x 3, through a 1 x 1 convolution, added to themselves, and pooled."""
    layers = (TINY[0], {**TINY[1], "max_pool": pool})
    return residual_parts.network(2, layers, side=3, n_inputs=n_inputs)


def added(built: Built, number: int, pool: int) -> Hand:
    nonzero = int(built.evaluation["nonzero_macs"][number, 1])
    return Hand(
        {
            "weights.read@conv2": ceil(ADD_BITS / 64),
            "buffer.read@conv2": ceil(8 * 8 / 64) + ceil(8 * 8 / 64),  # what it works on, and what it adds
            "engine.mac@conv2": nonzero,
            "engine.mac_gated@conv2": 2 * 2 * 4 - nonzero,
            "engine.weight_fill@conv2": 2 * 2,
            "engine.input_fill@conv2": 8,
            "engine.psum_move@conv2": 8,
            "post.requantise@conv2": 8,
            "post.add@conv2": 8,
            "post.pool@conv2": 2 * 3 if pool == 2 else 0,
            "buffer.write@conv2": ceil(8 // pool**2 * 8 / 64),
        }
    )


@pytest.mark.parametrize("pool", [1, 2])
def test_ledger(tmp_path: Path, pool: int) -> None:
    built = tiny(pool)
    features = 8 // pool**2
    hand = [
        admitted("buffer", 3, 2) + conv(built, i, 3) + added(built, i, pool) + match(built, i, features=features)
        for i in range(4)
    ]
    done = check(tmp_path, built, hand, {})
    assert done.columns["predicted"].tolist() == built.predicted.tolist()


@pytest.mark.parametrize(
    ("lanes", "port_bits", "pool", "cycles"),
    [
        (2, 64, 1, ceil(8 / 2)),  # the lanes decide
        (64, 16, 1, ceil(8 * 8 / 16)),  # as many words are read as written
        (64, 8, 2, 8),  # two values remain of eight that are read, one a word
    ],
)
def test_the_time_of_adding(tmp_path: Path, lanes: int, port_bits: int, pool: int, cycles: int) -> None:
    """A pipeline of two, and the slowest of lanes, written words, and words that are added."""
    workload = load_workload(builders.write_folder(tmp_path / "w", tiny(pool, 1)))
    chip = chips.chip(tmp_path, "hybrid", post={"lanes": lanes}, buffer={"port_bits": port_bits})
    jobs = [span for span in spans(run(chip, workload, 1), 0) if span[0] == "post.write_back"]
    assert [end - start for _, start, end in jobs][1] == 2 + cycles - 1


def test_layer_shapes_add_in_a_batch(tmp_path: Path) -> None:
    """`hand_shapes`, with a third layer of 8 x 3 x 3 that reads the first one's output and adds it."""
    batch, adds = 3, {**builders.SHAPES[0], "name": "again", "in_channels": 8, "in_height": 3, "in_width": 3}
    adds |= {"stride": 1, "input_from": "conv1", "add": "conv1"}
    parts = builders.shapes(head="none", batch=batch)
    parts.manifest["cnn"]["layers"].append(adds)
    workload = load_workload(builders.write_folder(tmp_path / "w", parts))
    room: dict[str, dict[str, Any]] = {"engine": {"n_pe_rows": 3, "n_pe_cols": 4}, "weights": {"word_bits": 16}}
    done = simulate(chips.spec(tmp_path, "cnn", **room), workload, RunOptions(1)).chips[0]
    found = {f"{r.instance}.{r.action}@{r.phase}": r.count for r in done.ledger if r.phase != "static" and r.count}
    again = {site: count for site, count in found.items() if site.endswith("@again")}
    assert {site: count for site, count in found.items() if site not in again} == hand_shapes(batch, logits=False)
    # Two groups of channels (nine filters of 72 weights are more than 256 bytes), so inputs are loaded twice.
    groups, outputs, macs = ceil(8 / 3), 8 * 9, 8 * 9 * 72
    kept = int(batch * macs * 0.75 * 0.5 + 0.5)
    assert again["post.add@again"] == again["post.requantise@again"] == batch * outputs
    assert again["engine.mac@again"] == kept
    assert again["engine.mac_gated@again"] == batch * macs - kept
    operand = again["buffer.read@again"] - groups * batch * ceil(8 * 9 / 8)
    assert operand == again["buffer.write@again"]


def test_a_shape_table_without_connections_is_as_before(tmp_path: Path) -> None:
    (done,) = run_shapes(tmp_path, 1, head="none").chips
    assert "add" not in {row.action for row in done.ledger}


def test_a_cascade_falls_back_to_a_residual_network(tmp_path: Path) -> None:
    """Its last layers add; the activity of those that fall back is that of the network alone."""
    built = builders.cascade(5, n_inputs=24, thresholds=[0, 0, 0])
    network = residual_parts.network(5, kind="cnn", n_inputs=24)
    built.manifest["cnn"] = network.manifest["cnn"]
    for name in [name for name in built.model if "." in name]:
        del built.model[name]
    built.model |= network.model
    built.evaluation |= {name: network.evaluation[name] for name in ("features", "nonzero_macs")}
    workload = load_workload(builders.write_folder(tmp_path / "w", built))
    sizes: dict[str, Any] = {"n_inputs": 24}
    predicted, covered, _, activity = lay(tmp_path, "cascade", workload, sizes)
    assert (predicted[~covered] == network.predicted[~covered]).all()
    (adds,) = (i for i, site in enumerate(activity.sites) if tuple(site) == ("post", "add", "res2"))
    assert np.array_equal(activity.counts[:, adds] > 0, ~covered)
    assert not covered.all()


@pytest.mark.parametrize("colours", [1, 3])
def test_an_rgb_input_is_three_times_the_bits(tmp_path: Path, colours: int) -> None:
    built = residual_parts.network(7, colours=colours, n_inputs=12)
    workload = load_workload(builders.write_folder(tmp_path / "w", built))
    (done,) = simulate(chips.spec(tmp_path, "hybrid"), workload, RunOptions(12)).chips
    received = {row.action: row.count for row in done.ledger if row.instance == "admission" and row.phase != "static"}
    assert received == {"receive": 12 * colours * 64 * 8}
    assert done.columns["predicted"].tolist() == built.predicted.tolist()
    written = next(r.count for r in done.ledger if (r.instance, r.action, r.phase) == ("buffer", "write", "admit"))
    assert written == 12 * colours * 64 * 8 // 64
