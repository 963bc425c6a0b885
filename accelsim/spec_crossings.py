"""Which instances exchange data, and what may carry it from one die or clock to another.

Two instances that exchange data sit on one die and have clocks of which one is a whole multiple of the other. Only from
binariser to driver or matcher may data cross: to another die over a `link`, to another clock through a `sync`, in this
order. Checked on the raw document; what has the wrong type or an unknown name is reported elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from accelsim.errors import Problem
from accelsim.yamlfile import Document, show


class Pair(NamedTuple):
    """Roles of which one hands data to the other, and the roles that may carry these across ("": nothing may).

    Attributes:
        source, sink: the roles.
        link: role that carries data to another die; sync: to another clock.
    """

    source: str
    sink: str
    link: str = ""
    sync: str = ""


_MBI = (
    Pair("admission", "pixels"),
    Pair("pixels", "extractor"),
    Pair("extractor", "controller"),
    Pair("controller", "arrays"),
    Pair("tables", "arrays"),
    Pair("arrays", "adc"),
    Pair("adc", "scan"),
    Pair("scan", "controller"),
    Pair("controller", "values"),
    Pair("values", "extractor"),  # where the next glimpse is, when that is learned
    Pair("values", "vote"),
)
_CNN = (
    Pair("buffer", "engine"),
    Pair("weights", "engine"),
    Pair("engine", "post"),
    Pair("post", "buffer"),
)
_MATCH = (
    Pair("buffer", "binariser"),
    Pair("binariser", "matcher", link="link", sync="sync"),
    Pair("binariser", "driver", link="link", sync="sync"),
    Pair("driver", "acam"),
    Pair("acam", "wta"),
    Pair("wta", "sense"),
)

# Kind of chip → who exchanges data.
PAIRS: Mapping[str, Sequence[Pair]] = {
    "hybrid": (Pair("admission", "buffer"), *_CNN, *_MATCH),
    "mbi": _MBI,
    "cnn": (Pair("admission", "buffer"), *_CNN, Pair("post", "vote"), Pair("buffer", "vote")),
    "row_stationary": (Pair("admission", "buffer"), Pair("dram", "buffer", sync="sync"), Pair("buffer", "engine")),
    "cascade": (*_MBI, Pair("pixels", "buffer"), Pair("vote", "engine"), Pair("post", "vote"), *_CNN, *_MATCH),
    "cim": (Pair("admission", "macro"),),
}


def crossing_problems(document: Document, kind: str, hertz: Mapping[str, int]) -> Iterator[Problem]:
    """Every place where data would have to cross dies or clocks without something that carries it.

    Args:
        kind: kind of chip.
        hertz: frequencies of the clocks that have a valid one.
    """
    check = _Crossings(document, kind, hertz)
    yield from check.die_problems()
    yield from check.link_problems()
    yield from check.sync_problems()
    yield from check.clock_problems()


class _Crossings:
    """The pairs of one document, with the die and the clock of each instance that has a valid one."""

    def __init__(self, document: Document, kind: str, hertz: Mapping[str, int]) -> None:
        self.document = document
        self.pairs = PAIRS.get(kind, ())
        self.crossings = [pair for pair in self.pairs if pair.link or pair.sync]
        self.hertz = hertz
        self.instances = document.data["instances"]
        self.die = self._named("die", document.data.get("dies"))
        self.clock = self._named("clock", hertz)

    def _named(self, field: str, names: Any) -> dict[str, str]:
        """Instance → what its field names, where that is there."""
        fields = {name: instance.get(field) for name, instance in self.instances.items() if isinstance(instance, dict)}
        known = names if isinstance(names, Mapping) else {}
        return {name: used for name, used in fields.items() if isinstance(used, str) and used in known}

    def fault(self, path: str, got: str, need: str) -> Problem:
        return Problem(self.document.where(path), path, got, need)

    def die_problems(self) -> Iterator[Problem]:
        """Everybody that exchanges data without a link is where most of them are."""
        for group in _groups(self.pairs):
            here = [role for role in self.die if role in group]
            count = Counter(self.die[role] for role in here)
            for role in here:
                most = count.most_common(1)[0][0]
                if self.die[role] != most:
                    there = [other for other in here if self.die[other] == most]
                    near = [other for other in there if any({role, other} <= set(pair) for pair in self.pairs)]
                    need = f"{most}, the die of {', '.join(near or there)} (no link in between)"
                    yield self.fault(f"instances.{role}.die", show(self.die[role]), need)

    def link_problems(self) -> Iterator[Problem]:
        """A `link` where source and sink sit on different dies, itself on one of them; a `sync` beside the sink."""
        for source, sink, link, sync in self.crossings:
            here, there = self.die.get(source), self.die.get(sink)
            if here is None or there is None:
                continue
            if link and link not in self.instances and here != there:
                why = f"{source} (die {here}) and {sink} (die {there}) sit on different dies"
                yield self.fault(f"instances.{link}", "nothing", f"a die_link, because {why}")
            if self.die.get(link, here) not in (here, there):
                need = f"{here} or {there}, a die of {source} or {sink}"
                yield self.fault(f"instances.{link}.die", show(self.die[link]), need)
            if self.die.get(sync, there) != there:
                yield self.fault(f"instances.{sync}.die", show(self.die[sync]), f"{there}, the die of the {sink}")

    def sync_problems(self) -> Iterator[Problem]:
        """A `sync` on the sink's clock where the clocks of source and sink are not multiples."""
        for source, sink, _, sync in self.crossings:
            here, there = self.clock.get(source), self.clock.get(sink)
            if here is None or there is None:
                continue
            if sync not in self.instances and not self.related(source, sink):
                why = f"neither of the clocks {here} ({source}) and {there} ({sink}) divides the other"
                yield self.fault(f"instances.{sync}", "nothing", f"a synchroniser, because {why}")
            if self.clock.get(sync, there) != there:
                yield self.fault(f"instances.{sync}.clock", show(self.clock[sync]), f"{there}, the clock of the {sink}")

    def clock_problems(self) -> Iterator[Problem]:
        """Whoever exchanges data without a synchroniser has a clock that divides the other's, or is divided by it."""
        unrelated: dict[frozenset[str], list[tuple[str, str]]] = {}
        for hop in self.hops():
            if not self.related(*hop):
                unrelated.setdefault(frozenset(self.clock[role] for role in hop), []).append(hop)
        for clocks, hops in unrelated.items():
            yield self.unrelated([name for name in self.hertz if name in clocks], hops)

    def hops(self) -> Iterator[tuple[str, str]]:
        """Roles that exchange data directly and not into a synchroniser."""
        for source, sink, link, sync in self.pairs:
            if not sync:
                yield source, sink
            elif link in self.instances and sink in self.instances:
                yield source, link
                if sync not in self.instances and self.related(source, sink):
                    yield link, sink

    def related(self, a: str, b: str) -> bool:
        """Whether the clocks of two roles are multiples, or one of them is not known."""
        if a not in self.clock or b not in self.clock:
            return True
        low, high = sorted((self.hertz[self.clock[a]], self.hertz[self.clock[b]]))
        return high % low == 0

    def unrelated(self, clocks: Sequence[str], hops: Sequence[tuple[str, str]]) -> Problem:
        """The fault of two clocks, at the instance that is in all the hops, or else at the later clock."""
        edited = [name for name in clocks if self.document.is_overridden(f"clocks.{name}.clock_mhz")]
        in_all = set.intersection(*(set(hop) for hop in hops))
        if edited or not in_all:
            wrong = (edited or clocks)[-1]
            other = next(name for name in clocks if name != wrong)
            why = f"{', '.join(f'{a} and {b}' for a, b in hops)} exchange data"
            need = f"a divisor or multiple of {self.mhz(other)} (clock {other}), because {why}"
            return self.fault(f"clocks.{wrong}.clock_mhz", self.mhz(wrong), need)
        users = Counter(self.clock.values())
        role = min(sorted(in_all), key=lambda name: (not self.edited(name), users[self.clock[name]]))
        others = [name for name in chain(*hops) if name != role]
        other = self.clock[others[0]]
        why = f"it exchanges data with {', '.join(others)} (clock {other})"
        need = f"a divisor or multiple of {self.mhz(other)}, because {why}"
        return self.fault(f"instances.{role}.clock", f"{show(self.clock[role])} ({self.mhz(self.clock[role])})", need)

    def edited(self, role: str) -> bool:
        return self.document.is_overridden(f"instances.{role}.clock")

    def mhz(self, clock: str) -> str:
        return f"{self.hertz[clock] / 1e6:.12g} MHz"


def _groups(pairs: Sequence[Pair]) -> list[set[str]]:
    """Roles that data cannot reach each other from but over a link."""
    groups: list[set[str]] = []
    for pair in pairs:
        for ends in ({pair.source}, {pair.sink}) if pair.link else ({pair.source, pair.sink},):
            touched = [group for group in groups if group & ends]
            groups = [group for group in groups if group not in touched] + [ends.union(*touched)]
    return groups
