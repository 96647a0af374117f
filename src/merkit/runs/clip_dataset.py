"""Prepared clips as a torch ``Dataset``, for a training loop of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from merkit.config import from_mapping
from merkit.errors import ConfigError
from merkit.methods.base import Method
from merkit.progress import Progress, silent
from merkit.runs.config import DataConfig
from merkit.runs.data import load_clips, prepare_clips
from merkit.samples.batch import collate
from merkit.training.reader import ClipReader
from merkit.types import Fold

Item = tuple[dict[str, Tensor], int]


class ClipDataset(Dataset[Item]):
    """The clips of databases as a method reads them; prepared once, then read from the store.

    An item is what ``method.inputs()`` lists, by name and without the batch axis, and the index of
    its class. ``ids``, ``people`` and ``labels`` (N,) are in the order of the items: ``people`` are
    the groups that :func:`merkit.protocols.splitter` divides. ``classes``: names, in the order of
    the indices. ``refused``: clip id -> why it could not be prepared and was skipped.

    Args:
        method: whose recipe makes the samples.
        data: name of a database, or of several.
        root: the folder of each.
        workers: processes that prepare clips. More than one need a script whose work stands below
            ``if __name__ == "__main__"``; ``merkit prepare`` fills the same store with all cores.
        classes, settings: as in :class:`merkit.runs.config.DataConfig`: ``store``, ``variant``,
            ``bad_clips``.

    Raises:
        ConfigError, DatasetError, MissingDataError: names, classes or folders that cannot be.
        FaceError: clips that cannot be prepared, unless ``bad_clips="skip"``.

    Example:
        >>> data = ClipDataset(Ststnet(), "synthetic", "db")  # doctest: +SKIP
        >>> DataLoader(data, batch_size=8, shuffle=True, collate_fn=data.collate)  # doctest: +SKIP
    """

    def __init__(
        self,
        method: Method,
        data: str | Sequence[str],
        root: Path | str | Sequence[Path | str],
        classes: str = "3",
        workers: int = 1,
        progress: Progress = silent,
        **settings: Any,
    ) -> None:
        if not isinstance(method, Method):
            raise ConfigError(
                f"method {method!r}", "a method with its settings, such as merkit.methods.Ststnet()"
            )
        given = {"data": _several(data), "root": _several(root), "classes": classes, **settings}
        config = from_mapping(DataConfig, {**given, "workers": workers})
        clips, samples = prepare_clips(load_clips(config), method.recipe, config, progress)
        self.classes, self.refused = clips.classes, dict(samples.refused)
        self.ids = tuple(row.clip_id for row in clips.rows)
        self.people = np.array([row.subject_key for row in clips.rows])
        self.labels = np.array([row.label for row in clips.rows], np.int64)
        self._reader = ClipReader(
            Fold("all", self.ids, (), ()),
            clips.labels,
            samples,
            method.annotations(clips.clips),
            len(self.classes),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Item:
        inputs = self._reader.inputs([self.ids[index]], "fit")
        return {name: tensor[0] for name, tensor in inputs.items()}, int(self.labels[index])

    @staticmethod
    def collate(items: Sequence[Item]) -> tuple[dict[str, Tensor], Tensor]:
        """A batch of items, and their classes (B,); clips of different length are filled up with
        zeros, and ``mask`` says where."""
        arrays = [{name: tensor.numpy() for name, tensor in inputs.items()} for inputs, _ in items]
        return collate(arrays, list(arrays[0])), torch.tensor([label for _, label in items])


def _several(named: Any) -> Any:
    """What was named alone as one of several."""
    return (named,) if isinstance(named, str | Path) else tuple(named)
