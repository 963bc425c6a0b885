"""C1 to C8: where the numbers of arXiv 2502.10089 disagree with each other, or with what a chip has to have."""

from __future__ import annotations

from accelsim.reproduce import hybrid_inputs as i
from accelsim.reproduce import hybrid_teacher
from accelsim.reproduce.claims import Contradiction
from accelsim.reproduce.quantity import Quantity, shown
from accelsim.reproduce.simulations import Runs
from accelsim.reproduce.verdict import against

# What the paper calls the back end, with all that a chip needs to reach it and to decide.
BACK_END = ("link", "sync", "driver", "acam", "sense", "wta")
SUM = i.FRONT + i.BACK
CELLS = i.TEMPLATES * i.FEATURES
KEPT = i.WHOLE - i.SPARSITY
MAC_RATIOS = tuple(
    macs / i.STUDENT_MACS for macs in (i.TEACHER_MACS_224, i.TEACHER_MACS_DENSE, i.TEACHER_MACS_STRIDED)
)
DIGITAL = CELLS / i.TEMPLATE_WORD * i.WORD_READ + CELLS * i.BIT_COUNT


def _(quantity: Quantity, unit: str, decimals: int = 2) -> str:
    return shown(quantity.value, unit, decimals)


def total(runs: Runs) -> str:
    """C1."""
    return (
        f"{SUM} is {against(SUM, i.TOTAL)}. The printed total would need a front end of "
        f"{_(i.TOTAL - i.BACK, 'nJ')}, or cells of {_((i.TOTAL - i.FRONT) / CELLS, 'fJ', 0)}. Nothing "
        "published leads there; perhaps a slip of the pen."
    )


def reduction(runs: Runs) -> str:
    """C2."""
    names = (ratio.inputs[0].name.removeprefix("multiply-accumulates of ") for ratio in MAC_RATIOS)
    dense = (f"{_(ratio, 'x', 1)} ({name})" for ratio, name in zip(MAC_RATIOS, names, strict=True))
    pruned = (_(ratio / KEPT, "x", 0) for ratio in MAC_RATIOS)
    return (
        f"{i.TEACHER} is {_(i.TEACHER / SUM, 'x', 1)} the sum of the parts, {_(i.TEACHER / i.TOTAL, 'x', 1)} "
        f"the printed total and {_(i.TEACHER / i.FRONT, 'x', 1)} the front end; {i.REDUCTION} would need "
        f"{_(i.TEACHER / i.REDUCTION, 'nJ')}. Counted multiply-accumulates of ResNet-50 over those of the "
        f"reconstructed student are {', '.join(dense)}; without the pruned weights {', '.join(pruned)}. "
        f"{hybrid_teacher.simulated(runs)} {hybrid_teacher.unequal(runs, hybrid_teacher.STEMS)}"
    )


def two_classifiers(runs: Runs) -> str:
    """C3."""
    share = i.HEAD_MACS / (i.HEAD_MACS + i.STUDENT_MACS)
    return (
        f"{i.SOFTMAX} belongs to the softmax student, which uses no ACAM; the chip of {i.TOTAL} answers with "
        f"templates, at {i.ONE_TEMPLATE}. Both run the same front end, so the ACAM replaces only the softmax "
        f"layer: {_(i.HEAD_MACS, '', 0)} multiply-accumulates, {_(share, '%', 3)} of the network."
    )


def cells_alone(runs: Runs) -> str:
    """C4."""
    physical = runs.energy("hybrid_physical", "paper_hybrid")
    others = physical.joules(*BACK_END) - physical.joules("acam.match", "acam.mismatch")
    return (
        f"{CELLS * i.CELL} is {against(CELLS * i.CELL, i.BACK)}: the cells alone. Drivers, sense amplifiers, "
        "winner-take-all, crossing, leakage and clock are not in it; hybrid_physical charges "
        f"{shown(others, 'nJ', 2)} for them."
    )


def constant_cell(runs: Runs) -> str:
    """C5."""
    return (
        f"The same group's prototype takes {i.MATCH} a matching and {i.MISMATCH} a mismatching cell, a factor of "
        f"{_(i.MATCH / i.MISMATCH, '', 1)}: an array of this size would take {_(CELLS * i.MISMATCH, 'nJ')} to "
        f"{_(CELLS * i.MATCH, 'nJ')}, depending on the input. {i.CELL} is {_(i.CELL / i.MATCH, 'x')} the larger."
    )


def digital_matcher(runs: Runs) -> str:
    """C6."""
    analog = runs.energy("hybrid_physical", "paper_hybrid").joules(*BACK_END)
    at_180 = runs.energy("hybrid_digital_180nm", "paper_hybrid").joules("link", "sync", "matcher")
    at_65 = runs.energy("hybrid_digital_65nm", "paper_hybrid").joules("matcher")
    return (
        f"The same match in logic at 45 nm, templates in 1 KiB of SRAM, takes about {_(DIGITAL, 'nJ')} = "
        f"{DIGITAL}; the ACAM's cells take {_(CELLS * i.CELL / DIGITAL, 'x', 1)} that, at an unnamed node. "
        f"Simulated with crossing, drivers, read-out and leakage: ACAM at 180 nm {shown(analog, 'nJ', 2)}, "
        f"digital matcher at 180 nm {shown(at_180, 'nJ', 2)}, digital matcher on the engine's own 65 nm die "
        f"{shown(at_65, 'nJ', 2)}."
    )


def sparsity(runs: Runs) -> str:
    """C7."""
    dense, nonzero = i.FRONT / i.STUDENT_MACS, i.FRONT / (i.STUDENT_MACS * KEPT)
    return (
        "Pruned weights save energy only with gating, and memory only with stored indices; neither is "
        f"described. {i.FRONT} is {_(dense, 'fJ', 1)} a multiply-accumulate of the reconstructed student, or "
        f"{_(nonzero, 'fJ', 1)} a non-zero one; the arithmetic alone takes {i.MAC_45NM} at 45 nm, "
        f"{_(i.MAC_45NM / nonzero, 'x', 1)} the latter."
    )


def ideal_devices(runs: Runs) -> str:
    """C8."""
    return (
        "RRAM is said to hold its states without refresh, while the list of failures says that the energy "
        f"assumes ideal devices. {_(CELLS * i.CELL_DEVICES, '', 0)} devices have to be written once, and "
        "drift; hybrid_physical keeps programming in a ledger of its own."
    )


CONTRADICTIONS = (
    Contradiction("C1", "97.52 nJ in total", total, (SUM, i.TOTAL, CELLS)),
    Contradiction("C2", "792x less energy, 800x fewer operations", reduction, (i.TEACHER / SUM, *MAC_RATIOS, KEPT)),
    Contradiction("C3", "82.22 % beside 97.52 nJ", two_classifiers, (i.SOFTMAX, i.ONE_TEMPLATE, i.HEAD_MACS)),
    Contradiction("C4", "1.45 nJ for template matching", cells_alone, (CELLS * i.CELL,)),
    Contradiction("C5", "185 fJ for every cell", constant_cell, (CELLS * i.CELL, i.MATCH, i.MISMATCH)),
    Contradiction("C6", "the ACAM saves energy", digital_matcher, (DIGITAL, i.CELL)),
    Contradiction("C7", "80 % sparsity as energy", sparsity, (i.FRONT / i.STUDENT_MACS, KEPT, i.MAC_45NM)),
    Contradiction("C8", "no refresh", ideal_devices, (CELLS * i.CELL_DEVICES,)),
)
