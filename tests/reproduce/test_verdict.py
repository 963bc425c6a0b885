"""Which words a figure earns."""

from fractions import Fraction

import pytest

from accelsim.reproduce.quantity import between, given
from accelsim.reproduce.verdict import (
    against,
    compare,
    compare_measured,
    distance_words,
    figure_words,
)


def test_recomputes_within_rounding_contradicts() -> None:
    a, b = given("a", "2.5", "", "s"), given("b", "3.5", "", "s")  # 2.45 … 2.55 times 3.45 … 3.55 is 8.4525 … 9.0525
    product = a * b  # 8.75
    assert compare(given("c", "8.8", "", "s"), product).status == "recomputes"  # 8.75 … 8.85
    assert compare(given("c", "8.5", "", "s"), product).status == "within_rounding"  # 8.45 … 8.55
    off = compare(given("c", "9.2", "", "s"), product)  # 9.15 … 9.25
    assert off.status == "contradicts"
    assert off.relative == pytest.approx(8.75 / 9.2 - 1)


def test_a_reconstruction_cannot_contradict() -> None:
    guess = given("g", "5", "", "s", basis="assumed", exact=True)
    assert compare(given("c", "4", "", "s", exact=True), guess).status == "differs"


def test_a_bound_is_met_from_inside() -> None:
    bound = between("g", "0", "10", "%", "less than 10%", "s")
    assert compare(bound, given("x", "9.9", "%", "s")).status == "recomputes"
    assert compare(bound, given("x", "11", "%", "s", exact=True)).status == "contradicts"


def test_a_measured_share_agrees_if_the_claim_meets_its_interval() -> None:
    claim = given("accuracy", "70.91", "%", "s")
    assert compare_measured(claim, 0.7050, (0.7010, 0.7140)).status == "measured_agrees"
    assert compare_measured(claim, 0.6676, (0.6583, 0.6768)).status == "measured_differs"


@pytest.mark.parametrize(
    ("figure", "claim", "unit", "words"),
    [
        (97.68e-9, 97.52e-9, "nJ", "0.16% more"),
        (1.0, 1.0, "", "the same"),
        (1.00001, 1.0, "", "0.001% more"),
        (0.8081, 0.7091, "%", "9.90 points more"),
        (170e-6, 97.52e-9, "nJ", "1,743 times the claim"),
        (1.0, 4.0, "", "0.25 times the claim"),
        (2800, 0, "", "0 is claimed"),
        (472.0, 333.0, "decades", "139.00 orders of magnitude more"),
    ],
)
def test_distance(figure: float, claim: float, unit: str, words: str) -> None:
    assert distance_words(figure, claim, unit) == words


def test_figures_in_the_claims_unit() -> None:
    claim = given("total", "97.52", "nJ", "s")
    assert figure_words(Fraction(97_680, 10**12), claim) == "97.68 nJ"
    assert figure_words(171.6179942e-6, claim) == "171,617.99 nJ"
    assert figure_words(1.4e-15, claim) == "1.4e-06 nJ"
    assert against(given("x", "97.68", "nJ", "s"), claim) == "97.68 nJ, where 97.52 nJ is printed (0.16% more)"
