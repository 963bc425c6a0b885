"""Figures of arXiv 2307.07631 (memorization-based inference) and of what is needed to check them.

Places are sections of the paper. Its text ("seed 004") is complete but for symbols that its equations lost: 28 x 28
reads 2828, the unit of two energies reads J, and both precharge voltages are gone. Every figure is rounded to its
printed digits unless it is a count.
"""

from __future__ import annotations

from accelsim.reproduce import networks
from accelsim.reproduce.quantity import Quantity, between, count, given, power_of_ten
from accelsim.scaling import stillmaker_baas

TABLE = "Table I"
NOTE = "Table I, note on the energy"
MEMORY = "§III-D"
RATIO_PLACES = "Abstract, §I, §IV"

# ---- energy ------------------------------------------------------------------
MBI = given("energy of an MBI inference", "13.16", "nJ", f"{TABLE} and its note")
COMPARE = given("energy of one comparison of a key with a query, 32 x 32 array", "4.7", "pJ", f"{MEMORY}; {NOTE}")
GLIMPSES = given("glimpses", "5", "", NOTE, exact=True)
LEVELS = given("levels of the lookup tree, average", "3.5", "", NOTE, exact=True)
KEYS = given("keys a table", "32", "", NOTE, exact=True)
SPLITS = given("splits of a key", "5", "", NOTE, exact=True)
OVER_MLP = given("energy of MLP-CIM over MBI", "2.7", "x", RATIO_PLACES)
OVER_RESNET = given("energy of ResNet20-CIM over MBI", "83", "x", RATIO_PLACES)


def _cim(what: str, number: str, unit: str, *, exact: bool = False) -> Quantity:
    return given(what, number, unit, TABLE, exact=exact)


MLP_J = _cim("energy of MLP-CIM, 28 nm", "100.9", "nJ")
MLP_16 = _cim("energy of MLP-CIM, projected to 16 nm", "32.94", "nJ")
MLP_MACS = _cim("multiply-accumulates of MLP-CIM", "930,816", "", exact=True)
MLP_TOPS = _cim("efficiency of MLP-CIM", "18.45", "TOPS/W")
MLP_WEIGHTS = _cim("weights of MLP-CIM", "930,816", "", exact=True)
MLP_BITS = _cim("precision of weights, MLP-CIM", "8", "bit", exact=True)
MLP_STORAGE = _cim("storage of MLP-CIM", "0.88", "MB")
MLP_NODE = _cim("node of MLP-CIM", "28", "nm", exact=True)
RESNET_J = given(
    "energy of ResNet20-CIM, 55 nm", "12.51", "µJ", f"{TABLE}, printed as J: the µ is lost in the text"
)
RESNET_16 = given(
    "energy of ResNet20-CIM, projected to 16 nm", "1.05", "µJ", f"{TABLE}, printed as J: the µ is lost in the text"
)
RESNET_MACS = _cim("multiply-accumulates of ResNet20-CIM", "114,947,584", "", exact=True)
RESNET_TOPS = _cim("efficiency of ResNet20-CIM", "18.37", "TOPS/W")
RESNET_WEIGHTS = _cim("weights of ResNet20-CIM", "272,650", "", exact=True)
RESNET_BITS = _cim("precision of weights, ResNet20-CIM", "5", "bit", exact=True)
RESNET_STORAGE = _cim("storage of ResNet20-CIM", "0.162", "MB")
RESNET_NODE = _cim("node of ResNet20-CIM", "55", "nm", exact=True)
LENET_J = _cim("energy of LeNet-CIM, 65 nm", "20.4", "nJ")
LENET_16 = _cim("energy of LeNet-CIM, projected to 16 nm", "1.24", "nJ")
LENET_MACS = _cim("multiply-accumulates of LeNet-CIM", "411,240", "", exact=True)
LENET_TOPS = _cim("efficiency of LeNet-CIM", "40.3", "TOPS/W")
LENET_WEIGHTS = _cim("weights of LeNet-CIM", "61,706", "", exact=True)
LENET_BITS = _cim("precision of weights, LeNet-CIM", "1", "bit", exact=True)
LENET_STORAGE = _cim("storage of LeNet-CIM", "0.007", "MB")
LENET_NODE = _cim("node of LeNet-CIM", "65", "nm", exact=True)
NODE = given("node of MBI", "16", "nm", f"{TABLE}, {MEMORY}", exact=True)

# ---- accuracy ----------------------------------------------------------------
MIXED = given("accuracy of mixed MBI at threshold 5", "93.04", "%", TABLE)
COVERED = given("inputs that MBI alone answers at threshold 5", "69.65", "%", f"{TABLE}, note on the accuracy")
THRESHOLD = given("distance threshold of the mixed mode", "5", "", f"{TABLE}, note on the accuracy", exact=True)
OPTIMISED = between("accuracy gained by optimised weights", "3", "4", "points", "3 to 4 points", "§II-B, §III-B")
TREE_GAP = between(
    "distance of the tree's match above the nearest key's", "0", "10", "%", "less than 10%", "§III-C"
)
MLP_ACCURACY = _cim("accuracy of MLP-CIM", "99.15", "%")
RESNET_ACCURACY = _cim("accuracy of ResNet20-CIM", "99.52", "%")
LENET_ACCURACY = _cim("accuracy of LeNet-CIM", "98.0", "%")

# ---- size --------------------------------------------------------------------
STORAGE = given("storage of the table", "6.21", "MB", TABLE)
PIXELS = given("side of an MNIST image", "28", "", "§II-A", exact=True)
PIXEL_BITS = given("bits a pixel of the image vector", "2", "", "§II-A", exact=True)
CAMERA_BITS = given("bits a pixel, as an example of more", "8", "bit", "§II-A", exact=True)
IMAGE_BITS = given("bits of the binarised image vector", "1,568", "", "§II-A", exact=True)
ROWS = power_of_ten("rows of a complete table", "1.04", 333, "§II-A")
PATCH_BITS = given("bits of a patch pixel", "2", "", "§I, §III-D", exact=True)
HIDDEN_BITS = given("bits of a hidden unit", "1", "", "§I, §III-D", exact=True)
PATCH_EXAMPLE = given("side of a glimpse, as an example", "3", "", "§II-B", exact=True)
CROPPED = given("side of a cropped ImageNet image", "224", "", "§II-A", exact=True)
GPT_3 = given("parameters of GPT-3, in billions", "175", "", "§I", exact=True)
GPT_4 = given("parameters of GPT-4, in trillions", "100", "", "§I", exact=True)

# ---- circuit -----------------------------------------------------------------
ROWS_ARRAY = given("rows of an array", "32", "", MEMORY, exact=True)
COLUMNS = given("columns of an array", "32", "", MEMORY, exact=True)
SIGMA = given("sigma of V_TH of a minimum device", "60", "mV", f"{MEMORY}, Fig. 6(b)")
STEP = given("smallest step of a sum line", "28", "mV", f"{MEMORY}, Fig. 6(b)")
ADC_BITS = given("bits of the ADC", "5", "bit", MEMORY, exact=True)

# ---- to check them -----------------------------------------------------------
OPERATIONS = count("operations of a multiply-accumulate", 2, "definition of TOPS")
BITS_A_BYTE = count("bits of a byte", 8, "definition")
TWO = count("two", 2, "definition")
WHOLE = count("all inputs", 1, "definition")
MEBI = given("bytes of a mebibyte over a megabyte", "1.048576", "", "definition", basis="definition", exact=True)
SUPPLY = given(
    "precharge of a high column",
    "0.9",
    "V",
    "assumed: nominal for 16 nm LSTP models; the symbol is lost in the text",
    basis="assumed",
    exact=True,
)
ROW_BYTES = count(
    "bytes of a table row",
    31,
    "reconstructed: 48 pixels x 2 bits + 64 hidden + 10 location, next hidden 64 + location 10, class 4 = 248 bits",
    "assumed",
)
PATCH_PIXELS = count("pixels of a glimpse", 48, "authors' code (a7bb744): three patches of 4x4", "derived")
HIDDEN_UNITS = count("hidden units", 64, "authors' code (a7bb744): h_t of 64", "derived")
MLP_COUNTED = networks.MLP.macs()
RESNET_COUNTED = networks.RESNET20_32.macs()
RESNET_COUNTED_28 = networks.RESNET20_28.macs()
RESNET_PARAMETERS = networks.RESNET20_32.parameters()
LENET_COUNTED = networks.LENET.macs()
LENET_PARAMETERS = networks.LENET.parameters()
RAM_MACS = networks.RAM.macs()


def _authors(what: str, percent: str) -> Quantity:
    source = "authors' data of Fig. 3 (a7bb744); single training runs, so about ±2 points"
    return given(f"accuracy of the recurrent network, {what}", percent, "%", source)


HIDDEN_64 = _authors("64 hidden units, unquantised", "98.04")
HIDDEN_64_BINARY = _authors("64 hidden units, 1 bit", "96.01")
HIDDEN_32 = _authors("32 hidden units, unquantised", "98.34")
HIDDEN_32_BINARY = _authors("32 hidden units, 1 bit", "79.67")
HIDDEN_16 = _authors("16 hidden units, unquantised", "97.95")
HIDDEN_16_BINARY = _authors("16 hidden units, 1 bit", "67.93")


def fitted(node_nm: int) -> Quantity:
    """Energy at 16 nm over energy at a node by Stillmaker and Baas, both at 0.8 V."""
    factor = f"{stillmaker_baas(node_nm, 16):.6f}"
    source = "accelsim/scaling.py, Stillmaker and Baas, Integration 58, 2017, at one supply of 0.8 V"
    return given(f"fitted energy factor from {node_nm} to 16 nm", factor, "", source, basis="derived")
