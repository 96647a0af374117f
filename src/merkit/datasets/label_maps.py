"""Published tasks as tables: which labels of a database make which class, and how many clips.

``data/label_maps.csv`` holds one row a map (name, database, alias, where the label stands,
clips left out, published total where no counts of classes are printed or ``none``, citation),
``data/label_classes.csv`` one row a class (labels, published count).
Papers disagree on the classes of one database, so every variant has its own name, such as
``casme2-3-megc2019``; ``"3"`` or ``"5"`` stands for the commonest map of a database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal, cast

from merkit.datasets.sheets import shipped_table
from merkit.errors import DatasetError
from merkit.labels import LabelMap
from merkit.types import Clip

Source = Literal["emotion", "first_emotion", "objective_class", "self_report"]


@dataclass(frozen=True, slots=True)
class TaskMap(LabelMap):
    """A label map with what a published task needs beside emotions.

    Args:
        database: the registered database that it belongs to.
        alias: short name within the database ("3"), or "".
        source: ``emotion``; ``first_emotion``, the first of a clip's label set (4DME);
            ``objective_class``, I to VII by action units, whatever the emotion;
            ``self_report``, what the subject said to have felt (CAS(ME)^2).
        excluded: clip ids (shell patterns) that the task leaves out; one behind ``!`` stays in,
            and the last that fits counts.
        total: published number of clips; None: nobody has published any count of this map.
    """

    database: str = ""
    alias: str = ""
    source: Source = "emotion"
    excluded: tuple[str, ...] = ()
    total: int | None = None

    def leaves_out(self, clip_id: str) -> bool:
        """Whether the task does without this clip, whatever its label."""
        fits = [p for p in self.excluded if fnmatchcase(clip_id, p.removeprefix("!"))]
        return bool(fits) and not fits[-1].startswith("!")


def clip_label(label_map: LabelMap, clip: Clip) -> int | None:
    """Class index of a clip under a map, or None where the task leaves the clip out.

    Raises:
        DatasetError: the map needs objective classes and the clip has none.
    """
    if not isinstance(label_map, TaskMap):
        return label_map.index(clip.emotion)
    if label_map.leaves_out(clip.clip_id):
        return None
    label = {
        "emotion": clip.emotion,
        "first_emotion": clip.emotion.split("+")[0],
        "self_report": clip.raw.get("self_report", ""),
        "objective_class": clip.raw.get("objective_class", ""),
    }[label_map.source]
    if label_map.source == "objective_class" and not label:
        raise DatasetError(
            f"clip '{clip.clip_id}' has no objective class",
            f"one of I to VII, for label map '{label_map.name}'",
            "put the sheet of objective classes below the root, or choose a map of emotions",
        )
    return label_map.index(label)


def class_counts(label_map: LabelMap, clips: Iterable[Clip]) -> tuple[int, ...]:
    """Number of clips in each class, in the order of ``label_map.classes``."""
    found = Counter(clip_label(label_map, clip) for clip in clips)
    return tuple(found[i] for i in range(len(label_map.classes)))


def label_maps(database: str) -> tuple[TaskMap, ...]:
    """The maps of a database in the shipped tables; empty where they name none."""
    return tuple(task for task in _all_maps() if task.database == database)


@cache
def _all_maps() -> tuple[TaskMap, ...]:
    classes: dict[str, list[dict[str, str]]] = {}
    for row in shipped_table("label_classes"):
        classes.setdefault(row["map"], []).append(row)
    return tuple(_task(row, classes[row["map"]]) for row in shipped_table("label_maps"))


def _task(row: dict[str, str], classes: list[dict[str, str]]) -> TaskMap:
    printed = [c["count"] for c in classes]
    counts = tuple(map(int, printed)) if all(printed) else ()
    return TaskMap(
        name=row["map"],
        classes=tuple(c["class"] for c in classes),
        mapping={label: c["class"] for c in classes for label in c["labels"].split()},
        citation=row["citation"],
        counts=counts,
        database=row["database"],
        alias=row["alias"],
        source=cast(Source, row["source"]),
        excluded=tuple(row["excluded"].split()),
        total=sum(counts) if counts else None if row["total"] == "none" else int(row["total"]),
    )
