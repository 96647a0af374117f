"""Arrays of one entry a sample side by side, and their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from merkit.errors import MissingDataError, StoreError
from merkit.files import atomic_file
from merkit.simulate.tables import LABELLED_UNITS

S = TypeVar("S", bound="Simulated")


class Simulated:
    """Base of dataclasses of arrays (N, ...); ``shapes``: what follows N in those that have more
    axes. ``classes``: (N,) 0 negative, 1 positive, 2 surprise, 3 nothing. ``units``: bool (N,12,2),
    whether each of ``tables.LABELLED_UNITS`` is done on the person's left and right. ``views``:
    (N,) number of the person, pose and crop."""

    shapes: ClassVar[Mapping[str, tuple[int, ...]]] = {"units": (len(LABELLED_UNITS), 2)}

    classes: np.ndarray
    units: np.ndarray
    views: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self: S, chosen: slice | np.ndarray) -> S:
        """Some of the samples."""
        return type(self)(**{name: array[chosen] for name, array in self._arrays().items()})

    @classmethod
    def joined(cls: type[S], parts: Sequence[S]) -> S:
        """One after the other."""
        arrays = [part._arrays() for part in parts]
        return cls(**{name: np.concatenate([a[name] for a in arrays]) for name in arrays[0]})

    def save(self, path: Path, about: str = "") -> None:
        """Write a ``.npz``, whole or not at all; ``about``: how it was made, for people.

        Raises:
            ConfigError: it cannot be written.
        """
        with atomic_file(path) as temporary, temporary.open("wb") as handle:
            np.savez(handle, allow_pickle=False, about=np.array(about), **self._arrays())

    @classmethod
    def load(cls: type[S], path: Path) -> S:
        """What ``save`` wrote.

        Raises:
            MissingDataError: no such file.
            StoreError: another file.
        """
        if not path.is_file():
            raise MissingDataError(f"there are no simulated maps at {path}", "a .npz file")
        try:
            with np.load(path, allow_pickle=False) as stored:
                loaded = cls(**{f.name: stored[f.name] for f in _fields(cls)})
            loaded._check()
            return loaded
        except Exception as error:  # NumPy and zipfile have many ways to say so
            wanted = "what merkit simulate wrote"
            fix = "delete it, and make it again by the command that wrote it"
            raise StoreError(f"{path} cannot be read: {error}", wanted, fix) from None

    def _check(self) -> None:
        found = {name: array.shape for name, array in self._arrays().items()}
        wanted = {name: (len(self), *self.shapes.get(name, ())) for name in found}
        if found != wanted:
            raise ValueError(f"arrays of shapes {found}")

    def _arrays(self) -> dict[str, np.ndarray]:
        return {f.name: getattr(self, f.name) for f in _fields(type(self))}


def _fields(kind: Any) -> Any:
    """Of a subclass, which is a dataclass."""
    return fields(kind)
