"""The whole release of DFME: folders by range of subjects, emotions and clips.

``USTC_MEv4_partA_sub0001_sub0015/micro/<emotion>/sub0003-03a-01-anger-01-anger/`` holds a clip,
``micro_static_aligned_croped`` its aligned face. The last field of the name is the final label
and equals the folder; the fourth is an earlier one and differs in about one of five. The sheet
(column ``fps`` in lower case, one row a clip) gives onset, apex and offset; without it a clip
reaches from its first to its last image, and only part D says its frame rate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from merkit.datasets.fields import raw_fields, read_action_units, sheet_version
from merkit.datasets.layout import child_folder, frame_numbers, inside, scan, walk
from merkit.datasets.sheets import Row, has_columns, read_table
from merkit.errors import DatasetError, MissingDataError
from merkit.labels import canonical_emotion
from merkit.types import Clip

_PART = re.compile(r".*part([A-D])_sub\d+_sub\d+(?:_(\d+)fps)?", re.IGNORECASE)
_CLIP = re.compile(r"(sub\d+)-.+", re.IGNORECASE)
#: Spellings of the columns, since the full sheet is not that of the challenge.
_FRAMES = (
    ("OnsetFrame", "ApexFrame", "OffsetFrame"),
    ("Onset", "Apex", "Offset"),
    ("Onset Frame", "Apex Frame", "Offset Frame"),
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the sheet with the names of its frame columns."""

    row: Row
    columns: tuple[str, str, str]
    version: str


def frame_rate(row: Row, column: str) -> float:
    """Frames a second of one row.

    Raises:
        DatasetError: no number above 0.
    """
    try:
        rate = float(row.get(column))
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise DatasetError(
            f"{row.where}: column '{column}' holds '{row.get(column)[:60]}'",
            "frames a second, such as 200",
        )
    return rate


def load_full(root: Path, cropped: bool) -> Iterator[Clip]:
    """Every clip folder, and every row of the sheet whose folder is missing.

    Raises:
        MissingDataError: no part of the release below ``root``.
        DatasetError: a clip whose frame rate is nowhere told.
    """
    parts = [f.path / n for f in walk(root, 2) for n in f.folders if _PART.fullmatch(n)]
    if not parts:
        raise MissingDataError(
            f"no part of DFME below {root}",
            "folders such as USTC_MEv4_partA_sub0001_sub0015",
            "give the folder that holds the parts",
        )
    lines = _sheet(root)
    seen: set[str] = set()
    for part in sorted(parts):
        for media in _clip_folders(part, root, cropped):
            seen.add(media.name.lower())
            yield _clip(media, _part_rate(part), lines.get(media.name.lower()))
    for name, line in lines.items():
        if name not in seen:
            yield _clip(inside(root, line.row["Filename"]), None, line)


def _part_rate(part: Path) -> float | None:
    match = _PART.fullmatch(part.name)
    return float(match[2]) if match and match[2] else None


def _clip_folders(part: Path, root: Path, cropped: bool) -> Iterator[Path]:
    names = ("micro_static_aligned_croped", "micro_static_aligned_cropped")
    tree = child_folder(part, root, *(names if cropped else ("micro",)))
    if not tree.is_dir():
        return
    for emotion in scan(tree, root).folders:
        for name in scan(tree / emotion, root).folders:
            if _CLIP.fullmatch(name):
                yield tree / emotion / name


def _sheet(root: Path) -> Mapping[str, _Line]:
    """Lower-case clip name -> row, out of the tables below the root that have an fps column."""
    found: dict[str, _Line] = {}
    for folder in walk(root, 2):
        for name in folder.files:
            path = folder.path / name
            if path.suffix.lower() in {".xlsx", ".xls", ".csv"}:
                for line in _lines(path):
                    found.setdefault(line.row["Filename"].lower(), line)
    return found


def _lines(path: Path) -> Iterator[_Line]:
    for columns in _FRAMES:
        names = ("Subject", "Filename", "Emotion", "fps", "AU", *columns)
        if not has_columns(path, names):
            continue  # another table, such as a list of subjects
        for row in read_table(path, names):
            if _CLIP.fullmatch(row["Filename"]):
                yield _Line(row, columns, sheet_version(path))
        return


def _clip(media: Path, rate: float | None, line: _Line | None) -> Clip:
    name = media.name
    subject = name.split("-")[0]
    raw = raw_fields(line.row, line.version) if line else {}
    emotion = canonical_emotion(name.split("-")[-1])
    raw |= {"folder": media.parent.name} | _doubts(name, emotion, media, line)
    onset, apex, offset = _frames(media, line)
    return Clip(
        clip_id=f"dfme/{subject}/{name}",
        dataset="dfme",
        subject=subject,
        media=media,
        fps_hz=_rate(media, rate, line),
        emotion=emotion,
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
        action_units=read_action_units(line.row["AU"], raw) if line else None,
        raw=raw,
    )


def _frames(media: Path, line: _Line | None) -> tuple[int | None, int | None, int | None]:
    if line:
        onset, apex, offset = (line.row.integer(column) for column in line.columns)
        return onset, apex, offset
    numbers = frame_numbers(media)
    return (numbers[0], None, numbers[-1]) if numbers else (None, None, None)


def _rate(media: Path, rate: float | None, line: _Line | None) -> float:
    if line:
        return frame_rate(line.row, "fps")
    if rate is None:
        raise DatasetError(
            f"nothing says the frame rate of {media.name}: its part names none and no table "
            "below the root has a row for it",
            "the sheet of the release, with the columns Filename and fps",
            "put the sheet below the root",
        )
    return rate


def _doubts(name: str, emotion: str, media: Path, line: _Line | None) -> dict[str, str]:
    """Where folder and sheet do not say what the last field of the name says."""
    told = {"folder": media.parent.name} if media.is_dir() else {}
    if line:
        told["sheet"] = line.row["Emotion"]
    others = {k: v for k, v in told.items() if canonical_emotion(v) != emotion}
    if not others:
        return {}
    listed = ", ".join(f"the {k} says '{v}'" for k, v in others.items())
    return {"differs:emotion": f"the name '{name}' says {emotion}, {listed}"}
