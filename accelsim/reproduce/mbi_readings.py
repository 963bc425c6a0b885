"""Simulations that the claims of arXiv 2307.07631 are read from."""

from __future__ import annotations

from accelsim.components.adc import AdcSpec
from accelsim.components.distance_array import DistanceArraySpec
from accelsim.errors import InvariantError
from accelsim.reproduce.claims import Measured
from accelsim.reproduce.simulations import Answers, NotRun, Runs, Simulated

BITS_A_BYTE = 8


def paper(runs: Runs) -> Simulated:
    """The paper's table on a chip by the paper's accounting."""
    return runs.energy("mbi_paper", "paper_mbi")


def physical(runs: Runs) -> Simulated:
    """The paper's table on a chip whose every block is charged."""
    return runs.energy("mbi_physical", "paper_mbi")


def trained(runs: Runs) -> Answers:
    """Answers of the trained tables, ideal parts."""
    return runs.answers("mbi_paper", "mnist_mbi")


def mixed(runs: Runs) -> Answers:
    """Answers of tables with a CNN behind them, on one physical chip."""
    return runs.answers("full_chip", "mnist_cascade")


PAPER_RECIPE = "mnist_mbi_paper"


def recipe_mixed(runs: Runs) -> Measured:
    """Mixed mode of our training of the paper's method: share of right answers, at the coverage of the claim."""
    found = runs.manifest(PAPER_RECIPE)
    return Measured.share(float(found.training["manhattan_test_accuracy_mixed"]), found.dataset.n_inputs)


def optimised(runs: Runs) -> Measured:
    """Share of right answers that weighing the parts of a key gained in our training, under exhaustive search."""
    training = runs.manifest(PAPER_RECIPE).training
    weighed, equal = (training[f"validation_accuracy_exhaustive_{keys}"] for keys in ("located", "equal_weights"))
    return Measured.gain(weighed, equal, training["validation_images"])


def tree_gap(runs: Runs) -> Measured:
    """How much further than the nearest key the tree's match is in our training, at the 95th percentile: the paper
    claims its bound "with very high probability"."""
    gap = float(runs.manifest(PAPER_RECIPE).training["gap_p95"])
    return Measured(gap, gap, gap)


def gap_words(runs: Runs) -> str:
    """The rest of the distribution."""
    try:
        training = runs.manifest(PAPER_RECIPE).training
    except NotRun:
        return ""
    median, share = training["gap_median"], training["share_within_10_percent"]
    return f"In the median it is {median:.1%}; {share:.0%} of the queries stay below 10 %"


def levels(run: Simulated) -> float:
    """Nodes of the tree that a glimpse visits."""
    return run.count("controller.node") / run.count("values.read")


def keys_a_node(run: Simulated) -> float:
    """Keys compared in a node."""
    return run.count("scan.compare") / run.count("controller.node")


def splits(run: Simulated) -> float:
    """Arrays that compare one key."""
    return run.count("arrays.compare") / run.count("scan.compare")


def logic_operations(run: Simulated) -> float:
    """Multiplications and additions of step 4, of votes and of pooling."""
    return run.count("scan.multiply", "scan.add", "vote.add", "extractor.add")


def rows_bytes(runs: Runs, row_bytes: int) -> float:
    """Size of the generated table, at so many bytes a row."""
    return float(len(runs.workload("paper_mbi").model["value_class"]) * row_bytes)


def trained_bytes(runs: Runs) -> float:
    """Size of the trained tables: every key and every value row."""
    workload = runs.workload("mnist_mbi")
    bits = len(workload.model["keys"]) * workload.mbi.key_bits
    return (bits + len(workload.model["value_hidden"]) * workload.mbi.value_bits) / BITS_A_BYTE


def step_v(runs: Runs, spec: str, supply: str) -> float:
    """By how much one column, precharged to `supply`, moves the sum line of a chip's arrays."""
    chip = runs.chip(spec)
    arrays = chip["arrays"].spec
    if not isinstance(arrays, DistanceArraySpec):
        raise InvariantError(f"reproduce: {spec} has no distance arrays")
    return chip.spec.dies[arrays.die].supplies_v[supply] / arrays.n_cols


def adc_bits(runs: Runs, spec: str) -> float:
    """Bits of a chip's converters."""
    adc = runs.chip(spec)["adc"].spec
    if not isinstance(adc, AdcSpec):
        raise InvariantError(f"reproduce: {spec} has no converters")
    return float(adc.n_bits)
