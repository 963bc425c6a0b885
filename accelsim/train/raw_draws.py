"""Draws for generated workloads: the same seed gives the same bytes with any version of numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.train.mbi_tables import Bits, Ints


class RawDraws:
    """Draws made from PCG64's raw words alone, which numpy promises to keep; its distributions may change."""

    def __init__(self, seed: int) -> None:
        self._source = np.random.PCG64(seed)

    def words(self, n: int) -> npt.NDArray[np.uint64]:
        """[n] uniform 64-bit words."""
        return self._source.random_raw(n)

    def below(self, high: int, n: int) -> Ints:
        """[n] uniform integers 0 … high-1 (the bias of the remainder, below high / 2^64, is left in)."""
        return (self.words(n) % np.uint64(high)).astype(np.int64)

    def fractions(self, *shape: int) -> npt.NDArray[np.float64]:
        """[*shape] uniform in [0, 1)."""
        words = self.words(int(np.prod(shape)))
        return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def flips(self, share: float, *shape: int) -> Bits:
        """[*shape] ones with probability `share`, else zeros."""
        return (self.fractions(*shape) < share).astype(np.uint8)

    def chosen(self, n_chosen: int, n: int) -> Ints:
        """`n_chosen` different integers of 0 … n-1, ascending."""
        return np.sort(np.argsort(self.words(n), kind="stable")[:n_chosen])
