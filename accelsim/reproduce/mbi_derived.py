"""What follows from the figures of arXiv 2307.07631 by arithmetic; claims and contradictions share it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from accelsim.reproduce import mbi_inputs as i
from accelsim.reproduce.quantity import Quantity, decades

LOOKUPS = i.GLIMPSES * i.LEVELS * i.KEYS * i.SPLITS
INFERENCE = LOOKUPS * i.COMPARE
MLP_RATIO, RESNET_RATIO = i.MLP_16 / i.MBI, i.RESNET_16 / i.MBI


@dataclass(frozen=True)
class Macro:
    """A design of Table I that MBI is compared with.

    Attributes:
        node_nm: its node as a number.
        printed, printed_16: its energy as printed, at its own node and projected to 16 nm.
        energy: 2 operations a multiply-accumulate, over the printed efficiency.
        square: the paper's own factor to 16 nm, the square of the nodes.
    """

    name: str
    node_nm: int
    printed: Quantity
    printed_16: Quantity
    energy: Quantity
    square: Quantity

    @property
    def projected(self) -> Quantity:
        """Energy at 16 nm by the paper's own factor."""
        return self.energy * self.square

    @property
    def fitted(self) -> Quantity:
        """Energy at 16 nm by the fitted factor of Stillmaker and Baas."""
        return self.energy * i.fitted(self.node_nm)


def _macro(
    name: str, node: Quantity, macs: Quantity, tops: Quantity, printed: Quantity, printed_16: Quantity
) -> Macro:
    node_nm = int(node.value * 10**9)
    energy = i.OPERATIONS * macs / tops
    return Macro(name, node_nm, printed, printed_16, energy, (i.NODE / node).squared())


MLP = _macro("MLP-CIM", i.MLP_NODE, i.MLP_MACS, i.MLP_TOPS, i.MLP_J, i.MLP_16)
RESNET = _macro("ResNet20-CIM", i.RESNET_NODE, i.RESNET_MACS, i.RESNET_TOPS, i.RESNET_J, i.RESNET_16)
LENET = _macro("LeNet-CIM", i.LENET_NODE, i.LENET_MACS, i.LENET_TOPS, i.LENET_J, i.LENET_16)
MACROS = (MLP, RESNET, LENET)

# With the textbook's ResNet-20 instead of the printed count.
RESNET_TEXTBOOK = i.OPERATIONS * i.RESNET_COUNTED / i.RESNET_TOPS * RESNET.square

# The recurrent network itself on the chip of MLP-CIM, for the images that MBI leaves.
FALLBACK = i.OPERATIONS * (i.GLIMPSES * i.RAM_MACS) / i.MLP_TOPS * MLP.square
LEFT = i.WHOLE - i.COVERED
MIXED = i.MBI + LEFT * FALLBACK


def _storage(weights: Quantity, bits: Quantity) -> Quantity:
    """Weights in MB of 2^20 bytes, which comes nearer to all three printed figures than 10^6."""
    return weights * bits / i.BITS_A_BYTE / i.MEBI


MLP_STORAGE = _storage(i.MLP_WEIGHTS, i.MLP_BITS)
RESNET_STORAGE = _storage(i.RESNET_WEIGHTS, i.RESNET_BITS)
LENET_STORAGE = _storage(i.LENET_WEIGHTS, i.LENET_BITS)

# Leaves of a full tree of 32 branches and 3.5 levels.
TREE_ROWS = i.LEVELS.through(lambda levels: Fraction(str(32.0 ** float(levels))), "32^{}")
COMPLETE_ROWS = decades(i.TWO.through(lambda two: two ** int(i.IMAGE_BITS.value), f"{{}}^{i.IMAGE_BITS.text}"))

# Figures of Table I that can be recomputed, beside what they should be.
TABLE_I = (
    *((macro.printed_16, macro.projected) for macro in MACROS),
    *((i.MLP_STORAGE, MLP_STORAGE), (i.RESNET_STORAGE, RESNET_STORAGE), (i.LENET_STORAGE, LENET_STORAGE)),
)

FULL_STEP = i.SUPPLY / i.COLUMNS
HALF_STEP = i.SUPPLY / i.TWO / i.COLUMNS
HIDDEN_LOSSES = (
    (64, i.HIDDEN_64 - i.HIDDEN_64_BINARY),
    (32, i.HIDDEN_32 - i.HIDDEN_32_BINARY),
    (16, i.HIDDEN_16 - i.HIDDEN_16_BINARY),
)

# Pairs of 2-bit values with the circuit's distance (bits that differ, each with its weight: §III-D, steps 1 to 3) and
# Manhattan's.
PATCHES = [(a, b, a ^ b, abs(a - b)) for a in range(4) for b in range(a, 4)]
N_PAIRS = 16
N_ALIKE = sum((1 if a == b else 2) for a, b, circuit, manhattan in PATCHES if circuit == manhattan)
UNLIKE = [pair for pair in PATCHES if pair[2] != pair[3]]
