"""The one door from a training to its clips, which keeps a record of who went through.

A method gets arrays and labels from a :class:`ClipReader` and from nowhere else. The reader notes
which clips it served and for what; the audit of the fold reads that record
(:func:`merkit.protocols.audit.audit_reads`), never one that the training wrote about itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch

from merkit.errors import ConfigError, LeakError
from merkit.samples.batch import Arrays, Inputs, collate
from merkit.samples.prepare import SampleSet
from merkit.training.targets import Classes, Label, Targets
from merkit.types import I64, Fold

#: what clips are read for: to fit weights, or a normaliser; to select an epoch or a threshold; to
#: adapt to a target without its labels; to predict
Use = Literal["fit", "normalise", "select", "adapt", "predict"]
#: clip ids served for each use
Served = Mapping[str, tuple[str, ...]]


class ClipReader:
    """Arrays and labels of the clips of one fold.

    Args:
        fold: which clips stand on which side.
        labels: class of each clip that the training may know the class of, or 0/1 for each action
            unit; never a test clip's.
        samples: the samples of every clip of the run.
        annotations: what the method reads of clips' annotation, by clip id.
        n_classes: C, classes or units.
        uses: what this reader may be asked for: a training's not to ``predict``, and the one that
            its test clips are predicted from, which no training holds, for nothing else.
        targets: what the labels are; None for one of C classes.
    """

    def __init__(
        self,
        fold: Fold,
        labels: Mapping[str, Label],
        samples: SampleSet,
        annotations: Mapping[str, Arrays],
        n_classes: int,
        uses: Sequence[Use] = ("fit", "normalise", "select", "adapt"),
        targets: Targets | None = None,
    ) -> None:
        self.fold, self.n_classes = fold, n_classes
        self.targets = targets or Classes(n_classes)
        self._labels, self._samples, self._annotations = labels, samples, annotations
        self._uses = tuple(uses)
        self._served: dict[str, dict[str, None]] = {}
        self.device = torch.device("cpu")

    @property
    def served(self) -> Served:
        """Which clips were served so far, in the order of their first service, for each use."""
        return {use: tuple(ids) for use, ids in self._served.items()}

    @property
    def n_views(self) -> int:
        """Cached augmented views of a clip; 0 where raw arrays are read."""
        if self._samples.tokens is None:
            return 0
        return self._samples.tokens.n_views

    def inputs(self, ids: Sequence[str], use: Use, views: Sequence[int] | None = None) -> Inputs:
        """Batch of these clips, in order, on the reader's device.

        Args:
            use: what for.
            views: cached augmented view of each clip; the clip itself where None.

        Raises:
            LeakError: a use that this reader does not serve for.
            ConfigError: only some of the clips have annotation that the method reads.
            StoreError: a stored sample is damaged.
        """
        self._note(ids, use)
        samples = self._samples
        if samples.tokens is None:
            batch = collate([samples.read(i).arrays for i in ids], samples.array_names)
        else:
            batch = samples.tokens.batch(ids, views, self.device)
        known = [self._annotations[i] for i in ids if i in self._annotations]
        if 0 < len(known) < len(ids):
            bare = next(i for i in ids if i not in self._annotations)
            raise ConfigError(
                f"clip '{bare}' has no annotation for the method, others of its batch have",
                "arrays of the same names for every clip, or for none",
                "let Method.annotation return zeros and a flag where a clip has none",
            )
        if known:
            batch |= collate(known, list(known[0]))
        return {name: tensor.to(self.device) for name, tensor in batch.items()}

    def labels(self, ids: Sequence[str], use: Use) -> I64:
        """Class index of each clip (N,), or 0/1 for each unit (N,C).

        Raises:
            LeakError: a clip whose class the training may not know, or a use as in ``inputs``.
        """
        self._note(ids, use)
        for clip_id in ids:
            if clip_id not in self._labels:
                raise LeakError(
                    f"the class of clip '{clip_id}' was asked for ({use}) in fold "
                    f"'{self.fold.name}'",
                    "rule: training knows the classes of training and validation clips only",
                )
        return np.array([self._labels[clip_id] for clip_id in ids], dtype=np.int64)

    def _note(self, ids: Iterable[str], use: Use) -> None:
        if use not in self._uses:
            raise LeakError(
                f"clips of fold '{self.fold.name}' were asked for to '{use}'",
                f"rule: this reader serves for {', '.join(self._uses)}",
                "let the caller predict with the fitted model",
            )
        self._served.setdefault(use, {}).update(dict.fromkeys(ids))
