"""The weighted distance between queries and rows, exhaustive search with it, and Bayesian optimisation of its weights.

*Source*: arXiv 2307.07631 weighs the distances of the patch, the hidden code and the location by three numbers found by
Bayesian optimisation; the authors' code searches 1 … 100 with 5 random and 5 guided trials of another library.
*Departures*: weights are whole numbers 1 … 127, as the arrays' splits take them, searched on a logarithmic scale; more
trials; equal weights are the first of them.

A distance is a weighted Hamming distance of *features*: the key's bits in `circuit` (a bit weighs 2^j more, j its
significance), the thermometer code of pixels and coordinates in `manhattan`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import optuna
import torch

from accelsim.train.episodes import Bytes, Ints, Query, Rows
from accelsim.train.mbi_tables import level_bits
from accelsim.train.ram import RamConfig

Metric = Literal["circuit", "manhattan"]
Floats = npt.NDArray[np.float32]

LARGEST_WEIGHT = 127
RANDOM_TRIALS = 5
"""Trials of the optimisation before its model is used, as in the authors' code."""

QUERY_CHUNK, ROW_CHUNK = 256, 16_384
"""One block of distances is 16 MB."""


@dataclass(frozen=True)
class Weights:
    """Whole weights of the three parts; location 0: it is no part of the key."""

    patch: int = 1
    hidden: int = 1
    location: int = 1


@dataclass(frozen=True)
class Trial:
    weights: Weights
    accuracy: float


@dataclass(frozen=True)
class Encoding:
    """How queries and keys become features.

    Attributes:
        located: whether the location is a part of the key.
    """

    config: RamConfig
    metric: Metric = "circuit"
    located: bool = True

    def features(self, query: Query) -> Bytes:
        """[n, n_features] of 0 and 1; in `circuit` the columns of the workload format."""
        pixel_bits, location_bits = self._bits()
        parts = [self._code(query.levels, pixel_bits), query.hidden]
        if self.located:
            parts.append(self._code(query.location, location_bits))
        return np.concatenate(parts, axis=1)

    def weights(self, weights: Weights) -> Floats:
        """[n_features] what a differing feature adds to the distance."""
        pixel_bits, location_bits = self._bits()
        pixel, coordinate = self._significance(pixel_bits), self._significance(location_bits)
        parts = [
            weights.patch * np.tile(pixel, self.config.n_pixels),
            weights.hidden * np.ones(self.config.hidden),
            weights.location * np.tile(coordinate, 2 * self.located),
        ]
        return np.concatenate(parts).astype(np.float32)

    def _bits(self) -> tuple[int, int]:
        return self.config.pixel_bits or 0, self.config.location_bits or 0

    def _code(self, numbers: Bytes, n_bits: int) -> Bytes:
        if self.metric == "circuit":
            return level_bits(numbers, n_bits)
        ladder: Bytes = (numbers[..., None] >= np.arange(1, 2**n_bits)).astype(np.uint8)
        return ladder.reshape(len(numbers), -1)

    def _significance(self, n_bits: int) -> npt.NDArray[np.int64]:
        if self.metric == "circuit":
            return 2 ** np.arange(n_bits)[::-1]
        return np.ones(2**n_bits - 1, np.int64)


def nearest(keys: Bytes, queries: Bytes, weights: Floats) -> tuple[Ints, Ints]:
    """The nearest of `keys` [n_keys, n_features] to each query, the lowest index on a tie: (index, distance), [n] each.

    Sums are of whole numbers below 2^24, so float32 is exact.
    """
    stored = torch.from_numpy(keys).float()
    index, distance = np.empty(len(queries), np.int64), np.empty(len(queries), np.int64)
    for start in range(0, len(queries), QUERY_CHUNK):
        asked = torch.from_numpy(queries[start : start + QUERY_CHUNK]).float()
        stop = start + len(asked)
        index[start:stop], distance[start:stop] = _nearest(stored, asked, torch.from_numpy(weights))
    return index, distance


def _nearest(stored: torch.Tensor, asked: torch.Tensor, weights: torch.Tensor) -> tuple[Ints, Ints]:
    # |q - k| of bits is q + k - 2 q k = q + (1 - 2 q) k; the first term is the same for all keys.
    factors, constant = (weights * (1 - 2 * asked)), (asked @ weights).numpy()
    every = np.arange(len(asked))
    best, least = np.zeros(len(asked), np.int64), np.full(len(asked), np.inf, np.float32)
    for first in range(0, len(stored), ROW_CHUNK):
        block = (factors @ stored[first : first + ROW_CHUNK].T).numpy()
        here = block.argmin(axis=1)
        lower = block[every, here] < least
        best[lower], least[lower] = first + here[lower], block[every, here][lower]
    return best, (least + constant).astype(np.int64)


@dataclass(frozen=True)
class Exhaustive:
    """Every row compared with every query: the yardstick, far beyond what the hardware scans."""

    features: Bytes
    encoding: Encoding
    weights: Floats

    @classmethod
    def over(cls, rows: Rows, encoding: Encoding, weights: Weights) -> Exhaustive:
        return cls(encoding.features(rows.query), encoding, encoding.weights(weights))

    def __call__(self, query: Query) -> tuple[Ints, Ints]:
        return nearest(self.features, self.encoding.features(query), self.weights)


def optimise(objective: Callable[[Weights], float], *, n_trials: int, seed: int) -> list[Trial]:
    """Trials in the order in which they were made, equal weights first; `best` picks one.

    objective: accuracy on validation images.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    equal = asdict(Weights())
    study.enqueue_trial(equal)
    trials: list[Trial] = []

    def evaluate(trial: optuna.Trial) -> float:
        weights = Weights(**{part: trial.suggest_int(part, 1, LARGEST_WEIGHT, log=True) for part in equal})
        trials.append(Trial(weights, objective(weights)))
        return trials[-1].accuracy

    study.optimize(evaluate, n_trials=n_trials)
    return trials


def best(trials: list[Trial]) -> Trial:
    """The most accurate, the first of equals."""
    return max(trials, key=lambda trial: trial.accuracy)
