"""Networks that the papers name, as layer tables: their parameters and multiply-accumulates are counted, not quoted.

*Source*: where a network is the textbook's, its paper; where a table was reconstructed, the text says so. Biases and
normalisation are parameters, not multiply-accumulates. An output at the border of a padded layer counts in full.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.reproduce.quantity import Basis, Quantity, count


@dataclass(frozen=True)
class Layer:
    """A convolution of `kernel`² (or, with kernel 1 on one place, a dense layer).

    Attributes:
        inputs, outputs: channels.
        side: rows and columns of the output.
        extra: parameters an output channel besides the weights: 1 for a bias, 2 for a normalisation's scale and shift.
    """

    inputs: int
    outputs: int
    kernel: int = 1
    side: int = 1
    extra: int = 1

    @property
    def weights(self) -> int:
        """Weights of the layer."""
        return self.inputs * self.outputs * self.kernel**2


@dataclass(frozen=True)
class Network:
    """Layers with the words that say where they come from."""

    name: str
    layers: tuple[Layer, ...]
    basis: Basis
    source: str

    def parameters(self) -> Quantity:
        """All parameters, exact."""
        n = sum(layer.weights + layer.extra * layer.outputs for layer in self.layers)
        return count(f"parameters of {self.name}", n, self.source, self.basis)

    def weights(self) -> Quantity:
        """Weights alone, exact."""
        return count(f"weights of {self.name}", sum(layer.weights for layer in self.layers), self.source, self.basis)

    def macs(self) -> Quantity:
        """Multiply-accumulates of one input, exact."""
        n = sum(layer.weights * layer.side**2 for layer in self.layers)
        return count(f"multiply-accumulates of {self.name}", n, self.source, self.basis)


STUDENT = Network(
    "the reconstructed student",
    (Layer(1, 32, 3, 15), Layer(32, 128, 3, 7), Layer(128, 256, 3, 7), Layer(256, 16, 3, 7)),
    "assumed",
    "reconstructed: 3x3 layers 1→32→128→256→16 with outputs of 15, 7, 7 and 7 a side; the only geometry found that "
    "has the published filters, 784 = 16 x 7 x 7 features and about 380 K parameters",
)
STUDENT_HEAD = Network(
    "the student's softmax layer", (Layer(784, 10),), "derived", "784 features to 10 classes, as published"
)


def _bottlenecks(inputs: int, width: int, blocks: int, side_in: int, side: int) -> list[Layer]:
    """A stage of ResNet-50: the stride is on the 3x3 layer, the first block has a projection."""
    layers = []
    for block in range(blocks):
        channels = inputs if block == 0 else 4 * width
        before = side_in if block == 0 else side
        layers += [Layer(channels, width, 1, before, 2), Layer(width, width, 3, side, 2)]
        layers += [Layer(width, 4 * width, 1, side, 2)]
        layers += [Layer(channels, 4 * width, 1, side, 2)] if block == 0 else []
    return layers


def resnet50(name: str, stem: Layer, sides: tuple[int, int, int, int, int], classes: int) -> Network:
    """ResNet-50 (He et al., 2016; stride on the 3x3 layer): `sides` of the stages' input and of the four stages."""
    layers = [stem]
    channels = stem.outputs
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        layers += _bottlenecks(channels, width, blocks, sides[stage], sides[stage + 1])
        channels = 4 * width
    source = f"He et al., CVPR 2016, stride on the 3x3 layer; {stem.kernel}x{stem.kernel} stem, {classes} classes"
    return Network(name, (*layers, Layer(channels, classes)), "derived", source)


# The seed says ResNet-50 and 26 million, not which stem nor which size of input.
TEACHER_IMAGENET = resnet50("ResNet-50 on 224x224x3", Layer(3, 64, 7, 112, 2), (56, 56, 28, 14, 7), 1000)
TEACHER_STRIDED = resnet50("ResNet-50 on 32x32x3, ImageNet stem", Layer(3, 64, 7, 16, 2), (8, 8, 4, 2, 1), 10)
TEACHER_DENSE = resnet50("ResNet-50 on 32x32x3, 3x3 stem", Layer(3, 64, 3, 32, 2), (32, 32, 16, 8, 4), 10)

MLP = Network(
    "784-512-512-512-10",
    (Layer(784, 512, extra=0), Layer(512, 512, extra=0), Layer(512, 512, extra=0), Layer(512, 10, extra=0)),
    "assumed",
    "layer sizes found by trying; arXiv 2307.07631 names none. No biases",
)
LENET = Network(
    "LeNet-5",
    (Layer(1, 6, 5, 28), Layer(6, 16, 5, 10), Layer(400, 120), Layer(120, 84), Layer(84, 10)),
    "assumed",
    "LeNet-5 (LeCun et al., 1998) on 32x32 with full connections and biases; arXiv 2307.07631 gives no layers",
)


def _resnet20(side: int, channels: int) -> tuple[Layer, ...]:
    layers = [Layer(channels, 16, 3, side, 2)]
    for width in (16, 32, 64):
        before = 16 if width == 16 else width // 2
        side_here = side * 16 // width
        layers += [Layer(before, width, 3, side_here, 2)]
        layers += [Layer(width, width, 3, side_here, 2)] * 5
    return (*layers, Layer(64, 10))


RESNET20_32 = Network(
    "ResNet-20 on 32x32x3", _resnet20(32, 3), "assumed", "He et al., CVPR 2016, 3 x 3 blocks, no projections"
)
RESNET20_28 = Network(
    "ResNet-20 on 28x28x1", _resnet20(28, 1), "assumed", "the same on the images of MNIST, one channel"
)
RAM = Network(
    "a glimpse of the recurrent attention model",
    (
        *(Layer(48, 128), Layer(2, 128), Layer(128, 256), Layer(128, 256), Layer(256, 256)),
        *(Layer(64, 256), Layer(256, 64), Layer(64, 32), Layer(32, 2)),
    ),
    "derived",
    "authors' code, kevinzakka/recurrent-visual-attention, refs/pull/46, commit a7bb744, modules.py",
)
