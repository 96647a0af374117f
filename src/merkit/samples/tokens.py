"""What the frozen part of a model makes of each clip, read from files or held in memory.

V views of a clip, of which row 0 is the clip itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from merkit.arrays import read_array
from merkit.config import hash_of
from merkit.samples.batch import MIRRORED, collate


@dataclass(frozen=True, eq=False)
class TokenFiles:
    """Cached tokens of the clips of a run.

    Args:
        paths: clip id -> file of an f16 array (V,T,...), one row a view; with ``mirrored`` one
            more, of the mirrored clip, which comes last.
        memory_bytes: tokens are held in memory, on the device where they are wanted, if they
            need no more and all have one shape; else every batch is read from the files, which are
            memory-mapped.
    """

    paths: Mapping[str, Path]
    mirrored: bool = False
    memory_bytes: int = 0

    @cached_property
    def key(self) -> str:
        """Identity of what is held."""
        return hash_of([sorted((c, str(p)) for c, p in self.paths.items()), self.memory_bytes])

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenFiles) and self.key == other.key

    @property
    def n_views(self) -> int:
        """V, without the mirrored clip."""
        return len(_open(next(iter(self.paths.values())))) - self.mirrored

    def batch(
        self, ids: Sequence[str], views: Sequence[int] | None, device: torch.device
    ) -> dict[str, Tensor]:
        """``tokens`` f16 (B,T,...) of clips, in order, on a device; runs of different length are
        padded with a ``mask``.

        Args:
            views: of each clip; None: the clips themselves, with ``mirrored`` beside them where
                that was made.
        """
        batch = self._rows(ids, views or [0] * len(ids), "tokens", device)
        if self.mirrored and views is None:
            batch |= self._rows(ids, [-1] * len(ids), MIRRORED, device)
        return batch

    def _rows(
        self, ids: Sequence[str], views: Sequence[int], name: str, device: torch.device
    ) -> dict[str, Tensor]:
        held = _held(self, device)
        if held is not None:
            return {name: held.rows(ids, views)}
        read = [{name: _open(self.paths[i])[v]} for i, v in zip(ids, views, strict=True)]
        return {key: tensor.to(device) for key, tensor in collate(read, [name]).items()}


@dataclass(frozen=True)
class _Held:
    """The tokens of every clip in one tensor (clips * rows, T, ...), one row a view."""

    table: Tensor
    places: Mapping[str, int]
    n_rows: int

    def rows(self, ids: Sequence[str], views: Sequence[int]) -> Tensor:
        """One gather: (B,T,...)."""
        rows = [
            self.places[i] * self.n_rows + v % self.n_rows for i, v in zip(ids, views, strict=True)
        ]
        return self.table.index_select(0, torch.tensor(rows, device=self.table.device))


@lru_cache(maxsize=1)  # one at a time: several seeds of a run have tokens of their own
def _held(files: TokenFiles, device: torch.device) -> _Held | None:
    """The tokens on a device, or None where they do not fit or differ in shape."""
    _held.cache_clear()  # what was held before goes before this comes
    arrays = {clip_id: read_array(path) for clip_id, path in files.paths.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or sum(array.nbytes for array in arrays.values()) > files.memory_bytes:
        return None
    shape = next(iter(shapes))
    table = torch.empty((len(arrays), *shape), dtype=torch.float16, device=device)
    for place, array in zip(table, arrays.values(), strict=True):
        place.copy_(torch.from_numpy(np.array(array)))
    places = {clip_id: place for place, clip_id in enumerate(arrays)}
    return _Held(table.flatten(0, 1), places, shape[0])


@cache
def _open(path: Path) -> np.ndarray:
    return read_array(path)
