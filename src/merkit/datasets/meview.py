"""MEVIEW: 40 short clips of poker games and interviews from the web, 15 people, 27 labelled.

Source: Husak, Cech & Matas 2017, "Spotting facial micro-expressions in the wild", CVWW. Licence
and request: Czech Technical University in Prague, Center for Machine Perception; the footage
belongs to third parties.

One video file a row, named like ``sub01-1``. There is no apex. Emotions are folded: "comtempt"
is contempt, "fear?" is fear and marked doubtful, "contempt/disgust" counts as disgust; 13 rows
have none. Rows whose note says that they show no micro-expression are marked in
``Clip.raw["doubtful:micro"]``. Cameras move and cut: use it as a test set.
"""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import find_sheet, inside, walk
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.errors import DatasetError
from merkit.labels import canonical_emotion
from merkit.media import is_video
from merkit.types import Clip

#: Of the distributed videos by our knowledge, unchecked; a reader of the file knows better.
FPS_HZ = 25.0
_COLUMNS = ("Subject", "Filename", "OnsetFrame", "OffsetFrame", "Action Units", "Emotion")
_CHOICES = {"contempt/disgust": "disgust"}
_NOT_MICRO = frozenset({"sub02-2", "sub05-1", "sub07-1", "sub11-1", "sub15-3", "sub16-1"})
_PERHAPS_MICRO = frozenset({"sub04-1", "sub07-3"})


def normal_subject(text: str) -> str:
    """``sub01`` from 1 or "sub01".

    Raises:
        DatasetError: no number in it.
    """
    digits = text.strip().lower().removeprefix("sub")
    if not digits.isdecimal():
        raise DatasetError(f"MEVIEW subject '{text}'", "a number such as 1")
    return f"sub{int(digits):02d}"


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the sheet, labelled or not."""
    sheet = find_sheet(root, ("MEVIEW*.xls*", "MEVIEW*.csv"))
    table = read_table(sheet, _COLUMNS, prefer="List 1")
    rows = complete_rows(table, ("Filename", "OnsetFrame"))
    media, version = _media_by_name(root), sheet_version(sheet)
    return sort_clips(_clip(row, root, media, version) for row in rows)


def _media_by_name(root: Path) -> dict[str, Path]:
    """Lower-case clip name -> its video file, or else its folder of images."""
    found: dict[str, Path] = {}
    for folder in walk(root, 3):
        found |= {name.lower(): folder.path / name for name in folder.folders}
    for folder in walk(root, 3):
        for name in folder.files:
            path = folder.path / name
            if is_video(path):
                found[path.stem.lower()] = path
    return found


def _clip(row: Row, root: Path, media: dict[str, Path], version: str) -> Clip:
    name = row["Filename"]
    expected = inside(root, f"{name}.mp4")
    subject = normal_subject(row["Subject"] or name.split("-")[0])
    raw = raw_fields(row, version)
    if name in _NOT_MICRO | _PERHAPS_MICRO:
        sure = "is" if name in _NOT_MICRO else "may be"
        raw["doubtful:micro"] = f"by its note this {sure} no micro-expression"
    onset, offset = row.integer("OnsetFrame"), row.integer("OffsetFrame")
    return Clip(
        clip_id=f"meview/{subject}/{name}",
        dataset="meview",
        subject=subject,
        media=media.get(name.lower(), expected),
        fps_hz=FPS_HZ,
        emotion=_emotion(row["Emotion"], raw),
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        offset_frame=offset,
        action_units=read_action_units(row["Action Units"], raw),
        raw=raw,
    )


def _emotion(cell: str, raw: dict[str, str]) -> str:
    text = cell.lower()
    plain = canonical_emotion(text.replace("?", ""))
    if "?" in text or "/" in text:
        raw["doubtful:emotion"] = f"the sheet says '{cell}'"
    return _CHOICES.get(plain, plain)


_EXPECTED = Expected(
    clips=40,
    subjects=15,
    emotions={
        "surprise": 9,
        "happiness": 6,
        "contempt": 6,
        "fear": 3,
        "anger": 2,
        "disgust": 1,
    },
    source="MEVIEW.xls; 13 rows have no emotion, papers print 31 or 40 clips",
)

DATABASE = Database(
    name="meview",
    title="MEVIEW",
    citation="Husak, Cech & Matas 2017, CVWW",
    licence="research only; third-party footage",
    request="Czech Technical University in Prague, Center for Machine Perception",
    load=load,
    label_maps=label_maps("meview"),
    expected={"default": _EXPECTED},
)
