"""What an adapter gives: metadata of clips or long recordings, never pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from merkit.datasets.findings import ContentKey, Finding
from merkit.errors import DatasetError
from merkit.labels import LabelMap
from merkit.types import Clip


@dataclass(frozen=True, slots=True)
class Expected:
    """Published counts to audit against. ``emotions``: clips per canonical emotion."""

    clips: int | None = None
    subjects: int | None = None
    emotions: Mapping[str, int] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    """A registered database.

    ``load(root, variant)`` reads the annotation under ``root`` and returns every annotated
    clip (macro-expressions excluded where a database has both), sorted by clip id.
    ``variants`` names the trees or parts a database is distributed in ("raw", "cropped",
    "HS" ...); the first is the default. ``expected``: variant -> published counts.
    ``long``: clips are events inside longer recordings (their ``media`` is the recording).
    ``known_missing``: clip ids (shell patterns) of which the distribution is known to hold
    fewer frames than its sheet says, ``anywhere`` or only at the ``end``.
    ``findings(root, variant, key)``: what only this database can have wrong, for an audit;
    ``key`` tells images with equal pixels, and is None where pixels are not to be read.
    """

    name: str
    title: str
    citation: str
    licence: str
    request: str
    load: Callable[[Path, str], tuple[Clip, ...]]
    label_maps: tuple[LabelMap, ...] = ()
    variants: tuple[str, ...] = ("default",)
    expected: Mapping[str, Expected] = field(default_factory=dict)
    kind: Literal["clips", "long"] = "clips"
    known_missing: Mapping[str, Literal["anywhere", "end"]] = field(default_factory=dict)
    findings: Callable[[Path, str, ContentKey | None], tuple[Finding, ...]] | None = None


def sort_clips(clips: Iterable[Clip]) -> tuple[Clip, ...]:
    """The clips of one database in the order of their ids.

    Raises:
        DatasetError: two rows have the same id.
    """
    ordered = tuple(sorted(clips, key=lambda clip: clip.clip_id))
    twice = [name for name, n in Counter(c.clip_id for c in ordered).items() if n > 1]
    if twice:
        rows = [c.raw.get("sheet_row", "?") for c in ordered if c.clip_id == twice[0]]
        raise DatasetError(
            f"{len(twice)} clip ids come twice, the first '{twice[0]}' (sheet rows {rows})",
            "one row a clip",
            "delete the copy, or use the sheet as the owner distributes it",
        )
    return ordered


def apex_is_usable(clip: Clip) -> bool:
    """Whether the apex can be compared with the onset: onset < apex <= offset.

    An apex equal to the onset (55 clips of CAS(ME)^3) shows no motion against it.
    """
    onset, apex, offset = clip.onset_frame, clip.apex_frame, clip.offset_frame
    if onset is None or apex is None:
        return False
    return onset < apex and (offset is None or apex <= offset)
