"""Claims of arXiv 2307.07631 on sizes and circuits."""

from __future__ import annotations

from fractions import Fraction

from accelsim.reproduce import mbi_derived as d
from accelsim.reproduce import mbi_inputs as i
from accelsim.reproduce import mbi_readings as read
from accelsim.reproduce.claims import Claim, Reading, Unchecked
from accelsim.reproduce.quantity import count, given

ROW_BYTES = 31


def _input(reason: str) -> Unchecked:
    return Unchecked("input", reason)


# Table I, columns of the CIM designs: what their energy and storage were computed from.
_MACRO_INPUTS = (
    *(("mlp_tops", i.MLP_TOPS), ("resnet_tops", i.RESNET_TOPS), ("lenet_tops", i.LENET_TOPS)),
    *(("mlp_node", i.MLP_NODE), ("resnet_node", i.RESNET_NODE), ("lenet_node", i.LENET_NODE)),
    *(("mlp_bits", i.MLP_BITS), ("resnet_bits", i.RESNET_BITS), ("lenet_bits", i.LENET_BITS)),
)

SIZE = (
    Claim(
        "storage",
        "size",
        i.STORAGE,
        Unchecked(
            "unpublished",
            "neither the number of rows nor the width of one is given; paper mode's table was made to have this size",
        ),
        paper=Reading("rows of paper_mbi, 31 B each", lambda r: read.rows_bytes(r, ROW_BYTES)),
        physical=Reading("keys and values of mnist_mbi (trained tables)", read.trained_bytes),
        refs=("M3",),
    ),
    Claim(
        "storage_of_tree",
        "size",
        i.STORAGE,
        d.TREE_ROWS * i.ROW_BYTES,
        note="An estimate from the published levels and a reconstructed row; a tree need not be full.",
    ),
    Claim("mlp_storage", "size", i.MLP_STORAGE, d.MLP_STORAGE, refs=("N2",)),
    Claim("resnet_storage", "size", i.RESNET_STORAGE, d.RESNET_STORAGE, refs=("N2",)),
    Claim("lenet_storage", "size", i.LENET_STORAGE, d.LENET_STORAGE),
    Claim("mlp_weights", "size", i.MLP_WEIGHTS, i.MLP_COUNTED, note="The layer sizes were searched for this figure."),
    Claim("mlp_macs", "size", i.MLP_MACS, i.MLP_COUNTED, note="The layer sizes were searched for this figure."),
    Claim("resnet_weights", "size", i.RESNET_WEIGHTS, i.RESNET_PARAMETERS, refs=("N3",)),
    Claim("resnet_macs", "size", i.RESNET_MACS, i.RESNET_COUNTED, refs=("N3",)),
    Claim("lenet_weights", "size", i.LENET_WEIGHTS, i.LENET_PARAMETERS),
    Claim("lenet_macs", "size", i.LENET_MACS, i.LENET_COUNTED),
    Claim("image_bits", "size", i.IMAGE_BITS, i.PIXELS.squared() * i.PIXEL_BITS),
    Claim(
        "complete_table",
        "size",
        i.ROWS,
        d.COMPLETE_ROWS,
        refs=("N1",),
    ),
    *(
        Claim(name, "size", quantity, Unchecked("input", reason))
        for name, quantity, reason in (
            ("pixels", i.PIXELS, "the images of MNIST"),
            ("pixel_bits", i.PIXEL_BITS, "an example of the text"),
            ("camera_bits", i.CAMERA_BITS, "an example of the text"),
            ("patch_example", i.PATCH_EXAMPLE, "an example of the text; the authors' code has 4"),
        )
    ),
    *(Claim(name, "size", quantity, _input("a figure of the cited work")) for name, quantity in _MACRO_INPUTS),
    *(
        Claim(name, "size", quantity, Unchecked("quoted", "background, nothing of the paper depends on it"))
        for name, quantity in (("cropped", i.CROPPED), ("gpt_3", i.GPT_3), ("gpt_4", i.GPT_4))
    ),
)

COMPUTE_FREE = given(
    "multiplications of an inference, called compute-free", "0", "", "Abstract, §I, §II", exact=True
)
MANHATTAN = given(
    "pairs of 2-bit values, of 16, whose distance is Manhattan's", "16", "", "§III-B, §III-D: all of them", exact=True
)

CIRCUIT = (
    Claim(
        "glimpses",
        "circuit",
        i.GLIMPSES,
        _input("a configuration"),
        paper=Reading("values read an inference, mbi_paper", lambda r: read.paper(r).count("values.read")),
        physical=Reading("the same, mbi_physical", lambda r: read.physical(r).count("values.read")),
    ),
    Claim(
        "levels",
        "circuit",
        i.LEVELS,
        _input("an average of the authors' tree"),
        paper=Reading("nodes a glimpse, mbi_paper on paper_mbi", lambda r: read.levels(read.paper(r))),
        physical=Reading("nodes a glimpse, mbi_physical on paper_mbi", lambda r: read.levels(read.physical(r))),
        refs=("M10",),
    ),
    Claim(
        "keys",
        "circuit",
        i.KEYS,
        _input("a configuration"),
        paper=Reading("comparisons a node, mbi_paper", lambda r: read.keys_a_node(read.paper(r))),
        physical=Reading("comparisons a node, mbi_physical", lambda r: read.keys_a_node(read.physical(r))),
    ),
    Claim(
        "splits",
        "circuit",
        i.SPLITS,
        (i.PATCH_PIXELS * i.PATCH_BITS + i.HIDDEN_UNITS * i.HIDDEN_BITS) / i.COLUMNS,
        paper=Reading("arrays a key, mbi_paper", lambda r: read.splits(read.paper(r))),
        physical=Reading("arrays a key, mbi_physical", lambda r: read.splits(read.physical(r))),
        note="From the key of the authors' code.",
    ),
    Claim("patch_bits", "circuit", i.PATCH_BITS, _input("chosen from Fig. 3(b)")),
    Claim("hidden_bits", "circuit", i.HIDDEN_BITS, _input("chosen from Fig. 3(b)"), refs=("M9",)),
    Claim("rows", "circuit", i.ROWS_ARRAY, _input("as many as keys a table")),
    Claim("columns", "circuit", i.COLUMNS, _input("a configuration")),
    Claim("node", "circuit", i.NODE, _input("predictive transistor models")),
    Claim("sigma", "circuit", i.SIGMA, _input("an assumption of the authors' circuit simulation")),
    Claim(
        "step",
        "circuit",
        i.STEP,
        d.FULL_STEP,
        paper=Reading("a column of weight 2, mbi_paper", lambda r: read.step_v(r, "mbi_paper", "array")),
        physical=Reading("a column of weight 1, mbi_physical", lambda r: read.step_v(r, "mbi_physical", "array_half")),
        refs=("M8",),
    ),
    Claim(
        "adc_bits",
        "circuit",
        i.ADC_BITS,
        i.COLUMNS.through(lambda n: Fraction(int(n).bit_length() - 1), "log2({})"),
        paper=Reading("mbi_paper", lambda r: read.adc_bits(r, "mbi_paper")),
        physical=Reading("mbi_physical", lambda r: read.adc_bits(r, "mbi_physical")),
        refs=("M8",),
        note="32 codes for a line of 32 columns of one weight; a split with 16 pixels of 2 bits has 49 levels.",
    ),
    Claim(
        "manhattan",
        "circuit",
        MANHATTAN,
        count("pairs on which the circuit is Manhattan's", d.N_ALIKE, f"{d.N_PAIRS} pairs, by brute force", "derived"),
        refs=("M7",),
    ),
    Claim(
        "compute_free",
        "circuit",
        COMPUTE_FREE,
        d.LOOKUPS,
        paper=Reading("multiplications of step 4, mbi_paper", lambda r: read.paper(r).count("scan.multiply")),
        physical=Reading("multiplications of step 4, mbi_physical", lambda r: read.physical(r).count("scan.multiply")),
        refs=("M5",),
        note="Every distance is multiplied by a learned weight (step 4).",
    ),
    Claim(
        "precharge",
        "circuit",
        given("precharge of a low column over a high one", "0.5", "", "§III-D, step 1", exact=True),
        Unchecked("input", "2^(j - n + 1) of the highest level for significance j; the symbols are lost in the text"),
        refs=("M8",),
    ),
)
