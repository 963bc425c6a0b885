"""A model's state as arrays, which stages keep, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from accelsim.errors import DataError
from accelsim.train.networks import Student, Topology
from accelsim.train.stages import Arrays


def kept(model: Any) -> Arrays:
    """Every parameter and buffer."""
    return {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}


def restored(model: Any, arrays: Arrays) -> Any:
    """The model with a kept state, in evaluation mode.

    Raises:
        DataError: if the arrays are not of such a model.
    """
    state = model.state_dict()
    if {name: tuple(tensor.shape) for name, tensor in state.items()} != {n: a.shape for n, a in arrays.items()}:
        raise DataError(f"got the state of another model than {type(model).__name__}, need one of the same shapes")
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    return model.eval()


def student_of(layers: Topology, n_classes: int, arrays: Arrays) -> Student:
    """A kept student; it is pruned when its masks say so."""
    student: Student = restored(Student(layers, n_classes, 0), arrays)
    student.pruned = any((array == 0).any() for name, array in arrays.items() if name.startswith("mask_"))
    return student
