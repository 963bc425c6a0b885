"""`--set`: what it changes, how the source of the value says so, and what is refused."""

from __future__ import annotations

import pytest

from accelsim.errors import SpecError
from accelsim.spec import load_spec, spec_sha256

from .editing import SMALL

FORGED = "got a source, need a value; its source will say what it was"
REFUSED = {
    ("instances.acam.match_pj",): '--set: got "instances.acam.match_pj", need path=value',
    ("acam.match_pj=1",): (
        "--set acam.match_pj: got an unknown path, need a path of the spec (did you mean instances.acam.match_pj?)"
    ),
    ("instances.acam.mach_pj=1",): (
        "--set instances.acam.mach_pj: got an unknown path, need a path of the spec "
        "(did you mean instances.acam.match_pj?)"
    ),
    ("=1",): "--set: got an unknown path, need a path of the spec",
    ("name.x=1",): "--set name.x: got an unknown path, need a path of the spec (did you mean name?)",
    ("instances.acam.match_pj=[",): (
        "--set instances.acam.match_pj: got a fault (did not find expected node content), need valid YAML"
    ),
    ("instances.acam.match_pj=0.2 pJ",): (
        '--set instances.acam.match_pj: got "0.2 pJ", need a number ≥ 0 (did you mean 0.2?)'
    ),
    ("instances.acam.match_pj=-1", "instances.acam.n_rows=x"): (
        '--set instances.acam.n_rows: got "x", need a whole number from 1 to 100000\n'
        "--set instances.acam.match_pj: got -1, need a number ≥ 0"
    ),
    ("name=a", "name=b"): "--set name: got the path again, need it once",
    ("instances.acam.sources.match_pj.basis=published",): f"--set instances.acam.sources.match_pj.basis: {FORGED}",
    ("instances.acam.sources.mach_pj={}",): f"--set instances.acam.sources.mach_pj: {FORGED}",
    ("clocks.acam.sources={}",): f"--set clocks.acam.sources: {FORGED}",
    ("clocks.acam={clock_mhz: 50, sources: {clock_mhz: {basis: published, text: x}}}",): f"--set clocks.acam: {FORGED}",
    ("dies=[{acam: {sources: 1}}]",): f"--set dies: {FORGED}",
    ("instances.acam.match_pj=0.2", "instances.acam.sources.match_pj.text=measured", "name=A"): (
        f"--set instances.acam.sources.match_pj.text: {FORGED}"
    ),
    ("instances.acam={}",): None,
    ("instances=3",): "--set instances: got 3, need a mapping of 1 to 64 entries",
}


def source(spec, role: str, field: str) -> tuple[str, str]:
    entry = spec.instances[role].sources[field]
    return entry.basis, entry.text


def test_the_value_changes_and_its_source_says_what_it_was() -> None:
    spec = load_spec(SMALL, ["instances.acam.match_pj=0.2", "clocks.acam.clock_mhz=50"])
    assert spec.instances["acam"].match_pj == 0.2
    assert source(spec, "acam", "match_pj") == ("edited", "edited: was 0.16 (assumed: test)")
    assert spec.clocks["acam"].clock_mhz == 50
    assert spec.clocks["acam"].sources["clock_mhz"].text == "edited: was 66 (assumed: test)"


def test_inside_a_physical_mapping() -> None:
    die = load_spec(SMALL, ["dies.acam.supplies_v.core=3.0"]).dies["acam"]
    assert die.supplies_v == {"core": 3.0}
    assert die.sources["supplies_v"].text == "edited: core was 1.0 (assumed: test)"


def test_a_number_that_was_unknown_gets_a_source() -> None:
    spec = load_spec(SMALL, ["instances.acam.area_um2=100"])
    assert source(spec, "acam", "area_um2") == ("edited", "edited: was null")


def test_zero_is_allowed_when_edited() -> None:
    spec = load_spec(SMALL, ["instances.acam.match_pj=0"])
    assert source(spec, "acam", "match_pj") == ("edited", "edited: was 0.16 (assumed: test)")


def test_what_has_no_source_gets_none() -> None:
    spec = load_spec(SMALL, ["instances.acam.n_rows=12", "name=other"])
    assert spec.instances["acam"].n_rows == 12
    assert "n_rows" not in spec.instances["acam"].sources


def test_a_mapping_as_value() -> None:
    spec = load_spec(SMALL, ["dies.acam.supplies_v={core: 3.0, io: 3.3}"])
    assert spec.dies["acam"].supplies_v == {"core": 3.0, "io": 3.3}


@pytest.mark.parametrize("overrides", REFUSED)
def test_refusals(overrides: tuple[str, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(SMALL, overrides)
    expected = REFUSED[overrides]
    assert expected is None or str(caught.value) == expected
    assert all(line.startswith("--set") for line in str(caught.value).splitlines())


def test_the_hash_is_of_what_the_spec_says(tmp_path) -> None:
    plain = spec_sha256(load_spec(SMALL))
    copy = tmp_path / "copy.yaml"
    text = SMALL.read_text(encoding="utf-8").replace("clock_mhz: 200,", "clock_mhz: 200.0,")
    copy.write_text("# A comment.\n\n" + text, encoding="utf-8")
    assert spec_sha256(load_spec(copy)) == plain
    assert spec_sha256(load_spec(SMALL, ["instances.acam.match_pj=0.2"])) != plain
