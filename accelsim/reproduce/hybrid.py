"""Every number that seed 000, the summary of arXiv 2502.10089, claims."""

from __future__ import annotations

from accelsim.reproduce import hybrid_head, hybrid_teacher
from accelsim.reproduce import hybrid_inputs as i
from accelsim.reproduce.claims import Claim, Reading, Seed, Unchecked
from accelsim.reproduce.hybrid_accuracy import ACCURACY
from accelsim.reproduce.hybrid_contradictions import BACK_END, CONTRADICTIONS
from accelsim.reproduce.quantity import given
from accelsim.reproduce.simulations import Runs, Simulated

N_TEMPLATES, N_FEATURES = int(i.TEMPLATES.value), int(i.FEATURES.value)


def _paper(runs: Runs) -> Simulated:
    return runs.energy("hybrid_paper", "paper_hybrid")


def _physical(runs: Runs) -> Simulated:
    return runs.energy("hybrid_physical", "paper_hybrid")


def _teacher(runs: Runs) -> Simulated:
    return runs.energy("teacher_physical", "resnet50_cifar_stem")


def _macs(run: Simulated) -> float:
    """Multiply-accumulates of an input, gated ones included."""
    return run.count("engine.mac", "engine.mac_gated")


def _cells(run: Simulated) -> float:
    """Cell operations of an input."""
    return run.count("acam.match", "acam.mismatch")


def _per_cell(run: Simulated) -> float:
    return run.joules("acam.match", "acam.mismatch") / _cells(run)


def _input(remark: str) -> Unchecked:
    return Unchecked("input", remark)


def _zero_weights(runs: Runs, workload: str) -> float:
    """Share of a network's weights that are zero."""
    weights = [array for name, array in runs.workload(workload).model.items() if name.endswith(".weight")]
    return sum(int((array == 0).sum()) for array in weights) / sum(array.size for array in weights)


FRONT_PARTS = "CNN engine, its memories, post unit, binariser, input port"
ENERGY = (
    Claim(
        "total",
        "energy",
        i.TOTAL,
        i.FRONT + i.BACK,
        paper=Reading("hybrid_paper on paper_hybrid, all", lambda r: _paper(r).joules()),
        physical=Reading("hybrid_physical on paper_hybrid, all", lambda r: _physical(r).joules()),
        refs=("C1", "C3"),
    ),
    Claim(
        "front_end",
        "energy",
        i.FRONT,
        Unchecked(
            "unpublished",
            "neither the number of operations nor the energy of one is published; paper mode spreads the "
            "claim over the multiply-accumulates of the reconstructed student, so its agreement is by "
            "construction",
        ),
        paper=Reading("hybrid_paper on paper_hybrid, engine", lambda r: _paper(r).joules("engine")),
        physical=Reading(
            f"hybrid_physical on paper_hybrid: {FRONT_PARTS}",
            lambda r: _physical(r).joules() - _physical(r).joules(*BACK_END),
        ),
        refs=("C7",),
    ),
    Claim(
        "back_end",
        "energy",
        i.BACK,
        i.TEMPLATES * i.FEATURES * i.CELL,
        paper=Reading("hybrid_paper on paper_hybrid, acam", lambda r: _paper(r).joules("acam")),
        physical=Reading(
            f"hybrid_physical on paper_hybrid: {', '.join(BACK_END)}", lambda r: _physical(r).joules(*BACK_END)
        ),
        refs=("C4", "C5", "C6", "C8"),
    ),
    Claim(
        "teacher",
        "energy",
        i.TEACHER,
        Unchecked("unpublished", "neither the teacher's operations nor the energy of one is published"),
        physical=Reading("teacher_physical on resnet50_cifar_stem, all", lambda r: _teacher(r).joules()),
        refs=("C2",),
        note="Layer shapes alone, weights streamed from DRAM",
    ),
    Claim(
        "cell",
        "energy",
        i.CELL,
        _input("no node, supply or share of matching cells is given with it"),
        paper=Reading("hybrid_paper on paper_hybrid, a cell operation", lambda r: _per_cell(_paper(r))),
        physical=Reading("hybrid_physical on paper_hybrid, a cell operation", lambda r: _per_cell(_physical(r))),
        refs=("C5",),
    ),
)

RATIOS = (
    Claim(
        "reduction",
        "ratios",
        i.REDUCTION,
        i.TEACHER / (i.FRONT + i.BACK),
        paper=Reading("78.06 µJ over hybrid_paper", lambda r: float(i.TEACHER.value) / _paper(r).joules()),
        physical=Reading(
            "teacher_physical on resnet50_cifar_stem, weights from DRAM, over hybrid_physical on paper_hybrid, weights "
            "on the chip; the same PEs",
            lambda r: _teacher(r).joules() / _physical(r).joules(),
        ),
        refs=("C2",),
        note=lambda r: hybrid_teacher.unequal(r, hybrid_teacher.STEMS[:1]),
    ),
    Claim(
        "mac_reduction",
        "ratios",
        i.MAC_REDUCTION,
        i.TEACHER_MACS_DENSE / i.STUDENT_MACS,
        physical=Reading("operations counted in the same two runs", lambda r: _macs(_teacher(r)) / _macs(_physical(r))),
        refs=("C2",),
        note="The operations of neither network are published; other readings of both stand under C2.",
    ),
    Claim(
        "cosine",
        "ratios",
        i.COSINE,
        Unchecked("unpublished", "the energy of the cosine baseline is not given, nor what it was computed on"),
        physical=Reading(
            "dynamic energy: cosine layer (class means in the network's weight memory) and argmax of cnn_physical over "
            "the match of hybrid_physical, networks of one topology (the head's is pruned)",
            lambda r: hybrid_head.compared(r).network_x,
        ),
        refs=("C6",),
        note=hybrid_head.where_it_depends,
    ),
    Claim(
        "parameter_share",
        "ratios",
        i.PARAMETER_SHARE,
        i.STUDENT_PARAMETERS / i.TEACHER_PARAMETERS,
    ),
    Claim(
        "parameter_share_counted",
        "ratios",
        i.PARAMETER_SHARE,
        i.STUDENT_ALL / i.TEACHER_ALL,
        note="The same from counted networks: the reconstructed trunk without its softmax layer, over ResNet-50 with "
        "1,000 classes.",
    ),
    Claim(
        "memory_factor",
        "ratios",
        i.MEMORY_FACTOR,
        i.MOST_TEMPLATES * i.TEMPLATES * i.FEATURES / (i.TEMPLATES * i.FEATURES),
    ),
)

SIZE = (
    Claim(
        "student_parameters",
        "size",
        i.STUDENT_PARAMETERS,
        i.STUDENT_ALL + i.HEAD_ALL,
        note="The geometry was searched for this figure, so agreement is no evidence for it.",
    ),
    Claim("teacher_parameters", "size", i.TEACHER_PARAMETERS, i.TEACHER_ALL),
    Claim(
        "features",
        "size",
        i.FEATURES,
        i.FILTERS_HEAD * i.LAST_SIDE.squared(),
        paper=Reading("cells searched a template, hybrid_paper", lambda r: _cells(_paper(r)) / N_TEMPLATES),
        physical=Reading("cells searched a template, hybrid_physical", lambda r: _cells(_physical(r)) / N_TEMPLATES),
    ),
    Claim(
        "templates",
        "size",
        i.TEMPLATES,
        _input("one a class of CIFAR-10"),
        paper=Reading("cell operations over 784", lambda r: _cells(_paper(r)) / N_FEATURES),
    ),
    Claim(
        "sparsity",
        "size",
        i.SPARSITY,
        _input("no index storage, no gating is given"),
        paper=Reading("zero weights of paper_hybrid, generated so", lambda r: _zero_weights(r, "paper_hybrid")),
        physical=Reading("zero weights of cifar10_hybrid, not pruned", lambda r: _zero_weights(r, "cifar10_hybrid")),
        refs=("C7",),
    ),
    *(
        Claim(name, "size", quantity, _input(reason))
        for name, quantity, reason in (
            ("weight_bits", i.WEIGHT_BITS, "weights, activations and features"),
            ("side", i.SIDE, "greyscale, one channel"),
            ("channels", i.CHANNELS, "an open question, nothing was built"),
            ("filters_1", i.FILTERS_1, "strides and padding are not given"),
            ("filters_2", i.FILTERS_2, "strides and padding are not given"),
            ("filters_3", i.FILTERS_3, "strides and padding are not given"),
            ("filters_head", i.FILTERS_HEAD, "strides and padding are not given"),
        )
    ),
)

CIRCUIT = (
    Claim(
        "cells",
        "circuit",
        given("parallel comparisons of an inference", "7,840", "", "Foundational Learning (10 x 784)", exact=True),
        i.TEMPLATES * i.FEATURES,
        paper=Reading("matches and mismatches, hybrid_paper", lambda r: _cells(_paper(r))),
        physical=Reading("matches and mismatches, hybrid_physical", lambda r: _cells(_physical(r))),
    ),
    Claim("cell_devices", "circuit", i.CELL_DEVICES, _input("the cell for sparse activations")),
    Claim("cell_devices_dense", "circuit", i.CELL_DEVICES_DENSE, _input("the cell for dense activations")),
    Claim(
        "alpha",
        "circuit",
        i.ALPHA,
        Unchecked("quoted", "a suggestion of the summary; its own Limitations say that the paper does not give it"),
    ),
    Claim(
        "temperature",
        "circuit",
        i.TEMPERATURE,
        Unchecked("quoted", "a suggestion of the summary; its own Limitations say that the paper does not give it"),
    ),
)

SEED_HYBRID = Seed(
    "000",
    "arXiv 2502.10089: hybrid edge classifier, CNN and RRAM-CMOS ACAM",
    "a summary of the paper with review remarks (the paper's own text was not available), and the paper's abstract",
    (*ENERGY, *RATIOS, *ACCURACY, *SIZE, *CIRCUIT),
    CONTRADICTIONS,
)
