"""What manifests of the hybrid's workloads say of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from accelsim.datasets import N_CLASSES
from accelsim.train.augment import INPUT_OFFSET
from accelsim.train.hybrid_run import HybridRun
from accelsim.train.networks import IMAGE_SIDE, size
from accelsim.train.provenance import MADE_ON, SECONDS, hours, made_by
from accelsim.train.prune import zeros
from accelsim.train.quantise import FloatLayer, to_manifest

STAGE_OF = {"pruning": "pruned"}
"""Stage of a field of `Epochs`, where it has another name."""
BEFORE = ("start", "teacher", "answers", "ensemble", "student", "pruned", "array")
"""Stages (of several teachers: with a number) whose accuracies stand beside that of what the workload is."""


def training_entry(run: HybridRun, kind: str, figures: dict[str, Any]) -> dict[str, Any]:
    """`training` of the manifest; figures: what the workload's own stages add."""
    options, done = run.options, run.stages.done
    measured = {
        f"validation_accuracy_{name}": result.figures["validation_accuracy"]
        for name, result in done.items()
        if name.partition("-")[0] in BEFORE
    }
    taught = {
        "teachers": options.n_teachers,
        "alpha": options.alpha,
        "temperature": options.temperature,
        "curriculum": options.chosen.curriculum,
    }
    found, begun = size(run.layers, N_CLASSES), run.begun_as
    epochs = {f"epochs_{name}": n for name, n in asdict(options.epochs).items() if STAGE_OF.get(name, name) in done}
    return {
        "command": options.command_line(kind),
        "seed": options.seed,
        "recipe": options.recipe,
        "topology": options.chosen.topology,
        "parameters": found.parameters,
        "multiply_accumulates": found.macs,
        **({} if begun is None else {"start": begun.manifest.name, "start_sha256": begun.sha256}),
        "teacher": options.teacher,
        **({} if options.teacher == "none" else taught),
        "sparsity": options.chosen.sparsity,
        **({"pruning": options.chosen.pruning} if options.chosen.sparsity else {}),
        "n_views": options.n_views,
        "mixed_views": options.mixed_views,
        **epochs,
        "training_images": len(run.material.split.fitted),
        "validation_images": len(run.material.split.validation),
        **measured,
        **_zeros(run, with_softmax=kind != "hybrid"),
        **{name: value for name, value in figures.items() if name not in (SECONDS, MADE_ON)},
        "hours": hours(run.stages),
        **made_by(run.stages),
    }


def _zeros(run: HybridRun, with_softmax: bool) -> dict[str, float]:
    """Shares of pruned weights: of the layers that are pruned, and of the whole network."""
    if not run.student.pruned:
        return {}
    whole = zeros(run.student, whole=True, with_softmax=with_softmax)
    return {"zeros": round(zeros(run.student), 6), "zeros_of_all": round(whole, 6)}


def student_text(run: HybridRun) -> str:
    """The int8 student in words."""
    options = run.options
    teachers = f"{options.n_teachers} teachers" if options.n_teachers > 1 else "a teacher"
    answering = "its start" if options.teacher == "start" else f"{teachers} ({options.teacher})"
    taught = "labels alone" if options.teacher == "none" else f"{answering} and labels"
    begun = "" if run.begun_as is None else f"begun as the network of {run.begun_as.manifest.name}, "
    taught += ", also on mixtures of two images" if options.mixed_views else ""
    share = zeros(run.student)
    pruned = f", {share:.0%} of its inner layers' weights pruned" if run.student.pruned else ""
    student = f"{options.dataset_name} by a student of topology {options.chosen.topology}"
    return f"{student}, {begun}taught by {taught}{pruned}, int8"


def cnn_entry(run: HybridRun, layers: list[FloatLayer], head: str) -> dict[str, Any]:
    """`cnn` of the manifest."""
    sides = {"height": IMAGE_SIDE, "width": IMAGE_SIDE}
    return {
        "input": {"channels": run.options.channels, **sides, "offset": INPUT_OFFSET, "shift": 0},
        "grey": not run.options.colour,
        "head": head,
        "layers": [to_manifest(layer) for layer in layers],
    }


def dataset_entry(run: HybridRun, n_inputs: int) -> dict[str, Any]:
    """`dataset` of the manifest."""
    return {"name": run.options.dataset_name, "split": "test", "n_inputs": n_inputs, "n_classes": N_CLASSES}
