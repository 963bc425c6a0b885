"""Bits that a layer takes in a weight store: its weights (recorded, or as expected from its shape) and its constants.

The constants of an output channel lie behind its weights: the bias, and what requantises its accumulators (multiplier
and shift, and the multiplier of what is added to them; a layer that ends at its accumulators has none of these). They
are stored and fetched as they are, not run-length encoded.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from accelsim.components import weight_store
from accelsim.components.weight_store import WeightStoreSpec
from accelsim.manifest_cnn import BIAS_BITS, MULTIPLIER_BITS, SHIFT_BITS, WEIGHT_BITS, ConvLayer, DenseLayer

if TYPE_CHECKING:
    from accelsim.workload import Workload


def stored_bits(
    store: WeightStoreSpec, workload: Workload, layer: ConvLayer | DenseLayer, channels: range | None = None
) -> int:
    """Bits of some output channels (all unless given), their weights encoded apart from those of the others."""
    first, stop = (channels.start, channels.stop) if channels else (0, layer.weight_shape[0])
    constants = (stop - first) * channel_bits(workload, layer)
    if workload.shapes_only:
        n_weights = (stop - first) * prod(layer.weight_shape[1:])
        return constants + weight_store.expected_bits(store, n_weights, layer.weight_zeros or 0.0, WEIGHT_BITS)
    values = workload.model[f"{layer.name}.weight"][first:stop]
    return constants + weight_store.stored_bits(store, values, WEIGHT_BITS)


def channel_bits(workload: Workload, layer: ConvLayer | DenseLayer) -> int:
    """Bits of the constants of one output channel."""
    ends_there = workload.cnn.ends_at_accumulators(workload.cnn.layers.index(layer))
    if ends_there:
        return BIAS_BITS
    return BIAS_BITS + MULTIPLIER_BITS + SHIFT_BITS + (0 if layer.add is None else MULTIPLIER_BITS)
