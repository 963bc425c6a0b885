"""The cosine head and the teacher: their ratios from ledgers, counted again here from the raw rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim import account, cacti
from accelsim.account import LedgerRow
from accelsim.cacti import Point
from accelsim.reproduce import hybrid_head, hybrid_teacher
from accelsim.reproduce.hybrid_contradictions import reduction
from accelsim.reproduce.simulations import Pair, Runs

ROOT = Path(__file__).resolve().parents[2]
HEAD = Pair("cnn_physical", "cifar10_cosine", 2)
MATCH = Pair("hybrid_physical", "cifar10_hybrid", 2)
STUDENT = Pair("hybrid_physical", "paper_hybrid", 2)
TEACHERS = tuple(Pair("teacher_physical", stem, 1) for stem in hybrid_teacher.STEMS)


@pytest.fixture(scope="module")
def runs() -> Runs:
    made = Runs(ROOT)
    made.make((HEAD, MATCH, STUDENT, *TEACHERS), (), lambda: None)
    return made


def rows(runs: Runs, pair: Pair) -> list[LedgerRow]:
    return runs.energy(pair.spec, pair.workload).rows


def pj(found: list[LedgerRow], **is_: str) -> float:
    return sum(row.energy_pj for row in found if all(getattr(row, key) == value for key, value in is_.items()))


def test_cosine_by_where_the_class_means_are(runs: Runs) -> None:
    head, match = rows(runs, HEAD), rows(runs, MATCH)
    in_network = (pj(head, phase="cosine") + pj(head, phase="decide")) / 2
    (read,) = [row for row in head if (row.instance, row.action, row.phase) == ("weights", "read", "cosine")]
    # 10 class means of 784 int8 values are 980 words of 64 bits; tiles start on a word of their own
    assert 980 <= read.count / 2 <= 1000
    own = Point("LSTP", 65, 8192, 64)
    found = hybrid_head.compared(runs)
    assert found.own == own
    own_read_pj, network_read_pj = (float(cacti.figure("read_pj", own._replace(n_bytes=n))) for n in (8192, 524288))
    in_own = in_network - read.count / 2 * (network_read_pj - own_read_pj)
    matched = pj(match, phase="match") / 2
    assert found.network_x == pytest.approx(in_network / matched)
    assert found.own_x == pytest.approx(in_own / matched)
    assert found.own_x < 5.6 < found.network_x  # the claim lies between them

    # An input's time from the other clock row: 200 MHz, so 5 ns a cycle of one instance
    (cycles,) = [row.count / 2 for row in head if (row.instance, row.action) == ("weights", "clock")]
    parts = (cacti.figure(part, own) for part in ("sub_threshold_mw", "gate_mw"))
    leaked = float(sum(parts)) * cycles * 5  # mW x ns = pJ
    back_end = ("link", "sync", "driver", "acam", "sense", "wta")
    static = sum(pj(match, phase=account.STATIC, instance=name) for name in back_end) / 2
    share = pj(head, instance="weights", action="leakage") / 2 * (read.count / 2 * 8) / 524288
    with_network, with_own = found.static_x
    assert with_own == pytest.approx((in_own + leaked) / (matched + static))
    assert with_network == pytest.approx((in_network + share) / (matched + static))
    clock = (pj(head, instance="engine", action="clock") - pj(match, instance="engine", action="clock")) / 2
    assert found.clocked_x[1] == pytest.approx((in_own + leaked + clock) / (matched + static))


def test_the_verdict_says_on_what_it_depends(runs: Runs) -> None:
    text, found = hybrid_head.where_it_depends(runs), hybrid_head.compared(runs)
    assert "depends on where the class means are stored" in text
    assert all(f"{ratio:.3g}x" in text for ratio in (found.network_x, found.own_x, *found.static_x, *found.clocked_x))


@pytest.mark.parametrize("pair", TEACHERS, ids=lambda pair: pair.workload)
def test_teacher_without_its_memory(runs: Runs, pair: Pair) -> None:
    teacher, student = rows(runs, pair), rows(runs, STUDENT)
    found = hybrid_teacher.ratio(runs, pair.workload)
    dram = pj(teacher, instance="weights", action="read")
    buffer = pj(teacher, instance="buffer", action="read") + pj(teacher, instance="buffer", action="write")
    whole, students = pj(teacher), pj(student) / 2
    assert found.dram_j == pytest.approx(dram * 1e-12)
    # Staging is most of the buffer's traffic; the rest are activations
    assert 0 < found.staging_j * 1e12 < buffer
    words = sum(row.count for row in teacher if (row.instance, row.action) == ("weights", "read")) / 2  # 32 in 64 bits
    prices = {row.action: row.unit_pj for row in teacher if row.instance == "buffer" and row.phase != account.STATIC}
    staging = words * (prices["read"] + prices["write"])
    assert found.energy_x == pytest.approx(whole / students)
    assert found.local_x == pytest.approx((whole - dram - staging) / students)
    gated = sum(row.count for row in student if row.action == "mac_gated") / 2
    (mac_pj,) = {row.unit_pj for row in student if row.action == "mac"}
    (gated_pj,) = {row.unit_pj for row in student if row.action == "mac_gated"}
    assert found.dense_x == pytest.approx((whole - dram - staging) / (students + gated * (mac_pj - gated_pj)))
    assert found.dense_x < found.local_x < found.energy_x


def test_both_texts_say_what_is_unequal(runs: Runs) -> None:
    for text in (reduction(runs), hybrid_teacher.unequal(runs, hybrid_teacher.STEMS[:1])):
        assert "streamed from DRAM and staged in its buffer, the student's are resident" in text
        assert "The teacher is dense" in text
    of_both = reduction(runs)
    for stem in hybrid_teacher.STEMS:
        found = hybrid_teacher.ratio(runs, stem)
        assert f"the ratio is {found.energy_x:.3g}x, without DRAM and staging {found.local_x:.3g}x" in of_both
        assert f"that of multiply-accumulates is {found.macs_x:.3g}x" in of_both
