"""One bad spec each, and the whole message: what stands where, what is needed, what was probably meant."""

from __future__ import annotations

import pytest

from accelsim.errors import SpecError
from accelsim.spec import load_spec

from .editing import edited, without

ACAM = "instances.acam"

# Edits of data/hybrid.yaml (path → new line, None drops it) → the messages after `file:`.
BAD = {
    "a unit in the value": (
        {f"{ACAM}.match_pj": "match_pj: 0.16 pJ"},
        '225 instances.acam.match_pj: got "0.16 pJ", need a number ≥ 0 (did you mean 0.16?)',
    ),
    "another unit": (
        {f"{ACAM}.match_pj": "match_pj: 160 fJ"},
        '225 instances.acam.match_pj: got "160 fJ", need a number ≥ 0 (a bare number, in the unit that ends the name)',
    ),
    "a number in quotes": (
        {f"{ACAM}.n_rows": "n_rows: '10'"},
        '220 instances.acam.n_rows: got "10", need a whole number from 1 to 100000 (did you mean 10?)',
    ),
    "a whole number with a point": (
        {f"{ACAM}.n_rows": "n_rows: 10.0"},
        "220 instances.acam.n_rows: got 10.0, need a whole number from 1 to 100000 (did you mean 10?)",
    ),
    "truth as a number": (
        {f"{ACAM}.n_rows": "n_rows: true"},
        "220 instances.acam.n_rows: got true, need a whole number from 1 to 100000",
    ),
    "a negative energy": (
        {f"{ACAM}.match_pj": "match_pj: -1"},
        "225 instances.acam.match_pj: got -1, need a number ≥ 0",
    ),
    "no number at all": (
        {f"{ACAM}.match_pj": "match_pj: .nan"},
        "225 instances.acam.match_pj: got nan, need a number ≥ 0",
    ),
    "an absurd number": (
        {f"{ACAM}.match_pj": "match_pj: 1e16"},
        "225 instances.acam.match_pj: got 1e+16, need at most 1e+15 in this unit",
    ),
    "a list": (
        {f"{ACAM}.match_pj": "match_pj: [0.16]"},
        "225 instances.acam.match_pj: got a list, need a number ≥ 0",
    ),
    "a misspelt field": (
        {f"{ACAM}.match_pj": "mach_pj: 0.16"},
        "225 instances.acam.mach_pj: got an unknown field, need a field of acam_array (did you mean match_pj?)",
    ),
    "an extra field of a short mapping": (
        {"dies.acam.node_nm": "node_nm: 180\n    colour: red"},
        "16 dies.acam.colour: got an unknown field, need one of node_nm, temperature_k, supplies_v, leakage, sources",
    ),
    "a missing field": (
        {f"{ACAM}.n_rows": None},
        "210 instances.acam.n_rows: got nothing, need a whole number from 1 to 100000",
    ),
    "an unknown choice": (
        {f"{ACAM}.combine": "combine: charge_shere"},
        '223 instances.acam.combine: got "charge_shere", '
        "need one of charge_share, adc_per_segment, current_sum (did you mean charge_share?)",
    ),
    "an impossible combination": (
        {f"{ACAM}.n_rows": "n_rows: 100000", f"{ACAM}.n_segments": "n_segments: 1000"},
        "210 instances.acam: got n_rows x n_segments x segment_cells = 4900000000, need at most 100000000",
    ),
    "an unknown die": (
        {f"{ACAM}.die": "die: acamm"},
        '212 instances.acam.die: got "acamm", need a die of this file: digital, acam (did you mean acam?)',
    ),
    "an unknown clock": (
        {f"{ACAM}.clock": "clock: logic"},
        '213 instances.acam.clock: got "logic", need a clock of this file: engine, acam',
    ),
    "an unknown component": (
        {f"{ACAM}.component": "component: acam_aray"},
        '211 instances.acam.component: got "acam_aray", need acam_array, the component of this role',
    ),
    "the component of another role": (
        {f"{ACAM}.component": "component: adc"},
        '211 instances.acam.component: got "adc", need acam_array, the component of this role',
    ),
    "a misspelt role": (
        {f"{ACAM}": "accam:"},
        "210 instances.accam: got an unknown role, need a role of a hybrid chip: admission, buffer, weights, "
        "engine, post, binariser, sync, link, driver, acam, sense, wta, matcher (did you mean acam?)",
    ),
    "an unknown kind": (
        {"kind": "kind: hybird"},
        '4 kind: got "hybird", need one of hybrid, mbi, cascade, cnn, row_stationary, cim (did you mean hybrid?)',
    ),
    "another version": (
        {"schema_version": "schema_version: 2"},
        "2 schema_version: got 2, need 1",
    ),
    "no description": (
        {"description": "description: ''"},
        '6 description: got "", need some text',
    ),
    "a name with capitals": (
        {"name": "name: Chip"},
        '3 name: got "Chip", need a name (lower-case letters, digits, underscores; a letter first)',
    ),
    "no source": (
        {f"{ACAM}.sources.match_pj": None},
        "237 instances.acam.sources.match_pj: got nothing, need the basis and text of its number",
    ),
    "a source of no field": (
        {f"{ACAM}.sources.match_pj": "mach_pj: {basis: assumed, text: test}"},
        "239 instances.acam.sources.mach_pj: got the source of no field, need the name of a field "
        "(did you mean match_pj?)",
    ),
    "an unknown basis": (
        {f"{ACAM}.sources.match_pj": "match_pj: {basis: guessed, text: test}"},
        '239 instances.acam.sources.match_pj.basis: got "guessed", '
        "need one of published, derived, assumed, not_charged, edited",
    ),
    "a free lunch": (
        {f"{ACAM}.match_pj": "match_pj: 0"},
        "225 instances.acam.match_pj: got 0 (assumed), need a value > 0, or the basis not_charged",
    ),
    "a price that is not charged": (
        {f"{ACAM}.sources.match_pj": "match_pj: {basis: not_charged, text: test}"},
        "225 instances.acam.match_pj: got 0.16 (not_charged), need the value 0, or another basis",
    ),
    "a fraction of a hertz": (
        {"clocks.engine": "engine: {clock_mhz: 0.0000001, sources: {clock_mhz: {basis: assumed, text: test}}}"},
        "21 clocks.engine.clock_mhz: got 1e-07, need a whole number of hertz",
    ),
    "clocks without a common tick": (
        {
            "clocks.engine": "engine: {clock_mhz: 999.999937, sources: {clock_mhz: {basis: assumed, text: x}}}",
            "clocks.acam": "acam: {clock_mhz: 66.000001, sources: {clock_mhz: {basis: assumed, text: x}}}",
        },
        "20 clocks: got 999999937 Hz, 66000001 Hz, need clocks with a common multiple of at most 1e+15 Hz",
    ),
    "a synchroniser on the wrong clock": (
        {"instances.sync.clock": "clock: engine"},
        '160 instances.sync.clock: got "engine", need acam, the clock of the driver',
    ),
    "several faults": (
        {f"{ACAM}.match_pj": "match_pj: -1", "kind": "kind: 5", "instances.wta.readout": "readout: ramps"},
        "4 kind: got 5, need one of hybrid, mbi, cascade, cnn, row_stationary, cim\n"
        "{file}:225 instances.acam.match_pj: got -1, need a number ≥ 0\n"
        '{file}:282 instances.wta.readout: got "ramps", need one of compare_tree, ramp, analog_wta '
        "(did you mean ramp?)",
    ),
}

MISSING_ROLES = {
    "acam": "23 instances.acam: got nothing, need the acam_array of the chip",
    "link": "23 instances.link: got nothing, need a die_link, because binariser (die digital) "
    "and driver (die acam) sit on different dies",
    "sync": "23 instances.sync: got nothing, need a synchroniser, because neither of the clocks "
    "engine (binariser) and acam (driver) divides the other",
}


def message(tmp_path, text: str) -> str:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return str(caught.value).replace(str(path), "x.yaml")


@pytest.mark.parametrize("case", BAD)
def test_one_fault_one_message(tmp_path, case: str) -> None:
    edits, expected = BAD[case]
    assert message(tmp_path, edited(edits)) == "x.yaml:" + expected.replace("{file}", "x.yaml")


@pytest.mark.parametrize("role", MISSING_ROLES)
def test_a_missing_role(tmp_path, role: str) -> None:
    assert message(tmp_path, without(role)) == "x.yaml:" + MISSING_ROLES[role]


def test_a_crossing_that_needs_nothing(tmp_path) -> None:
    path = tmp_path / "x.yaml"
    text = without("sync").replace("clock_mhz: 66,", "clock_mhz: 100,")
    path.write_text(text, encoding="utf-8")
    assert "sync" not in load_spec(path).instances
