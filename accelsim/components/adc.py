"""ADCs at the sum lines of the distance arrays: turn the sampled sums of one key into codes.

A key has one sum line pair (SLP, SLN) a split. `conversions_per_compare` is 2 when both are converted and the
codes added, 1 when their average is converted. `n_adcs` converters share the conversions of a key in rounds.

*Source:* arXiv 2307.07631 §III-D step 4 (a 5-bit ADC digitises the sum lines; how many there are is open).
*Valid for:* converters that work in parallel and take `convert_ns` a round; sums that are held until the last
round. A job is one key and takes `rounds` times the op's cycles. With gated bias every round wakes them.
`count` copies stand for banks of arrays, each with `n_adcs` converters of its own, of which one works at a
time: only area and static power are per copy.
*Imperfections:* with a block `transfer` the converters have a range, a resolution of `n_bits`, gain and offset errors
of their own and noise (`Transfer`, `Converters`). Without it codes are the exact integer distances.
*Not modelled:* nonlinearity of a converter; missing codes; on the bus that brings the sums of many arrays to one
converter, what is left of the key before (`bus_rel` is for a bus that starts at ground) and settling of multiplexers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from accelsim.component import (
    BIAS,
    Component,
    Delay,
    Imperfection,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    Positive,
    Rider,
    ServedSpec,
    Static,
    per_input,
    wake_ns,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact

Floats = npt.NDArray[np.float64]

FAR_CODE = 2**40
"""Beyond this a voltage is just far out of range; sums of weighted codes stay within int64."""
ONE_CODE = 2**16
"""Steps in which the code of no difference is known."""


class Transfer(Imperfection):
    """From volts to codes, and from codes to distances.

    One code is `(v_high_v - v_low_v) / 2^n_bits`, the lsb; code c is nearest to `v_low_v + c lsb`. What lies beyond
    code 0 or 2^n_bits - 1 saturates there.

    Calibration is that of the design, the same for every chip: the digital side subtracts a code from the one nearest
    to the nominal sum line of that array at no difference, so a distance is counted in codes. A threshold in units of
    distance is turned into codes with `unit_v`, and what the subtracted codes are rounded by is made good there.

    Attributes:
        v_low_v, v_high_v: range.
        unit_v: voltage that the digital side takes one unit of distance for, on one sum line.
        bus_rel: part of a sum line's voltage that reaches the converter, as the line shares its charge with the bus
            between them: C_line / (C_line + C_bus); null where every array has its own converters beside it.
        gain_sigma_rel, offset_sigma_v: sigma of gain (about v_low_v) and offset; per chip and converter, fixed.
        noise_sigma_v: rms noise of one conversion, referred to the input.
    """

    v_low_v: float
    v_high_v: float
    unit_v: Positive
    bus_rel: Annotated[float, Field(gt=0, le=1)] | None = None
    gain_sigma_rel: NonNegative
    offset_sigma_v: NonNegative
    noise_sigma_v: NonNegative

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.v_high_v <= self.v_low_v:
            raise ValueError(f"v_high_v: got {self.v_high_v}, need more than v_low_v {self.v_low_v}")
        return self

    @property
    def seen_rel(self) -> float:
        """Part of a sum line's voltage that reaches the converter."""
        return 1.0 if self.bus_rel is None else self.bus_rel


class AdcSpec(ServedSpec):
    """The converters of one bank.

    Attributes:
        transfer: range and errors; None: codes are exact.
        n_bits: resolution.
        n_adcs: converters that one key can use at a time.
        conversions_per_compare: 1 or 2 a split (module docstring).
        convert_ns, convert_pj: one conversion.
        bus_pj: driving the shared bus between the arrays and their converters, a conversion; null where every array has
            its own converters beside it.
        bias_uw: bias of all `n_adcs`; bias_gated: off between conversions.
        wake_ns, wake_pj: what switching on takes, each round, when it is gated.
    """

    component: Literal["adc"]
    n_bits: Annotated[int, Field(ge=1, le=16)]
    n_adcs: Annotated[int, Field(ge=1, le=10**4)]
    conversions_per_compare: Literal[1, 2]
    convert_ns: Positive
    convert_pj: NonNegative
    bus_pj: NonNegative | None = None
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative
    transfer: Transfer | None = None


class Sums(NamedTuple):
    """What the arrays hold for the converters.

    Attributes:
        values: distances `[n_inputs, k, n_format_splits]` int64; with `transfer` voltages of the sum lines SLP and
            SLN `[n_inputs, k, n_splits, 2]` float64.
        valid: which keys exist, `[n_inputs, k]`.
        n_splits: arrays a key fills.
        bank: `[n_inputs]` converters that are used, 0 ... count - 1; read with `transfer` only.
        access: which access of an input this is, the key of the noise draws; read with `transfer` only.
    """

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_]
    n_splits: int
    bank: IntArray
    access: str


class Converted(NamedTuple):
    """Distances `[n_inputs, k, n_format_splits]` int64 in codes, and conversions that saturated `[n_inputs]` int64."""

    distances: IntArray
    saturated: IntArray


@dataclass(frozen=True, eq=False)
class Converters:
    """The converters of one chip (with `transfer`).

    A key's conversions are numbered array by array, SLP before SLN where both are converted; number j is made by
    converter `j % n_adcs` of the bank, in round `j // n_adcs`.

    Attributes:
        zero_fixed: code of each array at no difference in steps of 2^-16, `[n_splits]` int64; may be out of range.
        split_of_array: split of the workload that each array belongs to, `[n_splits]`.
        draws: of the chip.
    """

    zero_fixed: IntArray
    split_of_array: IntArray
    draws: Draws
    _errors: dict[int, Floats] = field(default_factory=dict)

    @property
    def zero_codes(self) -> IntArray:
        """The codes that are subtracted, `[n_splits]` int64."""
        return (self.zero_fixed + ONE_CODE // 2) // ONE_CODE

    def errors(self, transfer: Transfer, n_adcs: int, bank: int) -> Floats:
        """Gain (1 = none) and offset in V of a bank's converters, `[n_adcs, 2]`."""
        if bank not in self._errors:
            normal = self.draws.generator("transfer", f"bank{bank}").standard_normal((n_adcs, 2))
            spread = np.array([transfer.gain_sigma_rel, transfer.offset_sigma_v])
            self._errors[bank] = np.array([1.0, 0.0]) + spread * normal
        return self._errors[bank]


def lsb_v(spec: AdcSpec, transfer: Transfer) -> float:
    """Voltage of one code."""
    return float((exact(transfer.v_high_v) - exact(transfer.v_low_v)) / 2**spec.n_bits)


def calibrate(spec: AdcSpec, zero_v: Floats, split_of_array: IntArray, draws: Draws) -> Converters | None:
    """The converters of one chip; None where they are ideal.

    Args:
        zero_v: nominal voltage of each array's sum lines at no difference, `[n_splits]`.
    """
    if spec.transfer is None:
        return None
    zero_codes = (zero_v * spec.transfer.seen_rel - spec.transfer.v_low_v) / lsb_v(spec, spec.transfer)
    zero_fixed = np.rint(np.clip(zero_codes, -FAR_CODE, FAR_CODE) * ONE_CODE).astype(np.int64)
    return Converters(zero_fixed, split_of_array, draws)


def threshold_codes(
    spec: AdcSpec, state: Converters | None, distance: int, weights: npt.NDArray[np.integer[Any]], n_winners: int
) -> int:
    """The largest distance in codes that is not beyond `distance` units (the same number for ideal converters).

    Args:
        weights: split weights `[n_format_splits]` of the totals that are compared.
        n_winners: totals that are added before they are compared.
    """
    if state is None or spec.transfer is None:
        return distance
    # The average of SLP and SLN moves by half of what one of them does.
    unit_v = exact(spec.transfer.unit_v) * exact(spec.transfer.seen_rel)
    moved_v = distance * unit_v * spec.conversions_per_compare / 2
    span_v = exact(spec.transfer.v_high_v) - exact(spec.transfer.v_low_v)
    rounded_by = (state.zero_codes * ONE_CODE - state.zero_fixed) @ weights[state.split_of_array].astype(np.int64)
    surplus = Fraction(int(rounded_by) * spec.conversions_per_compare * n_winners, ONE_CODE)
    return math.floor(Fraction(moved_v * 2**spec.n_bits, span_v) + surplus)


def rounds(spec: AdcSpec, n_splits: int) -> int:
    """Rounds in which the converters take the sums of a key that fills `n_splits` arrays."""
    return -(-n_splits * spec.conversions_per_compare // spec.n_adcs)


def convert(spec: AdcSpec, state: Converters | None, x: Sums, draws: Draws) -> OpResult:
    """Convert the sums of every key.

    Args:
        state: what `calibrate` gave.

    Returns:
        y: `Converted`. The activity is that of all keys.

    Raises:
        RangeError: if the sums are not what these converters take.
    """
    if (x.values.ndim == 4) != (state is not None and spec.transfer is not None):
        raise RangeError("adc: got a transfer without a line of the arrays or the reverse, need both or none")
    n_keys = x.valid.sum(axis=1, dtype=np.int64)
    activity = {
        "convert": n_keys * (x.n_splits * spec.conversions_per_compare),
        "wake": n_keys * (rounds(spec, x.n_splits) * int(spec.bias_gated)),
    }
    if state is None or spec.transfer is None:
        y = Converted(x.values, per_input(len(n_keys), 0))
    else:
        y = _digitise(spec, spec.transfer, state, x, draws)
    return OpResult(y, activity, per_input(len(n_keys), 0))


def _digitise(spec: AdcSpec, transfer: Transfer, state: Converters, x: Sums, draws: Draws) -> Converted:
    lines = x.values if spec.conversions_per_compare == 2 else x.values.mean(axis=-1, keepdims=True)
    converter = np.arange(lines[0, 0].size).reshape(lines.shape[2:]) % spec.n_adcs
    banks, of_input = np.unique(x.bank, return_inverse=True)
    errors = np.stack([state.errors(transfer, spec.n_adcs, int(bank)) for bank in banks])
    gain, offset_v = np.moveaxis(errors[of_input][:, converter], -1, 0)[:, :, None]  # [n, 1, n_splits, lines]
    volts = lines * transfer.seen_rel
    volts -= transfer.v_low_v
    volts *= gain
    volts += offset_v
    if transfer.noise_sigma_v:
        # Key by key, so the draws of one do not depend on how many the largest node of the block has.
        shape = (lines.shape[1], len(lines), *lines.shape[2:])
        noise_v = draws.generator("noise", x.access).standard_normal(shape)
        noise_v *= transfer.noise_sigma_v
        volts += noise_v.swapaxes(0, 1)
    # The nearest code; a voltage half way between two goes to the upper one. Floats hold these integers exactly.
    volts /= lsb_v(spec, transfer)
    codes = np.floor(volts + 0.5)
    within = np.clip(codes, 0, 2**spec.n_bits - 1)
    saturated = ((within != codes) & x.valid[:, :, None, None]).sum(axis=(1, 2, 3), dtype=np.int64)
    first_arrays = np.flatnonzero(np.diff(state.split_of_array, prepend=-1))
    n_lines = lines.shape[3]
    zero = np.add.reduceat(n_lines * state.zero_codes, first_arrays)
    per_split = np.add.reduceat(within.reshape(*lines.shape[:2], -1), n_lines * first_arrays, axis=-1)
    return Converted(zero - per_split.astype(np.int64), saturated)


def _convert_latency(spec: AdcSpec) -> Delay:
    return Delay(ns=wake_ns(spec) + exact(spec.convert_ns))


ADC = Component(
    name="adc",
    spec=AdcSpec,
    ops={"convert": Op(_convert_latency)},
    actions={"convert": "convert_pj", "bus": "bus_pj", "wake": "wake_pj"},
    riders={"convert": Rider("bus", lambda spec: 1, lambda spec: spec.bus_pj is not None)},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
)
