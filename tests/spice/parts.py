"""Small circuits with fixed parameters, whose text is kept in `data/`, and programs that pretend to be ngspice.

`python -m tests.spice.parts` writes the texts anew.
"""

from pathlib import Path

import numpy as np

from accelsim.charge_row import ChargeRow
from accelsim.components.distance_array import DistanceArraySpec
from accelsim.spec import load_spec
from accelsim.spice.array_deck import Array, Column, array_deck, cells_deck
from accelsim.spice.cam_deck import Row, bound_deck, row_deck
from accelsim.spice.card import own_card
from accelsim.spice.charge_deck import Segment, segment_deck
from accelsim.spice.ngspice import Deck
from accelsim.sum_line import SumLine

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"

LINE = SumLine(
    v_high_v=0.9,
    v_low_v=0.45,
    line_ff=3.6,
    sum_ff=6.6,
    gain_rel=0.9,
    offset_v=-0.02,
    bow_mm_v=5e-5,
    bow_ml_v=4e-5,
    bow_ll_v=1e-5,
    droop_v=3e-4,
    t50_ns=0.2,
    v_overdrive_v=0.4,
    exponent_rel=2.0,
    row_weight_rel=0.5,
    query_weight_rel=0.3,
    vth_sigma_v=0.06,
    sources={},
)
ROW = ChargeRow(
    q_match_fc=40.0,
    q_mismatch_fc=0.5,
    cell_ff=25.0,
    sense_ff=20.0,
    cell_spread_rel=0.0,
    segment_gain_rel=0.0,
    segment_offset_v=0.0,
    sources={},
)
PHASES = {"reset_ns": 1.0, "precharge_ns": 3.0, "evaluate_ns": 6.0, "share_ns": 1.0, "sample_ns": 1.0}
COLUMNS = [Column(2, 0, 1), Column(2, 0, 1), Column(2, 1, 1), Column(1, 0, 0), Column(1, 1, 0)]


def array(wire_ff: float = 2.5) -> Array:
    """32 rows, phases of 1, 3, 6, 1 and 1 ns, gates boosted to 1.35 V."""
    spec = load_spec(ROOT / "arch_specs" / "mbi_physical.yaml").instances["arrays"]
    assert isinstance(spec, DistanceArraySpec)
    return Array(own_card(), spec.model_copy(update={"n_rows": 32, **PHASES}), LINE, 1.35, wire_ff)


def decks() -> dict[str, Deck]:
    """File name → deck."""
    card = own_card()
    return {
        "array.sp": array_deck("array", array(), COLUMNS),
        "cells.sp": cells_deck("cells", array(), np.array([[0.0, 0.0, 0.0], [0.05, -0.02, 0.01]]), 2.0),
        "cam.sp": row_deck(card, Row(16, 3, 2)),
        "bound.sp": bound_deck(card, (1.0, 10.0)),
        "row.sp": segment_deck(card, ROW, 15.15, 1.8, Segment(8, 5, 2, 1)),
    }


def pretend(folder: Path, script: str) -> Path:
    """A program that calls itself ngspice-39 and otherwise does what the shell script says."""
    path = folder / "ngspice"
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo ngspice-39 && exit 0\n{script}\n')
    path.chmod(0o755)
    return path


if __name__ == "__main__":
    for name, deck in decks().items():
        (DATA / name).write_text(deck.text(), encoding="utf-8")
