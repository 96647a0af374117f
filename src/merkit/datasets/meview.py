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

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import Database, noted, sort_clips
from merkit.datasets.layout import inside, walk
from merkit.datasets.sheet_layout import SheetLayout, Subjects
from merkit.datasets.sheets import Row
from merkit.labels import canonical_emotion
from merkit.media import is_video
from merkit.types import Clip

SUBJECTS = Subjects("MEVIEW subject", r"(?:sub)?(\d+)", ("sub{:02d}",), "a number such as 1")
_LAYOUT = SheetLayout(
    database="meview",
    files=("MEVIEW*.xls*", "MEVIEW*.csv"),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "OnsetFrame",
        "offset": "OffsetFrame",
        "action_units": "Action Units",
        "emotion": "Emotion",
    },
    whole=("clip", "onset"),
    prefer="List 1",
    fps_hz=25.0,  # by our knowledge, unchecked; a reader of the file knows better
)
_CHOICES = {"contempt/disgust": "disgust"}
_NOT_MICRO = frozenset({"sub02-2", "sub05-1", "sub07-1", "sub11-1", "sub15-3", "sub16-1"})
_PERHAPS_MICRO = frozenset({"sub04-1", "sub07-3"})


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the sheet, labelled or not."""
    rows, media = _LAYOUT.rows(root), _media_by_name(root)
    return sort_clips(_clip(row, root, media) for row in rows)


def _media_by_name(root: Path) -> dict[str, Path]:
    """Lower-case clip name -> its video file, or else its folder of images."""
    folders = list(walk(root, 3))
    found = {name.lower(): folder.path / name for folder in folders for name in folder.folders}
    for folder in folders:
        for path in map(folder.path.joinpath, folder.files):
            if is_video(path):
                found[path.stem.lower()] = path
    return found


def _clip(row: Row, root: Path, media: Mapping[str, Path]) -> Clip:
    name = row["Filename"]
    expected = inside(root, f"{name}.mp4")
    subject = SUBJECTS(row["Subject"] or name.split("-")[0])
    clip = _LAYOUT.clip(row, media.get(name.lower(), expected), subject)
    notes = {}
    if name in _NOT_MICRO | _PERHAPS_MICRO:
        sure = "is" if name in _NOT_MICRO else "may be"
        notes["doubtful:micro"] = f"by its note this {sure} no micro-expression"
    if "?" in row["Emotion"] or "/" in row["Emotion"]:
        notes["doubtful:emotion"] = f"the sheet says '{row['Emotion']}'"
    emotion = canonical_emotion(row["Emotion"].replace("?", ""))
    return noted(replace(clip, emotion=_CHOICES.get(emotion, emotion)), notes)


DATABASE = Database(
    name="meview",
    title="MEVIEW",
    citation="Husak, Cech & Matas 2017, CVWW",
    licence="research only; third-party footage",
    request="Czech Technical University in Prague, Center for Machine Perception",
    load=load,
    findings=_LAYOUT.findings,
)
