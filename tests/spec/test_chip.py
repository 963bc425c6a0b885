"""From spec to chip: clocks, delays in cycles, services."""

from __future__ import annotations

from accelsim.chip import build_chip
from accelsim.jobs import Service
from accelsim.spec import load_spec, not_charged

from .editing import SMALL, edited


def test_clocks_share_one_tick() -> None:
    chip = build_chip(load_spec(SMALL))
    assert chip.clocks.tick_hz == 6_600_000_000  # lcm(200 MHz, 66 MHz)
    assert chip["engine"].ticks_per_cycle == 33
    assert chip["acam"].ticks_per_cycle == 100


def test_delays_are_whole_cycles_and_slack_is_what_is_left() -> None:
    overrides = ["instances.acam.search_ns=15.15", "instances.acam.combine_ns=8.2", "instances.acam.bias_gated=true"]
    acam = build_chip(load_spec(SMALL, [*overrides, "instances.acam.wake_ns=100"]))["acam"]
    cycle_ns = 1000 / 66
    assert acam.latency("search") == 9  # 123.35 ns / 15.15 ns
    assert acam.interval("search") == 9
    assert abs(acam.slack_ns("search") - (9 * cycle_ns - (100 + 15.15 + 8.2))) < 1e-9


def test_services_begin_with_admission(tmp_path) -> None:
    path = tmp_path / "x.yaml"
    lines = SMALL.read_text(encoding="utf-8").splitlines()
    first, second = lines.index("  admission:"), lines.index("  buffer:")
    path.write_text("\n".join(lines[:first] + lines[second:] + lines[first:second]) + "\n", encoding="utf-8")
    chip = build_chip(load_spec(path))
    assert list(chip.instances)[-1] == "admission"
    assert [service.name for service in chip.services] == ["admission", *list(chip.instances)[:-1]]
    assert chip.services[0] == Service("admission", 33, servers=1, slots=1, rule="first_come")
    assert "acam" in chip
    assert "adc" not in chip


def test_what_is_not_charged_is_listed(tmp_path) -> None:
    assert not_charged(load_spec(SMALL)) == []
    free = {"basis: not_charged, text: test": ("match_pj", "pulse_pj", "leakage_uw", "bias_uw")}
    edits = {f"instances.acam.{field}": f"{field}: 0" for fields in free.values() for field in fields}
    for source, fields in free.items():
        edits |= {f"instances.acam.sources.{field}": f"{field}: {{{source}}}" for field in fields}
    path = tmp_path / "x.yaml"
    path.write_text(edited(edits), encoding="utf-8")
    assert not_charged(load_spec(path)) == ["acam.match", "acam.pulse", "acam.leakage", "acam.bias"]
