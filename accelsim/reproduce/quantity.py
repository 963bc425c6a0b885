"""Exact arithmetic on published figures, which keeps what the rounding of each figure leaves open.

A figure printed as 1.45 nJ may be anything from 1.445 to 1.455 nJ. Carrying that interval through a computation tells a
result that agrees within rounding from one that contradicts its own inputs. Values are fractions in base units (J, V,
m, B, operations/J), so no float noise enters; the text of a result is written by the same operations as its value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from accelsim.errors import RangeError

Basis = Literal["published", "derived", "assumed", "definition"]

# Unit → how many base units it is. A megabyte is 10^6 bytes, a mebibyte (MiB) 2^20.
UNITS = {
    "": Fraction(1),
    **{f"{prefix}J": Fraction(10) ** power for prefix, power in (("f", -15), ("p", -12), ("n", -9), ("µ", -6))},
    **{"mV": Fraction(1, 1000), "V": Fraction(1), "nm": Fraction(1, 10**9), "bit": Fraction(1)},
    **{"B": Fraction(1), "MB": Fraction(10**6), "MiB": Fraction(2**20)},
    **{"K": Fraction(10**3), "M": Fraction(10**6), "TOPS/W": Fraction(10**12)},
    **{"%": Fraction(1, 100), "points": Fraction(1, 100), "x": Fraction(1), "decades": Fraction(1)},
}

# How tightly a text binds: what has to stand in brackets inside what.
_SUM, _PRODUCT, _QUOTIENT, _ATOM = range(4)


@dataclass(frozen=True)
class Input:
    """A named number that a computation starts from.

    Attributes:
        name: what it is.
        text: number and unit as printed in its source.
        unit: key of UNITS.
        value: in base units.
        basis: published, derived (from published figures elsewhere), assumed, or true by definition.
        source: where it stands, or why it is assumed.
    """

    name: str
    text: str
    unit: str
    value: Fraction
    basis: Basis
    source: str


@dataclass(frozen=True)
class Quantity:
    """A number, what rounding leaves open, and how it was made.

    Attributes:
        value, low, high: in base units; low ≤ value ≤ high.
        text: the arithmetic, as `10 × 784 × 185 fJ`.
        inputs: what it was made from, in order of first use.
        decimals: digits behind the point that its source prints (figures that were given, not computed).
    """

    value: Fraction
    low: Fraction
    high: Fraction
    text: str
    inputs: tuple[Input, ...]
    decimals: int = 0
    binding: int = _ATOM

    def __add__(self, other: Quantity) -> Quantity:
        return self._with(other, lambda a, b: a + b, "+", _SUM)

    def __sub__(self, other: Quantity) -> Quantity:
        return self._with(other, lambda a, b: a - b, "−", _SUM)

    def __mul__(self, other: Quantity) -> Quantity:
        return self._with(other, lambda a, b: a * b, "×", _PRODUCT)

    def __truediv__(self, other: Quantity) -> Quantity:
        if other.low <= 0 <= other.high:
            raise RangeError(f"{self.text} / {other.text}: got a divisor that may be 0, need one that cannot")
        return self._with(other, lambda a, b: a / b, "/", _QUOTIENT)

    def squared(self) -> Quantity:
        """The square (of a figure that is not negative)."""
        return replace(self.through(lambda x: x * x, "{}²"), binding=_ATOM)

    def through(self, function: Callable[[Fraction], Fraction], text: str) -> Quantity:
        """A rising function of it; `text` has {} where its own text goes."""
        mine = f"({self.text})" if self.binding < _ATOM else self.text
        made = replace(self, text=text.format(mine), decimals=0)
        return replace(made, value=function(self.value), low=function(self.low), high=function(self.high))

    def __str__(self) -> str:
        return self.text

    def _with(
        self, other: Quantity, apply: Callable[[Fraction, Fraction], Fraction], sign: str, binding: int
    ) -> Quantity:
        corners = [apply(mine, theirs) for mine in (self.low, self.high) for theirs in (other.low, other.high)]
        left = f"({self.text})" if self.binding == _SUM < binding else self.text
        # a + (b + c) and a × (b / c) need no brackets; a − (b + c), a × (b + c) and a / (b × c) do
        weakest = {"+": _SUM, "−": _PRODUCT, "×": _PRODUCT, "/": _ATOM}[sign]
        right = f"({other.text})" if other.binding < weakest else other.text
        return Quantity(
            apply(self.value, other.value),
            min(corners),
            max(corners),
            f"{left} {sign} {right}",
            tuple(dict.fromkeys((*self.inputs, *other.inputs))),
            binding=binding,
        )


def given(
    name: str,
    number: str,
    unit: str,
    source: str,
    *,
    basis: Basis = "published",
    exact: bool = False,
    half: str | None = None,
) -> Quantity:
    """A figure from a source.

    Args:
        number: as printed, `"96.23"`; thousands may be separated by commas.
        exact: nothing was rounded (a count).
        half: how far it may be off, in `unit`, where that is not half of the last printed digit.
    """
    plain = number.replace(",", "")
    decimals = len(plain.partition(".")[2])
    text = f"{number} {unit}".rstrip() if unit not in ("x", "%") else f"{number}{unit}"
    value = Fraction(plain) * UNITS[unit]
    open_half = Fraction(0) if exact else Fraction(half) if half else Fraction(1, 2 * 10**decimals)
    spread = open_half * UNITS[unit]
    made = Input(name, text, unit, value, basis, source)
    return Quantity(value, value - spread, value + spread, text, (made,), decimals)


def between(name: str, low: str, high: str, unit: str, text: str, source: str) -> Quantity:
    """A claim that names two ends (`3–4 %`) or a bound (`< 10 %`, from 0)."""
    ends = Fraction(low) * UNITS[unit], Fraction(high) * UNITS[unit]
    middle = sum(ends, Fraction(0)) / 2
    made = Input(name, text, unit, middle, "published", source)
    return Quantity(middle, *ends, text, (made,), len(high.partition(".")[2]))


def count(name: str, number: int, source: str, basis: Basis = "definition") -> Quantity:
    """An exact whole number."""
    return given(name, f"{number:,}", "", source, basis=basis, exact=True)


def power_of_ten(name: str, mantissa: str, exponent: int, source: str) -> Quantity:
    """A figure printed as `1.04e+333`, held as its decimal logarithm because no float holds it."""
    plain = given(name, mantissa, "", source)
    log = plain.through(lambda x: Fraction(str(_log10(x) + exponent)), "{}")
    made = Input(name, f"{mantissa}e{exponent:+}", "decades", log.value, "published", source)
    return replace(log, text=made.text, inputs=(made,))


def decades(quantity: Quantity) -> Quantity:
    """The decimal logarithm, for numbers too large to print."""
    return quantity.through(lambda x: Fraction(str(_log10(x))), "log10({})")


def _log10(x: Fraction) -> float:
    return math.log10(x.numerator) - math.log10(x.denominator)  # of integers of any size


def in_unit(value: Fraction | float, unit: str) -> float:
    """A number of base units, as a float number of `unit`."""
    return float(Fraction(value) / UNITS[unit])


def shown(value: Fraction | float, unit: str, decimals: int) -> str:
    """A number of base units in `unit`, to so many digits behind the point, without trailing zeros."""
    text = f"{in_unit(value, unit):,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{unit}" if unit in ("x", "%") else f"{text} {unit}".rstrip()
