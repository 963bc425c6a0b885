"""`reports/matching.md`: the analog and the digital ways to match templates, from the features to the class.

Leakage mostly rests on one assumption on both sides, an off current, so sides are compared with both at the same end of
their ranges too.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from accelsim.report.markdown import bullets, table
from accelsim.report.matching_costs import ANALOG, DIGITAL, ON_THE_WAY, Cost, Side, break_even_s
from accelsim.report.quantities import picojoules, seconds


def page(sides: Sequence[Side], made_by: str) -> str:
    """The page; the first side is the analog one, the others are compared with it."""
    analog = sides[0]
    verdicts = [line for other in sides[1:] for line in _verdicts(analog, other)]
    parts = ["# Matching templates: analog CAM against digital", made_by, *_TEXT, _headlines(sides), _RANGES]
    parts += ["## Instance by instance", _instances(sides)]
    parts += ["## Which side wins", bullets(verdicts), "## What the figures leave out", bullets(_LIMITS)]
    return "\n\n".join(parts) + "\n"


_TEXT = (
    "The same network, features and templates on three chips that differ in the matching, and in the supply at which a "
    "second die receives the features (3 V, or 1.8 V): the analog CAM with "
    "its drivers, sense amplifiers and winner-take-all on a die of its own; a digital matcher (templates in SRAM, "
    "compare and count, running maximum) on that second die at the same node; and the digital matcher on the "
    "network's own die.",
    "*A match* is what is paid once an input: actions, and the clocks and biases that are off between matches. "
    "*Leakage* is a power. *Per input* adds leakage over the time between two inputs, which the network decides here. "
    "Whoever wins, the network takes nearly all of the chip's energy.",
)
_RANGES = (
    "*Matching* is drivers, CAM, sense amplifiers and winner-take-all, or the matcher; *in all* adds the binariser "
    "and, where there are two dies, link and synchroniser. Brackets: all prices at the low and all at the high ends of "
    "the ranges that their sources state. The brackets of two sides are correlated where they rest on the same "
    "assumption, as most leakage on a second die does: it cannot be low on one side and high on the other, so brackets "
    "that overlap do not say that either side may win. The digital prices at 180 nm are extrapolated (node x V²; the "
    "range holds what Stillmaker and Baas' rule gives); the analog ones are published for the cells and assumed for "
    "the rest."
)
_LIMITS = (
    "Not in the figures: the analog die could be switched off between matches and keep its templates, which RRAM holds "
    "without power; an SRAM cannot. An input would then cost the analog side what a match costs, and what it takes to "
    "wake the supplies; the digital side would go on leaking.",
    "Leakage on the second die is a rule of thumb (5 pA a transistor at 300 K, from an off current of 10 pA/µm of a "
    "range of 1 to 100), the same for both sides; no foundry figure was at hand. It decides what an input costs "
    "wherever inputs are hundreds of microseconds apart, so the time from which digital wins is known to two orders of "
    "magnitude only.",
    "The way to the second die is the same circuit at the supply of that die. The analog die could have a second, "
    "lower supply for it, and would then lift the features in front of its drivers; that is not modelled.",
    "Programming is not in it: templates are written once. The area of the analog parts is not published.",
)


def _headlines(sides: Sequence[Side]) -> str:
    rows = [
        ("matched at", *(f"{one.node_nm:g} nm" for one in sides)),
        ("accuracy", *(_accuracy(one) for one in sides)),
        ("analog minus this one, points", "–", *(_paired(sides[0], one) for one in sides[1:])),
        ("features to class", *(seconds(one.match_s) for one in sides)),
        ("time between inputs", *(seconds(one.input_s) for one in sides)),
        ("matching: a match, pJ", *(picojoules(one.matching.match_pj) for one in sides)),
        ("matching: leakage, µW", *(f"{one.matching.leakage_uw:.3g}" for one in sides)),
        ("matching: per input, pJ", *(_ranged(one.matching) for one in sides)),
        ("in all: a match, pJ", *(picojoules(one.whole.match_pj) for one in sides)),
        ("in all: leakage, µW", *(f"{one.whole.leakage_uw:.3g}" for one in sides)),
        ("in all: per input, pJ", *(_ranged(one.whole) for one in sides)),
        ("share of the whole chip's energy", *(f"{one.whole.total_pj / one.chip_pj:.2g}" for one in sides)),
        ("area of matching, µm²", *(_area(one) for one in sides)),
    ]
    return table(("", *(f"`{one.name}`" for one in sides)), rows, right=len(sides))


def _accuracy(one: Side) -> str:
    mean = f"{statistics.mean(one.accuracies):.2%}"
    if len(one.accuracies) == 1 or len(set(one.accuracies)) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(one.accuracies):.2%} over {len(one.accuracies)} chips"


def _paired(analog: Side, exact: Side) -> str:
    """Mean and spread over the analog chips of their accuracy less that of the exact chip, on the same inputs."""
    points = [100 * (accuracy - exact.accuracies[0]) for accuracy in analog.accuracies]
    spread = f" ± {statistics.stdev(points):.2f}" if len(points) > 1 else ""
    return f"{statistics.mean(points):+.2f}{spread}"


def _ranged(cost: Cost) -> str:
    return f"{picojoules(cost.total_pj)} [{picojoules(cost.low_pj)} to {picojoules(cost.high_pj)}]"


def _area(one: Side) -> str:
    return "not known" if one.area_um2 is None else f"{one.area_um2:,.0f}"


def _instances(sides: Sequence[Side]) -> str:
    headings = [heading for one in sides for heading in (f"`{one.name}`: a match, pJ", "leakage, µW")]
    names = [name for name in (*ON_THE_WAY, *ANALOG, *DIGITAL) if any(name in one.instances for one in sides)]
    rows = []
    for name in names:
        costs = [one.instances.get(name) for one in sides]
        cells = (("–", "–") if c is None else (picojoules(c.match_pj), f"{c.leakage_uw:.3g}") for c in costs)
        rows.append((f"`{name}`", *(cell for pair in cells for cell in pair)))
    return table(("instance", *headings), rows, right=len(headings))


def _verdicts(analog: Side, digital: Side) -> list[str]:
    """Who is cheaper a match and an input, and from which time between inputs that turns."""
    ways = (
        ("matching alone", analog.matching, digital.matching),
        ("with the way there", analog.whole, digital.whole),
    )
    who = f"**analog at {analog.node_nm:g} nm against digital at {digital.node_nm:g} nm**"
    lines = [
        f"{who}, {label}: a match is {_cheaper(a.match_pj, d.match_pj)}, "
        f"an input here {_cheaper(a.total_pj, d.total_pj)}{_at_both_ends(a, d)}; {_turn(a, d)}."
        for label, a, d in ways
    ]
    return [*lines, _same_way(who, analog, digital)] if {"link", "sync"} <= digital.instances.keys() else lines


def _same_way(who: str, analog: Side, digital: Side) -> str:
    """What of the difference is the way's, and the totals with the digital side's way on both sides."""
    at_same = analog.matching + digital.way
    more_pj, more_uw = analog.way.match_pj - digital.way.match_pj, analog.way.leakage_uw - digital.way.leakage_uw
    square = (analog.supply_v / digital.supply_v) ** 2
    return (
        f"{who}, the way alone: link and synchroniser receive at {analog.supply_v:g} V on the analog side and at "
        f"{digital.supply_v:g} V on the digital one (V² is {square:.2g} times), so the analog side pays "
        f"{picojoules(more_pj)} pJ a match and {more_uw:.2g} µW of leakage more. With the digital side's way on both, "
        f"a match in all is {picojoules(at_same.match_pj)} against {picojoules(digital.whole.match_pj)} pJ and an "
        f"input here {picojoules(at_same.total_pj)} against {picojoules(digital.whole.total_pj)} pJ; the turn is then "
        "that of the matching alone."
    )


def _cheaper(analog_pj: float, digital_pj: float) -> str:
    who, factor = ("digital", analog_pj / digital_pj) if digital_pj < analog_pj else ("analog", digital_pj / analog_pj)
    return f"{float(f'{factor:.2g}'):,g} times cheaper with the {who} one"


def _at_both_ends(analog: Cost, digital: Cost) -> str:
    """Who is cheaper an input with both leakages low, and with both high."""
    low, high = (_cheaper(a.total_pj, d.total_pj) for a, d in zip(analog.ends, digital.ends, strict=True))
    return f" (all leakage at the low end of its range: {low}; at the high end: {high})"


def _turn(analog: Cost, digital: Cost) -> str:
    time_s = break_even_s(analog, digital)
    if time_s is None:
        return "so it is whatever the time between inputs"
    sooner = "analog" if analog.match_pj < digital.match_pj else "digital"
    later = "digital" if sooner == "analog" else "analog"
    at_ends = (break_even_s(a, d) for a, d in zip(analog.ends, digital.ends, strict=True))
    spans = [_about(end) if end else "no such time" for end in at_ends]
    return (
        f"{sooner} wins with inputs less than about {_about(time_s)} apart, {later} with inputs further apart (all "
        f"leakage at the low end of its range: {spans[0]}; at the high end: {spans[1]})"
    )


def _about(time_s: float) -> str:
    """To two digits: what it rests on is not known better."""
    return seconds(float(f"{time_s:.2g}"))
