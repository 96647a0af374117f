"""Frozen means computed once (docs/architecture.md): which tokens are stored, and where.

Low-rank adapters touch only the last blocks of an encoder, so what enters those blocks is
computed once for each frame and augmented view, stored in 16 bit, and read by every epoch and
fold; augmented views are drawn anew for each seed of a run.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from merkit.errors import ConfigError
from merkit.files import atomic_file, once_a_version, write_text
from merkit.progress import Progress, silent
from merkit.samples.prepare import SampleSet
from merkit.samples.tokens import TokenFiles
from merkit.training.device import token_memory_bytes
from merkit.training.encoding import Encoding
from merkit.training.loop import Trainable


def with_tokens(
    method: Trainable,
    samples: SampleSet,
    n_classes: int,
    device: str,
    progress: Progress = silent,
    seed: int = 0,
    memory_gb: float | None = None,
) -> SampleSet:
    """The samples with the file of each clip's tokens, an f16 array (V,T,N,D), made where it is
    missing; as they came where the method has no frozen part, or draws its augmentation afresh
    at every step (``views`` 0).

    View 0 is the clip itself; views 1 to V-1 are augmented, drawn once a clip from ``seed``. With
    ``training.mirror_at_test`` the mirrored clip comes last, beyond V.

    Args:
        memory_gb: gigabytes of tokens that a training may hold in memory; None: as
            ``token_memory_bytes`` says.

    Raises:
        ConfigError: the disk has no room for them; told before the work begins.
    """
    settings = method.training
    if samples.store is None or (settings.augment and settings.views == 0):
        return samples
    model = method.build(n_classes).to(device).eval()  # the key asks the device for its precision
    if model.frozen_key() is None:
        return samples
    encoding = Encoding(method, model, samples, seed)
    folder = samples.store.folder / "tokens" / encoding.key()
    folder.mkdir(parents=True, exist_ok=True)
    paths = {clip_id: folder / f"{key}.npy" for clip_id, key in sorted(samples.keys.items())}
    _make_missing(encoding, paths, progress)
    files = TokenFiles(paths, settings.mirror_at_test, token_memory_bytes(device, memory_gb))
    return replace(samples, tokens=files)


def _make_missing(encoding: Encoding, paths: Mapping[str, Path], progress: Progress) -> None:
    """Encode the clips whose file is not there, or not as it was written."""
    missing = {clip_id for clip_id, path in paths.items() if not _is_whole(path)}
    done = len(paths) - len(missing)
    if not missing:
        progress("encoding frozen blocks", done, len(paths))
        return
    size = encoding.clip_bytes(min(missing)) * len(missing)
    _check_room(paths[min(missing)].parent, size)
    stage = f"encoding frozen blocks of {len(missing)} clips, {size / 1e9:.3g} GB"
    progress(stage, done, len(paths))
    # groups do not depend on what is missing: what is computed together agrees with what is not to
    # the last bits only, and a run that goes on is to be that of one that was not disturbed
    for group in encoding.groups(list(paths)):
        if missing.isdisjoint(group):
            continue
        for clip_id, array in zip(group, encoding.tokens(group), strict=True):
            if clip_id in missing:
                _write(paths[clip_id], array)
        done += len(missing.intersection(group))
        progress(stage, done, len(paths))


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ConfigError(
            f"the tokens of frozen blocks need {size / 1e9:.3g} GB, and {folder} has room for "
            f"{free / 1e9:.3g} GB",
            "a disk with room for them",
            "choose another --store, fewer training.views, or training.views=0, which stores none",
        )


def _write(path: Path, array: np.ndarray) -> None:
    with atomic_file(path) as temporary:
        with temporary.open("wb") as handle:
            np.save(handle, array, allow_pickle=False)
        write_text(_record(path), str(_checksum(temporary)))


def _record(path: Path) -> Path:
    return path.with_suffix(".crc32")


def _is_whole(path: Path) -> bool:
    """Whether the tokens of a clip are stored as they were written; every byte is read once."""
    try:
        return _record(path).read_text() == str(_checksum(path))
    except (OSError, ValueError):
        return False


@once_a_version  # seeds may share their tokens
def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as handle:
        while block := handle.read(2**20):
            value = zlib.crc32(block, value)
    return value
