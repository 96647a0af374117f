"""The clips of a run with their classes and samples, before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from merkit.config import hash_of
from merkit.datasets import label_map, load_dataset
from merkit.datasets.label_maps import clip_label
from merkit.errors import ConfigError, DatasetError, FaceError
from merkit.labels import LabelMap
from merkit.media import is_image
from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, rows
from merkit.protocols.table import checked
from merkit.runs.config import DataConfig
from merkit.samples.prepare import SampleSet, default_store, prepare
from merkit.samples.recipes import Recipe
from merkit.training.targets import Classes, Label, Targets
from merkit.types import Clip
from merkit.video.fingerprint import content_key

L = TypeVar("L", bound="LabelledClips")


@dataclass(frozen=True)
class LabelledClips:
    """``clips`` that have a class, and their ``rows`` for the protocols.

    ``maps``: the label map of each database; all have the same ``classes``. ``left_out``: clips of
    each emotion that these give no class.
    """

    clips: tuple[Clip, ...]
    rows: tuple[ClipRow, ...]
    maps: tuple[LabelMap, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their indices."""
        return self.maps[0].classes

    @property
    def labels(self) -> Mapping[str, Label]:
        """Class index of each clip."""
        return {row.clip_id: row.label for row in self.rows}

    @property
    def targets(self) -> Targets:
        """What the labels are to a training."""
        return Classes(len(self.classes))

    def contents(self) -> dict[str, str]:
        """Clip id -> hash of its frames, so that the audit sees one clip under two names; clips
        without media, which a method that reads no pixels may be scored on, are left out."""
        return {c.clip_id: content_key(c) for c in self.clips if c.media.exists()}

    def hashes(self) -> dict[str, str]:
        """Identity of the labels: which class each clip has."""
        return {"labels": hash_of(sorted(self.labels.items()))}

    def facts(self) -> dict[str, Any]:
        """What a reader of a run or a model wants to know of its clips."""
        labels = [row.label for row in self.rows]
        return {
            "classes": list(self.classes),
            "label_map": ", ".join(dict.fromkeys(task_map.name for task_map in self.maps)),
            "label_map_citation": "; ".join(dict.fromkeys(m.citation for m in self.maps)),
            "clips": len(self.rows),
            "subjects": len({row.subject_key for row in self.rows}),
            "clips_per_class": {name: labels.count(i) for i, name in enumerate(self.classes)},
            "published_per_class": self._published(),
            "left_out": dict(self.left_out),
        }

    def _published(self) -> dict[str, int]:
        """Clips of each class in the published sets of the label maps; empty where one printed
        none."""
        if not all(task_map.counts for task_map in self.maps):
            return {}
        columns = zip(*(task_map.counts for task_map in self.maps), strict=True)
        return {name: sum(counts) for name, counts in zip(self.classes, columns, strict=True)}


def load_clips(config: DataConfig) -> LabelledClips:
    """The labelled clips of every named database.

    Raises:
        ConfigError: unknown names, or databases whose classes differ.
        DatasetError: no clip has a class under the label map.
    """
    sources = config.sources()
    maps = tuple(label_map(name, config.classes) for name in config.data)
    for name, task_map in zip(config.data, maps, strict=True):
        if task_map.classes != maps[0].classes:
            raise ConfigError(
                f"'{name}' has classes {list(task_map.classes)} and '{config.data[0]}' "
                f"{list(maps[0].classes)}",
                "the same classes in every database",
                "choose --classes that all of them have, such as 3",
            )
    clips: list[Clip] = []
    table: list[ClipRow] = []
    left_out: Counter[str] = Counter()
    for (name, root, variant), task_map in zip(sources, maps, strict=True):
        loaded = load_dataset(name, root, variant, alias=config.alias(name, root))
        labelled = rows(loaded, partial(clip_label, task_map))
        if not labelled:
            raise _nothing_labelled(name, loaded, task_map)
        kept = {row.clip_id for row in labelled}
        left_out.update(c.emotion or "(none)" for c in loaded if c.clip_id not in kept)
        clips += [clip for clip in loaded if clip.clip_id in kept]
        table += labelled
    return LabelledClips(tuple(clips), checked(table), maps, dict(sorted(left_out.items())))


def prepare_clips(
    data: L, recipe: Recipe | None, config: DataConfig, progress: Progress = silent
) -> tuple[L, SampleSet]:
    """The samples of the clips under a recipe, and the clips that could be prepared.

    Raises:
        ConfigError: the recipe reads frames, and the clips are flow images.
        FaceError: clips that cannot be prepared, unless ``bad_clips="skip"`` or the recipe leaves
            them out on purpose.
    """
    images = [clip for clip in data.clips if is_image(clip.media)]
    if images and recipe is not None and recipe.no_flow_image:
        raise ConfigError(
            f"{len(images)} of {len(data.clips)} clips are flow images, such as "
            f"'{images[0].clip_id}': {recipe.no_flow_image}",
            f"a method on flow images, or one that reads no pixels: {', '.join(_image_methods())}, "
            "or linear-probe with model.picture=flow-map",
            "choose one with --method",
        )
    store = config.store or default_store()
    samples = prepare(data.clips, recipe, store, config.workers, progress)
    if samples.refused.keys() - samples.left_out and config.bad_clips == "refuse":
        raise _refused(samples)
    clips = tuple(clip for clip in data.clips if clip.clip_id in samples.keys)
    kept = tuple(row for row in data.rows if row.clip_id in samples.keys)
    return replace(data, clips=clips, rows=kept), samples


def _image_methods() -> list[str]:
    """Methods that a flow image serves as it is."""
    from merkit.methods import METHODS

    usable, _ = METHODS.load_all()
    return [n for n, m in usable.items() if not getattr(m().recipe, "no_flow_image", "")]


def _refused(samples: SampleSet) -> FaceError:
    """One error that lists the clips that could not be prepared."""
    refused = sorted((i, m) for i, m in samples.refused.items() if i not in samples.left_out)
    lines = [f"{clip_id}: {message.splitlines()[0]}" for clip_id, message in refused]
    shown = "\n  ".join(lines[:20]) + ("\n  ..." if len(lines) > 20 else "")
    return FaceError(
        f"{len(lines)} of {len(lines) + len(samples.keys)} clips cannot be prepared:\n  {shown}",
        "every clip usable",
        "mend those clips, or leave them out and record it: --bad-clips skip",
    )


def _nothing_labelled(name: str, clips: tuple[Clip, ...], task_map: LabelMap) -> DatasetError:
    found = sorted({clip.emotion for clip in clips})
    return DatasetError(
        f"none of the {len(clips)} clips of '{name}' has a class under '{task_map.name}' "
        f"(emotions found: {found})",
        f"emotions among {sorted(task_map.mapping)}",
        "choose other --classes, see 'merkit data list'",
    )
