"""The light table that protocols divide: one row a clip, no pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from merkit.errors import DatasetError
from merkit.subjects import one_spelling
from merkit.types import Clip

#: key of ``Clip.raw`` in which an adapter keeps the official split of a clip
SPLIT_FIELD = "split"


@dataclass(frozen=True, slots=True, order=True)
class ClipRow:
    """What a protocol needs to know of a clip.

    ``subject_key`` is unique across databases (``Clip.subject_key``); ``label`` is a class
    index; ``split`` names the official part the clip belongs to, "" where there is none.
    ``units``: where clips show any number of classes (action units), their indices; ``label`` is
    then the first of them.
    """

    clip_id: str
    dataset: str
    subject_key: str
    label: int
    split: str = ""
    units: tuple[int, ...] | None = None

    @property
    def shown(self) -> tuple[int, ...]:
        """Indices of every class that the clip shows."""
        return (self.label,) if self.units is None else self.units


def rows(clips: Iterable[Clip], label_of: Callable[[Clip], int | None]) -> tuple[ClipRow, ...]:
    """Rows of the clips that have a class, sorted by clip id; their official split is that of
    ``Clip.raw``.

    Args:
        clips: of one or several databases.
        label_of: class index of a clip, or None where the task leaves it out.

    Raises:
        DatasetError: two clips have the same id.
    """
    found = []
    for clip in clips:
        label = label_of(clip)
        if label is not None:
            split = clip.raw.get(SPLIT_FIELD, "")
            found.append(ClipRow(clip.clip_id, clip.dataset, clip.subject_key, label, split))
    return checked(found)


def checked(table: Iterable[ClipRow]) -> tuple[ClipRow, ...]:
    """The rows sorted by clip id, every subject in one spelling.

    Raises:
        DatasetError: a clip id stands twice, a subject key in two databases, or a label is
            negative.
    """
    given = sorted(table)
    used = one_spelling(row.subject_key for row in given)
    ordered = tuple(
        replace(row, subject_key=used.get(row.subject_key, row.subject_key)) for row in given
    )
    home: dict[str, str] = {}
    seen: set[str] = set()
    for row in ordered:
        if row.clip_id in seen:
            raise DatasetError(f"clip id '{row.clip_id}' stands twice", "one row a clip")
        seen.add(row.clip_id)
        if home.setdefault(row.subject_key, row.dataset) != row.dataset:
            raise DatasetError(
                f"subject key '{row.subject_key}' is in '{home[row.subject_key]}' "
                f"and in '{row.dataset}'",
                "keys that are unique across databases",
                "build them as 'database/subject' (Clip.subject_key)",
            )
        if row.label < 0:
            raise DatasetError(
                f"clip '{row.clip_id}' has label {row.label}", "a class index, 0 or more"
            )
    return ordered


def subjects_of(table: Iterable[ClipRow]) -> tuple[str, ...]:
    """The distinct subject keys, sorted."""
    return tuple(sorted({row.subject_key for row in table}))


def databases_of(table: Iterable[ClipRow]) -> tuple[str, ...]:
    """The distinct databases, sorted."""
    return tuple(sorted({row.dataset for row in table}))
