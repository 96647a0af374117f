"""Tokens of the frozen part of a model, made for several clips at a time.

V views of a clip, T frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from merkit.samples.batch import Inputs, collate
from merkit.samples.prepare import SampleSet
from merkit.training.loop import Trainable
from merkit.training.network import Model

#: raw views that are encoded together, about 100 frames of 224 x 224; a kill loses no more than
#: that, and how many frames the encoder has in hand is its own setting (``encoder.chunk_frames``)
_GROUP_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Encoding:
    """What a frozen part makes of clips. ``model`` is in evaluation mode, on its device; ``seed``:
    augmented views are drawn from it, clip by clip."""

    method: Trainable
    model: Model
    samples: SampleSet
    seed: int

    def key(self) -> str:
        """Identity of what is made: the frozen part and the views."""
        views, augment = self._n_views, getattr(self.method, "augment", "")
        drawn = self.seed if views > 1 else 0  # the clip itself is the same whatever the seed
        text = f"{self.model.frozen_key()}|{views}|{drawn}|{augment}"
        text += "|mirrored" * self.method.training.mirror_at_test
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def clip_bytes(self, clip_id: str) -> int:
        """Size of the tokens of a clip in all its views; the clip itself is encoded to tell."""
        itself = self._frozen([self._clip(clip_id)])
        return itself.nbytes * (self._n_views + self.method.training.mirror_at_test)

    def groups(self, ids: Sequence[str]) -> Iterator[list[str]]:
        """Clips of one shape that are encoded together, in order."""
        group: list[str] = []
        size, form = 0, None
        for clip_id in ids:
            arrays = self.samples.read(clip_id).arrays
            read = [arrays[name] for name in self.samples.array_names]
            own, shapes = self._n_views * sum(a.nbytes for a in read), [a.shape for a in read]
            if group and (size + own > _GROUP_BYTES or shapes != form):
                yield group
                group, size = [], 0
            group.append(clip_id)
            size, form = size + own, shapes
        if group:
            yield group

    def tokens(self, group: Sequence[str]) -> np.ndarray:
        """f16 (clips,V,T,...) of a group; with ``training.mirror_at_test`` one view more, of the
        mirrored clip."""
        views = [view for clip_id in group for view in self._views(clip_id)]
        encoded = self._frozen(views)
        return encoded.reshape(len(group), -1, *encoded.shape[1:])

    @property
    def _n_views(self) -> int:
        settings = self.method.training
        return settings.views if settings.augment else 1

    def _clip(self, clip_id: str) -> Inputs:
        return collate([self.samples.read(clip_id).arrays], self.samples.array_names)

    def _views(self, clip_id: str) -> list[Inputs]:
        """The clip itself, augmented, and mirrored, each a batch of one."""
        device = next(self.model.parameters()).device
        clip = {name: tensor.to(device) for name, tensor in self._clip(clip_id).items()}
        generator = torch.Generator().manual_seed(_clip_seed(clip_id, self.seed))
        views: list[Inputs] = [clip]
        for _ in range(self._n_views - 1):
            views.append(self.method.augmented(clip, torch.zeros(1, 1), generator)[0])
        if self.method.training.mirror_at_test:
            views.append(self.method.mirrored(clip) or clip)
        return views

    @torch.no_grad()
    def _frozen(self, views: Sequence[Inputs]) -> np.ndarray:
        """What the frozen part makes of batches of one, side by side."""
        device = next(self.model.parameters()).device
        batch = {name: torch.cat([v[name] for v in views]).to(device) for name in views[0]}
        encoded: np.ndarray = self.model.frozen(batch)["tokens"].to(torch.float16).cpu().numpy()
        return encoded


def _clip_seed(clip_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{clip_id}".encode()).digest()[:6], "big")
