"""What every ablation works with: the data's place, the stages that are kept, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.train.ablations.record import Histogram, Row
from accelsim.train.provenance import SECONDS, timed
from accelsim.train.stages import Result, Stages


@dataclass(frozen=True)
class Bench:
    """One ablation's run.

    Attributes:
        quick: a few images and an epoch, to see that every stage works.
        seed: of a single seed; ablations that take several use the ones from here on.
    """

    data_root: Path
    download: bool
    quick: bool
    seed: int
    stages: Stages

    def stage(self, name: str, compute: Callable[[Path | None], Result], **settings: Any) -> Result:
        """`Stages.run`, which also keeps how many seconds it took."""
        return self.stages.run(name, timed(compute), **settings)

    @property
    def seconds(self) -> float:
        """Of all stages so far, also of those that an earlier run computed."""
        return float(sum(result.figures[SECONDS] for result in self.stages.done.values()))


@dataclass(frozen=True)
class Found:
    """What `measure` of an ablation hands back, in the words of `Record`."""

    dataset: str
    sizes: dict[str, Any]
    rows: list[Row]
    facts: dict[str, Any] = field(default_factory=dict)
    histogram: Histogram | None = None
