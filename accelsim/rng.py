"""Keyed randomness: a draw belongs to (seed, chip, instance, op, phase, block of 256 inputs), never to a stream.

So chunk sizes, worker processes, subsets of inputs and edits to other instances change no draw.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BLOCK_INPUTS = 256


@dataclass(frozen=True)
class Draws:
    """Random draws of one instance on one chip.

    Attributes:
        seed: the run's seed.
        chip: index of the chip in the population.
        instance: instance name.
        block: index of the block of 256 inputs, or None for draws made once per chip.
    """

    seed: int
    chip: int
    instance: str
    block: int | None = None

    def generator(self, op: str, phase: str = "") -> np.random.Generator:
        """The Philox generator of this key; asking twice gives the same numbers twice."""
        text = f"{self.instance}\0{op}\0{phase}".encode()
        # A digest, because Python's own hash of a string changes from process to process.
        key = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")
        words = [self.seed, self.chip, key, 0 if self.block is None else self.block + 1]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


class Sample(NamedTuple):
    """Which chip of a population a dataflow is made for, and in what condition.

    Attributes:
        seed: the run's seed.
        chip: index of the chip in the population.
        age_s: time in seconds since its analog memories were written (drift and relaxation); never simulated time.
    """

    seed: int
    chip: int
    age_s: float = 0.0

    def draws(self, instance: str) -> Draws:
        """Draws of an instance that are made once per chip."""
        return Draws(self.seed, self.chip, instance)
