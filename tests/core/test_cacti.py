"""The SRAM table: figures typed by hand from CACTI's output, and what it does not have."""

from __future__ import annotations

from fractions import Fraction

import pytest

from accelsim.cacti import Point, figure, horowitz_ratio
from accelsim.errors import RangeError

KIB = 1024

# Quantity, cell, node, bytes, port → value, as CACTI 7 printed it.
TYPED = {
    ("read_pj", "HP", 65, 512, 64): "2",
    ("read_pj", "LSTP", 65, 32 * KIB, 64): "30.1",
    ("read_pj", "LSTP", 65, 512 * KIB, 64): "126",
    ("read_pj", "LSTP", 22, 1024 * KIB, 64): "23.5",
    ("read_pj", "LOP", 45, 8 * KIB, 64): "3.16",
    ("read_pj", "LOP", 65, 2 * KIB, 16): "1.86",
    ("read_pj", "LOP", 22, 1024 * KIB, 16): "6.21",
    ("read_pj", "LOP", 65, 512, 128): "2.77",
    ("read_pj", "LOP", 32, 64 * KIB, 128): "7.56",
    ("write_pj", "LSTP", 65, 32 * KIB, 64): "28.7",
    ("write_pj", "LSTP", 22, 2 * KIB, 64): "0.943",
    ("write_pj", "HP", 32, 1024 * KIB, 64): "30.8",
    ("access_ns", "LSTP", 65, 512 * KIB, 64): "4.4",
    ("access_ns", "HP", 22, 512, 64): "0.0772",
    ("access_ns", "LOP", 45, 256 * KIB, 64): "1.87",
    ("cycle_ns", "LSTP", 65, 512 * KIB, 64): "4.39",
    ("cycle_ns", "LOP", 32, 512 * KIB, 64): "1.75",
    ("cycle_ns", "LSTP", 22, 1024 * KIB, 64): "2.01",
    ("sub_threshold_mw", "HP", 65, 1024 * KIB, 64): "1e+03",
    ("sub_threshold_mw", "LSTP", 45, 512, 64): "9.89e-05",
    ("sub_threshold_mw", "LSTP", 22, 64 * KIB, 64): "0.0318",
    ("gate_mw", "LSTP", 65, 32 * KIB, 64): "0.00521",
    ("gate_mw", "LOP", 45, 1024 * KIB, 64): "41.2",
    ("gate_mw", "HP", 22, 512, 64): "0.000551",
    ("area_mm2", "LSTP", 65, 512 * KIB, 64): "3.43",
    ("area_mm2", "LOP", 22, 16 * KIB, 64): "0.0151",
    ("area_mm2", "HP", 45, 128 * KIB, 64): "0.387",
}


@pytest.mark.parametrize("where", TYPED, ids=str)
def test_the_table_says_what_cacti_printed(where: tuple[str, str, int, int, int]) -> None:
    quantity, cell, node, n_bytes, port = where
    assert figure(quantity, Point(cell, node, n_bytes, port)) == Fraction(TYPED[where])  # type: ignore[arg-type]


@pytest.mark.parametrize("quantity", ["read_pj", "write_pj", "access_ns", "cycle_ns", "gate_mw", "area_mm2"])
def test_every_cell_and_node_has_all_twelve_sizes(quantity: str) -> None:
    for cell in ("HP", "LOP", "LSTP"):
        for node in (65, 45, 32, 22):
            for power in range(12):
                assert figure(quantity, Point(cell, node, 512 << power, 64)) > 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "point",
    [
        Point("LSTP", 65, 1000, 64),
        Point("LSTP", 65, 2 * 1024 * KIB, 64),
        Point("LSTP", 16, KIB, 64),
        Point("LSTP", 65, KIB, 32),
        Point("HP", 65, KIB, 16),
    ],
)
def test_what_was_not_run_is_refused(point: Point) -> None:
    with pytest.raises(RangeError, match=r"^table: got .* \(read_pj\), need a point of CACTI's table: "):
        figure("read_pj", point)


def test_only_reads_were_run_for_narrow_and_wide_ports() -> None:
    with pytest.raises(RangeError, match=r"^table: got 1 KiB of LOP cells at 65 nm with a 16-bit port \(write_pj\)"):
        figure("write_pj", Point("LOP", 65, KIB, 16))


def test_horowitz_over_cacti() -> None:
    """10 pJ for 8 KB at 45 nm against 5.29, 3.16 and 6.14 pJ."""
    ratios = [float(horowitz_ratio(cell)) for cell in ("HP", "LOP", "LSTP")]
    assert ratios == pytest.approx([10 / 5.29, 10 / 3.16, 10 / 6.14], rel=1e-12)
