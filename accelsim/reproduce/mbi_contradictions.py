"""Where the numbers of arXiv 2307.07631 disagree with each other or with its circuit.

M1 to M11 were known when the simulator was built; N1 to N4 were found by computing this table.
"""

from __future__ import annotations

import math
from fractions import Fraction

from accelsim.reproduce import mbi_derived as d
from accelsim.reproduce import mbi_inputs as i
from accelsim.reproduce import mbi_readings as read
from accelsim.reproduce.claims import Contradiction
from accelsim.reproduce.quantity import Quantity, in_unit, shown
from accelsim.reproduce.simulations import Runs
from accelsim.reproduce.verdict import against, figure_words


def _(quantity: Quantity, unit: str, decimals: int = 2) -> str:
    return shown(quantity.value, unit, decimals)


def over_mlp(runs: Runs) -> str:
    """M1."""
    return f"{d.MLP_RATIO} is {against(d.MLP_RATIO, i.OVER_MLP)}."


def over_resnet(runs: Runs) -> str:
    """M2."""
    unrounded = _(d.RESNET.projected / i.MBI, "x", 1)
    return f"{d.RESNET_RATIO} is {against(d.RESNET_RATIO, i.OVER_RESNET)}; {unrounded} from the unrounded projection."


def lookups_alone(runs: Runs) -> str:
    """M3."""
    return (
        f"{i.MBI} covers the comparisons of the MBI path alone. At the accuracy given beside it "
        f"{_(d.LEFT, '%')} of the images also need a network, and have paid for their lookups already. With "
        f"the recurrent network itself on the MLP's CIM ({_(d.FALLBACK, 'nJ', 1)}) a mixed inference takes at "
        f"least {_(d.MIXED, 'nJ', 1)}, {_(i.MLP_16 / d.MIXED, 'x')} less than MLP-CIM, at {i.MIXED} against "
        f"{i.MLP_ACCURACY}. Reading values out of {i.STORAGE}, glimpse extraction and control are not counted "
        f"either: mbi_physical takes {shown(read.physical(runs).joules(), 'nJ', 1)} for the same lookups."
    )


def lenet(runs: Runs) -> str:
    """M4."""
    small = runs.energy("cnn_physical", "mnist_cnn")
    accuracy = runs.answers("cnn_physical", "mnist_cnn").accuracy()
    macs = small.count("engine.mac", "engine.mac_gated")
    return (
        f"LeNet-CIM takes {i.LENET_16} at {i.LENET_ACCURACY}, MBI {_(i.MBI / i.LENET_16, 'x', 1)} that at "
        f"{i.MIXED}. The paper says so, and sets 1-bit weights aside as too simple. For scale: a CNN of "
        f"{macs:,.0f} multiply-accumulates on cnn_physical, 65 nm, all charged, takes "
        f"{shown(small.joules(), 'nJ', 0)} at {shown(accuracy, '%', 2)}."
    )


def compute_free(runs: Runs) -> str:
    """M5."""
    operations = read.logic_operations(read.paper(runs))
    return (
        "Step 4 multiplies each distance by a learned weight, adds the splits and compares. Paper mode counts "
        f"{operations:,.0f} multiplications and additions an inference; only the energy of those in step 4 is "
        f"within the {i.COMPARE}."
    )


def winner_takes_all(runs: Runs) -> str:
    """M6."""
    return (
        "§II-B has an analog winner-take-all, §III-D digitises every distance and searches the minimum serially. We "
        f"simulate the latter: {read.paper(runs).count('adc.convert'):,.0f} conversions an inference."
    )


def manhattan(runs: Runs) -> str:
    """M7."""
    pairs = ", ".join(f"{a} and {b}: {circuit} instead of {true}" for a, b, circuit, true in d.UNLIKE)
    return (
        "Charge is averaged before the converter, so differences of single elements are lost. The sum of both lines is "
        f"the bit-weighted Hamming distance, which is not Manhattan's for some pixels ({pairs}); their difference is "
        "a signed sum, which cancels over elements. No 2-column code gives Manhattan. We simulate the circuit; "
        "`metric: manhattan` pays for a third column a pixel."
    )


def step(runs: Runs) -> str:
    """M8."""
    full, half = d.FULL_STEP, d.HALF_STEP
    return (
        f"{i.STEP} is about {full} = {_(full, 'mV', 1)}, a column of weight 2. A column of weight 1 is "
        f"precharged to half of it and moves the line by {_(half, 'mV', 1)}, {_(half / full, '', 2)} of a step "
        "of a 5-bit converter over the same range. mbi_physical has a converter of "
        f"{read.adc_bits(runs, 'mbi_physical'):g} bits."
    )


def hidden_state(runs: Runs) -> str:
    """M9."""
    lost = ", ".join(f"{_(points, 'points')} with {units} units" for units, points in d.HIDDEN_LOSSES)
    return f"By the authors' own data of Fig. 3 one bit a hidden unit costs {lost}."


def serial_scan(runs: Runs) -> str:
    """M10."""
    keys = i.GLIMPSES * i.LEVELS * i.KEYS
    latency = shown(read.paper(runs).latency_s * 10**6, "", 1)
    return (
        f"The search is called quick and no time is given. Keys are scanned one after another: {keys} = "
        f"{_(keys, '', 0)} comparisons in sequence, {latency} µs at the assumed 1 GHz and the timing of "
        "mbi_paper."
    )


def lost_unit(runs: Runs) -> str:
    """M11."""
    return (
        "Two energies of ResNet20-CIM read 12.51 J and 1.05 J in the text. The arithmetic gives "
        f"{_(d.RESNET.energy, 'µJ')} and {_(d.RESNET.projected, 'µJ', 3)}: microjoules."
    )


def complete_table(runs: Runs) -> str:
    """N1."""
    log = in_unit(d.COMPLETE_ROWS.value, "decades")
    power = math.floor(log)
    short = in_unit(d.COMPLETE_ROWS.value - i.ROWS.value, "decades")
    return (
        f"{i.IMAGE_BITS} bits have 2^{i.IMAGE_BITS} = {10 ** (log - power):.2f}e+{power} combinations. The "
        f"paper prints {i.ROWS}, {short:.0f} orders of magnitude away. Its argument does not depend on it."
    )


def cut_off(runs: Runs) -> str:
    """N2."""
    cut = [(printed, exact) for printed, exact in d.TABLE_I if _cut(printed, exact)]
    text = ", ".join(f"{figure_words(exact.value, printed)} as {printed}" for printed, exact in cut)
    return (
        f"Of {len(d.TABLE_I)} figures of Table I that can be recomputed, {len(cut)} stand with digits cut off "
        f"instead of rounded: {text}. Its MB are taken as 2^20 bytes; with 10^6 the storage of the CIM designs "
        "is farther off."
    )


def _cut(printed: Quantity, exact: Quantity) -> bool:
    """Whether a figure was truncated where rounding would have given another."""
    last = printed.high - printed.low
    return printed.value <= exact.value < printed.value + last and exact.value > printed.high


def other_network(runs: Runs) -> str:
    """N3."""
    ratio = i.RESNET_MACS / i.RESNET_COUNTED
    return (
        f"ResNet-20 as published for 32x32x3 images makes {i.RESNET_COUNTED} multiply-accumulates, "
        f"{i.RESNET_COUNTED_28} on 28x28x1; Table I counts {i.RESNET_MACS}, {_(ratio, 'x', 1)} the former. "
        f"With the textbook's count ResNet20-CIM would take {_(d.RESNET_TEXTBOOK, 'µJ', 3)} at 16 nm and the "
        f"ratio to MBI would be {_(d.RESNET_TEXTBOOK / i.MBI, 'x', 1)}."
    )


def both_ratios(runs: Runs) -> str:
    """N4."""
    ranges = [_needed(d.MLP.projected, i.OVER_MLP), _needed(i.RESNET_16, i.OVER_RESNET)]
    texts = [f"{in_unit(low, 'nJ'):.2f} to {in_unit(high, 'nJ'):.2f} nJ" for low, high in ranges]
    meet = max(low for low, _high in ranges) <= min(high for _low, high in ranges)
    held = sum(low <= i.MBI.value <= high for low, high in ranges)
    return (
        f"{i.OVER_MLP} needs an MBI inference of {texts[0]}, {i.OVER_RESNET} one of {texts[1]}. The ranges "
        f"{'meet' if meet else 'do not meet'}, and {held} of them {'hold' if held > 1 else 'holds'} the "
        f"printed {i.MBI}."
    )


def _needed(energy: Quantity, ratio: Quantity) -> tuple[Fraction, Fraction]:
    """Energies of MBI that the ratio as printed allows."""
    return energy.value / ratio.high, energy.value / ratio.low


CONTRADICTIONS = (
    Contradiction("M1", "2.7x less energy than MLP-CIM", over_mlp, (d.MLP_RATIO,)),
    Contradiction("M2", "83x less energy than ResNet20-CIM", over_resnet, (d.RESNET_RATIO, d.RESNET.projected)),
    Contradiction("M3", "13.16 nJ an inference, beside 93.04 %", lookups_alone, (d.MIXED,)),
    Contradiction("M4", "more efficient than CIM", lenet, (i.MBI / i.LENET_16,)),
    Contradiction("M5", "compute-free", compute_free),
    Contradiction("M6", "winner-takes-all", winner_takes_all),
    Contradiction("M7", "weighted Manhattan distance", manhattan),
    Contradiction("M8", "28 mV a step, 5 bits", step, (d.FULL_STEP, d.HALF_STEP)),
    Contradiction(
        "M9",
        "accuracy stable under hidden-state quantisation",
        hidden_state,
        tuple(points for _units, points in d.HIDDEN_LOSSES),
    ),
    Contradiction("M10", "quick search", serial_scan, (i.GLIMPSES * i.LEVELS * i.KEYS,)),
    Contradiction("M11", "12.51 J and 1.05 J", lost_unit, (d.RESNET.projected,)),
    Contradiction("N1", "1.04e+333 rows", complete_table, (d.COMPLETE_ROWS,)),
    Contradiction("N2", "digits of Table I", cut_off, tuple(exact for _printed, exact in d.TABLE_I)),
    Contradiction("N3", "multiply-accumulates of ResNet20", other_network, (i.RESNET_COUNTED, i.RESNET_COUNTED_28)),
    Contradiction("N4", "2.7x and 83x together", both_ratios, (d.MLP.projected, d.RESNET_RATIO)),
)
