"""Reading a face model's file: each thing that can be wrong with it is one clear error."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from merkit.errors import ConfigError, MissingDataError
from merkit.types import I64

#: axis letters: V vertices, Q quads, I identity shapes, E expression shapes
SHAPES: Mapping[str, tuple[str | int, ...]] = {
    "neutral": ("V", 3),
    "quads": ("Q", 4),
    "identity": ("I", "V", 3),
    "expression": ("E", "V", 3),
    "expression_names": ("E",),
}
_KINDS = {"quads": "iu", "landmarks": "iu", "skin_vertices": "iu", "expression_names": "U"}
_KIND_NAMES = {"f": "real numbers", "iu": "whole numbers", "U": "text"}
#: the ways in which NumPy finds out that a file is no such archive, or damaged
_UNREADABLE = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)
_FIX = "docs/simulate.md has the format, and how the file is made of ICT FaceKit"
#: faces are annotated with 68 points (Sagonas et al. 2013, the iBUG scheme)
LANDMARKS = 68


def read_face_file(path: Path) -> dict[str, Any]:
    """The arrays of a face model's file, by name, with ``landmarks`` (68,).

    Raises:
        MissingDataError: no such file.
        ConfigError: no ``.npz`` of arrays; an array that lacks, has another shape or kind, or holds
            what is not finite; quads or landmarks that name no vertex.
    """
    arrays = _arrays(path)
    sizes: dict[str, int] = {}
    for name, shape in SHAPES.items():
        _check_array(path, name, arrays, shape, sizes)
    if "landmarks" not in arrays:
        arrays["landmarks"] = _landmarks_beside(path)
    _check_array(path, "landmarks", arrays, (LANDMARKS,), sizes)
    if "skin_vertices" in arrays:
        _check_array(path, "skin_vertices", arrays, (), sizes)
    for name in ("quads", "landmarks"):
        low, high = int(arrays[name].min()), int(arrays[name].max())
        if low < 0 or high >= sizes["V"]:
            found = f"{path}: {name} name vertices {low} to {high}"
            raise ConfigError(found, f"0 to {sizes['V'] - 1}", _FIX)
    return arrays


def _arrays(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingDataError(f"there is no face model {path}", "a .npz file", _FIX)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except _UNREADABLE as error:
        wanted = "a .npz file of arrays without Python objects"
        raise ConfigError(f"the face model {path} cannot be read: {error}", wanted, _FIX) from None


def _check_array(
    path: Path,
    name: str,
    arrays: Mapping[str, Any],
    shape: tuple[str | int, ...],
    sizes: dict[str, int],
) -> None:
    """Check one array against its shape, and note the sizes of axes that it is first to name."""
    if name not in arrays:
        held = f"{path} holds {', '.join(sorted(arrays))}"
        raise ConfigError(held, f"an array '{name}' as well", _FIX)
    found = arrays[name]
    named = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else str(axis) for axis in shape)
    fits = found.ndim == len(shape) and found.size > 0
    for axis, size in zip(shape, found.shape, strict=False):
        known = sizes.setdefault(axis, size) if isinstance(axis, str) else axis
        fits = fits and known == size
    if not fits:
        raise ConfigError(f"{path}: {name} has shape {found.shape}", f"({named})", _FIX)
    kind = _KINDS.get(name, "f")
    if found.dtype.kind not in kind:
        raise ConfigError(f"{path}: {name} holds {found.dtype}", _KIND_NAMES[kind], _FIX)
    if kind == "f" and not np.isfinite(found).all():
        raise ConfigError(f"{path}: {name} holds numbers that are not finite", "", _FIX)


def _landmarks_beside(path: Path) -> I64:
    """From ICT FaceKit's own list beside the file."""
    beside = path.with_name("vertex_indices.json")
    try:
        listed = json.loads(beside.read_text(encoding="utf-8"))["idx_to_landmark_verts"]
        return np.array(listed, np.int64)
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise ConfigError(
            f"{path} holds no 'landmarks', and {beside.name} beside it gives none: {error}",
            "the vertices of the 68 landmarks",
            _FIX,
        ) from None
