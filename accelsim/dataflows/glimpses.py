"""What a glimpse sees: where it is, the query bits of its patches, and what extracting them takes.

Locations are fixed, or learned: then the value row of a winner says where the next glimpse is, and how much of a patch
lies within the image decides what it takes. Queries come from pixels, or as they were recorded; both cost the same.
What was recorded at learned locations holds along the recorded ones alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim import ideal
from accelsim.chip import Chip
from accelsim.component import IntArray, OpResult
from accelsim.components import glimpse_extractor, lut_controller, sram_buffer
from accelsim.components.glimpse_extractor import GlimpseGeometry, Patch
from accelsim.dataflows.block import Block, add_op
from accelsim.errors import DataError
from accelsim.jobs import BoolArray, Handle, JobBuilder
from accelsim.manifest_cnn import PIXEL_BITS
from accelsim.workload import Workload

Bits = npt.NDArray[np.uint8]

SEARCHING = ("arrays", "adc", "scan", "controller", "tables", "values")
"""Roles that decide which value row a query leads to."""


class Place(NamedTuple):
    """One place of a glimpse: its geometry there, and the inputs `[k]` whose glimpse is there."""

    geometry: GlimpseGeometry
    inputs: IntArray


def phase_of(glimpse: int) -> str:
    """Name of a glimpse's phase."""
    return f"glimpse{glimpse + 1}"


def require_pixels(chip: Chip, workload: Workload) -> None:
    """Refuses to run on recorded glimpses where a chip's imperfections may lead to others.

    Raises:
        DataError: if locations are learned and a part that searches is not ideal.
    """
    mbi = workload.manifest.mbi
    if mbi is None or not mbi.learned:
        return
    instances = {role: chip[role].spec for role in SEARCHING}
    there = [
        f"{role}.{block}"
        for role, spec in instances.items()
        for block in ideal.blocks(spec.component)
        if getattr(spec, block) is not None
    ]
    if there:
        parts = f"{chip.spec.name} is not ideal ({', '.join(there)})"
        raise DataError(
            f"--data-root: got none, need the folder of {workload.manifest.dataset.name}: {parts}, so its winners may "
            f"lead off the learned locations that {workload.folder} was recorded at"
        )


class Glimpses:
    """The glimpses of a workload on the instances `pixels` and `extractor`."""

    def __init__(self, chip: Chip, workload: Workload) -> None:
        self._chip, self._workload, self._mbi = chip, workload, workload.mbi
        self._geometry = [self._glimpse_geometry(index) for index in range(len(self._mbi.glimpses))]
        self._costs: dict[GlimpseGeometry, glimpse_extractor.Costs] = {}

    @property
    def image_words(self) -> int:
        """Words of one input image in the instance `pixels`; each image row begins at a word."""
        words_per_row = -(-self._mbi.image.width // self._pixels_per_word)
        return self._mbi.image.height * words_per_row

    @property
    def _pixels_per_word(self) -> int:
        return int(self._chip["pixels"].spec.port_bits) // PIXEL_BITS

    def _glimpse_geometry(self, index: int) -> GlimpseGeometry:
        mbi = self._mbi
        patches = tuple(Patch(p.row, p.col, p.pool) for p in mbi.glimpses[index])
        size = mbi.image
        return GlimpseGeometry(
            size.height, size.width, mbi.patch_size, mbi.pixel_thresholds, patches, self._pixels_per_word
        )

    def first_location(self, n: int) -> Bits:
        """Codes of where the first glimpse is, `[n, 2]`; without meaning where locations are fixed."""
        first = self._workload.model["location_init"] if self._mbi.learned else np.zeros(2, dtype=np.uint8)
        return np.repeat(first[None], n, axis=0)

    def next_location(self, row: IntArray) -> Bits:
        """Codes that the value rows `[n]` hold, `[n, 2]`."""
        codes: Bits = self._workload.model["value_location"][row]
        return codes

    def location_bits(self, location: Bits) -> Bits:
        """The location part of the query, `[n, key_location_bits]`."""
        if not self._mbi.key_location_bits:
            return np.zeros((len(location), 0), dtype=np.uint8)
        return glimpse_extractor.query_bits(location, self._mbi.coordinate_bits)

    def extract(
        self, jobs: JobBuilder, block: Block, glimpse: int, location: Bits, after: Handle, active: BoolArray
    ) -> tuple[Bits, list[Handle]]:
        """Query bits of a glimpse's patches `[n, patch_bits]`, and the jobs that make them.

        The pixel memory is read while the extractor works, word by word.

        Args:
            location: codes `[n, 2]` of where the glimpse is; not read where locations are fixed.

        Raises:
            DataError: if an input is not where it was recorded and there are no pixels.
        """
        memory, instance, phase = self._chip["pixels"], self._chip["extractor"], phase_of(glimpse)
        places = self._places(glimpse, location)
        words, adds, comparisons, extra_cycles = self._total_costs(places, block.size)
        read = sram_buffer.load(memory.spec, None, words, block.draws("pixels"))
        loaded = add_op(jobs, memory, "load", read, phase=phase, needs=[after], mask=active)
        result = OpResult(None, {"add": adds, "quantise": comparisons}, extra_cycles)
        extracted = add_op(jobs, instance, "extract", result, phase=phase, needs=[after], mask=active)
        if block.images is None:
            return self._recorded(block, glimpse, location, active), [loaded, extracted]
        return self._seen(block, block.images, places), [loaded, extracted]

    def _places(self, glimpse: int, location: Bits) -> list[Place]:
        """Each place that the glimpse has in a block, with the inputs whose glimpse is there."""
        geometry, size, bits = self._geometry[glimpse], self._mbi.image, self._mbi.coordinate_bits
        if not self._mbi.learned:
            return [Place(geometry, np.arange(len(location)))]
        places, of_input = np.unique(location, axis=0, return_inverse=True)
        sides = (size.height, size.width)
        centres = [
            [glimpse_extractor.centre(code, side, bits) for code, side in zip(codes, sides, strict=True)]
            for codes in places.tolist()
        ]
        return [
            Place(glimpse_extractor.moved(geometry, row, col), np.flatnonzero(of_input.reshape(-1) == index))
            for index, (row, col) in enumerate(centres)
        ]

    def _total_costs(self, places: list[Place], n: int) -> IntArray:
        """Words read, additions, comparisons and extra cycles of each input, `[4, n]`."""
        totals = np.zeros((4, n), dtype=np.int64)
        for geometry, inputs in places:
            if geometry not in self._costs:
                self._costs[geometry] = glimpse_extractor.costs(self._chip["extractor"].spec, geometry)
            cost = self._costs[geometry]
            totals[:, inputs] = np.array([[cost.word_reads], [cost.adds], [cost.comparisons], [cost.extra_cycles]])
        return totals

    def _seen(self, block: Block, images: Bits, places: list[Place]) -> Bits:
        levels = np.zeros((block.size, self._mbi.n_patches * self._mbi.patch_size**2), dtype=np.uint8)
        spec, draws = self._chip["extractor"].spec, block.draws("extractor")
        for geometry, inputs in places:
            levels[inputs] = glimpse_extractor.extract(spec, geometry, images[inputs], draws).y
        return glimpse_extractor.query_bits(levels, self._mbi.pixel_bits)

    def _recorded(self, block: Block, glimpse: int, location: Bits, active: BoolArray) -> Bits:
        recorded = self._workload.evaluation
        if self._mbi.learned:
            there = recorded["locations"][block.inputs, glimpse]
            left = np.flatnonzero((location != there).any(axis=1) & active & block.reported)
            if left.size:
                first = int(left[0])
                raise DataError(
                    f"--data-root: got none, need the folder of {self._workload.manifest.dataset.name}: glimpse "
                    f"{glimpse + 1} of input {block.inputs[first]} is at location {location[first].tolist()}, and what "
                    f"it sees was recorded in {self._workload.folder} at {there[first].tolist()}"
                )
        return lut_controller.unpack_bits(recorded["patches"][block.inputs, glimpse], self._mbi.patch_bits)
