"""Decks: their text, and that they are drawn from the parameters of the models. Needs no ngspice."""

import dataclasses
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import RangeError, UsageError
from accelsim.spice.array_deck import SHIFTED, Column, array_deck, counts, sampled_deck
from accelsim.spice.card import OWN_CARD, own_card, user_card
from accelsim.spice.netlist import steps, transistor
from tests.spice.parts import COLUMNS, DATA, LINE, array, decks


@pytest.mark.parametrize("name", decks())
def test_golden_text(name: str) -> None:
    """`python -m tests.spice.parts` writes them anew."""
    assert decks()[name].text() == (DATA / name).read_text(encoding="utf-8")


def test_every_deck_says_what_the_runner_needs() -> None:
    for deck in decks().values():
        text = deck.text()
        assert "set num_threads=1" in text
        assert f"wrdata data.txt {' '.join(deck.vectors)}" in text
        assert text.endswith(".endc\n.end\n")


def _transistors(lines: tuple[str, ...]) -> int:
    return sum(int(re.search(r" m=(\d+)", line)[1]) for line in lines if re.match(r"m\w+ ", line))  # type: ignore[index]


def test_multiplicities_stand_for_every_device() -> None:
    """5 columns x 2 lines x (3 + 31 others + reset + precharge + 2 of the switch) and 2 of the sum lines."""
    drawn_once = array_deck("once", array(), COLUMNS)
    every = sampled_deck("every", array(), COLUMNS, np.zeros((5, 2, len(SHIFTED))))
    assert _transistors(drawn_once.circuit) == _transistors(every.circuit) == 5 * 2 * (3 + 31 + 4) + 2


def test_the_full_array_has_514_devices() -> None:
    """32 columns x 2 lines x 8 devices (31 lumped ones are one) and one reset device a sum line."""
    deck = sampled_deck("all", array(), [Column(2, 0, 1)] * 32, np.zeros((32, 2, len(SHIFTED))))
    assert sum(bool(re.match(r"m\w+ ", line)) for line in deck.circuit) == 32 * 2 * 8 + 2 == 514


def test_parameters_reach_the_netlist() -> None:
    text = "\n".join(array_deck("a", array(wire_ff=2.25), COLUMNS).circuit)
    assert "vhigh high 0 0.9\n" in text
    assert "vlow low 0 0.45\n" in text
    assert "cslp slp 0 6.6f" in text
    # Columns in the same state share a line: two of the five do.
    assert Counter(re.findall(r"^cp\d+ \S+ 0 (\S+)f$", text, re.MULTILINE)) == {"2.25": 3, "4.5": 1}
    assert "1.35" in next(line for line in text.splitlines() if line.startswith("vcsum "))
    assert "-0.45" in next(line for line in text.splitlines() if line.startswith("vprel "))


def test_phases_follow_one_another() -> None:
    array_ = array()
    assert array_.ends_ns == {"reset": 1, "precharge": 4, "evaluate": 10, "share": 11, "sample": 12}
    assert array_deck("a", array_, COLUMNS).stop == pytest.approx(12e-9, rel=1e-12)


def test_shifts_slow_both_kinds_of_device() -> None:
    pair = own_card().core
    assert transistor("a", "d g s b", pair, "n", vth_v=0.03).endswith("delvto=0.03")
    assert transistor("a", "d g s b", pair, "p", vth_v=0.03).endswith("delvto=-0.03")


def test_steps_by_hand() -> None:
    assert steps("x", "n", 0, [(1, 0.9), (2, 0)], 0.1) == "vx n 0 pwl(0 0 1n 0 1.1n 0.9 2n 0.9 2.1n 0)"


def test_a_line_that_its_devices_exceed() -> None:
    with pytest.raises(RangeError, match="line_ff of at least what its devices have"):
        array_deck("a", array(wire_ff=-0.1), COLUMNS)


def test_gates_below_the_supply() -> None:
    weak = dataclasses.replace(array(), boost_v=0.8)
    with pytest.raises(RangeError, match=r"got gates at 0\.8 V"):
        array_deck("a", weak, COLUMNS)


def test_counts_by_brute_force() -> None:
    """Every state of a column: BL falls where the query is 1 and the key 0, BLB the other way; the rest is held."""
    for weight in (1, 2):
        for stored in (0, 1):
            for query in (0, 1):
                column = Column(weight, stored, query)
                bl, blb = counts([column], "p"), counts([column], "n")
                assert bl.high + 2 * bl.low == (3 - weight) * (query == 1 and stored == 0)
                assert blb.high + 2 * blb.low == (3 - weight) * (query == 0 and stored == 1)
                assert bl.open == (query == 1 and stored == 1)
                assert blb.open == (query == 0 and stored == 0)


def test_a_users_card(tmp_path: Path) -> None:
    """It is included by path, and takes the place of the core pair alone."""
    path = tmp_path / "ptm.mod"
    path.write_text(".MODEL fast NMOS level=54\n* .model old pmos\n.model slow pmos level = 54\n")
    card = user_card(path)
    assert (card.core.nmos, card.core.pmos, card.core.supply_v) == ("fast", "slow", LINE.v_high_v)
    assert card.lines[0] == f'.include "{path}"'
    assert [line.split()[1] for line in card.lines[1:]] == ["thick_n", "thick_p"]
    assert len(card.sha256) == 64


@pytest.mark.parametrize("text", ["", ".model a nmos\n", ".model a nmos\n.model b nmos\n.model c pmos\n"])
def test_a_card_without_one_model_of_each_kind(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"need one \.model of each kind"):
        user_card(path)
    with pytest.raises(UsageError, match="No such file"):
        user_card(tmp_path / "none")


def test_our_card_states_what_the_defaults_would_spoil() -> None:
    for line in OWN_CARD.splitlines():
        assert {name for name in ("lpe0", "pscbe1", "pscbe2", "pdiblc1", "pdiblc2") if f"{name}=" in line} == {
            *("lpe0", "pscbe1", "pscbe2", "pdiblc1", "pdiblc2")
        }
