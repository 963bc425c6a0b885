"""Winner-take-all with offsets, noise and settling: brute force, odds of a noisy decision, and times by hand."""

from __future__ import annotations

from math import erf, log, sqrt
from typing import Any

import numpy as np
import pytest

from accelsim.comparator import Comparators, Settling
from accelsim.components import sense_amps
from accelsim.components.winner_take_all import Decision, Lines, Rows, WinnerTakeAllSpec, decide, fixed_offsets_v
from accelsim.errors import RangeError
from accelsim.rng import Draws
from tests.components.test_sense_amps import make as make_sense
from tests.components.test_winner_take_all import READOUTS, make

CHIP, ACCESS = Draws(0, 0, "wta"), Draws(0, 0, "wta", 0)
VOLTS = 0.002  # a count
FIVE = 5.0
FULL = 784


def comparators(offset_v: float = 0.0, noise_v: float = 0.0) -> Comparators:
    return Comparators(offset_v=offset_v, noise_v=noise_v, sources={})


def settling(max_ns: float = 60.0) -> Settling:
    return Settling(tau_ns=4.0, swing_v=2.0, max_ns=max_ns, sources={})


def state_of(spec: WinnerTakeAllSpec, n_rows: int, draws: Draws = CHIP) -> Rows:
    return Rows(np.arange(n_rows), FULL, VOLTS, fixed_offsets_v(spec, draws))


def run(spec: WinnerTakeAllSpec, counts: Any, error: Any = None, draws: Draws = ACCESS) -> Decision:
    x = Lines(np.asarray(counts, dtype=np.int64), None if error is None else np.asarray(error, dtype=np.float64))
    return decide(spec, state_of(spec, x.counts.shape[1]), x, draws).y


def random_rows(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Counts close enough to each other for offsets of some counts to matter, with errors."""
    rng = np.random.default_rng(seed)
    return rng.integers(380, 390, (256, n_rows)), rng.normal(0, 2, (256, n_rows))


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("n_rows", [1, 3, 10])
def test_blocks_without_sigmas_change_no_bit(readout: str, n_rows: int) -> None:
    counts, _ = random_rows(n_rows)
    rows, lines = Rows(np.arange(n_rows), FULL), Lines(counts)
    ideal = decide(make(readout=readout), rows, lines, ACCESS)
    spec = make(readout=readout, comparators=comparators())
    zero = decide(spec, state_of(spec, n_rows), Lines(counts, np.zeros(counts.shape)), ACCESS)
    for a, b in zip(ideal.y, zero.y, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(ideal.extra_cycles, zero.extra_cycles)
    assert all(np.array_equal(ideal.activity[name], zero.activity[name]) for name in ideal.activity)
    assert np.array_equal(ideal.y.winner, counts.argmax(axis=1))


def tree_by_hand(values: list[float], offsets: list[list[float]]) -> int:
    """Level by level; `offsets[level][k]` belongs to the latch of nodes 2k and 2k + 1 of that level."""
    nodes = list(enumerate(values))
    for level in offsets:
        pairs = [nodes[k : k + 2] for k in range(0, len(nodes), 2)]
        nodes = [
            pair[0] if len(pair) == 1 or pair[0][1] - pair[1][1] + level[k] >= 0 else pair[1]
            for k, pair in enumerate(pairs)
        ]
    return nodes[0][0]


@pytest.mark.parametrize(
    ("n_max", "latches"), [(1, []), (2, [1]), (3, [1, 1]), (5, [2, 1, 1]), (8, [4, 2, 1]), (10, [5, 2, 1, 1])]
)
def test_a_tree_walked_by_brute_force(n_max: int, latches: list[int]) -> None:
    """Every size of tree with every number of used rows; the latch of a pair is the same however many rows are used."""
    spec = make(readout="compare_tree", n_inputs_max=n_max, comparators=comparators(0.00344))
    fixed = fixed_offsets_v(spec, CHIP)
    assert fixed is not None
    assert len(fixed) == sum(latches) == n_max - 1
    parts = np.split(fixed / VOLTS, np.cumsum(latches)[:-1]) if latches else []
    levels = [part.tolist() for part in parts]
    for n_rows in range(1, n_max + 1):
        counts, error = random_rows(n_rows, n_rows)
        winner = run(spec, counts, error).winner
        expected = [tree_by_hand((c + e).tolist(), levels) for c, e in zip(counts, error, strict=True)]
        assert winner.tolist() == expected
        assert n_rows < 5 or (winner != counts.argmax(axis=1)).any()


def test_branches_by_brute_force() -> None:
    spec = make(readout="analog_wta", comparators=comparators(0.00344))
    fixed = fixed_offsets_v(spec, CHIP)
    assert fixed is not None
    counts, error = random_rows(7)
    for i, row in enumerate((counts + error).tolist()):
        seen = [value + offset / VOLTS for value, offset in zip(row, fixed, strict=False)]
        assert run(spec, counts, error).winner[i] == seen.index(max(seen))


def test_a_ramp_by_brute_force() -> None:
    """The reference falls by a count a step; the first step that a row's value reaches, the lowest such row."""
    spec = make(readout="ramp")
    counts, error = random_rows(6)
    counts[0], error[0] = 0, -3.0  # nobody reaches any step before the last, at zero
    counts[1], error[1] = FULL, 2.5  # everybody is there at the first
    result = decide(spec, state_of(spec, 6), Lines(counts, error), ACCESS)
    for i, values in enumerate((counts + error).tolist()):
        step, level = 1, FULL
        while level > 0 and not any(value >= level for value in values):
            step, level = step + 1, level - 1
        fired = [row for row, value in enumerate(values) if value >= level] or [0]
        assert (result.y.winner[i], result.activity["ramp_step"][i]) == (fired[0], step)
        assert result.extra_cycles[i] == (step - 1) * spec.ramp_step_cycles
    assert result.activity["ramp_step"][:2].tolist() == [FULL + 1, 1]


@pytest.mark.parametrize(("readout", "per_decision"), [("compare_tree", 1), ("analog_wta", 2)])
@pytest.mark.parametrize("margin", [-1, 0, 2])
def test_odds_of_a_noisy_decision(readout: str, per_decision: int, margin: int) -> None:
    """Row 0 leads by `margin` counts of 2 mV; the noise of one latch, or of two branches, is 3 mV each."""
    spec = make(readout=readout, comparators=comparators(noise_v=0.003))
    counts = np.tile([400 + margin, 400], (256, 1))
    won = np.concatenate([run(spec, counts, draws=Draws(0, 0, "wta", b)).winner == 0 for b in range(40)])
    p = (1 + erf(margin * VOLTS / (0.003 * sqrt(per_decision)) / sqrt(2))) / 2
    assert abs(won.mean() - p) < FIVE * sqrt(p * (1 - p) / won.size)
    # Independent from input to input: at p = 1/2 neighbours agree half of the time.
    agree = (won[1:] == won[:-1]).mean()
    expected = p * p + (1 - p) * (1 - p)
    assert abs(agree - expected) < FIVE * sqrt(0.25 / won.size)


@pytest.mark.parametrize("readout", READOUTS)
def test_an_input_is_the_same_in_any_company(readout: str) -> None:
    spec = make(readout=readout, comparators=comparators(0.003, 0.003), settling=settling())
    counts, error = random_rows(10)
    whole = run(spec, counts, error)
    some = run(spec, counts[:17], error[:17])
    assert all(np.array_equal(a[:17], b) for a, b in zip(whole, some, strict=True))


def test_offsets_differ_from_chip_to_chip() -> None:
    spec = make(readout="analog_wta", comparators=comparators(0.003))
    counts, _ = random_rows(10)
    winners = [
        decide(spec, state_of(spec, 10, Draws(0, chip, "wta")), Lines(counts), ACCESS).y.winner for chip in range(3)
    ]
    assert not np.array_equal(winners[0], winners[1])
    assert not np.array_equal(winners[0], winners[2])


def test_a_tie_is_about_counts() -> None:
    """Errors decide which of two equal counts wins, and whether a smaller count wins; `tied` asks the counts alone."""
    spec = make(readout="analog_wta")
    found = run(spec, [[400, 400, 3], [400, 399, 3]], [[0.0, 0.5, 0.0], [0.0, 1.5, 0.0]])
    assert found.winner.tolist() == [1, 1]
    assert found.tied.tolist() == [True, False]


def test_settling_of_branches_by_hand() -> None:
    """4 ns x ln(2 V / margin), for a margin of 1 and of 10 counts of 2 mV, of none, and for a row without a rival."""
    spec = make(readout="analog_wta", settling=settling())
    found = run(spec, [[401, 400, 0], [410, 400, 0], [400, 400, 0]])
    assert found.extra_ns.tolist() == pytest.approx([4 * log(1000), 4 * log(100), 60.0])
    assert found.timeouts.tolist() == [0, 0, 1]
    assert found.winner.tolist() == [0, 0, 0]  # at zero margin the lowest index
    assert found.tied.tolist() == [False, False, True]
    assert run(spec, [[400]]).extra_ns.tolist() == [0.0]
    half = run(spec, [[400, 400, 0]], [[0.0, 0.5, 0.0]])
    assert half.extra_ns[0] == pytest.approx(4 * log(2000))
    assert half.winner[0] == 1


def test_settling_of_a_tree_by_hand() -> None:
    """Each level waits for its slowest latch; levels follow each other; losers' latches count too."""
    spec = make(readout="compare_tree", n_inputs_max=4, settling=settling())
    # Level 1: margins of 10 and 1 counts; level 2: 100 counts.
    found = run(spec, [[510, 500, 410, 409], [500, 500, 7, 7]])
    assert found.extra_ns[0] == pytest.approx(4 * log(1000) + 4 * log(10))
    # Both latches of level 1 run into the limit together; then 493 counts.
    assert found.extra_ns[1] == pytest.approx(60 + 4 * log(1000 / 493))
    assert found.timeouts.tolist() == [0, 2]
    assert found.winner.tolist() == [0, 0]


def test_a_ramp_does_not_settle() -> None:
    found = run(make(readout="ramp", settling=settling(), comparators=comparators(1.0, 1.0)), [[400, 400]])
    assert found.extra_ns.tolist() == [0.0]
    assert found.timeouts.tolist() == [0]
    assert found.winner.tolist() == [0]


@pytest.mark.parametrize("block", [{"comparators": comparators()}, {"settling": settling()}])
def test_blocks_in_volts_need_volts(block: dict[str, Any]) -> None:
    for readout in ("compare_tree", "analog_wta"):
        with pytest.raises(RangeError, match="got comparators or settling, need the volts that a count is worth"):
            decide(make(readout=readout, **block), Rows(np.arange(2), FULL), Lines(np.array([[1, 2]])), ACCESS)


def test_sense_amplifiers_deviate_by_offset_and_noise() -> None:
    """Offsets stay, noise does not: 30 blocks of 256 readings of 4 amplifiers average to the offsets."""
    spec = make_sense(comparators=comparators(0.00344, 0.0003))
    offsets = sense_amps.fixed_offsets_v(spec, 4, Draws(0, 0, "sense"))
    blocks = [sense_amps.deviations_v(spec, offsets, 256, Draws(0, 0, "sense", b)) for b in range(30)]
    readings = np.concatenate(blocks)
    assert readings.shape == (30 * 256, 4)
    assert (np.abs(readings.mean(axis=0) - offsets) < FIVE * 0.0003 / sqrt(len(readings))).all()
    assert (np.abs(readings.std(axis=0) - 0.0003) < FIVE * 0.0003 / sqrt(2 * len(readings))).all()
    assert np.unique(offsets).size == 4
    ideal = make_sense()
    nothing = sense_amps.deviations_v(ideal, sense_amps.fixed_offsets_v(ideal, 4, CHIP), 9, ACCESS)
    assert np.array_equal(nothing, np.zeros((9, 4)))
