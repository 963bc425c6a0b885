"""Memories that take their numbers from CACTI's tables: what is filled in, what wins, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from accelsim import yamlfile
from accelsim.errors import SpecError
from accelsim.spec import Spec, load_spec
from tests.dataflows import chips

FILLED = ("read_pj", "write_pj", "access_ns", "leakage_uw", "gate_leakage_uw", "area_um2")
EXISTS = (
    "a point of CACTI's table: 512 bytes to 1 MiB (1048576) in powers of two, HP, LOP or LSTP, 65, 45, 32 or 22 nm, "
    "64-bit port (16 and 128 bits: read_pj of LOP alone); a larger value_memory has several banks (count), other "
    "nodes and ports go by table.scaled"
)
SCALED = {
    "node_nm": 22,
    "port_bits": 64,
    "energy_rel": 0.5,
    "delay_rel": 0.75,
    "area_rel": 0.25,
    "leakage_rel": 2,
    "sources": {
        name: {"basis": "assumed", "text": "for a test"}
        for name in ("node_nm", "energy_rel", "delay_rel", "area_rel", "leakage_rel")
    },
}


def data(role: str = "buffer", kind: str = "hybrid", table: Any = None, **fields: Any) -> dict[str, Any]:
    """A tiny chip whose memory `role` has 32 KiB and leaves its numbers to the table."""
    spec = chips.spec_data(kind, **{role: {"n_bytes": 32768, **fields}})
    memory = spec["instances"][role]
    for field in set(FILLED) - set(fields):
        memory.pop(field, None)
        memory["sources"].pop(field, None)
    memory["table"] = {"cell": "LSTP"} if table is None else table
    return spec


def write(folder: Path, spec: Mapping[str, Any]) -> Path:
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(spec), encoding="utf-8")
    return path


def load(folder: Path, spec: Mapping[str, Any], overrides: Sequence[str] = ()) -> Spec:
    return load_spec(write(folder, spec), overrides)


def refused(folder: Path, spec: Mapping[str, Any], overrides: Sequence[str] = ()) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(folder, spec, overrides)
    return [f"{p.path}: got {p.got}, need {p.need}" for p in caught.value.problems]


def numbers(memory: Any) -> dict[str, float | None]:
    return {field: getattr(memory, field) for field in FILLED}


# 65 nm LSTP, as typed from the table: read, write, access, sub-threshold + gate leakage, gate leakage, area.
KIB32 = dict(zip(FILLED, (30.1, 28.7, 2.05, 8.00 + 5.21, 5.21, 198_000), strict=True))
KIB64 = dict(zip(FILLED, (47, 37.3, 2.44, 14.6 + 9.14, 9.14, 436_000), strict=True))


@pytest.mark.parametrize("role", ["buffer", "weights"])
def test_the_numbers_of_size_port_and_node(tmp_path: Path, role: str) -> None:
    memory = load(tmp_path, data(role)).instances[role]
    assert numbers(memory) == pytest.approx(KIB32, rel=1e-12)
    source = memory.sources["read_pj"]
    assert (source.basis, source.text) == (
        "derived",
        "CACTI 7 (HewlettPackard/cacti@1ffd8df), 32 KiB of LSTP cells at 65 nm with a 64-bit port, 350 K: 30.1 pJ; "
        "up to x 1.63, Horowitz, ISSCC 2014, over CACTI for such a cell (8 KB, 45 nm)",
    )
    assert source.range == pytest.approx((30.1, 30.1 * 10 / 6.14), rel=1e-12)
    assert memory.sources["leakage_uw"].text.endswith("350 K: 13.21 uW")
    assert memory.sources["access_ns"].range is None


def test_a_new_size_changes_them_all(tmp_path: Path) -> None:
    memory = load(tmp_path, data(), ["instances.buffer.n_bytes=65536"]).instances["buffer"]
    assert numbers(memory) == pytest.approx(KIB64, rel=1e-12)
    assert memory.sources["read_pj"].basis == "edited"
    assert memory.sources["read_pj"].text.startswith("edited: with instances.buffer.n_bytes of --set; CACTI 7 (")


POINTS = {
    "size": ("buffer", {}, "instances.buffer.n_bytes=65536"),
    "port": ("values", SCALED, "instances.values.word_bits=72"),
    "node": ("buffer", {}, "dies.digital.node_nm=22"),
    "cell": ("buffer", {}, "instances.buffer.table.cell=HP"),
    "table": ("buffer", {}, "instances.buffer.table={cell: HP}"),
    "node of scaled": ("values", SCALED, "instances.values.table.scaled.node_nm=32"),
}


@pytest.mark.parametrize("case", POINTS)
def test_numbers_of_an_edited_point_are_edited(tmp_path: Path, case: str) -> None:
    role, scaled, override = POINTS[case]
    table = {"cell": "LSTP", **({"scaled": scaled} if scaled else {})}
    spec = data(role, "mbi" if role == "values" else "hybrid", table, n_bytes=2048)
    clocks = ["clocks.engine.clock_mhz=50"]
    before = load(tmp_path, spec, clocks).instances[role].sources
    after = load(tmp_path, spec, [*clocks, override]).instances[role].sources
    assert {before[field].basis for field in FILLED} == {"assumed" if scaled else "derived"}
    assert {after[field].basis for field in FILLED} == {"edited"}


@pytest.mark.parametrize(
    ("stated", "basis"), [("published", "derived"), ("derived", "derived"), ("assumed", "assumed")]
)
def test_a_number_is_no_better_than_its_factor(tmp_path: Path, stated: str, basis: str) -> None:
    """A factor counts for its own numbers alone, and `--set` on it edits them."""
    sources = SCALED["sources"] | {"leakage_rel": {"basis": stated, "text": "a factor of leakage"}}
    spec = data("values", "mbi", {"cell": "LSTP", "scaled": SCALED | {"sources": sources}}, n_bytes=2048)
    memory = load(tmp_path, spec).instances["values"]
    assert memory.sources["leakage_uw"].basis == memory.sources["gate_leakage_uw"].basis == basis
    assert memory.sources["read_pj"].basis == "assumed"
    assert f", x 2 (table.scaled.leakage_rel, {stated}: a factor of leakage)" in memory.sources["leakage_uw"].text
    edited = load(tmp_path, spec, ["instances.values.table.scaled.leakage_rel=50"]).instances["values"]
    assert edited.leakage_uw == pytest.approx(50 * (1.30 + 0.474), rel=1e-12)
    leakage = edited.sources["leakage_uw"]
    assert leakage.basis == edited.sources["gate_leakage_uw"].basis == "edited"
    assert f"edited: was 2 ({stated}: a factor of leakage)" in leakage.text
    assert edited.sources["read_pj"].basis == "assumed"


def test_a_new_cell_and_a_new_node_change_them_too(tmp_path: Path) -> None:
    low = load(tmp_path, data(), ["instances.buffer.table.cell=LOP", "clocks.engine.clock_mhz=100"])
    assert low.instances["buffer"].read_pj == 13.8
    small = load(tmp_path, data(), ["dies.digital.node_nm=22"])
    assert numbers(small.instances["buffer"]) == pytest.approx(
        dict(zip(FILLED, (3.79, 3.1, 0.845, 17.2 + 4.91, 4.91, 26_700), strict=True)), rel=1e-12
    )


def test_what_is_spelled_out_stays(tmp_path: Path) -> None:
    spec = data(read_pj=7.5)
    memory = load(tmp_path, spec).instances["buffer"]
    assert numbers(memory) == pytest.approx(KIB32 | {"read_pj": 7.5}, rel=1e-12)
    assert memory.sources["read_pj"].text == "for a test"


def test_a_number_of_the_table_can_be_set(tmp_path: Path) -> None:
    overrides = ["instances.buffer.read_pj=40", "instances.buffer.n_bytes=65536"]
    memory = load(tmp_path, data(), overrides).instances["buffer"]
    assert numbers(memory) == pytest.approx(KIB64 | {"read_pj": 40}, rel=1e-12)
    assert memory.sources["read_pj"].basis == "edited"
    assert memory.sources["read_pj"].text.startswith("edited: was 30.1 (derived: CACTI 7 ")


def test_scaled_from_another_node_and_port(tmp_path: Path) -> None:
    """2 KiB at 22 nm LSTP: 0.648 and 0.943 pJ, 0.441 ns, 1.30 + 0.474 uW, 0.0018 mm²."""
    spec = data("values", "mbi", {"cell": "LSTP", "scaled": SCALED}, n_bytes=2048, word_bits=80)
    memory = load(tmp_path, spec).instances["values"]
    expected = (0.648 * 0.5, 0.943 * 0.5, 0.441 * 0.75, 2 * (1.30 + 0.474), 2 * 0.474, 1800 * 0.25)
    assert numbers(memory) == pytest.approx(dict(zip(FILLED, expected, strict=True)), rel=1e-12)
    assert "0.648 pJ, x 0.5 (table.scaled.energy_rel, assumed: for a test)" in memory.sources["read_pj"].text


def test_a_number_beyond_the_table_is_as_assumed_as_its_factor(tmp_path: Path) -> None:
    sources = SCALED["sources"] | {"energy_rel": {"basis": "derived", "text": "for a test"}}
    spec = data("values", "mbi", {"cell": "LSTP", "scaled": SCALED | {"sources": sources}}, n_bytes=2048)
    found = load(tmp_path, spec).instances["values"].sources
    bases = {field: found[field].basis for field in ("read_pj", "write_pj", "access_ns", "leakage_uw", "area_um2")}
    beyond = dict.fromkeys(("access_ns", "leakage_uw", "area_um2"), "assumed")
    assert bases == {"read_pj": "derived", "write_pj": "derived", **beyond}


def test_the_range_of_a_factor_is_the_range_of_the_number(tmp_path: Path) -> None:
    sources = SCALED["sources"] | {
        "delay_rel": {"basis": "assumed", "text": "for a test", "range": [0.5, 1]},
        "energy_rel": {"basis": "assumed", "text": "for a test", "range": [0.25, 0.5]},
    }
    spec = data("values", "mbi", {"cell": "LSTP", "scaled": SCALED | {"sources": sources}}, n_bytes=2048)
    memory = load(tmp_path, spec).instances["values"]
    assert memory.sources["access_ns"].range == pytest.approx((0.441 * 0.5, 0.441), rel=1e-12)
    assert memory.sources["read_pj"].range == pytest.approx((0.648 * 0.25, 0.648 * 0.5 * 10 / 6.14), rel=1e-12)


def test_descriptors_of_the_controller(tmp_path: Path) -> None:
    spec = chips.spec_data("mbi", controller={"descriptor_bytes": 1024, "descriptor_bits": 64})
    controller = spec["instances"]["controller"]
    for field in ("descriptor_read_pj", "descriptor_write_pj", "descriptor_leakage_uw"):
        del controller[field], controller["sources"][field]
    controller["table"] = {"cell": "LSTP"}
    found = load(tmp_path, spec).instances["controller"]
    assert (found.descriptor_read_pj, found.descriptor_write_pj) == (3.12, 6.49)  # 1 KiB at 65 nm
    assert found.descriptor_leakage_uw == pytest.approx(0.262 + 0.26, rel=1e-12)
    assert (found.leakage_uw, found.gate_leakage_uw) == (1.0, None)  # of the rest


OFF = {
    "a size": ({"n_bytes": 40000}, "40000 bytes of LSTP cells at 65 nm with a 64-bit port"),
    "too large": ({"n_bytes": 2**21}, "2048 KiB of LSTP cells at 65 nm with a 64-bit port"),
    "a port": ({"port_bits": 48}, "32 KiB of LSTP cells at 65 nm with a 48-bit port"),
}


@pytest.mark.parametrize("case", OFF)
def test_one_message_for_a_point_off_the_table(tmp_path: Path, case: str) -> None:
    changes, point = OFF[case]
    got = f"{point}, for read_pj, write_pj, access_ns, leakage_uw, gate_leakage_uw, area_um2"
    assert refused(tmp_path, data(**changes)) == [f"instances.buffer.table: got {got}, need {EXISTS}"]


def test_a_die_whose_node_has_no_table(tmp_path: Path) -> None:
    (message,) = refused(tmp_path, data(), ["dies.digital.node_nm=28"])
    point = "32 KiB of LSTP cells at 28 nm with a 64-bit port"
    assert message.startswith(f"instances.buffer.table: got {point}, for read_pj, write_pj, ")


def test_of_a_narrow_port_only_the_read_is_known(tmp_path: Path) -> None:
    (message,) = refused(tmp_path, data(table={"cell": "LOP"}, port_bits=16))
    point = "32 KiB of LOP cells at 65 nm with a 16-bit port"
    assert message.startswith(f"instances.buffer.table: got {point}, for write_pj, access_ns, ")
    spelled = {name: 1.0 for name in FILLED if name not in ("read_pj", "gate_leakage_uw")}
    spec = data(table={"cell": "LOP"}, port_bits=16, gate_leakage_uw=None, **spelled)
    assert load(tmp_path, spec).instances["buffer"].read_pj == 10.2


def test_an_unknown_cell(tmp_path: Path) -> None:
    assert refused(tmp_path, data(table={"cell": "LSTPP"})) == [
        'instances.buffer.table.cell: got "LSTPP", need one of HP, LOP, LSTP'
    ]
    spec = data(table={"cel": "LSTP"})
    assert refused(tmp_path, spec) == ["instances.buffer.table.cel: got an unknown field, need one of cell, scaled"]


def test_a_factor_needs_a_source(tmp_path: Path) -> None:
    sources = {name: source for name, source in SCALED["sources"].items() if name != "area_rel"}
    spec = data("values", "mbi", {"cell": "LSTP", "scaled": SCALED | {"sources": sources}}, n_bytes=2048)
    assert refused(tmp_path, spec) == [
        "instances.values.table.scaled.sources.area_rel: got nothing, need the basis and text of its number"
    ]


def test_only_sram_has_a_table(tmp_path: Path) -> None:
    spec = data("weights", kind="hybrid")
    spec["instances"]["weights"]["kind"] = "nvm"
    assert refused(tmp_path, spec) == [
        "instances.weights.table: got CACTI's SRAM table with kind nvm, need kind sram"
    ]


def test_a_memory_must_recover_within_a_cycle(tmp_path: Path) -> None:
    """64 KiB of LSTP cells at 65 nm take 2.38 ns between accesses: 420 MHz is the limit, and it is at 500 MHz."""
    overrides = ["instances.buffer.n_bytes=65536", "clocks.engine.clock_mhz=400"]
    load(tmp_path, data(), overrides)
    assert refused(tmp_path, data(), [overrides[0], "clocks.engine.clock_mhz=500"]) == [
        "instances.buffer.table: got a random cycle time of 2.38 ns, need at most 2 ns, 1 cycle of the clock engine"
    ]


def test_a_value_memory_recovers_while_it_is_read(tmp_path: Path) -> None:
    """1 MiB at 65 nm LSTP: access 5.67 ns, recovery 4.39 ns. At 100 MHz one cycle, at 1 GHz six: both are enough."""
    spec = data("values", "mbi", n_bytes=2**20, word_bits=64)
    for mhz in (100, 1000):
        assert load(tmp_path, spec, [f"clocks.engine.clock_mhz={mhz}"]).instances["values"].access_ns == 5.67
    (message,) = refused(tmp_path, spec | {}, ["clocks.engine.clock_mhz=1000", "instances.values.access_ns=2"])
    need = "need at most 2 ns, 2 cycles of the clock engine"
    assert message == f"instances.values.table: got a random cycle time of 4.39 ns, {need}"


def test_damaged_tables_give_messages_and_no_traceback(tmp_path: Path) -> None:
    for table in ("LSTP", [1], {"cell": 3}, {"cell": "LSTP", "scaled": {}}, {"cell": "LSTP", "scaled": None}, {}):
        spec = data(table=table)
        broken_dies = ({"die": 7}, {"die": {}}, {"die": [7]})
        for memory in ({}, {"n_bytes": "many"}, {"sources": 5}, *broken_dies, {"port_bits": True}):
            broken = spec | {"instances": {**spec["instances"], "buffer": spec["instances"]["buffer"] | memory}}
            if (table, memory) != ({"cell": "LSTP", "scaled": None}, {}):
                assert refused(tmp_path, broken)


def test_a_die_that_is_no_name() -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(Path(__file__).parents[2] / "arch_specs/mbi_physical.yaml", ["instances.pixels.die={}"])
    assert [p.path for p in caught.value.problems] == ["instances.pixels.die"]
