"""What an adapter gives: metadata of clips or long recordings, never pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from merkit.datasets.label_maps import label_maps
from merkit.datasets.sheets import shipped_table
from merkit.errors import DatasetError
from merkit.labels import LabelMap
from merkit.types import Clip, Finding, Recording

#: Key of an image, equal where the pixels are equal.
ContentKey: TypeAlias = Callable[[Path], str]
#: Where frames may lack: anywhere in a clip, or only behind the last image.
Missing: TypeAlias = Literal["anywhere", "end"]


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
    ``label_maps``, ``expected``: left out, those of this name in the shipped tables.
    ``variants`` names the trees or parts a database is distributed in ("raw", "cropped",
    "HS" ...); the first is the default, unless ``variant_at(root)`` tells which one lies there.
    ``expected``: variant -> published counts.
    ``long``: clips are events inside longer recordings (their ``media`` is the recording).
    ``known_missing``: clip ids (shell patterns) of which the distribution is known to hold
    fewer frames than its sheet says, ``anywhere`` or only at the ``end``.
    ``findings(root, variant, key)``: what only this database can have wrong, for an audit;
    ``key`` tells images with equal pixels, and is None where pixels are not to be read.
    ``recordings(root, variant)``: the long recordings with all of their events, micro and macro,
    for spotting; None where the database has none.
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
    known_missing: Mapping[str, Missing] = field(default_factory=dict)
    findings: Callable[[Path, str, ContentKey | None], tuple[Finding, ...]] | None = None
    recordings: Callable[[Path, str], tuple[Recording, ...]] | None = None
    variant_at: Callable[[Path], str] | None = None

    def usual_variant(self, root: Path) -> str:
        """The variant that is read where none was named."""
        return self.variant_at(root) if self.variant_at else self.variants[0]

    def __post_init__(self) -> None:
        if not self.label_maps:
            object.__setattr__(self, "label_maps", label_maps(self.name))
        if not self.expected:
            object.__setattr__(self, "expected", _published_counts(self.name))


def _published_counts(database: str) -> dict[str, Expected]:
    """Variant -> its counts, from ``data/published_counts.csv``: a row names the variants that
    have them, and in ``emotions`` words such as ``fear:2``."""
    found: dict[str, Expected] = {}
    for row in shipped_table("published_counts"):
        if row["database"] == database:
            clips, subjects = (int(row[n]) if row[n] else None for n in ("clips", "subjects"))
            named = (word.partition(":") for word in row["emotions"].split())
            emotions = {emotion: int(count) for emotion, _, count in named}
            expected = Expected(clips, subjects, emotions, row["source"])
            found |= dict.fromkeys(row["variants"].split(), expected)
    return found


def noted(clip: Clip, notes: Mapping[str, str]) -> Clip:
    """The clip with more fields in ``raw``, such as ``doubtful:apex_frame`` with the reason."""
    return replace(clip, raw={**clip.raw, **notes})


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
