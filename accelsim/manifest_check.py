"""Reading `manifest.yaml`: every fault of its fields, and of what they must agree on, in one message."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from accelsim import faults, yamlfile
from accelsim.errors import Problem, WorkloadError
from accelsim.manifest import Acam, Accuracy, Cascade, Dataset, Manifest, Mbi
from accelsim.manifest_cnn import Cnn, ConvLayer
from accelsim.manifest_cnn_check import MAX_VALUES, cnn_faults
from accelsim.manifest_field import Fault
from accelsim.manifest_mbi_check import cascade_faults, image_faults, mbi_faults

NEEDED_BLOCKS = {
    "hybrid": ("cnn", "acam"),
    "mbi": ("mbi",),
    "cascade": ("cnn", "mbi", "cascade"),
    "cnn": ("cnn",),
}
OPTIONAL_BLOCKS = ("cnn", "acam", "mbi", "cascade")

ModelT = TypeVar("ModelT", bound=BaseModel)


class Blocks(NamedTuple):
    """The blocks that are valid in themselves: their agreement can be checked while others are not."""

    dataset: Dataset | None
    cnn: Cnn | None
    acam: Acam | None
    mbi: Mbi | None
    cascade: Cascade | None


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`.

    Raises:
        WorkloadError: with all its faults, in the order of their lines.
    """
    document = yamlfile.read(path, WorkloadError)
    found = [Problem(document.where(fault.path), *fault) for fault in _agreement_faults(document.data)]
    try:
        manifest = Manifest.model_validate(document.data)
    except ValidationError as exc:
        found += faults.problems(exc, document, _schema())
    if found:
        raise WorkloadError(sorted(found, key=lambda problem: document.line(problem.path)))
    return manifest


def find_manifest(root: Path, name: str) -> Manifest | None:
    """The manifest of the trained workload `name` below `root`: of a shipped one, or one kept alone in
    `reports/training/workloads` because only its figures matter; None where neither is there.

    Raises:
        WorkloadError: if it is damaged.
    """
    for folder in (root / "workloads", root / "reports" / "training" / "workloads"):
        if (path := folder / name / "manifest.yaml").is_file():
            return read_manifest(path)
    return None


@cache
def _schema() -> dict[str, Any]:
    """JSON Schema of a manifest whose optional blocks are just blocks (to the model, null is "absent")."""
    schema = Manifest.model_json_schema()
    for name in ("files", *OPTIONAL_BLOCKS):
        schema["properties"][name] = schema["properties"][name]["anyOf"][0]
    return schema


def _valid(model: type[ModelT], value: object) -> ModelT | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _agreement_faults(data: dict[str, Any]) -> Iterator[Fault]:
    blocks = Blocks(
        _valid(Dataset, data.get("dataset")),
        _valid(Cnn, data.get("cnn")),
        _valid(Acam, data.get("acam")),
        _valid(Mbi, data.get("mbi")),
        _valid(Cascade, data.get("cascade")),
    )
    yield from _presence_faults(data, blocks.cnn)
    content = data.get("content", "recorded")
    if content in ("recorded", "shapes"):
        yield from _content_faults(data, blocks.cnn, content == "shapes")
    if blocks.cnn:
        yield from cnn_faults(blocks.cnn, recorded=content == "recorded")
    if blocks.mbi:
        yield from mbi_faults(blocks.mbi)
    yield from _class_faults(blocks)
    yield from _feature_faults(blocks)
    if blocks.cascade:
        yield from cascade_faults(blocks.cascade, blocks.mbi)
    if blocks.mbi and blocks.cnn:
        yield from image_faults(blocks.mbi, blocks.cnn)
        yield from _colour_faults(blocks.cnn)


def _presence_faults(data: dict[str, Any], cnn: Cnn | None) -> Iterator[Fault]:
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in NEEDED_BLOCKS:
        return
    need = {"hybrid": "acam", "cnn": "argmax"}.get(kind)
    if cnn and need and cnn.head not in (need, "none"):
        yield Fault("cnn.head", f'"{cnn.head}"', f'"{need}" (kind {kind})')
    needed, why = NEEDED_BLOCKS[kind], f"kind {kind}"
    if kind == "cascade" and cnn and cnn.head == "acam":
        needed, why = (*needed, "acam"), "kind cascade, head acam"
    elif kind == "cascade" and cnn:
        why = "kind cascade, head argmax"
    for name in OPTIONAL_BLOCKS:
        present = data.get(name) is not None
        if name in needed and not present:
            yield Fault(name, "nothing", f"a block ({why})")
        open_question = name == "acam" and kind == "cascade" and cnn is None
        if name not in needed and present and not open_question:
            yield Fault(name, "a block", f"none ({why})")


def _content_faults(data: dict[str, Any], cnn: Cnn | None, shapes: bool) -> Iterator[Fault]:
    """A shape-only workload has fractions of zeros in place of arrays, a recorded one arrays alone."""
    why = "content shapes" if shapes else "content recorded"
    kind = data.get("kind")
    if shapes and kind in list(NEEDED_BLOCKS) and kind != "cnn":
        yield Fault("kind", f'"{kind}"', f'"cnn" ({why})')
    if shapes and data.get("files") is not None:
        yield Fault("files", "a block", f"none ({why})")
    if not shapes and data.get("files") is None:
        yield Fault("files", "nothing", "a mapping")
    accuracy = _valid(Accuracy, data.get("accuracy"))
    if shapes and accuracy and accuracy.measured is not None:
        yield Fault("accuracy.measured", str(accuracy.measured), f"null ({why}: nothing is evaluated)")
    if cnn is None:
        return
    if not shapes and cnn.head == "none":
        yield Fault("cnn.head", '"none"', f"a head that decides ({why})")
    if not shapes and cnn.batch > 1:
        yield Fault("cnn.batch", str(cnn.batch), f"1 ({why})")
    for i, layer in enumerate(cnn.layers):
        path = f"cnn.layers.{i}"
        for name in ("activation_zeros", "weight_zeros"):
            fraction = getattr(layer, name)
            if shapes and fraction is None:
                yield Fault(f"{path}.{name}", "nothing", f"a number from 0 to 1 ({why})")
            if not shapes and fraction is not None:
                yield Fault(f"{path}.{name}", str(fraction), f"no such field ({why}: its arrays say so)")
        if not shapes and layer.mapping is not None:
            yield Fault(f"{path}.mapping", "a mapping", f"none ({why})")
        if not shapes and isinstance(layer, ConvLayer) and layer.groups > 1:
            yield Fault(f"{path}.groups", str(layer.groups), f"1 ({why})")


def _colour_faults(cnn: Cnn) -> Iterator[Fault]:
    """The image that a cascade's lookup leaves to the network is a grey one."""
    if cnn.input.channels != 1:
        yield Fault("cnn.input.channels", str(cnn.input.channels), "1 (one grey image serves lookup and network)")


def _class_faults(blocks: Blocks) -> Iterator[Fault]:
    if blocks.dataset is None:
        return
    n_classes = blocks.dataset.n_classes
    for name, block in (("acam", blocks.acam), ("mbi", blocks.mbi)):
        if block and block.n_classes != n_classes:
            yield Fault(f"{name}.n_classes", str(block.n_classes), f"{n_classes}, as dataset.n_classes")
    if blocks.cnn and blocks.cnn.head == "argmax" and blocks.cnn.n_outputs != n_classes:
        path = f"cnn.layers.{len(blocks.cnn.layers) - 1}"
        yield Fault(path, f"{blocks.cnn.n_outputs} outputs", f"{n_classes}, as dataset.n_classes")


def _feature_faults(blocks: Blocks) -> Iterator[Fault]:
    if blocks.acam is None:
        return
    n_cells = blocks.acam.n_rows * blocks.acam.n_features
    if n_cells > MAX_VALUES:
        yield Fault("acam", f"{n_cells} cells", f"at most {MAX_VALUES}")
    if blocks.cnn and blocks.cnn.head == "acam" and blocks.cnn.n_outputs != blocks.acam.n_features:
        need = f"{blocks.cnn.n_outputs}, the outputs of {blocks.cnn.layers[-1].name}"
        yield Fault("acam.n_features", str(blocks.acam.n_features), need)
