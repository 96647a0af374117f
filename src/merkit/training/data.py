"""The trainer's view of one fold: labelled training and validation clips, nothing else.

Test clips are not in here at all. ``Batches`` is the only place that turns clips into
tensors, from raw arrays or from the tokens of a frozen encoder part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from merkit.errors import LeakError
from merkit.methods.base import Annotation, Inputs
from merkit.types import Fold, Sample


@dataclass(frozen=True)
class Labelled:
    """Clip ids with their class indices."""

    ids: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class FoldData:
    """What training may see. ``unlabelled``: target clips of a transductive protocol."""

    name: str
    train: Labelled
    val: Labelled
    unlabelled: tuple[str, ...] = field(default=())


def open_fold(fold: Fold, labels: Mapping[str, int]) -> FoldData:
    """Hand out the labels of training and validation clips.

    Raises:
        LeakError: a test clip stands among them.
    """
    for clip_id in (*fold.train, *fold.val):
        if clip_id in fold.test:
            raise LeakError(
                f"clip '{clip_id}' of fold '{fold.name}' is in training and in test",
                "every clip on one side only",
            )
    return FoldData(
        fold.name,
        Labelled(fold.train, tuple(labels[c] for c in fold.train)),
        Labelled(fold.val, tuple(labels[c] for c in fold.val)),
        fold.unlabelled,
    )


def collate(samples: Sequence[Annotation], reads: Sequence[str]) -> dict[str, Tensor]:
    """Stack the arrays a model reads; runs of different length are zero-padded with a mask.

    Returns:
        each array with a leading batch axis, and ``mask`` bool (B,T), True where real.
    """
    batch: dict[str, Tensor] = {}
    for name in reads:
        arrays = [np.asarray(sample[name]) for sample in samples]
        if len({a.shape for a in arrays}) == 1:
            batch[name] = torch.from_numpy(np.stack(arrays))
            continue
        longest = max(len(a) for a in arrays)
        padded = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
        for row, array in zip(padded, arrays, strict=True):
            row[: len(array)] = array
        batch[name] = torch.from_numpy(padded)
        lengths = torch.tensor([len(a) for a in arrays])
        batch["mask"] = torch.arange(longest)[None, :] < lengths[:, None]
    return batch


class Batches:
    """Tensors of clips on one device.

    Args:
        samples: every clip of the run by id.
        reads: the arrays the model reads.
        device: where tensors go.
        tokens: clip id -> f16 (V,T,N,D) tokens of the frozen part, one row an augmented
            view (row 0: the clip itself); replaces ``rgb``.
        annotations: clip id -> arrays from its annotation, where the method reads any.
    """

    def __init__(
        self,
        samples: Mapping[str, Sample],
        reads: Sequence[str],
        device: torch.device,
        tokens: Mapping[str, np.ndarray] | None = None,
        annotations: Mapping[str, Annotation] | None = None,
    ) -> None:
        self.samples, self.device, self.tokens = samples, device, tokens
        self.annotations = annotations or {}
        self.reads = [name for name in reads if not (tokens is not None and name == "rgb")]

    def get(self, ids: Sequence[str], views: Sequence[int] | None = None) -> Inputs:
        """Inputs of these clips, in order; ``views`` chooses the cached augmented view."""
        batch = collate([self.samples[i].arrays for i in ids], self.reads) if self.reads else {}
        if self.tokens is not None:
            chosen = views if views is not None else [0] * len(ids)
            rows = [{"tokens": self.tokens[i][v]} for i, v in zip(ids, chosen, strict=True)]
            batch |= collate(rows, ["tokens"])
        if ids and ids[0] in self.annotations:
            known = [self.annotations[i] for i in ids]
            batch |= collate(known, list(known[0]))
        return {name: tensor.to(self.device) for name, tensor in batch.items()}
