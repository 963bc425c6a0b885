"""Arithmetic that keeps what rounding leaves open: values, intervals and texts against hand work."""

from fractions import Fraction

import pytest

from accelsim.errors import RangeError
from accelsim.reproduce.quantity import (
    between,
    count,
    decades,
    given,
    in_unit,
    power_of_ten,
    shown,
)

A = given("a", "1.45", "nJ", "s")
B = given("b", "96.23", "nJ", "s")
N = given("n", "784", "", "s", exact=True)


def test_a_printed_figure_stands_for_half_its_last_digit() -> None:
    assert (A.low, A.value, A.high) == tuple(Fraction(x, 10**12) for x in (1445, 1450, 1455))
    assert (N.low, N.high) == (784, 784)
    loose = given("l", "380", "K", "s", half="5")
    assert (loose.low, loose.high) == (375_000, 385_000)
    bound = between("g", "0", "10", "%", "less than 10%", "s")
    assert (bound.low, bound.high) == (0, Fraction(1, 10))


def test_sum_difference_product_quotient() -> None:
    assert (A + B).value == Fraction(9768, 10**11)
    assert ((A + B).low, (A + B).high) == (Fraction(97_670, 10**12), Fraction(97_690, 10**12))
    assert ((B - A).low, (B - A).high) == (Fraction(94_770, 10**12), Fraction(94_790, 10**12))
    assert (N * A).high == 784 * Fraction(1455, 10**12)
    ratio = B / A
    assert ratio.value == Fraction(9623, 145)
    assert ratio.low == Fraction(96_225, 1455)
    assert ratio.high == Fraction(96_235, 1445)


def test_text_is_the_arithmetic() -> None:
    assert (N * A).text == "784 × 1.45 nJ"
    assert (N * (A + B)).text == "784 × (1.45 nJ + 96.23 nJ)"
    assert (B - (A + A)).text == "96.23 nJ − (1.45 nJ + 1.45 nJ)"
    assert (B / (N * A)).text == "96.23 nJ / (784 × 1.45 nJ)"
    assert (B * N / A).text == "96.23 nJ × 784 / 1.45 nJ"
    assert (N / N).squared().text == "(784 / 784)²"
    assert ((N * N + N) / N).text == "(784 × 784 + 784) / 784"


def test_inputs_are_named_once_in_order_of_use() -> None:
    assert [one.name for one in (N * A + N * B).inputs] == ["n", "a", "b"]


def test_powers_and_logarithms_of_numbers_that_no_float_holds() -> None:
    rows = decades(count("two", 2, "s").through(lambda two: two**1568, "{}^1568"))
    assert in_unit(rows.value, "decades") == pytest.approx(1568 * 0.3010299956639812, rel=1e-12)
    printed = power_of_ten("rows", "1.04", 333, "s")
    assert printed.text == "1.04e+333"
    assert printed.low < printed.value < printed.high
    assert in_unit(printed.value, "decades") == pytest.approx(333 + 0.01703333929878037, rel=1e-12)


def test_a_divisor_that_may_be_zero_is_refused() -> None:
    with pytest.raises(RangeError, match="need one that cannot"):
        A / given("z", "0.0", "", "s")


def test_units() -> None:
    assert in_unit(Fraction(784, 10**12) * 2, "pJ") == 1568.0
    assert shown(Fraction(1_234_500, 10**9), "nJ", 3) == "1,234,500 nJ"
    assert shown(Fraction(1, 4), "%", 2) == "25%"
    assert given("m", "1", "MiB", "s", exact=True).value == 2**20
