"""Data cross to another die or clock only where something carries them."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import SpecError
from accelsim.spec import load_spec
from accelsim.spec_crossings import PAIRS
from accelsim.spec_model import ROLES
from accelsim.yamlfile import read

from .editing import SMALL, edited

FULL_CHIP = Path(__file__).parents[2] / "arch_specs" / "full_chip.yaml"
NO_LINK = " (no link in between)"

# Overrides → the whole message. SMALL: dies digital and acam, clocks engine (200 MHz) and acam (66 MHz).
REFUSED = {
    ("instances.engine.die=acam",): (
        f'--set instances.engine.die: got "acam", need digital, the die of buffer, weights, post{NO_LINK}'
    ),
    ("instances.wta.die=digital",): (
        f'--set instances.wta.die: got "digital", need acam, the die of acam, sense{NO_LINK}'
    ),
    ("instances.acam.die=digital", "instances.wta.die=digital"): (  # two and two: the first of the file is believed
        f'--set instances.acam.die: got "digital", need acam, the die of driver{NO_LINK}\n'
        f'--set instances.wta.die: got "digital", need acam, the die of sense{NO_LINK}'
    ),
    ("instances.link.die=third",): (
        '--set instances.link.die: got "third", need digital or acam, a die of binariser or driver'
    ),
    ("instances.sync.die=digital",): '--set instances.sync.die: got "digital", need acam, the die of the driver',
    ("instances.post.clock=acam",): (
        '--set instances.post.clock: got "acam" (66 MHz), need a divisor or multiple of 200 MHz, '
        "because it exchanges data with engine, buffer (clock engine)"
    ),
    ("instances.sense.clock=engine",): (
        '--set instances.sense.clock: got "engine" (200 MHz), need a divisor or multiple of 66 MHz, '
        "because it exchanges data with wta (clock acam)"
    ),
    ("instances.link.clock=acam",): (
        '--set instances.link.clock: got "acam" (66 MHz), need a divisor or multiple of 200 MHz, '
        "because it exchanges data with binariser (clock engine)"
    ),
    ("instances.binariser.clock=third",): (
        '--set instances.binariser.clock: got "third" (300 MHz), need a divisor or multiple of 200 MHz, '
        "because it exchanges data with buffer, link (clock engine)"
    ),
}
THIRD_DIE = """  third:
    node_nm: 65
    temperature_k: 300
    supplies_v: {core: 1.0}
    leakage: {reference_k: 300, device: LSTP, node_nm: 65, sources: {reference_k: SOURCE, node_nm: SOURCE}}
    sources: {node_nm: SOURCE, temperature_k: SOURCE, supplies_v: SOURCE}
""".replace("SOURCE", "{basis: assumed, text: x}")
THIRD_CLOCK = """clocks:
  third: {clock_mhz: 300, sources: {clock_mhz: {basis: assumed, text: x}}}
"""


def small(folder: Path, overrides: tuple[str, ...]) -> Path:
    """SMALL, with the third die (which must carry something) or the third clock that an override names."""
    more = (THIRD_DIE if any("die=third" in override for override in overrides) else "") + THIRD_CLOCK
    path = folder / "small.yaml"
    path.write_text(SMALL.read_text(encoding="utf-8").replace("clocks:\n", more), encoding="utf-8")
    return path


def refusal(path: Path, overrides: tuple[str, ...]) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize("overrides", REFUSED)
def test_data_that_nothing_carries(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    expected = REFUSED[overrides]
    path = small(tmp_path, overrides) if any("third" in override for override in overrides) else SMALL
    assert refusal(path, overrides) == expected


def test_clocks_that_are_no_multiples_are_one_fault(tmp_path: Path) -> None:
    rule = (
        "need a divisor or multiple of 1000 MHz (clock logic), "
        "because pixels and buffer, vote and engine, post and vote exchange data"
    )
    assert refusal(FULL_CHIP, ("clocks.engine.clock_mhz=333",)) == (
        f"--set clocks.engine.clock_mhz: got 333 MHz, {rule}"
    )
    path = tmp_path / "x.yaml"
    path.write_text(edited({"clocks.engine.clock_mhz": "clock_mhz: 333"}, FULL_CHIP), encoding="utf-8")
    line = read(path).lines["clocks.engine.clock_mhz"]
    assert refusal(path, ()) == f"{path}:{line} clocks.engine.clock_mhz: got 333 MHz, {rule}"


@pytest.mark.parametrize("mhz", [62.5, 500, 1000, 2000])
def test_multiples_and_divisors_are_fine(mhz: float) -> None:
    assert load_spec(FULL_CHIP, [f"clocks.engine.clock_mhz={mhz}"]).clocks["engine"].clock_mhz == mhz


@pytest.mark.parametrize("kind", ROLES)
def test_every_role_exchanges_data_with_another(kind: str) -> None:
    assert {role for pair in PAIRS[kind] for role in pair if role} == set(ROLES[kind])


RAMP = ("instances.wta.readout=ramp",)
KEEP_UP = "the cycles that the sense amplifiers take to compare (readout ramp)"

# A cycle of the ACAM clock is 15.15 ns.
RAMPS = {
    ("instances.sense.sense_ns=15",): "",
    ("instances.sense.sense_ns=16",): (
        f"{SMALL}:286 instances.wta.ramp_step_cycles: got 1, need at least 2, {KEEP_UP}"
    ),
    ("instances.sense.sense_ns=16", "instances.wta.ramp_step_cycles=2"): "",
    # Amplifiers that must wake first are late for the first step, unless the ramp wakes as long.
    ("instances.sense.bias_gated=true", "instances.sense.wake_ns=30"): (
        f"{SMALL}:286 instances.wta.ramp_step_cycles: got 1, need at least 3, {KEEP_UP}"
    ),
    (
        *("instances.sense.bias_gated=true", "instances.sense.wake_ns=30"),
        *("instances.wta.bias_gated=true", "instances.wta.wake_ns=30"),
    ): "",
    ("clocks.engine.clock_mhz=132", "instances.sense.clock=engine"): (
        '--set instances.sense.clock: got "engine", need acam, the clock of the wta, whose readout is ramp'
    ),
}


@pytest.mark.parametrize("overrides", RAMPS)
def test_a_ramp_and_its_sense_amplifiers_keep_step(overrides: tuple[str, ...]) -> None:
    if RAMPS[overrides]:
        assert refusal(SMALL, (*RAMP, *overrides)) == RAMPS[overrides]
    else:
        load_spec(SMALL, (*RAMP, *overrides))
    load_spec(SMALL, ("instances.wta.readout=compare_tree", *overrides))
