"""Energy, power, programming and area: every expectation is arithmetic on the numbers of the tiny chips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import account
from accelsim.account import DynamicLedger, LedgerRow
from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.errors import InvariantError
from accelsim.jobs import Activity, Site
from accelsim.timing import Share
from tests.dataflows import chips

PJ, UW, NS = 1e-12, 1e-6, 1e-9  # in joules, watts, seconds


def activity(**counts: list[int]) -> Activity:
    """`instance__action__phase` → count of each input."""
    sites = tuple(Site(*name.split("__")) for name in counts)
    return Activity(sites, np.array(list(counts.values()), dtype=np.int64).T)


def test_dynamic_energy_is_count_times_unit(tmp_path: Path) -> None:
    chip = chips.chip(tmp_path, "hybrid", engine={"mac_pj": 0.11}, post={"pool_pj": 0.0})
    ledger = DynamicLedger(chip)
    first = ledger.add(activity(acam__match__match=[10, 20], engine__mac__conv1=[3, 4], engine__mac__fc=[1, 0]))
    assert first.tolist() == pytest.approx([10 * 0.16 + 4 * 0.11, 20 * 0.16 + 4 * 0.11], rel=1e-12)
    second = ledger.add(activity(engine__mac__conv1=[5], post__pool__conv1=[7]))
    assert second.tolist() == pytest.approx([5 * 0.11], rel=1e-12)
    rows = ledger.rows()
    # In the order of the chip's instances, whatever was counted first; blocks add up, phases stay apart.
    assert [(row.instance, row.action, row.phase, row.count, row.unit_pj) for row in rows] == [
        ("engine", "mac", "conv1", 3 + 4 + 5, 0.11),
        ("engine", "mac", "fc", 1, 0.11),
        ("post", "pool", "conv1", 7, 0.0),
        ("acam", "match", "match", 30, 0.16),
    ]
    assert [row.energy_pj for row in rows] == pytest.approx([12 * 0.11, 0.11, 0, 30 * 0.16], rel=1e-12)
    assert [(row.basis, row.source) for row in rows] == [
        (basis, "for a test") for basis in ("assumed", "assumed", "not_charged", "assumed")
    ]


def test_dynamic_energy_ignores_copies(tmp_path: Path) -> None:
    """`count` copies work in lock step: what they do is counted by the dataflow, and not multiplied again."""
    for count in (256, 512):
        chip = chips.chip(tmp_path, "mbi", arrays={"count": count})
        pumps = 4 * 0.029  # come along with every compare
        assert DynamicLedger(chip).add(activity(arrays__compare__glimpse1=[4])).tolist() == [4 * 0.21 + pumps]


def test_counts_are_summed_as_integers(tmp_path: Path) -> None:
    ledger = DynamicLedger(chips.chip(tmp_path, "hybrid"))
    for count in (2**60, 1, 1):
        ledger.add(activity(engine__mac__conv1=[count]))
    assert ledger.rows()[0].count == 2**60 + 2


def test_a_negative_count_is_refused(tmp_path: Path) -> None:
    ledger = DynamicLedger(chips.chip(tmp_path, "hybrid"))
    with pytest.raises(InvariantError, match=r"activity: engine\.mac\.conv1 has a negative count"):
        ledger.add(activity(engine__mac__conv1=[5, -1]))


def static(chip: Chip, makespan_s: Fraction, **busy: Fraction) -> dict[tuple[str, str], LedgerRow]:
    everyone = {name: busy.get(name, Fraction(0)) for name in chip.instances}
    rows = account.static_rows(chip, makespan_s, everyone)
    assert {row.phase for row in rows} == {"static"}
    return {(row.instance, row.action): row for row in rows}


def test_static_energy_is_power_times_time(tmp_path: Path) -> None:
    """2.5 uW for 4 us are 10 pJ: written in watts, seconds and joules."""
    chip = chips.chip(tmp_path, "hybrid", buffer={"leakage_uw": 2.5})
    row = static(chip, Fraction(4, 10**6))["buffer", "leakage"]
    assert row.energy_pj * PJ == pytest.approx(2.5 * UW * 4e-6, rel=1e-12)
    assert row.energy_pj == pytest.approx(10, rel=1e-12)
    assert row.count == pytest.approx(4e-6 / NS)  # copy-nanoseconds
    assert row.unit_pj * PJ == pytest.approx(2.5 * UW * NS)  # in a nanosecond
    assert (row.basis, row.source) == ("assumed", "for a test")
    assert static(chip, Fraction(0))["buffer", "leakage"].energy_pj == 0


def test_static_power_is_that_of_every_copy_and_unit(tmp_path: Path) -> None:
    changes: dict[str, dict[str, Any]] = {
        "arrays": {"count": 6, "leakage_uw": 0.3, "bias_uw": 0.7, "bias_gated": False},
        "engine": {"n_pe_rows": 3, "n_pe_cols": 5, "clock_pj_per_pe": 0.4, "count": 2},
    }
    rows = static(chips.chip(tmp_path, "cascade", **changes), Fraction(1, 10**6))
    assert rows["arrays", "leakage"].energy_pj == pytest.approx(6 * 0.3, rel=1e-12)  # 1 uW for 1 us is 1 pJ
    assert rows["arrays", "leakage"].count == 6 * 1000
    assert rows["arrays", "bias"].energy_pj == pytest.approx(6 * 0.7, rel=1e-12)
    assert rows["engine", "clock"].count == 2 * (3 * 5) * 100  # 100 cycles of 10 ns
    assert rows["engine", "clock"].energy_pj == pytest.approx(2 * (3 * 5) * 100 * 0.4, rel=1e-12)
    assert rows["sync", "clock"].count == 0  # gated, and never busy here
    assert rows["engine", "leakage"].energy_pj == pytest.approx(2 * 1.0, rel=1e-12)


# Instance, kind of static power, and what makes it always on; a synchroniser has no such choice.
GATED = [
    ("arrays", "bias", {"bias_gated": False}),
    ("adc", "bias", {"bias_gated": False}),
    ("acam", "bias", {"bias_gated": False}),
    ("sense", "bias", {"bias_gated": False}),
    ("wta", "bias", {"bias_gated": False}),
    ("engine", "clock", {"clock_gated": False}),
    ("sync", "clock", None),
]


@pytest.mark.parametrize(("name", "power", "always"), GATED)
def test_a_gated_part_draws_power_while_it_is_busy(
    tmp_path: Path, name: str, power: str, always: dict[str, Any] | None
) -> None:
    gated = chips.chip(tmp_path, "cascade", engine={"clock_gated": True})
    time = Fraction(3, 10**6)
    whole = static(gated, time, **{name: Fraction(1)})[name, power].energy_pj
    assert whole > 0
    part = static(gated, time, **{name: Fraction(2, 7)})
    assert part[name, power].energy_pj == pytest.approx(whole * 2 / 7, rel=1e-12)
    assert part[name, "leakage"].energy_pj == pytest.approx(3 * gated[name].spec.count, rel=1e-12)  # always
    assert static(gated, time)[name, power].energy_pj == 0
    if always is not None:
        on = chips.chip(tmp_path, "cascade", **{name: always})
        assert static(on, time)[name, power].energy_pj == pytest.approx(whole, rel=1e-12)


def test_no_other_power_depends_on_business(tmp_path: Path) -> None:
    chip = chips.chip(tmp_path, "cascade", engine={"clock_gated": True})
    idle, busy = (static(chip, Fraction(1), **dict.fromkeys(chip.instances, Fraction(on))) for on in (0, 1))
    assert {site for site in idle if idle[site] != busy[site]} == {(name, power) for name, power, _ in GATED}


def test_busy_fractions_are_exact() -> None:
    shares = {"a": Share(busy=1, blocked=1, idle=1), "b": Share(0, 0, 3)}
    assert account.busy_fractions(shares, 3) == {"a": Fraction(1, 3), "b": Fraction(0)}


def test_programming_is_a_ledger_of_its_own(tmp_path: Path) -> None:
    chip = chips.chip(tmp_path, "cascade", arrays={"count": 512})
    found = account.programming(
        chip,
        {
            "acam": Programmed(None, {"pulse": 70}, ((70, Fraction(50)),)),
            "tables": Programmed(None, {"write": 5, "read": 2}, ((5, Fraction(10)), (2, Fraction(11)))),
            "arrays": Programmed(None, {"write": 11}, ((11, Fraction(1, 3)),)),
        },
    )
    assert {name: (entry["count"], entry["unit_pj"]) for name, entry in found["by_action"].items()} == {
        "acam.pulse": (70, 10.0),
        "tables.write": (5, 3.0),
        "tables.read": (2, 0.35),
        "arrays.write": (11, 0.004),
    }
    energies = [entry["energy_pj"] for entry in found["by_action"].values()]
    assert energies == pytest.approx([70 * 10.0, 5 * 3.0, 2 * 0.35, 11 * 0.004], rel=1e-12)
    assert found["energy_pj"] == pytest.approx(sum(energies), rel=1e-12)
    # One after the other, in whole cycles: pulses of three cycles of 20 ns; the rest in cycles of 10 ns.
    assert found["time_s"] == pytest.approx((70 * 60 + 5 * 10 + 2 * 20 + 11 * 10) * NS, rel=1e-12)
    assert account.programming(chip, {}) == {"energy_pj": 0, "time_s": 0, "by_action": {}}


def row(instance: str, energy_pj: float, basis: str = "assumed") -> LedgerRow:
    return LedgerRow(instance, "act", "phase", 1, energy_pj, energy_pj, basis, "for a test")


def test_sums_by_basis_and_in_total() -> None:
    rows = [row("a", 1.0), row("b", 2.0, "published"), row("a", 4.0, "published"), row("c", 0.0, "not_charged")]
    assert account.total_pj(rows) == 7
    by_basis = account.grouped_pj(rows, lambda r: r.basis)
    assert list(by_basis.items()) == [("assumed", 1), ("published", 6), ("not_charged", 0)]
    assert account.grouped_pj(rows, lambda r: r.instance, 0.25) == {"a": 1.25, "b": 0.5, "c": 0}


def test_sums_are_correctly_rounded() -> None:
    rows = [row("a", 1e16), row("a", 1.0), row("a", 1.0)]  # added one after the other, the ones would be lost
    assert account.total_pj(rows) == 1e16 + 2
    assert account.grouped_pj(rows, lambda r: r.instance) == {"a": 1e16 + 2}


def test_area_is_that_of_every_copy(tmp_path: Path) -> None:
    areas = {"arrays": {"count": 6, "area_um2": 2.5}, "vote": {"area_um2": 0.5}}
    found = account.areas_um2(chips.chip(tmp_path, "mbi", **areas))
    assert list(found) == list(chips.INSTANCES["mbi"])
    assert {name: area for name, area in found.items() if area is not None} == {"arrays": 6 * 2.5, "vote": 0.5}
