"""Converters with a range: codes by hand, saturation, errors that belong to converters, noise to inputs."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from accelsim.components.adc import AdcSpec, Converters, Sums, Transfer, calibrate, convert, threshold_codes
from accelsim.errors import RangeError
from accelsim.rng import Draws
from tests.components.test_adc import FIELDS
from tests.mbi_lines import TRANSFER

FINE = {"v_low_v": -1.0, "v_high_v": 1.0}  # with 16 bits a code is 31 uV: errors can be read from codes
FINE_LSB_V = 2 / 2**16


def make(transfer: dict[str, Any], **changes: Any) -> AdcSpec:
    return AdcSpec(**{**FIELDS, "transfer": {**TRANSFER, **transfer}, **changes})


def ready(spec: AdcSpec, zero_v: list[float], split: list[int], chip: int = 0) -> Converters:
    state = calibrate(spec, np.array(zero_v), np.array(split), Draws(0, chip, "adc"))
    assert state is not None
    return state


def sums(volts: np.ndarray, bank: int = 0, access: str = "0.0.0", valid: np.ndarray | None = None) -> Sums:
    exists = np.ones(volts.shape[:2], bool) if valid is None else valid
    return Sums(volts, exists, volts.shape[2], np.full(len(volts), bank), access)


def read(spec: AdcSpec, state: Converters, volts: np.ndarray, block: int = 0, **where: Any) -> np.ndarray:
    return convert(spec, state, sums(volts, **where), Draws(0, 0, "adc", block)).y.distances


def test_codes_by_hand() -> None:
    """3 bits over 0 to 1 V: code c is c / 8 V, the nearest wins, half way goes up; distance = zero code - code."""
    spec = make({"v_low_v": 0.0, "v_high_v": 1.0, "unit_v": 0.125}, n_bits=3)
    state = ready(spec, [0.76], [0])
    assert state.zero_codes.tolist() == [6]
    volts = np.array([[[[0.75, 0.76]], [[0.8125, 0.44]], [[0.1875, 0.187]], [[0.06, 0.0]]]])
    assert read(spec, state, volts).tolist() == [[[0 + 0], [(6 - 7) + (6 - 4)], [(6 - 2) + (6 - 1)], [6 + 6]]]


def test_beyond_the_range_saturates_and_is_counted() -> None:
    """Codes 0 to 7; -0.06 V would be code -1, 0.76 V code 8. A zero level beyond the range keeps its own code."""
    spec = make({"v_low_v": 0.0, "v_high_v": 0.8, "unit_v": 0.1}, n_bits=3)
    volts = np.array([[[[-0.06, 0.76]], [[-0.04, 0.74]], [[5.0, -5.0]]], [[[0.1, 0.1]], [[9.0, 9.0]], [[9.0, 9.0]]]])
    valid = np.array([[True, True, True], [True, False, False]])
    y = convert(spec, ready(spec, [0.9], [0]), sums(volts, valid=valid), Draws(0, 0, "adc", 0)).y
    assert y.distances[0, :, 0].tolist() == [(9 - 0) + (9 - 7)] * 3
    assert y.saturated.tolist() == [2 + 0 + 2, 0]  # keys that do not exist are not counted


def test_a_bus_takes_its_part_of_the_voltage() -> None:
    """3/4 of 0.8, 0.62 and 0.22 V on codes of 0.1 V are codes 6, 4.65 -> 5 and 1.65 -> 2; zero and unit alike."""
    spec = make({"v_low_v": 0.0, "v_high_v": 0.8, "unit_v": 0.2, "bus_rel": 0.75}, n_bits=3)
    state = ready(spec, [0.8], [0])
    assert state.zero_codes.tolist() == [6]
    assert read(spec, state, np.array([[[[0.8, 0.62]], [[0.22, 0.8]]]])).tolist() == [[[6 - 5], [6 - 2]]]
    assert threshold_codes(spec, state, 3, ONE, 1) == 4  # 3 x 0.2 V x 3/4 / 0.1 V = 4.5


def test_the_average_of_both_lines() -> None:
    """One conversion a split: (0.5 + 0.3) / 2 = 0.4 V; a unit of distance moves it by half of unit_v."""
    spec = make({"v_low_v": 0.0, "v_high_v": 0.8, "unit_v": 0.1}, n_bits=3, conversions_per_compare=1)
    state = ready(spec, [0.6], [0])
    assert read(spec, state, np.array([[[[0.5, 0.3]]]])).tolist() == [[[6 - 4]]]
    assert threshold_codes(spec, state, 7, np.ones(1, np.int64), 1) == 3  # 7 x 0.05 V / 0.1 V


ONE = np.ones(1, np.int64)


def test_thresholds_in_codes() -> None:
    """A unit of 14.0625 mV on 5 bits over 0.9 V, codes of 28.125 mV: half a code a unit. Ideal converters: as it is."""
    for n_bits, expected in ((5, 15), (6, 31), (7, 62)):
        spec = make({}, n_bits=n_bits)
        assert threshold_codes(spec, ready(spec, [0.675], [0]), 31, ONE, 1) == expected
    assert threshold_codes(AdcSpec(**FIELDS), None, 31, ONE, 1) == 31


def test_thresholds_make_good_what_zero_codes_are_rounded_by() -> None:
    """Codes of 0.1 V; zero levels at codes 6.4 and 3.3, subtracted from 6 and 3: two conversions each, three winners.

    No difference gives 3 x 2 x (5 x (6 - 6.4) + 2 x (3 - 3.3)) = -15.6 codes, so 20 units are beyond 4 codes.
    """
    spec = make({"v_low_v": 0.0, "v_high_v": 0.8, "unit_v": 0.1}, n_bits=3)
    state = ready(spec, [0.64, 0.33], [0, 1])
    assert state.zero_codes.tolist() == [6, 3]
    assert threshold_codes(spec, state, 20, np.array([5, 2]), 3) == 4


def test_codes_of_the_arrays_of_a_split_are_added() -> None:
    """Arrays 0 and 1 hold split 0, array 2 split 1."""
    spec = make({"v_low_v": 0.0, "v_high_v": 1.6, "unit_v": 0.1}, n_bits=4)
    state = ready(spec, [0.6, 0.6, 0.4], [0, 0, 1])
    volts = np.array([[[[0.5, 0.6], [0.3, 0.4], [0.0, 0.1]]]])
    assert read(spec, state, volts).tolist() == [[[1 + 0 + 3 + 2, 4 + 3]]]


def gains(spec: AdcSpec) -> np.ndarray:
    """Gain that each conversion of a key of five arrays shows, `[5, 2]`: two voltages there, ground elsewhere."""
    state = ready(spec, [0.9] * 5, list(range(5)))
    found = np.zeros((5, 2))
    for array, line in np.ndindex(5, 2):
        volts = np.zeros((1, 2, 5, 2))
        volts[0, :, array, line] = -0.5, 0.5
        low, high = read(spec, state, volts)[0, :, array]
        found[array, line] = (low - high) * FINE_LSB_V
    return found


@pytest.mark.parametrize("n_adcs", [2, 4, 10, 16])
def test_which_converter_converts_what(n_adcs: int) -> None:
    """Ten conversions a key: number j (array by array, SLP before SLN) by converter j mod n_adcs."""
    spec = make({**FINE, "gain_sigma_rel": 0.02}, n_bits=16, n_adcs=n_adcs)
    assert spec.transfer
    of_converters = ready(spec, [0.9], [0]).errors(spec.transfer, n_adcs, 0)[:, 0]
    assert len(set(of_converters)) == n_adcs
    np.testing.assert_allclose(gains(spec).ravel(), [of_converters[j % n_adcs] for j in range(10)], atol=3 * FINE_LSB_V)


def test_gain_and_offset_have_their_moments_and_are_independent() -> None:
    """400 banks of 10 converters: mean and sigma within five standard errors, correlations below 5 / sqrt(n)."""
    spec = make({"gain_sigma_rel": 0.02, "offset_sigma_v": 0.003}, n_adcs=10)
    assert spec.transfer
    chips = [ready(spec, [0.9], [0], chip) for chip in (0, 1)]
    both = np.stack([[chip.errors(spec.transfer, 10, bank) for bank in range(200)] for chip in chips])
    n = both[..., 0].size
    for i, (mean, sigma) in enumerate(((1.0, 0.02), (0.0, 0.003))):
        values = both[..., i]
        assert abs(values.mean() - mean) < 5 * sigma / n**0.5
        assert abs(values.std() - sigma) < 5 * sigma / (2 * n) ** 0.5
    gain, offset = np.moveaxis(both - both.mean(axis=(0, 1, 2)), -1, 0)
    pairs = {
        "gain and offset": (gain, offset),
        "chips": (gain[0], gain[1]),
        "banks": (gain[:, :-1], gain[:, 1:]),
        "converters": (gain[..., :-1], gain[..., 1:]),
    }
    for name, (a, b) in pairs.items():
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / a.size**0.5, name


def test_errors_of_a_converter_are_fixed() -> None:
    """Every access, key and input meets the same converter; a chip made again is the same chip."""
    spec = make({**FINE, "gain_sigma_rel": 0.02, "offset_sigma_v": 0.003}, n_bits=16)
    state, again = (ready(spec, [0.9] * 5, list(range(5))) for _ in range(2))
    volts = np.broadcast_to(np.random.default_rng(0).random((1, 1, 5, 2)), (3, 4, 5, 2))
    got = read(spec, state, volts)
    assert (got == got[:1, :1]).all()
    assert (read(spec, again, volts, block=7, access="3.1.0") == got).all()
    assert (read(spec, ready(spec, [0.9] * 5, list(range(5)), chip=1), volts) != got).any()
    assert (read(spec, state, volts, bank=1) != got).any()


def test_noise_has_its_sigma_and_is_independent() -> None:
    """A code is 31 uV, the noise 3 mV, on two lines; inputs, keys, arrays, accesses and blocks draw apart."""
    spec = make({**FINE, "noise_sigma_v": 0.003}, n_bits=16)
    state = ready(spec, [0.0] * 5, list(range(5)))
    volts = np.zeros((256, 16, 5, 2))
    noise = read(spec, state, volts) * FINE_LSB_V
    sigma = 0.003 * 2**0.5
    assert abs(noise.mean()) < 5 * sigma / noise.size**0.5
    assert abs(noise.std() - sigma) < 5 * sigma / (2 * noise.size) ** 0.5
    pairs = {
        "inputs": (noise[1:], noise[:-1]),
        "keys": (noise[:, 1:], noise[:, :-1]),
        "arrays": (noise[..., 1:], noise[..., :-1]),
        "accesses": (noise, read(spec, state, volts, access="0.0.1") * FINE_LSB_V),
        "blocks": (noise, read(spec, state, volts, block=1) * FINE_LSB_V),
    }
    for name, (a, b) in pairs.items():
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / a.size**0.5, name


def test_noise_of_a_key_does_not_depend_on_how_many_there_are() -> None:
    spec = make({**FINE, "noise_sigma_v": 0.003}, n_bits=16)
    state, volts = ready(spec, [0.0] * 5, list(range(5))), np.zeros((256, 16, 5, 2))
    np.testing.assert_array_equal(read(spec, state, volts[:, :3]), read(spec, state, volts)[:, :3])


def test_zero_sigmas_change_no_bit() -> None:
    """Volts of whole units of distance, as the ideal line has them, come out as these units."""
    spec = make({}, n_bits=6)
    distance = np.random.default_rng(0).integers(0, 49, (4, 8, 5, 2))
    volts = 0.675 - distance * 0.0140625
    result = convert(spec, ready(spec, [0.675] * 5, list(range(5))), sums(volts), Draws(0, 0, "adc", 0))
    np.testing.assert_array_equal(result.y.distances, distance.sum(axis=-1))
    assert result.y.saturated.tolist() == [0] * 4


def test_both_blocks_or_none() -> None:
    message = "adc: got a transfer without a line of the arrays or the reverse, need both or none"
    ideal, digital = AdcSpec(**FIELDS), np.zeros((1, 1, 5), np.int64)
    with pytest.raises(RangeError, match=message):
        convert(ideal, None, sums(np.zeros((1, 1, 5, 2))), Draws(0, 0, "adc", 0))
    spec = make({})
    state, x = ready(spec, [0.9], [0]), Sums(digital, np.ones((1, 1), bool), 5, np.zeros(1, np.int64), "")
    with pytest.raises(RangeError, match=message):
        convert(spec, state, x, Draws(0, 0, "adc", 0))
    assert calibrate(ideal, np.zeros(5), np.arange(5), Draws(0, 0, "adc")) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v_high_v": 0.0}, "got 0.0, need more than v_low_v 0.0"),
        ({"unit_v": 0.0}, "greater than 0"),
        ({"bus_rel": 0.0}, "greater than 0"),
        ({"bus_rel": 1.1}, "less than or equal to 1"),
        ({"noise_sigma_v": -1e-3}, "greater than or equal to 0"),
    ],
)
def test_wrong_block(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Transfer(**{**TRANSFER, **changes})
