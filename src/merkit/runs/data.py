"""The clips of a run with their classes and samples, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from merkit.datasets import load_dataset
from merkit.datasets.label_maps import clip_label, label_map
from merkit.errors import ConfigError, DatasetError
from merkit.labels import LabelMap
from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, rows
from merkit.protocols.table import checked
from merkit.runs.config import DataConfig
from merkit.samples.prepare import Prepared, default_store, prepare
from merkit.samples.recipe import Recipe
from merkit.types import Clip
from merkit.video.fingerprint import content_key


@dataclass(frozen=True)
class Task:
    """``clips`` that have a class, their ``rows`` for the protocols, their stored samples.

    ``maps``: the label map of each database; all have the same ``classes``.
    """

    clips: tuple[Clip, ...]
    rows: tuple[ClipRow, ...]
    classes: tuple[str, ...]
    maps: tuple[LabelMap, ...]
    prepared: Prepared

    def contents(self) -> dict[str, str]:
        """Clip id -> hash of its frames, so that the audit sees one clip under two names."""
        used = {row.clip_id for row in self.rows}
        return {clip.clip_id: content_key(clip) for clip in self.clips if clip.clip_id in used}


def open_task(
    config: DataConfig,
    recipe: Recipe,
    progress: Progress = silent,
    check: Callable[[Sequence[ClipRow]], None] | None = None,
) -> Task:
    """Load, label and prepare the clips of a configuration.

    ``check`` is called with the labelled clips before any is prepared, so that what cannot
    work is told before the hours that preparing may take.

    Raises:
        ConfigError: unknown names, or databases whose classes differ.
        DatasetError: no clip has a class under the label map.
        FaceError: clips that cannot be prepared, unless ``bad_clips="skip"``.
    """
    clips, table, maps = load_clips(config)
    if check is not None:
        check(table)
    store = config.store or default_store()
    prepared = prepare(clips, recipe, store, config.workers, progress)
    if config.bad_clips == "refuse":
        prepared.check()
    kept = tuple(row for row in table if row.clip_id in prepared.keys)
    return Task(clips, kept, maps[0].classes, maps, prepared)


def load_clips(
    config: DataConfig,
) -> tuple[tuple[Clip, ...], tuple[ClipRow, ...], tuple[LabelMap, ...]]:
    """The labelled clips of every named database, their rows, and the label maps.

    Raises:
        ConfigError: databases whose classes differ.
        DatasetError: no clip has a class under the label map.
    """
    clips: list[Clip] = []
    table: list[ClipRow] = []
    maps: list[LabelMap] = []
    for name, root, variant in config.sources():
        task_map = label_map(name, config.classes)
        loaded = _told_apart(load_dataset(name, root, variant), name, root, config.data)
        labelled = rows(loaded, partial(clip_label, task_map))
        if not labelled:
            raise _nothing_labelled(name, loaded, task_map)
        kept = {row.clip_id for row in labelled}
        clips += [clip for clip in loaded if clip.clip_id in kept]
        table += labelled
        maps.append(task_map)
    _check_same_classes(config.data, maps)
    return tuple(clips), checked(table), tuple(maps)


def _told_apart(
    clips: tuple[Clip, ...], name: str, root: Path, names: tuple[str, ...]
) -> tuple[Clip, ...]:
    """Clips of a database that is named more than once (several synthetic ones, say) carry
    their root's name, so that clips and subjects stay apart: ``synthetic:slow``."""
    if names.count(name) == 1:
        return clips
    own = f"{name}:{root.resolve().name}"
    return tuple(replace(c, dataset=own, clip_id=f"{own}/{c.clip_id}") for c in clips)


def _nothing_labelled(name: str, clips: tuple[Clip, ...], task_map: LabelMap) -> DatasetError:
    found = sorted({clip.emotion for clip in clips})
    return DatasetError(
        f"none of the {len(clips)} clips of '{name}' has a class under '{task_map.name}' "
        f"(emotions found: {found})",
        f"emotions among {sorted(task_map.mapping)}",
        "choose other --classes, see 'merkit data list'",
    )


def _check_same_classes(names: tuple[str, ...], maps: list[LabelMap]) -> None:
    for name, task_map in zip(names, maps, strict=True):
        if task_map.classes != maps[0].classes:
            raise ConfigError(
                f"'{name}' has classes {list(task_map.classes)} and '{names[0]}' "
                f"{list(maps[0].classes)}",
                "the same classes in every database",
                "choose --classes that all of them have, such as 3",
            )
