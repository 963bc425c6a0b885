"""Whether a workload fits a chip: every capacity that the workload exceeds, at once.

A memory that inputs arrive in holds as many of them as may be in flight, whole, beside what is worked on.
Whether a layer can be cut into tiles for an engine is the mapping's business: it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from accelsim.components import digital_matcher, distance_array, lut_controller, sram_buffer, value_memory
from accelsim.errors import Problem
from accelsim.layer_tiles import layer_tiles
from accelsim.layer_weights import stored_bits
from accelsim.manifest import SPLIT_COLUMNS, Acam, Mbi
from accelsim.manifest_cnn import LOGIT_BYTES, Cnn, ConvLayer, DenseLayer
from accelsim.mapping.tiling import TileError

if TYPE_CHECKING:
    from accelsim.chip import Chip
    from accelsim.workload import Workload


# Kind of chip → kind of the layer tables (`content: shapes`) that it runs; other chips run workloads of their own kind.
TAKES = {"row_stationary": "cnn", "cim": "cnn"}


def fit_problems(workload: Workload, chip: Chip) -> list[Problem]:
    """Everything for which `chip` is too small, or of the wrong kind (then only that)."""
    return list(_Fit(workload, chip).problems())


class _Fit:
    """One comparison of a workload with a chip."""

    def __init__(self, workload: Workload, chip: Chip) -> None:
        self.workload, self.chip = workload, chip

    def problems(self) -> Iterator[Problem]:
        manifest, spec = self.workload.manifest, self.chip.spec
        takes = TAKES.get(spec.kind, spec.kind)
        if manifest.kind != takes:
            yield self.problem("kind", manifest.kind, f"{takes} ({spec.name} is of kind {spec.kind})")
            return
        if spec.kind in TAKES:
            if manifest.content != "shapes":
                yield self.problem("content", manifest.content, f"shapes ({spec.name} is of kind {spec.kind})")
            yield from self.adder_problems(self.workload.cnn, can_add=False, why=f"is of kind {spec.kind}")
            return
        if manifest.mbi:
            yield from self.mbi_problems(manifest.mbi)
        if manifest.cnn:
            yield from self.cnn_problems(manifest.cnn)
        if spec.kind == "cnn" and self.workload.cnn.head == "argmax":
            n_classes, vote = self.workload.cnn.n_outputs, self.chip["vote"].spec
            yield from self.at_most("dataset.n_classes", n_classes, vote.n_classes_max, "vote.n_classes_max")
        if manifest.acam and "matcher" in self.chip:
            yield from self.matcher_problems(manifest.acam)
        elif manifest.acam and "acam" in self.chip:
            yield from self.acam_problems(manifest.acam)
        elif manifest.acam:
            yield self.problem("cnn.head", "acam", f"argmax ({spec.name} has nothing that matches templates)")

    def problem(self, path: str, got: str, need: str) -> Problem:
        return Problem(str(self.workload.folder), path, got, need)

    def at_most(self, path: str, got: int, limit: int, field: str, what: str = "") -> Iterator[Problem]:
        """A problem if `got` exceeds the limit that a field of the spec sets."""
        if got > limit:
            need = f"at most {limit} (instances.{field} of {self.chip.spec.name})"
            yield self.problem(path, f"{got}{what}", need)

    @property
    def in_flight(self) -> int:
        """Inputs that may be on the chip at once."""
        n_inputs: int = self.chip["admission"].spec.max_inputs_in_flight
        return n_inputs

    def adder_problems(self, cnn: Cnn, can_add: bool, why: str) -> Iterator[Problem]:
        """Layers that add another one's output on a chip where nothing does."""
        for i, layer in enumerate(cnn.layers):
            if layer.add is not None and not can_add:
                need = f"no such field ({self.chip.spec.name} {why}: nothing there adds the outputs of two layers)"
                yield self.problem(f"cnn.layers.{i}.add", layer.add, need)

    def cnn_problems(self, cnn: Cnn) -> Iterator[Problem]:
        """What each layer reads, writes and keeps, with the images of the other inputs in flight; all weights."""
        if any(layer.add is not None for layer in cnn.layers):
            can_add = self.chip["post"].spec.add_pj is not None
            yield from self.adder_problems(cnn, can_add, "has no instances.post.add_pj")
        buffer, store = self.chip["buffer"].spec, self.chip["weights"].spec
        waiting = self.in_flight - 1
        beside = f" and {waiting} more image{'s' if waiting > 1 else ''} in flight" if waiting else ""
        batch = f" for {cnn.batch} images" if cnn.batch > 1 else ""
        for i, layer in enumerate(cnn.layers):
            value_bytes = LOGIT_BYTES if cnn.ends_at_accumulators(i) else 1
            kept = [cnn.layers[earlier] for earlier in cnn.kept(i)]
            also = f", outputs kept of {', '.join(other.name for other in kept)}" if kept else ""
            held = prod(layer.in_shape) + sum(prod(other.out_shape) for other in kept)
            # Where the added operand is not needed any more, the output takes its place, which is as large.
            held += prod(layer.out_shape) * value_bytes + waiting * prod(cnn.input.shape)
            what = f" bytes of input and output of {layer.name}{also}{batch}{beside}"
            yield from self.at_most(f"cnn.layers.{i}", cnn.batch * held, buffer.n_bytes, "buffer.n_bytes", what)
            yield from self.tile_problems(i, layer, cnn.batch)
        # Groups of output channels are encoded apart, which never takes more bits than the whole layer.
        bits = sum(stored_bits(store, self.workload, layer) for layer in cnn.layers)
        what = f" bytes of weights ({store.encoding})"
        yield from self.at_most("cnn.layers", -(-bits // 8), store.n_bytes, "weights.n_bytes", what)

    def tile_problems(self, index: int, layer: ConvLayer | DenseLayer, n_images: int) -> Iterator[Problem]:
        """A layer that the engine's tile buffers cannot be cut for."""
        try:
            layer_tiles(self.chip["engine"].spec, layer, n_images)
        except TileError as error:
            got = f"{error.field} {error.got} (instances.engine of {self.chip.spec.name})"
            yield self.problem(f"cnn.layers.{index}", got, error.need)

    def acam_problems(self, acam: Acam) -> Iterator[Problem]:
        array, driver, wta = (self.chip[name].spec for name in ("acam", "driver", "wta"))
        features = "acam.n_features"
        yield from self.at_most("acam.n_rows", acam.n_rows, array.n_rows, "acam.n_rows")
        yield from self.at_most("acam.n_rows", acam.n_rows, wta.n_inputs_max, "wta.n_inputs_max")
        yield from self.at_most(
            features, acam.n_features, array.row_cells, "acam.n_segments x instances.acam.segment_cells"
        )
        yield from self.at_most(features, acam.n_features, driver.n_columns, "driver.n_columns")

    def matcher_problems(self, acam: Acam) -> Iterator[Problem]:
        """Counters for all rows, and room for the bits that the cells take as these templates are."""
        matcher = self.chip["matcher"].spec
        yield from self.at_most("acam.n_rows", acam.n_rows, matcher.n_rows_max, "matcher.n_rows_max")
        low, high = self.workload.model["template_low"], self.workload.model["template_high"]
        bits = digital_matcher.cell_bits(low, high, acam.feature_levels)
        if bits > matcher.group_bits:
            name = self.chip.spec.name
            need = f"at most {matcher.group_bits} (instances.matcher.group_bits of {name})"
            yield self.problem("acam.feature_levels", f"cells of {bits} bits", need)
            return
        n_words = digital_matcher.words(matcher, acam.n_rows, acam.n_features, bits)
        n_bytes, what = -(-n_words * matcher.word_bits // 8), f" bytes of templates ({bits} bits a cell)"
        yield from self.at_most("acam.n_rows", n_bytes, matcher.n_bytes, "matcher.n_bytes", what)

    def mbi_problems(self, mbi: Mbi) -> Iterator[Problem]:
        vote = self.chip["vote"].spec
        yield from self.pixel_problems(mbi)
        yield from self.at_most("mbi.n_classes", mbi.n_classes, vote.n_classes_max, "vote.n_classes_max")
        yield from self.key_problems(mbi)
        values = self.chip["values"].spec
        n_rows, room = len(self.workload.model["value_hidden"]), value_memory.capacity(values, mbi.value_bits)
        field, what = "values.n_bytes x instances.values.count", f" value rows of {mbi.value_bits} bits"
        yield from self.at_most("mbi.value_bits", n_rows, room, field, what)

    def pixel_problems(self, mbi: Mbi) -> Iterator[Problem]:
        """All images in flight; every row of an image starts at a port word."""
        pixels = self.chip["pixels"].spec
        row_words = sram_buffer.words(pixels, mbi.image.width)  # a pixel is a byte
        n_bits = self.in_flight * mbi.image.height * row_words * pixels.port_bits
        what = f" bytes of pixels ({self.in_flight} images in flight)" if self.in_flight > 1 else " bytes of pixels"
        yield from self.at_most("mbi.image", -(-n_bits // 8), pixels.n_bytes, "pixels.n_bytes", what)

    def key_problems(self, mbi: Mbi) -> Iterator[Problem]:
        arrays, controller = self.chip["arrays"].spec, self.chip["controller"].spec
        if arrays.metric == "manhattan" and SPLIT_COLUMNS % mbi.pixel_bits:
            why = f"instances.arrays.metric manhattan of {self.chip.spec.name}"
            yield self.problem("mbi.pixel_bits", str(mbi.pixel_bits), f"a divisor of {SPLIT_COLUMNS} ({why})")
            return
        parts = (mbi.patch_bits, mbi.pixel_bits, mbi.hidden_bits, mbi.key_location_bits)
        layout = distance_array.split_layout(arrays, *parts)
        start = self.workload.model["node_start"]
        sizes, n_keys = start[1:] - start[:-1], len(self.workload.model["keys"])
        resident = controller.residency == "resident"
        held = sizes if resident else [int(sizes.max())]
        passes = distance_array.passes(arrays, layout)
        n_sets = lut_controller.sets_needed(held, arrays.n_rows, passes)
        what = f" sets of arrays for {'all keys' if resident else 'the largest node'}"
        field = "arrays.count / instances.arrays.n_splits"
        yield from self.at_most("keys", n_sets, arrays.n_sets, field, what)
        field = "controller.descriptor_bytes / instances.controller.descriptor_bits"
        yield from self.at_most("node_start", len(sizes), lut_controller.capacity(controller), field, " nodes")
        n_rows = len(self.workload.model["value_hidden"])
        n_bytes = -(-(n_keys * mbi.key_bits + n_rows * mbi.value_bits) // 8)
        room = self.chip["tables"].spec.n_bytes
        yield from self.at_most("keys", n_bytes, room, "tables.n_bytes", " bytes of keys and values")
