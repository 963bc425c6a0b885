"""Every number that seed 004, arXiv 2307.07631, claims."""

from __future__ import annotations

from accelsim.reproduce import mbi_derived as d
from accelsim.reproduce import mbi_inputs as i
from accelsim.reproduce.claims import Claim, Reading, Recipe, Seed, Unchecked
from accelsim.reproduce.mbi_contradictions import CONTRADICTIONS
from accelsim.reproduce.mbi_readings import (
    gap_words,
    mixed,
    optimised,
    paper,
    physical,
    recipe_mixed,
    trained,
    tree_gap,
)
from accelsim.reproduce.mbi_sizes import CIRCUIT, SIZE

PAPER_RECIPE = "`accelsim train mbi --recipe paper`"
# What makes a distance and finds the smallest, of the blocks that the physical chip charges.
COMPARE_PARTS = ("arrays", "adc", "scan")

def _cim(spec: str, workload: str) -> Reading:
    """A design of Table I as a macro of published efficiency, on as many multiply-accumulates as the table says."""
    return Reading(f"{spec} on {workload}, all", lambda r: r.energy(spec, workload).joules())


ENERGY = (
    Claim(
        "inference",
        "energy",
        i.MBI,
        d.INFERENCE,
        paper=Reading("mbi_paper on paper_mbi, all", lambda r: paper(r).joules()),
        physical=Reading("mbi_physical on paper_mbi, all", lambda r: physical(r).joules()),
        refs=("M3",),
    ),
    Claim(
        "compare",
        "energy",
        i.COMPARE,
        Unchecked("input", "simulated by the authors; its split over ADC, precharge and logic is only a figure (6c)"),
        paper=Reading(
            "mbi_paper on paper_mbi, a comparison",
            lambda r: paper(r).joules("arrays.compare") / paper(r).count("arrays.compare"),
        ),
        physical=Reading(
            f"mbi_physical on paper_mbi, {', '.join(COMPARE_PARTS)} with their static power, a comparison",
            lambda r: physical(r).joules(*COMPARE_PARTS) / physical(r).count("arrays.compare"),
        ),
    ),
    Claim("mlp_energy", "energy", i.MLP_J, d.MLP.energy, paper=_cim("cim_mlp_28nm", "mlp_930k_shapes")),
    Claim(
        "resnet_energy",
        "energy",
        i.RESNET_J,
        d.RESNET.energy,
        paper=_cim("cim_resnet20_55nm", "resnet20_115m_shapes"),
        refs=("M11", "N3"),
    ),
    Claim("lenet_energy", "energy", i.LENET_J, d.LENET.energy, paper=_cim("cim_lenet_65nm", "lenet_411k_shapes")),
    Claim("mlp_projected", "energy", i.MLP_16, d.MLP.projected, refs=("N2",)),
    Claim(
        "resnet_projected",
        "energy",
        i.RESNET_16,
        d.RESNET.projected,
        refs=("M11", "N2", "N3"),
    ),
    Claim(
        "lenet_projected",
        "energy",
        i.LENET_16,
        d.LENET.projected,
        refs=("M4",),
    ),
)

RATIOS = (
    Claim(
        "over_mlp",
        "ratios",
        i.OVER_MLP,
        d.MLP_RATIO,
        paper=Reading("32.94 nJ over mbi_paper", lambda r: float(i.MLP_16.value) / paper(r).joules()),
        physical=Reading("32.94 nJ over mbi_physical", lambda r: float(i.MLP_16.value) / physical(r).joules()),
        refs=("M1", "M3", "N4"),
    ),
    Claim(
        "over_resnet",
        "ratios",
        i.OVER_RESNET,
        d.RESNET_RATIO,
        paper=Reading("1.05 µJ over mbi_paper", lambda r: float(i.RESNET_16.value) / paper(r).joules()),
        physical=Reading("1.05 µJ over mbi_physical", lambda r: float(i.RESNET_16.value) / physical(r).joules()),
        refs=("M2", "N3", "N4"),
    ),
)

_OTHER_METHOD = "Paper and physical mode answer with workloads trained by another method (learned_prototypes)."
_CIM = Unchecked("quoted", "a figure of the cited work, on its own chip or simulation")
ACCURACY = (
    Claim(
        "mixed",
        "accuracy",
        i.MIXED,
        Unchecked("training", PAPER_RECIPE),
        paper=Reading("mbi_paper on mnist_mbi, all recorded inputs, no fallback", lambda r: trained(r).accuracy()),
        physical=Reading("full_chip on mnist_cascade, chip 0, fallback charged", lambda r: mixed(r).accuracy()),
        recipe=Recipe("mnist_mbi_paper with its network behind it, Manhattan distance, test images", recipe_mixed),
        refs=("M3",),
        note=_OTHER_METHOD,
    ),
    Claim(
        "covered",
        "accuracy",
        i.COVERED,
        Unchecked("input", "our training of the paper's recipe chooses its threshold, on validation images, for this"),
        physical=Reading("full_chip on mnist_cascade, chip 0", lambda r: mixed(r).coverage()),
        refs=("M3",),
        note=_OTHER_METHOD,
    ),
    Claim("threshold", "accuracy", i.THRESHOLD, Unchecked("input", "its unit and the rule over glimpses are not said")),
    Claim(
        "optimised",
        "accuracy",
        i.OPTIMISED,
        Unchecked("training", f"{PAPER_RECIPE}, weights against unit weights"),
        recipe=Recipe("mnist_mbi_paper, validation images, every row compared, circuit's distance", optimised),
    ),
    Claim(
        "tree_gap",
        "accuracy",
        i.TREE_GAP,
        Unchecked("training", f"{PAPER_RECIPE}, tree against exhaustive search"),
        recipe=Recipe("mnist_mbi_paper, 95th percentile on validation images, circuit's distance", tree_gap),
        note=gap_words,
    ),
    Claim("mlp_accuracy", "accuracy", i.MLP_ACCURACY, _CIM),
    Claim("resnet_accuracy", "accuracy", i.RESNET_ACCURACY, _CIM),
    Claim("lenet_accuracy", "accuracy", i.LENET_ACCURACY, _CIM),
)

SEED_MBI = Seed(
    "004",
    "arXiv 2307.07631: memorization-based inference (MBI)",
    "the full text of the paper, from which symbols of equations and some units are lost",
    (*ENERGY, *RATIOS, *ACCURACY, *SIZE, *CIRCUIT),
    CONTRADICTIONS,
)
