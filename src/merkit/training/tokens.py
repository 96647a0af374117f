"""Frozen means computed once (docs/architecture.md).

Low-rank adapters touch only the last blocks of an encoder, so what enters those blocks is
computed once for each frame and augmented view, stored in 16 bit, and read by every epoch and
fold; augmented views are drawn anew for each seed of a run.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from merkit.files import atomic_file, once_a_version, write_text
from merkit.progress import Progress, silent
from merkit.samples.batch import collate
from merkit.samples.prepare import SampleSet
from merkit.training.loop import Trainable
from merkit.training.network import Model


def with_tokens(
    method: Trainable,
    samples: SampleSet,
    n_classes: int,
    device: str,
    progress: Progress = silent,
    seed: int = 0,
) -> SampleSet:
    """The samples with the file of each clip's tokens, an f16 array (V,T,N,D), made where it is
    missing; as they came where the method has no frozen part, or draws its augmentation afresh
    at every step (``views`` 0).

    View 0 is the clip itself; views 1 to V-1 are augmented, drawn once a clip from ``seed``. With
    ``training.mirror_at_test`` the mirrored clip comes last, beyond V (``SampleSet.mirrored``).
    """
    settings = method.training
    if samples.store is None or (settings.augment and settings.views == 0):
        return samples
    model = method.build(n_classes).to(device).eval()  # the key asks the device for its precision
    if model.frozen_key() is None:
        return samples
    views = settings.views if settings.augment else 1
    mirror = settings.mirror_at_test
    drawn = seed if views > 1 else 0  # the clip itself is the same whatever the seed
    identity = f"{model.frozen_key()}|{views}|{drawn}|{getattr(method, 'augment', '')}"
    identity += "|mirrored" * mirror
    folder = samples.store.folder / "tokens" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for done, (clip_id, key) in enumerate(sorted(samples.keys.items()), start=1):
        paths[clip_id] = folder / f"{key}.npy"
        if not _is_whole(paths[clip_id]):
            generator = torch.Generator().manual_seed(_clip_seed(clip_id, seed))
            array = _encode(method, model, samples, clip_id, views, generator)
            with atomic_file(paths[clip_id]) as temporary:
                with temporary.open("wb") as handle:
                    np.save(handle, array, allow_pickle=False)
                write_text(_record(paths[clip_id]), str(_checksum(temporary)))
        progress("encoding frozen blocks", done, len(samples.keys))
    return replace(samples, tokens=paths, mirrored=mirror)


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


def _clip_seed(clip_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{clip_id}".encode()).digest()[:6], "big")


@torch.no_grad()
def _encode(
    method: Trainable,
    model: Model,
    samples: SampleSet,
    clip_id: str,
    views: int,
    generator: torch.Generator,
) -> np.ndarray:
    device = next(model.parameters()).device
    batch = collate([samples.read(clip_id).arrays], samples.array_names)
    inputs = {name: tensor.to(device) for name, tensor in batch.items()}
    encoded = []
    for view in range(views):
        seen = method.augmented(inputs, torch.zeros(1, 1), generator)[0] if view else inputs
        encoded.append(model.frozen(seen)["tokens"][0])
    if method.training.mirror_at_test:
        twin = method.mirrored(inputs)
        encoded.append(model.frozen(inputs if twin is None else twin)["tokens"][0])
    return torch.stack(encoded).to(torch.float16).cpu().numpy()
