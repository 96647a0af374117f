"""The sample store: ``<root>/<recipe key>/<clip key>/<array>.npy``, memory-mappable.

A sample's folder appears by one rename once it is whole, so a reader never meets half of one and
an interrupted run goes on where it stopped. The key holds the clip's content and the recipe, so a
change of either never reads a stale sample.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from merkit.arrays import read_array
from merkit.config import flat, to_mapping
from merkit.errors import StoreError
from merkit.files import atomic_folder, remove_leftovers, sole_writer, write_json
from merkit.samples.recipes import FILE_SETTINGS, Recipe
from merkit.types import Sample

_INDEX = ["clip_id", "key", "found_share"]


class SampleStore:
    """Samples of one recipe below ``root``."""

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self.recipe = recipe
        self.root, self.folder = root, root / recipe.key()
        if self.folder.is_dir():
            remove_leftovers(self.folder)
        self._describe(recipe)

    def __contains__(self, key: str) -> bool:
        return (self.folder / key / "sample.json").is_file()

    def keep_whole(self, key: str) -> bool:
        """Whether a sample is stored as it was written; one that is not is dropped, to be made
        again. Reads every byte."""
        if key not in self:
            return False
        try:
            arrays = read_sample(self.folder, key).arrays
            wanted = _meta(self.folder / key)["crc32"]
            for name, array in arrays.items():
                if _checksum(array) != wanted[name]:
                    raise StoreError(f"{name} of {key} is not as it was written")
        except (StoreError, KeyError):
            shutil.rmtree(self.folder / key, ignore_errors=True)
            return False
        return True

    def write(self, key: str, sample: Sample) -> None:
        """Store one sample. Writing a key that exists changes nothing."""
        if key in self:
            return
        if (self.folder / key).is_dir():
            shutil.rmtree(self.folder / key)  # damaged: merkit never leaves one without its record
        with atomic_folder(self.folder / key) as temporary:
            for name, array in sample.arrays.items():
                np.save(temporary / f"{name}.npy", array, allow_pickle=False)
            meta = {
                "clip_id": sample.clip_id,
                "found_share": sample.found_share,
                "arrays": {name: list(array.shape) for name, array in sample.arrays.items()},
                "crc32": {name: _checksum(array) for name, array in sample.arrays.items()},
            }
            (temporary / "sample.json").write_text(json.dumps(meta), encoding="utf-8")

    def read(self, key: str) -> Sample:
        """The stored sample, read once a process: all folds of a run share its arrays, and the
        files that stay open for them.

        Raises:
            StoreError: not stored, or damaged since.
        """
        return _opened(self.folder, key)

    def write_index(self, keys: Mapping[str, str]) -> Path:
        """Write ``index.parquet``: one row a sample (clip_id, key, found_share), also of clips of
        other databases that an earlier index names."""
        import pandas as pd

        from merkit.tables import write_parquet

        path = self.folder / "index.parquet"
        rows = [(c, key, read_sample(self.folder, key).found_share) for c, key in keys.items()]
        with sole_writer(path, wait_s=60):
            rows += [row for row in _indexed(path) if row[0] not in keys and row[1] in self]
            write_parquet(path, pd.DataFrame(sorted(rows), columns=_INDEX))
        return path

    def _describe(self, recipe: Recipe) -> None:
        """Write every setting beside the samples, or compare with what was written: the key holds
        only those that are not the default, and a default may change between versions."""
        path = self.folder / "recipe.json"
        now = {"kind": type(recipe).__name__, **to_mapping(recipe)}
        try:
            before = flat(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError):
            write_json(path, now)
            return
        plain = flat(json.loads(json.dumps(now)))
        common = before.keys() & plain.keys() - {*FILE_SETTINGS}
        changed = sorted(name for name in common if before[name] != plain[name])
        if changed:
            raise StoreError(
                f"{self.folder} holds samples made with another default of {', '.join(changed)}",
                "samples of this version of merkit",
                "delete that folder, or name another --store",
            )


def read_sample(folder: Path, key: str) -> Sample:
    """A sample as it now is in the folder of its recipe; arrays are read-only.

    Raises:
        StoreError: not stored, or damaged since.
    """
    place = folder / key
    try:
        meta = _meta(place)
        arrays = {
            name: _load(place / f"{name}.npy", shape) for name, shape in meta["arrays"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise StoreError(
            f"stored sample {place} cannot be read: {error}",
            "a sample written by merkit",
            "delete that folder and run again",
        ) from None
    return Sample(meta["clip_id"], arrays, float(meta["found_share"]))


_opened = cache(read_sample)


def _meta(place: Path) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads((place / "sample.json").read_text(encoding="utf-8"))
    return meta


def _indexed(path: Path) -> list[tuple[str, str, float]]:
    from merkit.tables import read_parquet

    try:
        table = read_parquet(path)[_INDEX]
    except (OSError, ValueError, KeyError):  # none yet, or damaged: it is written anew
        return []
    return list(table.itertuples(index=False, name=None))


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def _load(path: Path, shape: Iterable[int]) -> np.ndarray:
    array = read_array(path)
    if list(array.shape) != list(shape):
        raise ValueError(f"{path.name} has shape {list(array.shape)}, wanted {list(shape)}")
    return array
