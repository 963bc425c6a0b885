"""In which floating-point type networks are trained."""

from __future__ import annotations

import torch

FAST_BFLOAT16 = ("AVX512",)
"""Instruction sets, as torch names them, of CPUs on which bfloat16 is taken to pay. On two cores with AMX it makes an
epoch of the hybrid's networks about 4 times shorter. On two with AVX2 alone it is imitated: an epoch takes 11 times as
long as in float32 (residual student 695 against 61 s, fast teacher 4,411 against 411 s), a product of matrices of the
lookup tables' size 130 times (239 against 1.8 ms; torch 2.15). Assumed: CPUs with AVX-512 and no instructions for
bfloat16 gain too, by half the memory traffic, and all others lose."""


def has_fast_bfloat16(device: str | torch.device) -> bool:
    """Whether the device computes in bfloat16 faster than in float32; GPUs are assumed to."""
    return torch.device(device).type != "cpu" or torch.backends.cpu.get_cpu_capability() in FAST_BFLOAT16


def fast_autocast(device: str | torch.device) -> torch.autocast:
    """The context that a network runs in: convolutions and products in bfloat16 where that is faster, else float32."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device))
