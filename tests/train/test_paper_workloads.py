"""The generated workloads: shipped files come from the generator, and carry the papers' geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from accelsim.train.generated_hybrid import generate_paper_hybrid
from accelsim.train.generated_mbi import generate_paper_mbi

WORKLOADS = Path(__file__).parents[2] / "workloads"
FILES = ("manifest.yaml", "model.safetensors", "eval.safetensors")


def manifest_of(name: str) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((WORKLOADS / name / "manifest.yaml").read_text())
    return manifest


def nearest_walk(query_patch: np.ndarray, model: dict[str, np.ndarray]) -> tuple[list[int], int]:
    """The format page's rule in plain words for one input: levels scanned at each glimpse, and the class.

    query_patch: [n_glimpses, 96] bits.
    """
    keys = np.unpackbits(model["keys"], axis=1)
    weights = np.array([2, 1] * 48 + [1] * 64)
    hidden = np.unpackbits(model["hidden_init"])
    levels = []
    for g, patch in enumerate(query_patch):
        query = np.concatenate([patch, hidden])
        node, n_levels = model["roots"][g, 0], 0
        while node >= 0:
            first, last = model["node_start"][node : node + 2]
            distances = ((keys[first:last] != query) * weights).sum(axis=1)
            node, n_levels = model["key_next"][first + np.argmin(distances)], n_levels + 1
        hidden = np.unpackbits(model["value_hidden"][-1 - node])
        levels.append(n_levels)
    return levels, int(model["value_class"][-1 - node])


@pytest.mark.parametrize(
    ("name", "generate"), [("paper_mbi", generate_paper_mbi), ("paper_hybrid", generate_paper_hybrid)]
)
def test_shipped_files_are_what_the_shipped_seed_generates(name: str, generate: Any, tmp_path: Path) -> None:
    generate(tmp_path, manifest_of(name)["training"]["seed"])
    for file in FILES:
        assert (tmp_path / file).read_bytes() == (WORKLOADS / name / file).read_bytes(), file


def test_another_seed_gives_other_files(tmp_path: Path) -> None:
    generate_paper_hybrid(tmp_path, 1)
    shipped = WORKLOADS / "paper_hybrid" / "eval.safetensors"
    assert (tmp_path / "eval.safetensors").read_bytes() != shipped.read_bytes()


def test_mbi_table_has_the_published_size() -> None:
    model = load_file(WORKLOADS / "paper_mbi" / "model.safetensors")
    n_rows = len(model["value_class"])
    assert n_rows == 32**3 + 31 * 5405 == 200_323
    bits = 160 + 10 + manifest_of("paper_mbi")["mbi"]["value_bits"]
    assert bits == 8 * 31
    assert round(n_rows * bits / 8 / 1e6, 2) == 6.21
    assert np.array_equal(np.diff(model["node_start"]), np.full(len(model["node_start"]) - 1, 32))
    assert len(np.unique(model["roots"])) == 1
    assert sorted(-1 - model["key_next"][model["key_next"] < 0]) == list(range(n_rows))


def test_mbi_walk_takes_three_and_a_half_levels() -> None:
    model = load_file(WORKLOADS / "paper_mbi" / "model.safetensors")
    recorded = load_file(WORKLOADS / "paper_mbi" / "eval.safetensors")
    inputs = np.unpackbits(recorded["patches"], axis=2)[:64]
    walks = [nearest_walk(patches, model) for patches in inputs]
    for i, (levels, predicted) in enumerate(walks):
        assert levels == ([3, 4, 3, 4, 3] if i % 2 == 0 else [4, 3, 4, 3, 4])
        assert predicted == recorded["labels"][i]
    assert sum(32 * sum(levels) for levels, _ in walks) / len(walks) == 560


def test_hybrid_has_the_reconstructed_macs_and_sparsity() -> None:
    layers = manifest_of("paper_hybrid")["cnn"]["layers"]
    model = load_file(WORKLOADS / "paper_hybrid" / "model.safetensors")
    recorded = load_file(WORKLOADS / "paper_hybrid" / "eval.safetensors")
    dense = []
    for layer, side in zip(layers, (15, 7, 7, 7), strict=True):
        weight = model[f"{layer['name']}.weight"]
        assert abs((weight == 0).mean() - 0.8) < 1 / weight.size + 1e-12
        dense.append(side * side * weight.size)
    assert sum(dense) == 18_128_160
    assert (
        sum(model[f"{layer['name']}.{part}"].size for layer in layers for part in ("weight", "bias"))
        == 369_360
    )
    assert ((recorded["nonzero_macs"] > 0) & (recorded["nonzero_macs"] < np.array(dense))).all()


def test_hybrid_labels_are_what_the_templates_answer() -> None:
    model = load_file(WORKLOADS / "paper_hybrid" / "model.safetensors")
    recorded = load_file(WORKLOADS / "paper_hybrid" / "eval.safetensors")
    bits = recorded["features"] > model["thresholds"][:, 0]
    matches = np.array([[(row == templates).sum() for templates in model["template_low"]] for row in bits])
    assert np.array_equal(model["template_low"], model["template_high"])
    assert np.array_equal(matches.argmax(axis=1), recorded["labels"])
