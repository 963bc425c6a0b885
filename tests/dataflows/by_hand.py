"""What lookups and templates do for one input, in plain loops over the built workload; written apart from accelsim."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

from tests.workload.parts import Array, Built
from tests.workload.table_parts import location_columns, moved

SPLIT = 32  # columns of a split


class Glimpse(NamedTuple):
    """One glimpse of one input.

    Attributes:
        nodes: keys of each visited node; all tables one after the other.
        toggles: columns of the query register that change.
        distance: the winners' distances, summed over the tables.
        tied: whether a nearest key was not the only one.
        rows: value row of each table's winner.
    """

    nodes: list[int]
    toggles: int
    distance: int
    tied: bool
    rows: list[int]


class Answer(NamedTuple):
    """The class, and whether a decision was tied."""

    predicted: int
    tied: bool


def glimpses(built: Built, number: int) -> list[Glimpse]:
    """All glimpses of an input."""
    mbi, model = built.manifest["mbi"], built.model
    patch_bits = len(mbi["glimpses"][0]) * mbi["patch_size"] ** 2 * mbi["pixel_bits"]
    width = mbi["hidden_bits"] // mbi["n_tables"]
    hidden = np.unpackbits(model["hidden_init"], count=mbi["hidden_bits"])
    previous = np.zeros(patch_bits + mbi["hidden_bits"] + location_columns(mbi), dtype=np.uint8)
    found = []
    for g, packed in enumerate(built.evaluation["patches"][number]):
        query = np.concatenate([np.unpackbits(packed, count=patch_bits), hidden])
        if location_columns(mbi):
            codes = built.evaluation["locations"][number, g]
            digits = [f"{code:08b}"[-mbi["location_bits"] :] for code in codes.tolist()]
            query = np.concatenate([query, np.array([int(bit) for bit in "".join(digits)], dtype=np.uint8)])
        nodes, rows, distance, tied = [], [], 0, False
        for root in model["roots"][g]:
            node = int(root)
            while node >= 0:
                first, stop = (int(edge) for edge in model["node_start"][node : node + 2])
                keys = np.unpackbits(model["keys"][first:stop], axis=1, count=len(query))
                total = [_distance(mbi, query, key, model["split_weights"][g]) for key in keys]
                nodes.append(len(total))
                tied |= total.count(min(total)) > 1
                node = int(model["key_next"][first + total.index(min(total))])
            rows.append(-1 - node)
            distance += min(total)
        found.append(Glimpse(nodes, _toggles(mbi, query, previous), distance, tied, rows))
        hidden = np.concatenate([np.unpackbits(model["value_hidden"][row], count=width) for row in rows])
        previous = query
    return found


def looked_up(built: Built, found: Sequence[Glimpse]) -> Answer:
    """What the lookups answer."""
    tied = any(glimpse.tied for glimpse in found)
    if built.manifest["mbi"]["decision"] == "last":
        return Answer(int(built.model["value_class"][found[-1].rows[0]]), tied)
    votes = _votes(built, found)
    return Answer(votes.index(max(votes)), tied or votes.count(max(votes)) > 1)


def _votes(built: Built, found: Sequence[Glimpse]) -> list[int]:
    """Sums of the winners' votes, a class each."""
    rows = [row for glimpse in found for row in glimpse.rows]
    votes: list[int] = built.model["value_votes"][rows].sum(axis=0, dtype=np.int64).tolist()
    return votes


def _levels(mbi: dict[str, int], bits: Array) -> Array:
    """Pixels of the patch part, bits of the hidden part and coordinates of the location part, one number each."""
    n_location = location_columns(mbi)
    cut, end = len(bits) - mbi["hidden_bits"] - n_location, len(bits) - n_location
    pixels = bits[:cut].reshape(-1, mbi["pixel_bits"]) @ 2 ** np.arange(mbi["pixel_bits"])[::-1]
    coordinates = bits[end:].reshape(2, -1) @ 2 ** np.arange(n_location // 2)[::-1]
    return np.concatenate([pixels, bits[cut:end], coordinates[: n_location and 2]]).astype(np.int64)


def _distance(mbi: dict[str, int], query: Array, key: Array, weights: Array) -> int:
    n_hidden, pixel_bits, n_location = mbi["hidden_bits"], mbi["pixel_bits"], location_columns(mbi)
    n_patch = len(query) - n_hidden - n_location
    split = [c // SPLIT for c in range(n_patch)] + [ceil(n_patch / SPLIT) + h // SPLIT for h in range(n_hidden)]
    last = split[-1] + 1
    if mbi["metric"] == "manhattan":
        difference = np.abs(_levels(mbi, query) - _levels(mbi, key))
        split = split[:n_patch:pixel_bits] + split[n_patch:] + [last] * (2 if n_location else 0)
        return int((difference * weights[split]).sum())
    significance = [2 ** (pixel_bits - 1 - c % pixel_bits) for c in range(n_patch)] + [1] * n_hidden
    significance += _location_significance(mbi)
    return int(((query != key) * np.array(significance) * weights[split + [last] * n_location]).sum())


def _location_significance(mbi: dict[str, int]) -> list[int]:
    return [2**j for j in reversed(range(location_columns(mbi) // 2))] * 2


def _toggles(mbi: dict[str, int], query: Array, previous: Array) -> int:
    if mbi["metric"] == "manhattan":  # thermometer columns
        return int(np.abs(_levels(mbi, query) - _levels(mbi, previous)).sum())
    # A bit of a location that counts 4, 8, … is stored in 2, 4, … columns that count 2 each.
    columns = [max(count // 2, 1) for count in _location_significance(mbi)]
    return int(((query != previous) * np.array([1] * (len(query) - len(columns)) + columns)).sum())


class Pixels(NamedTuple):
    """What extracting a glimpse takes: words of the pixel memory, additions, comparisons with thresholds."""

    words: int
    adds: int
    comparisons: int


def pixels(built: Built, number: int, glimpse: int, pixels_per_word: int) -> Pixels:
    """Goes through a glimpse of an input pixel by pixel; outside the image nothing is read or added."""
    mbi = built.manifest["mbi"]
    location = built.evaluation["locations"][number, glimpse] if "locations" in mbi else np.zeros(2)
    inside = {(row, col) for row in range(mbi["image"]["height"]) for col in range(mbi["image"]["width"])}
    words = adds = comparisons = 0
    for patch in moved(mbi["glimpses"][glimpse], mbi, location):
        side, pool = range(mbi["patch_size"]), range(patch["pool"])
        touched = set()
        for i, j in ((i, j) for i in side for j in side):
            top, left = patch["row"] + i * patch["pool"], patch["col"] + j * patch["pool"]
            covered = inside & {(top + a, left + b) for a in pool for b in pool}
            adds += max(len(covered) - 1, 0)
            comparisons += len(mbi["pixel_thresholds"])
            touched |= {(row, col // pixels_per_word) for row, col in covered}
        words += len(touched)
    return Pixels(words, adds, comparisons)


class Matched(NamedTuple):
    """What the templates say: features at a level above 0, matching cells of each row, the class, a tie of classes."""

    driven: int
    matches: list[int]
    answer: Answer


def matched(built: Built, number: int) -> Matched:
    """Compares the recorded features of an input with all templates."""
    model, features = built.model, built.evaluation["features"][number]
    levels = [sum(int(x) > t for t in limits) for x, limits in zip(features, model["thresholds"].tolist(), strict=True)]
    matches = [
        sum(low <= level <= high for low, level, high in zip(lows, levels, highs, strict=True))
        for lows, highs in zip(model["template_low"].tolist(), model["template_high"].tolist(), strict=True)
    ]
    classes = [c for c, n in zip(model["row_class"].tolist(), matches, strict=True) if n == max(matches)]
    return Matched(sum(level > 0 for level in levels), matches, Answer(classes[0], len(set(classes)) > 1))


def entered(built: Built, number: int) -> tuple[int, bool]:
    """Glimpses that an input enters, and whether it is far."""
    if "margin" in built.manifest["cascade"]:
        *_, second, largest = sorted(_votes(built, glimpses(built, number)))
        return len(built.manifest["mbi"]["glimpses"]), largest - second < built.manifest["cascade"]["margin"]
    limits, found = built.manifest["cascade"]["thresholds"], glimpses(built, number)
    far = [glimpse.distance > limit for glimpse, limit in zip(found, limits, strict=True)]
    stops = any(far) and built.manifest["cascade"]["abort"] == "first_far"
    return (far.index(True) + 1 if stops else len(far)), any(far)


def answer(built: Built, number: int) -> Answer:
    """What the chip answers with ideal parts; a tie counts where it was met on the way."""
    kind = built.manifest["kind"]
    if kind == "hybrid":
        return matched(built, number).answer
    if kind == "mbi":
        return looked_up(built, glimpses(built, number))
    n_glimpses, far = entered(built, number)
    found = glimpses(built, number)[:n_glimpses]
    if not far:
        return looked_up(built, found)
    if built.manifest["cnn"]["head"] == "acam":
        fallback = matched(built, number).answer
    else:
        logits = built.evaluation["features"][number].tolist()
        fallback = Answer(logits.index(max(logits)), logits.count(max(logits)) > 1)
    return Answer(fallback.predicted, fallback.tied or any(glimpse.tied for glimpse in found))


def run_length_bits(values: Array, index_bits: int, value_bits: int) -> int:
    """Bits of a run-length code: an entry a non-zero value, and one for every 2^index_bits zeros before it."""
    entries = run = 0
    for value in np.trim_zeros(values.ravel(), "b").tolist():
        run = 0 if value else run + 1
        entries += value != 0 or run % 2**index_bits == 0
    return entries * (index_bits + value_bits)
