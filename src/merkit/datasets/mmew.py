"""MMEW: 300 micro-expressions of 30 subjects at 90 frames a second, beside 900 macro ones.

Source: Ben et al. 2021, "Video-based facial micro-expression analysis: A survey of datasets,
features and algorithms", IEEE TPAMI. Licence: research use by agreement signed by staff; ask at
dpailab.com/database.html.

Two layouts: ``S03/happiness/S03-01-002/1.jpg`` (person, emotion, sample; macro stills lie beside
the folders) and ``Micro_Expression/happiness/S03-01-002/1.jpg``. Only micro samples are read.
The sheet says ``others`` where the folder says ``repression``. Of 16 rows public code
(tvaranka/meb) replaces apex and offset; it knows them by row number only, so that is done here
only where the stored offset lies behind the last image and the new one is the last image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import find_sheet, frame_numbers, inside, scan, walk
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.errors import DatasetError
from merkit.labels import EMOTIONS, canonical_emotion
from merkit.types import Clip

FPS_HZ = 90.0
_COLUMNS = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Action Units",
    "Estimated Emotion",
)
_CLIP = re.compile(r"S(\d+)-\d+-\d+", re.IGNORECASE)
#: Row below the header, from 0 -> apex and offset in tvaranka/meb.
_REPLACED = {
    33: (40, 75),
    35: (15, 54),
    36: (46, 59),
    37: (20, 98),
    38: (25, 80),
    39: (20, 93),
    40: (23, 58),
    41: (28, 61),
    42: (32, 68),
    142: (56, 88),
    143: (32, 80),
    145: (27, 85),
    146: (22, 61),
    148: (29, 108),
    154: (31, 72),
    156: (38, 106),
}


def normal_subject(name: str) -> str:
    """``S03`` from a clip's name such as "S03-01-002".

    Raises:
        DatasetError: another form.
    """
    match = _CLIP.fullmatch(name)
    if match is None:
        raise DatasetError(f"MMEW clip '{name}'", "a name such as S03-01-002")
    return f"S{int(match[1]):02d}"


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every micro-expression of the sheet."""
    sheet = find_sheet(root, ("MMEW_Micro_Exp*.xls*", "MMEW*Micro*.csv"))
    rows = complete_rows(read_table(sheet, _COLUMNS), ("Filename", "OnsetFrame"))
    folders, version = dict(_clip_folders(root)), sheet_version(sheet)
    return sort_clips(_clip(row, i, root, folders, version) for i, row in enumerate(rows))


def _clip_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """(lower-case clip name, folder). Emotion folders hold macro stills too, which the walk
    takes for clips, so they are looked into here."""
    for folder in walk(root, 4):
        below = folder.path.relative_to(root).as_posix().lower()
        if "macro" in below:
            continue
        for emotion in folder.folders:
            if canonical_emotion(emotion) in EMOTIONS:
                home = scan(folder.path / emotion, root)
                yield from ((n.lower(), home.path / n) for n in home.folders if _CLIP.fullmatch(n))


def _clip(row: Row, index: int, root: Path, folders: Mapping[str, Path], version: str) -> Clip:
    name = row["Filename"]
    subject = normal_subject(name)
    raw = raw_fields(row, version)
    emotion = canonical_emotion(row["Estimated Emotion"])
    expected = inside(root, "Micro_Expression", emotion or "unknown", name)
    media = folders.get(name.lower(), expected)
    raw |= _doubtful_emotion(emotion, media) if media.is_dir() else {}
    onset, apex, offset = (row.integer(c) for c in _COLUMNS[2:5])
    apex, offset, note = _replaced(index, apex, offset, media)
    return Clip(
        clip_id=f"mmew/{subject}/{name}",
        dataset="mmew",
        subject=subject,
        media=media,
        fps_hz=FPS_HZ,
        emotion=emotion,
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
        action_units=read_action_units(row["Action Units"], raw),
        raw=raw | note,
    )


def _doubtful_emotion(emotion: str, media: Path) -> dict[str, str]:
    folder = canonical_emotion(media.parent.name)
    if folder == emotion or (emotion, folder) == ("others", "repression"):
        return {}
    return {"differs:emotion": f"the sheet says '{emotion}', the folder '{media.parent.name}'"}


def _replaced(
    index: int, apex: int | None, offset: int | None, media: Path
) -> tuple[int | None, int | None, dict[str, str]]:
    """Apex and offset, those of public code where the images prove its row right."""
    numbers = frame_numbers(media)
    if offset is None or not numbers or offset <= numbers[-1]:
        return apex, offset, {}
    new_apex, new_offset = _REPLACED.get(index, (None, None))
    if new_offset != numbers[-1]:
        doubt = f"{offset} lies behind the last image, {numbers[-1]}"
        return apex, offset, {"doubtful:offset_frame": doubt}
    why = "the stored offset lies behind the last image (tvaranka/meb, by row number)"
    notes = {
        "corrected:apex_frame": f"{apex} -> {new_apex}: {why}",
        "corrected:offset_frame": f"{offset} -> {new_offset}: {why}",
    }
    return new_apex, new_offset, notes


_EXPECTED = Expected(
    clips=300,
    subjects=30,
    emotions={
        "others": 66,
        "surprise": 89,
        "disgust": 72,
        "happiness": 36,
        "fear": 16,
        "sadness": 13,
        "anger": 8,
    },
    source="Ben et al. 2021; counts per class by public code, unchecked on a sheet",
)

DATABASE = Database(
    name="mmew",
    title="MMEW",
    citation="Ben et al. 2021, IEEE TPAMI 44(9): 5826-5846",
    licence="research only, agreement signed by staff",
    request="dpailab.com/database.html: agreement signed by staff",
    load=load,
    label_maps=label_maps("mmew"),
    expected={"default": _EXPECTED},
    known_missing={"mmew/*": "end"},  # offsets behind the last image are known of 16 rows
)
