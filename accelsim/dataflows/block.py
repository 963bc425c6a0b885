"""What a dataflow is given, and what it answers: a block of 256 inputs and their outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from accelsim.chip import Instance
from accelsim.component import Delay, OpResult, Programmed
from accelsim.jobs import BoolArray, Handle, IntArray, JobBuilder
from accelsim.rng import Draws
from accelsim.units import exact


@dataclass(frozen=True)
class Block:
    """A block of 256 inputs; the last one of a run is filled up with inputs that are not reported.

    Attributes:
        index: number of the block.
        inputs: `[256]` rows of the recorded arrays.
        release: `[256]` arrivals in ticks.
        seed, chip: keys of the random draws.
        images: `[256, height, width]` or `[256, height, width, 3]` uint8 pixels, or None to use what was recorded.
        n_reported: inputs that are reported, the first ones of the block; None is all.
    """

    index: int
    inputs: IntArray
    release: IntArray
    seed: int
    chip: int
    images: npt.NDArray[np.uint8] | None = None
    n_reported: int | None = None

    @property
    def reported(self) -> BoolArray:
        """Which inputs are reported, `[256]`."""
        return np.arange(self.size) < (self.size if self.n_reported is None else self.n_reported)

    @property
    def size(self) -> int:
        """Inputs in the block, padding included."""
        return len(self.inputs)

    def draws(self, instance: str) -> Draws:
        """Keyed draws of one instance for this block."""
        return Draws(self.seed, self.chip, instance, self.index)


@dataclass(frozen=True)
class Outcome:
    """What the chip answered, `[256]` each.

    Attributes:
        predicted: int64 class.
        tied: whether a decision on the way was a tie.
        covered: whether the input was answered without the fallback.
        counters: `instance.name` → int64 count of what happened beside actions (conversions that saturated, …).
    """

    predicted: IntArray
    tied: BoolArray
    covered: BoolArray
    counters: Mapping[str, IntArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What decides an input at the end, `[n]` each: class, whether its decision was tied, last job, counters."""

    predicted: IntArray
    tied: BoolArray
    last: Handle
    counters: Mapping[str, IntArray] = field(default_factory=dict)


class Dataflow(Protocol):
    """Runs a workload on a chip. Made once a run and chip; programs what is stored when it is made."""

    @property
    def programmed(self) -> Mapping[str, Programmed]:
        """Instance name → what was written into it."""

    def lay(self, jobs: JobBuilder, block: Block) -> Outcome:
        """Computes the values of a block and lays down its jobs and activity."""


def at_port_rate(result: OpResult, words: int) -> OpResult:
    """The result of an op that moves `words` through a memory port, and cannot be quicker than a word a cycle."""
    return result._replace(extra_cycles=np.maximum(result.extra_cycles, words - 1))


def stretched(instance: Instance, op: str, result: OpResult, extra_ns: npt.NDArray[np.float64]) -> OpResult:
    """The result of an op that takes `extra_ns` `[n_inputs]` longer: added to its ns, then rounded up once."""
    if not extra_ns.any():
        return result
    delay: Delay = instance.component.ops[op].latency(instance.spec)
    base = delay.in_cycles(instance.hertz)
    longer = [Delay(delay.cycles, delay.ns + exact(ns)).in_cycles(instance.hertz) - base for ns in extra_ns.tolist()]
    return result._replace(extra_cycles=result.extra_cycles + np.array(longer, dtype=np.int64))


def add_op(
    jobs: JobBuilder,
    instance: Instance,
    op: str,
    result: OpResult,
    *,
    phase: str,
    needs: list[Handle],
    mask: BoolArray | None = None,
    also: Mapping[str, Any] | None = None,
    release: IntArray | int = 0,
) -> Handle:
    """One job from a component function's result: latency and interval of the op plus what the data cost.

    Args:
        also: more activity, `instance.action` → count.
    """
    return jobs.add(
        instance.name,
        op,
        phase=phase,
        needs=needs,
        cycles=instance.latency(op) + result.extra_cycles,
        interval=instance.interval(op) + result.extra_cycles,
        release=release,
        mask=mask,
        activity={**result.activity, **(also or {})},
    )
