"""Looks of the clips of a run (``merkit.video.look``), kept beside the samples."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from merkit.errors import MerkitError
from merkit.files import atomic_file
from merkit.progress import Progress, silent
from merkit.types import Clip
from merkit.video.look import Look, look_of
from merkit.workers import run_jobs


def stored_looks(
    clips: Sequence[Clip],
    contents: Mapping[str, str],
    root: Path,
    workers: int = 0,
    progress: Progress = silent,
) -> dict[str, Look]:
    """Clip id -> its look, read from ``root/looks`` where it was made before. A clip that cannot be
    read has none: it is refused elsewhere.

    Args:
        contents: clip id -> hash of its frames; clips that are not in it have no look.
    """
    folder = root / "looks"
    looks, todo = {}, []
    for clip in clips:
        if clip.clip_id in contents:
            look = _read(folder / f"{contents[clip.clip_id]}.npz")
            if look is None:
                todo.append(clip)
            else:
                looks[clip.clip_id] = look
    made = run_jobs(partial(_made, folder=folder, contents=contents), todo, workers)
    for done, (clip_id, look) in enumerate(made, start=1):
        if look is not None:
            looks[clip_id] = look
        progress("looking for copies", len(clips) - len(todo) + done, len(clips))
    return looks


def _made(clip: Clip, folder: Path, contents: Mapping[str, str]) -> tuple[str, Look | None]:
    try:
        look = look_of(clip)
    except MerkitError:
        return clip.clip_id, None
    if look is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{contents[clip.clip_id]}.npz"
        with atomic_file(path) as temporary, temporary.open("wb") as handle:
            np.savez(handle, mean=look.mean, changes=look.changes, hashes=look.hashes)
    return clip.clip_id, look


def _read(path: Path) -> Look | None:
    """A stored look; None where there is none, or it is damaged (zip holds a checksum)."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Look(stored["mean"], stored["changes"], stored["hashes"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
