"""The fallback network of a trained cascade as a workload of its own (kind cnn): the baseline of the lookup tables.

Nothing is trained and no image is read: arrays, recorded logits and non-zero multiply-accumulates are the cascade's.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from accelsim.errors import DataError
from accelsim.train.save import name_of, save_workload
from accelsim.workload import load_workload

DESCRIPTION = (
    "{title} by the small int8 network that {cascade} falls back to, here for every image: {layers} layers, {macs:,} "
    "multiply-accumulates and {parameters:,} parameters."
)

OF_THE_CASCADE = ("seed", "accelsim_version", "versions", "device")
"""Of `training`, what holds for its network too."""


def extract_cnn(cascade: Path, out: Path) -> None:
    """Write the workload folder `out` with the network of the folder `cascade`.

    Raises:
        DataError: if `cascade` holds no cascade with a network that ends in logits.
        WorkloadError: if it is not a valid workload folder.
        OutputError: if `out` cannot be written.
    """
    source = load_workload(cascade)
    manifest = source.manifest
    if manifest.kind != "cascade" or source.cnn.head != "argmax":
        raise DataError(f"{cascade}: got kind {manifest.kind}, need a cascade whose network ends in logits")
    names = {layer.name for layer in source.cnn.layers}
    model = {key: array for key, array in source.model.items() if key.rpartition(".")[0] in names}
    evaluation = {key: source.evaluation[key] for key in ("features", "nonzero_macs", "labels")}
    right = evaluation["features"].argmax(axis=1) == evaluation["labels"]
    training = {
        "command": shlex.join(["accelsim", "train", "mnist-cnn", "--cascade", cascade.as_posix()]),
        "cascade_command": manifest.training.get("command"),
        "cascade_model_sha256": manifest.hashes["model.safetensors"],
        "validation_accuracy": manifest.training.get("validation_accuracy_cnn_only"),
        **{name: manifest.training.get(name) for name in OF_THE_CASCADE},
    }
    entry = {
        "schema_version": 1,
        "name": name_of(out),
        "kind": "cnn",
        "method": "softmax",
        "description": DESCRIPTION.format(
            title=manifest.dataset.name,
            cascade=manifest.name,
            layers=len(source.cnn.layers),
            macs=sum(layer.n_macs for layer in source.cnn.layers),
            parameters=sum(model[f"{name}.{part}"].size for name in names for part in ("weight", "bias")),
        ),
        "dataset": manifest.dataset.model_dump(),
        "training": {name: value for name, value in training.items() if value is not None},
        "accuracy": {
            "measured": float(right.mean()),
            "note": "the recorded logits of the cascade's network, whose test images were read once; int8",
        },
        "cnn": source.cnn.model_dump(exclude_defaults=True),
    }
    save_workload(out, entry, model, evaluation)
