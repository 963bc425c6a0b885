"""What the stages of the paper's recipe are measured by.

*Source*: arXiv 2307.07631 compares its tree with an exhaustive search (their distance gap), and lets the network
classify the images whose rows are too far (its mixed mode).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from accelsim.train.episodes import Ints, Query, Rows, look_up
from accelsim.train.images import Images
from accelsim.train.ram import Ram, integral_images
from accelsim.train.tree import TreeSearch, descend, gap_histogram
from accelsim.train.weights import Exhaustive

Flags = npt.NDArray[np.bool_]

PROBES = (1, 2, 4)
"""Nodes a level; the first is what the hardware does, the others are figures alone."""

PAPER_COVERAGE = 0.6965
"""Share of the images that the paper's tables answer in its one published point (93.04 % right)."""
AIMED_COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, PAPER_COVERAGE, 0.8, 0.9, 0.95, 1.0)


def network_figures(model: Ram, images: Images) -> dict[str, Any]:
    """Accuracy of the network, after each glimpse too, and how many different places each glimpse is at."""
    integral, labels = integral_images(images.grey), images.label_bytes
    location, hidden = model.start(len(images))
    accuracies, places = [], []
    for _ in range(model.config.n_glimpses):
        places.append(len(torch.unique(location, dim=0)))
        hidden = model.think(model.levels(integral, location), location, hidden)
        accuracies.append(float((model.classifier(hidden).argmax(1).numpy() == labels).mean()))
        location = model.quantised(model.aim(hidden))
    return {
        "validation_accuracy": accuracies[-1],
        "accuracy_after_glimpse": accuracies,
        "places_of_glimpse": places,
    }


def tree_figures(model: Ram, rows: Rows, search: TreeSearch, images: Images, compared: Images) -> dict[str, Any]:
    """Accuracies on `images` through the tree and exhaustively, comparisons, and the distance gap on `compared`.

    images: that the weights were not searched on. search: greedy.
    """
    integral = integral_images(images.grey)
    yardstick = Exhaustive(search.encoding.features(rows.query), search.encoding, search.weights)
    pairs: list[tuple[Ints, Ints]] = []

    def compared_with_yardstick(query: Query) -> tuple[Ints, Ints]:
        row, distance = search(query)
        pairs.append((distance, yardstick(query)[1]))
        return row, distance

    look_up(model, integral_images(compared.grey), rows, compared_with_yardstick)
    found, least = (np.concatenate(part) for part in zip(*pairs, strict=True))
    exhaustive = look_up(model, integral, rows, yardstick)
    followed = [probed(model, rows, replace(search, probes=probes), images) for probes in PROBES]
    return {
        **followed[0],
        "validation_accuracy_exhaustive": float((exhaustive.predicted == images.label_bytes).mean()),
        "rows": len(rows),
        "keys": len(search.tree.keys),
        "nodes": len(search.tree.node_start) - 1,
        "gap": gap_histogram(found, least),
        "probes": dict(zip(map(str, PROBES), followed, strict=True)),
    }


def share_within(gap: dict[str, Any], bound: float) -> float:
    """Share of the queries whose distance gap is below `bound`, an edge of the histogram `gap`."""
    below = gap["edges"].index(bound)
    return float(sum(gap["shares"][:below]))


def probed(model: Ram, rows: Rows, search: TreeSearch, images: Images) -> dict[str, float]:
    """Accuracy of a search through a tree on images that its weights were not searched on, and comparisons an image."""
    compared: list[Ints] = []

    def counted(query: Query) -> tuple[Ints, Ints]:
        found = descend(search.tree, search.encoding.features(query), search.weights, search.probes)
        compared.append(found.compared)
        return found.row, found.distance

    looked = look_up(model, integral_images(images.grey), rows, counted)
    right = float((looked.predicted == images.label_bytes).mean())
    return {"validation_accuracy": right, "comparisons": float(np.sum(compared) / len(images))}


def mixed_curve(
    distance: Ints, by_tables: Flags, by_network: Flags, aims: Sequence[float] = AIMED_COVERAGES
) -> list[dict[str, Any]]:
    """Points of the mixed mode, one for each of `aims`, whose thresholds cover at least that share.

    distance: [n, n_glimpses] of the winners; the others [n], whether right, all on images that the weights were not
    searched on. An image is the network's when any of its distances is above the threshold.
    """
    farthest = np.sort(distance.max(axis=1))
    places = [max(int(np.ceil(aimed * len(farthest))) - 1, 0) for aimed in aims]
    points = curve_at([int(farthest[place]) for place in places], distance, by_tables, by_network)
    return [{"aimed": aimed, **point} for aimed, point in zip(aims, points, strict=True)]


def curve_at(
    thresholds: Sequence[int], distance: Ints, by_tables: Flags, by_network: Flags
) -> list[dict[str, Any]]:
    """The points of `mixed_point` at given thresholds, which they name."""
    nears = [distance.max(axis=1) <= threshold for threshold in thresholds]
    points = [mixed_point(near, by_tables, by_network) for near in nears]
    return [{"threshold": threshold, **point} for threshold, point in zip(thresholds, points, strict=True)]


def mixed_point(near: Flags, by_tables: Flags, by_network: Flags) -> dict[str, float | None]:
    """Share that the tables answer, how many of those are right (None of none), and of all; all [n].

    near: which the tables answer; the others say who is right.
    """
    covered = float(by_tables[near].mean()) if near.any() else None
    mixed = float(np.where(near, by_tables, by_network).mean())
    return {"coverage": float(near.mean()), "covered_accuracy": covered, "accuracy": mixed}
