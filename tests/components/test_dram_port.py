"""DRAM port: words and cycles by hand."""

from accelsim.components.dram_port import DramPortSpec, read, words, write
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "dram", 0)
SPEC = DramPortSpec(
    component="dram_port",
    die="d",
    clock="c",
    count=1,
    area_um2=None,
    leakage_uw=0.0,
    sources={},
    rule="in_order",
    servers=1,
    slots=2,
    word_bits=64,
    access_ns=100.0,
    read_pj=5.0,
    write_pj=6.0,
    clock_pj=0.5,
)


def test_words_and_cycles() -> None:
    assert [words(SPEC, bits) for bits in (0, 1, 64, 65, 640)] == [0, 1, 1, 2, 10]
    result = read(SPEC, None, 640, DRAWS)
    assert {name: int(count[0]) for name, count in result.activity.items()} == {"read": 10}
    assert int(result.extra_cycles[0]) == 9  # one word a cycle after the first
    result = write(SPEC, None, 65, DRAWS)
    assert {name: int(count[0]) for name, count in result.activity.items()} == {"write": 2}
    assert int(result.extra_cycles[0]) == 1
    assert int(read(SPEC, None, 0, DRAWS).extra_cycles[0]) == 0
