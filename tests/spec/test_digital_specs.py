"""The digital baselines are `hybrid_physical` but for the matching, or the comparison would not be fair."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.chip import build_chip
from accelsim.scaling import node_v2, stillmaker_baas
from accelsim.spec import load_spec

SPECS = Path(__file__).parents[2] / "arch_specs"
ANALOG = {"driver", "acam", "sense", "wta"}
BETWEEN = {"link", "sync"}  # at 180 nm their far ends run at 1.8 V in place of 3 V


@pytest.mark.parametrize("name", ["hybrid_digital_65nm", "hybrid_digital_180nm"])
def test_the_rest_is_the_same(name: str) -> None:
    analog, digital = load_spec(SPECS / "hybrid_physical.yaml"), load_spec(SPECS / f"{name}.yaml")
    rest = analog.instances.keys() - ANALOG - BETWEEN
    assert digital.instances.keys() - BETWEEN == rest | {"matcher"}
    assert {part: digital.instances[part] for part in rest} == {part: analog.instances[part] for part in rest}
    assert (digital.dies["digital"], digital.clocks["engine"]) == (analog.dies["digital"], analog.clocks["engine"])
    assert (digital.kind, digital.accounting) == (analog.kind, analog.accounting)


def test_one_die_needs_no_way_between() -> None:
    spec = load_spec(SPECS / "hybrid_digital_65nm.yaml")
    assert not BETWEEN & spec.instances.keys()
    assert (list(spec.dies), list(spec.clocks)) == (["digital"], ["engine"])


def test_the_second_die_has_the_acams_node_clock_and_way() -> None:
    analog, digital = (load_spec(SPECS / f"{name}.yaml") for name in ("hybrid_physical", "hybrid_digital_180nm"))
    old, new = analog.dies["acam"], digital.dies["matcher"]
    assert (new.node_nm, new.temperature_k, new.leakage) == (old.node_nm, old.temperature_k, old.leakage)
    assert digital.clocks["matcher"].clock_mhz == analog.clocks["acam"].clock_mhz
    for name, prices in (("link", {"level_shift_pj"}), ("sync", {"transfer_pj", "clock_pj"})):
        differ = {"die", "clock", "sources", "leakage_uw", *prices}
        one, other = (part.model_dump(exclude=differ) for part in (analog.instances[name], digital.instances[name]))
        assert one == other


def test_prices_at_180_nm_are_those_at_their_sources_by_one_rule_and_their_ranges_hold_the_other() -> None:
    """Each price: published value, node and supply it is for; `accelsim.scaling` gives both rules."""
    matcher = load_spec(SPECS / "hybrid_digital_180nm.yaml").instances["matcher"]
    published = {
        "read_pj": (3.12, 65, 1.2),  # CACTI, LSTP, 1 KiB
        "write_pj": (6.49, 65, 1.2),
        "load_pj": (0.009, 40, 0.9),  # Aladdin, a register bit
        "compare_pj": (0.0295 / 32, 40, 0.9),  # Aladdin, a comparator bit
        "count_pj": (0.1 / 32, 45, 0.9),  # Horowitz, an adder bit
        "clock_pj": (89 * 0.001, 16, 0.8),  # 89 flip-flops
    }
    for field, (value, node, volt) in published.items():
        used, other = node_v2(node, 180, volt, 1.8) * value, stillmaker_baas(node, 180, volt, 1.8) * value
        assert getattr(matcher, field) == pytest.approx(used, rel=5e-3)
        low, high = matcher.sources[field].range
        assert low <= used * 1.005
        assert other <= high * 1.005
    count, compare, load = matcher.count_pj, matcher.compare_pj, matcher.load_pj
    assert matcher.accumulate_pj == pytest.approx(10 * (count + load), rel=5e-3)
    assert matcher.maximum_pj == pytest.approx(10 * compare + 14 * load, rel=5e-3)


def test_prices_at_65_nm_are_those_at_their_sources() -> None:
    matcher = build_chip(load_spec(SPECS / "hybrid_digital_65nm.yaml"))["matcher"].spec
    assert (matcher.read_pj, matcher.write_pj, matcher.access_ns) == (3.12, 6.49, 1.2)  # CACTI, LSTP, 1 KiB
    assert matcher.memory_leakage_uw == pytest.approx(0.262 + 0.26)
    published = {"load_pj": (0.009, 40), "compare_pj": (0.0295 / 32, 40), "count_pj": (0.1 / 32, 45)}
    for field, (value, node) in published.items():
        assert getattr(matcher, field) == pytest.approx(value * stillmaker_baas(node, 65, 0.9, 1.0), rel=5e-3)
    assert matcher.clock_pj == pytest.approx(89 * 0.001 * node_v2(16, 65, 0.8, 1.0), rel=5e-3)
    assert matcher.accumulate_pj == pytest.approx(10 * (matcher.count_pj + matcher.load_pj), rel=5e-3)
    assert matcher.maximum_pj == pytest.approx(10 * matcher.compare_pj + 14 * matcher.load_pj, rel=5e-3)
