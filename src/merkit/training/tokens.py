"""Frozen means computed once (docs/architecture.md).

Low-rank adapters touch only the last blocks of an encoder, so what enters those blocks is
computed once for each frame and augmented view, stored in 16 bit, and read by every epoch,
fold and seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from merkit.files import atomic_file
from merkit.methods.base import MerModel
from merkit.progress import Progress, silent
from merkit.samples.augment import AugmentConfig, apply, draw
from merkit.samples.prepare import Prepared
from merkit.training.data import collate
from merkit.training.setup import Setup
from merkit.types import Sample


def token_files(
    model: MerModel,
    samples: Mapping[str, Sample],
    keys: Mapping[str, str],
    root: Path,
    views: int,
    augment: AugmentConfig = AugmentConfig(),  # noqa: B008 - frozen
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Path]:
    """File of each clip's tokens, an f16 array (V,T,N,D); made where missing.

    View 0 is the clip itself; views 1 to V-1 are augmented, drawn once a clip from ``seed``.
    """
    identity = f"{model.frozen_key()}|{views}|{seed}|{augment}"
    folder = root / "tokens" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for done, (clip_id, sample) in enumerate(sorted(samples.items()), start=1):
        path = folder / f"{keys[clip_id]}.npy"
        if not path.exists():
            array = _encode(model, sample, views, _clip_seed(clip_id, seed), augment)
            with atomic_file(path) as temporary, temporary.open("wb") as handle:
                np.save(handle, array, allow_pickle=False)
        paths[clip_id] = path
        progress("encoding frozen blocks", done, len(samples))
    return paths


def _clip_seed(clip_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{clip_id}".encode()).digest()[:6], "big")


@torch.no_grad()
def _encode(
    model: MerModel, sample: Sample, views: int, seed: int, settings: AugmentConfig
) -> np.ndarray:
    device = next(model.parameters()).device
    rgb = collate([sample.arrays], ["rgb"])["rgb"].to(device)
    generator = torch.Generator().manual_seed(seed)
    variants: Sequence[torch.Tensor] = [
        rgb if view == 0 else apply(rgb, draw(1, generator, settings)) for view in range(views)
    ]
    encoded = [model.frozen({"rgb": variant})["tokens"][0] for variant in variants]
    return torch.stack(encoded).to(torch.float16).cpu().numpy()


def frozen_tokens(
    setup: Setup, n_classes: int, prepared: Prepared, device: str, progress: Progress = silent
) -> dict[str, Path] | None:
    """Token files of a run's clips, or None where the method has no frozen part, or where
    augmentation is drawn afresh at every step (``views`` 0)."""
    if setup.settings.augment and setup.settings.views == 0:
        return None
    with torch.device("cpu"):
        model = setup.method.model(setup.model_config, n_classes)
    if model.frozen_key() is None:
        return None
    model.to(device).eval()
    samples = {clip_id: prepared.read(clip_id) for clip_id in prepared.keys}
    views = setup.settings.views if setup.settings.augment else 1
    root = prepared.store.folder
    augment = getattr(setup.model_config, "augment", AugmentConfig())
    return token_files(model, samples, prepared.keys, root, views, augment, progress=progress)
