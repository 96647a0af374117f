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
from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import Database, noted, sort_clips
from merkit.datasets.layout import frame_numbers, inside, scan, walk
from merkit.datasets.sheet_layout import SheetLayout, Subjects
from merkit.datasets.sheets import Row, shipped_table
from merkit.labels import EMOTIONS, canonical_emotion
from merkit.types import Clip

_CLIP = re.compile(r"S(\d+)-\d+-\d+", re.IGNORECASE)
#: Subjects out of the names of clips.
SUBJECTS = Subjects("MMEW clip", _CLIP.pattern, ("S{:02d}",), "a name such as S03-01-002")
_LAYOUT = SheetLayout(
    database="mmew",
    files=("MMEW_Micro_Exp*.xls*", "MMEW*Micro*.csv"),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "OnsetFrame",
        "apex": "ApexFrame",
        "offset": "OffsetFrame",
        "action_units": "Action Units",
        "emotion": "Estimated Emotion",
    },
    whole=("clip", "onset"),
    fps_hz=90.0,
)
#: Row below the header, from 0 -> apex and offset in tvaranka/meb.
_REPLACED = {
    int(row["row"]): (int(row["apex"]), int(row["offset"]))
    for row in shipped_table("mmew_replaced")
}


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every micro-expression of the sheet."""
    rows, folders = _LAYOUT.rows(root), dict(_clip_folders(root))
    return sort_clips(_clip(row, i, root, folders) for i, row in enumerate(rows))


def _clip_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """(lower-case clip name, folder). Emotion folders hold macro stills too, which the walk
    takes for clips, so they are looked into here."""
    for folder in walk(root, 4):
        if "macro" in folder.path.relative_to(root).as_posix().lower():
            continue
        for emotion in folder.folders:
            if canonical_emotion(emotion) in EMOTIONS:
                home = scan(folder.path / emotion, root)
                yield from ((n.lower(), home.path / n) for n in home.folders if _CLIP.fullmatch(n))


def _clip(row: Row, index: int, root: Path, folders: Mapping[str, Path]) -> Clip:
    name = row["Filename"]
    subject, emotion = SUBJECTS(name), canonical_emotion(row["Estimated Emotion"])
    expected = inside(root, "Micro_Expression", emotion or "unknown", name)
    clip = _LAYOUT.clip(row, folders.get(name.lower(), expected), subject)
    folder = clip.media.parent.name
    agreed = (emotion, "repression" if emotion == "others" else emotion)
    if clip.media.is_dir() and canonical_emotion(folder) not in agreed:
        clip = noted(
            clip, {"differs:emotion": f"the sheet says '{emotion}', the folder '{folder}'"}
        )
    return _replaced(clip, index)


def _replaced(clip: Clip, index: int) -> Clip:
    """With apex and offset of public code, where the images prove its row right."""
    numbers, apex, offset = frame_numbers(clip.media), clip.apex_frame, clip.offset_frame
    if offset is None or not numbers or offset <= numbers[-1]:
        return clip
    new_apex, new_offset = _REPLACED.get(index, (None, None))
    if new_offset != numbers[-1]:
        doubt = f"{offset} lies behind the last image, {numbers[-1]}"
        return noted(clip, {"doubtful:offset_frame": doubt})
    why = "the stored offset lies behind the last image (tvaranka/meb, by row number)"
    notes = {
        "corrected:apex_frame": f"{apex} -> {new_apex}: {why}",
        "corrected:offset_frame": f"{offset} -> {new_offset}: {why}",
    }
    clip = replace(clip, apex_frame=new_apex, offset_frame=new_offset, last_frame=new_offset)
    return noted(clip, notes)


DATABASE = Database(
    name="mmew",
    title="MMEW",
    citation="Ben et al. 2021, IEEE TPAMI 44(9): 5826-5846",
    licence="research only, agreement signed by staff",
    request="dpailab.com/database.html: agreement signed by staff",
    load=load,
    findings=_LAYOUT.findings,
    known_missing={"mmew/*": "end"},  # offsets behind the last image are known of 16 rows
)
