"""What to say of a claim. The words are fixed; which of them, and every figure among them, is computed.

*Tolerance.* A computed figure agrees if it lies within half of the last printed digit of the claim; it agrees within
rounding if the interval that the rounding of its inputs leaves open meets that of the claim. A simulation is "the
same" as a figure if they differ by at most SAME of it. A trained accuracy agrees if the claim meets its 95 % Wilson
interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from accelsim.reproduce.quantity import Quantity, in_unit

SAME = 1e-6

STATUSES = {
    "recomputes": "recomputes to every printed digit",
    "within_rounding": "agrees within the rounding of its inputs",
    "contradicts": "contradicts its own inputs",
    "differs": "differs from what a reconstruction gives",
    "measured_agrees": "our training of the method agrees",
    "measured_differs": "our training of the method gives another figure",
    "unpublished": "not reproducible from what is published",
    "training": "not yet run",
    "input": "an input, taken as published",
    "quoted": "quoted, not checked",
}
SHARES = ("%", "points")  # units in which a difference is a difference of points


@dataclass(frozen=True)
class Difference:
    """A figure against a claim, in the claim's unit.

    Attributes:
        status: key of STATUSES.
        relative: (figure - claim) / claim; None where the claim is 0.
    """

    status: str
    relative: float | None


def difference(figure: Fraction, claim: Fraction) -> float | None:
    """(figure - claim) / claim, None where the claim is 0."""
    return None if claim == 0 else float((figure - claim) / claim)


def compare(published: Quantity, computed: Quantity) -> Difference:
    """A computed figure against the claim."""
    relative = difference(computed.value, published.value)
    if published.low <= computed.value <= published.high:
        return Difference("recomputes", relative)
    if computed.low <= published.high and published.low <= computed.high:
        return Difference("within_rounding", relative)
    published_inputs = all(one.basis in ("published", "definition") for one in computed.inputs)
    return Difference("contradicts" if published_inputs else "differs", relative)


def compare_measured(published: Quantity, share: float, interval: tuple[float, float]) -> Difference:
    """A measured share against the claim."""
    meets = Fraction(interval[0]) <= published.high and published.low <= Fraction(interval[1])
    relative = difference(Fraction(share), published.value)
    return Difference("measured_agrees" if meets else "measured_differs", relative)


def distance_words(figure: Fraction | float, claim: Fraction | float, unit: str) -> str:
    """How far a figure is from another, in words."""
    figure, claim = Fraction(figure), Fraction(claim)
    if unit in SHARES:
        points = in_unit(figure - claim, "points")
        size = f"{abs(points):.2f}" if abs(points) >= 0.01 else f"{abs(points):.2g}"
        return f"{size} points {'more' if points > 0 else 'less'}" if points else "the same"
    if unit == "decades":
        return f"{abs(float(figure - claim)):.2f} orders of magnitude {'more' if figure > claim else 'less'}"
    relative = difference(figure, claim)
    if relative is None:
        return "0 is claimed"
    if abs(relative) <= SAME:
        return "the same"
    if not 0.5 < 1 + relative < 2:
        times = float(figure / claim)
        return f"{times:,.0f} times the claim" if times >= 100 else f"{times:.3g} times the claim"
    percent = f"{abs(relative):.2%}" if abs(relative) >= 1e-4 else f"{100 * abs(relative):.2g}%"
    return f"{percent} {'more' if relative > 0 else 'less'}"


def against(computed: Quantity, published: Quantity) -> str:
    """`799.14x, where 792x is printed (0.90% more)`, for use in sentences."""
    unit = published.inputs[0].unit
    value = figure_words(computed.value, published)
    return f"{value}, where {published} is printed ({distance_words(computed.value, published.value, unit)})"


def figure_words(value: Fraction | float, published: Quantity) -> str:
    """A figure in the unit of a claim, to two digits more than the claim prints."""
    unit = published.inputs[0].unit
    number = in_unit(value, unit)
    if unit == "decades":
        return f"10^{number:.2f}"
    digits = 2 + published.decimals if abs(number) < 10_000 else max(0, published.decimals)
    text = f"{number:,.{digits}f}" if number == 0 or abs(number) >= 10.0**-digits else f"{number:.3g}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text}{unit}" if unit in ("x", "%") else f"{text} {unit}".rstrip()
