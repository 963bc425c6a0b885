"""The spec that `accelsim new` writes: the shipped physical one of that kind, under a name of its own.

`accelsim/templates/` holds copies of those specs, because `arch_specs/` is not part of an installed package.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from accelsim.errors import OutputError

# Kind of chip → the spec in arch_specs/ that its template is a copy of.
ORIGINS = {
    "hybrid": "hybrid_physical",
    "mbi": "mbi_physical",
    "cascade": "full_chip",
    "cnn": "cnn_physical",
}


def spec_template(kind: str, path: Path) -> str:
    """Text of a spec of that kind for the file `path`.

    Raises:
        OutputError: if there is no such kind.
    """
    if kind not in ORIGINS:
        raise OutputError(f"new: got {kind}, need one of {', '.join(ORIGINS)}")
    text = files("accelsim").joinpath("templates", f"{kind}.yaml").read_text(encoding="utf-8")
    started = f"# Started from {ORIGINS[kind]}.yaml by `accelsim new`; this is what that file says of itself:\n#\n"
    return started + re.sub(r"(?m)^name: .*$", f"name: {_name(path.stem, kind)}", text, count=1)


def _name(stem: str, kind: str) -> str:
    """The file's name as a chip's name."""
    name = re.sub("[^a-z0-9_]", "_", stem.lower())[:50]
    return name if re.match("[a-z]", name) else f"{kind}_{name}".rstrip("_")
