"""Where decoding of a video may begin, kept beside what was found in it: to read the packets of an
hour again takes seconds, which somebody who looks for a frame would wait."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from merkit.files import atomic_file
from merkit.video.packets import Keys


def save_jumps(path: Path, video: Path) -> None:
    """Read the packets of a video once; writes nothing where they do not tell."""
    keys = None if video.is_dir() else Keys.of(video)
    if keys is None:
        return
    shown = [pts for pts, _ in keys.shown if pts is not None]  # of such a file each has one
    is_key = [key for _, key in keys.shown]
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, pts=np.array(shown), is_key=np.array(is_key))


def load_jumps(path: Path) -> Keys | None:
    """What was saved; None where nothing was, or the file is damaged: it only saves time."""
    try:
        with np.load(path, allow_pickle=False) as file:
            pts, is_key = file["pts"].tolist(), file["is_key"].tolist()
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    if len(pts) != len(is_key):
        return None
    return Keys(tuple(zip(pts, is_key, strict=True)), tuple(sorted(pts)))
