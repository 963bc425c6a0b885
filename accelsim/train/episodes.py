"""Episodes of a trained recurrent attention model as the rows of a table, and what a look-up in them does.

*Source*: the rows of the authors' code (`ram.py` names it): a step's query (pixels, hidden code, location) beside what
the network made of it: the next hidden code, where the next glimpse is, and the class that would be read there. As
there, the table is a random share of all steps.
*Departures*: a row's next location is the network's mean, the sampled one decides where the episode goes on, so a row
is a function of its query and equal queries are one row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from accelsim.errors import RangeError
from accelsim.train.ram import Ram

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

CHUNK = 2048
"""Images a network sees at once."""


@dataclass(frozen=True)
class Query:
    """What n look-ups ask: levels [n, n_pixels], hidden [n, hidden] of 0 and 1, location [n, 2] codes; all uint8."""

    levels: Bytes
    hidden: Bytes
    location: Bytes


@dataclass(frozen=True)
class Rows:
    """Stored steps; [n, …] uint8 each, with the next step's hidden bits and location codes, and the class [n]."""

    levels: Bytes
    hidden: Bytes
    location: Bytes
    next_hidden: Bytes
    next_location: Bytes
    label: Bytes

    def __len__(self) -> int:
        return len(self.label)

    @property
    def query(self) -> Query:
        return Query(self.levels, self.hidden, self.location)

    def take(self, index: npt.NDArray[np.integer]) -> Rows:
        """The rows [index], in its order."""
        return Rows(**{name: array[index] for name, array in self.arrays().items()})

    def first(self, n_rows: int) -> Rows:
        """The first rows; sampled rows are in random order, so any number of them is a random share."""
        return self.take(np.arange(min(n_rows, len(self))))

    def arrays(self) -> dict[str, Bytes]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Looked:
    """n images looked up through all glimpses: row and distance [n, n_glimpses], predicted [n] classes."""

    row: Ints
    distance: Ints
    predicted: Ints


Search = Callable[[Query], tuple[Ints, Ints]]
"""Queries -> the row that answers each and its distance, [n] each."""


def sample_rows(model: Ram, integral: Tensor, *, n_rows: int, passes: int, seed: int) -> Rows:
    """`n_rows` steps of different queries (or all there are), in random order.

    integral: images as `integral_images` gives them; each is seen `passes` times, the first time without sampling.

    Raises:
        RangeError: if the network's hidden code is not binary or a part of its query is not quantised.
    """
    config = model.config
    if config.hidden_bits != 1 or config.pixel_bits is None or config.location_bits is None:
        bits = (("hidden", config.hidden_bits), ("pixel", config.pixel_bits), ("location", config.location_bits))
        got = ", ".join(f"{name}_bits {n_bits or 'none'}" for name, n_bits in bits)
        raise RangeError(f"episodes: got {got}, need hidden_bits 1 and quantised pixels and locations")
    generator = torch.Generator().manual_seed(seed)
    steps = _episodes(model, integral, None)
    for _ in range(1, passes):
        steps = _joined([steps, _episodes(model, integral, generator)])
    order = np.random.default_rng(seed).permutation(len(steps))
    return distinct(steps.take(order)).first(n_rows)


def distinct(rows: Rows, *, located: bool = True) -> Rows:
    """The first row of each query, in the order of the rows.

    located: whether queries at different locations differ for that.
    """
    parts = [rows.levels, np.packbits(rows.hidden, axis=1), rows.location]
    queries = np.concatenate(parts[: 3 if located else 2], axis=1)
    _, first = np.unique(queries.view(f"V{queries.shape[1]}").ravel(), return_index=True)
    return rows.take(np.sort(first))


def _episodes(model: Ram, integral: Tensor, generator: torch.Generator | None) -> Rows:
    """All steps of one pass over the images."""
    found = []
    for images in integral.split(CHUNK):
        location, hidden = model.start(len(images))
        for _ in range(model.config.n_glimpses):
            levels = model.levels(images, location)
            following = model.think(levels, location, hidden)
            mean = model.aim(following)
            codes = [model.codes(place) for place in (location, mean)]
            label = model.classifier(following).argmax(1)
            parts = (levels, hidden, codes[0], following, codes[1], label)
            found.append(Rows(*(part.detach().numpy().astype(np.uint8) for part in parts)))
            location, hidden = model.quantised(model.sample(mean, generator)), following
    return _joined(found)


def _joined(parts: list[Rows]) -> Rows:
    names = [field.name for field in fields(Rows)]
    return Rows(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def look_up(model: Ram, integral: Tensor, rows: Rows, search: Search) -> Looked:
    """Replace every step of the network by a look-up: the winner's row says what comes next.

    model: gives the geometry of the glimpses and where they start; its weights are not used.
    """
    n_glimpses = model.config.n_glimpses
    start, _ = model.start(len(integral))
    codes = model.codes(start).numpy().astype(np.uint8)
    hidden = np.zeros((len(integral), model.config.hidden), np.uint8)
    winners, distances = [], []
    for _ in range(n_glimpses):
        levels = model.levels(integral, model.middle(torch.from_numpy(codes))).numpy().astype(np.uint8)
        row, distance = search(Query(levels, hidden, codes))
        winners.append(row)
        distances.append(distance)
        hidden, codes = rows.next_hidden[row], rows.next_location[row]
    return Looked(np.stack(winners, 1), np.stack(distances, 1), rows.label[winners[-1]].astype(np.int64))
