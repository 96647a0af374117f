"""SAMM and SAMM Long Videos: the same people, cut to expressions and in whole recordings.

SAMM: 159 spontaneous micro-facial movements of 29 subjects, grey, 200 frames a second. Source:
Davison et al. 2018, "SAMM: A spontaneous micro-facial movement dataset", IEEE Transactions on
Affective Computing 9(1). Licence: research use by licence form of Manchester Metropolitan
University; ask through the SAMM page (M. H. Yap, A. Davison).

Each folder holds onset to offset, numbered as in the sheet; the padding of the numbers differs
from clip to clip. ``cropped`` reads SAMM_CROP, a tree of unclear origin. The sheet's header may
stand in row 14 below text, or in the first row of edited copies. The merged COMBINED.xlsx, which
renumbers subjects, is not read.

SAMM Long Videos: 159 micro- and 343 macro-expressions in 147 recordings, 200 a second. Source:
Yap, Kendrick & Yap 2020, "SAMM Long Videos: A spontaneous facial micro- and macro-expressions
dataset", FG. Licence and request as for SAMM.

``SAMM_longvideos/006_1/006_1_0001.jpg`` is a recording; event ``006_1_2`` lies in ``006_1``.
Beside the recording's folder there is no other numbering: 82 of the micro events carry frame
numbers that are shifted against those of SAMM, so the two must never be mixed. The sheet names
no emotion: those of SAMM are joined by the name of the event where its sheet is below the root too
(``Clip.raw["emotion_sheet"]``; one of another length is a finding), otherwise ``Clip.emotion`` is
"". ``load_long`` gives the micro-expressions, ``load_recordings``
also the macro ones; 037_4_1 is both, so ids of macro events end in ``_macro``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import Database, noted, sort_clips
from merkit.datasets.layout import Tree, child_folder
from merkit.datasets.recordings import RECORDING, to_recordings
from merkit.datasets.sheet_layout import SheetLayout, Subjects, rows_beside
from merkit.datasets.sheets import Row
from merkit.labels import canonical_emotion
from merkit.types import Clip, Recording

SUBJECTS = Subjects("SAMM subject", r"(\d+)", ("{:03d}", "{}"), "a number such as 006")
_LAYOUT = SheetLayout(
    database="samm",
    files=(
        "SAMM*Micro*FACS*Codes*.xls*",
        "SAMM*Micro*FACS*Codes*.csv",
        "SAMM_20[0-9][0-9]*.xls*",
        "SAMM*coding*.xls*",
        "SAMM.xls*",
    ),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "Onset Frame",
        "apex": "Apex Frame",
        "offset": "Offset Frame",
        "action_units": "Action Units",
        "emotion": "Estimated Emotion",
        "objective_class": "Objective Classes",
    },
    prefer="MICRO_ONLY",
    keep=lambda row: row.get("Micro", "micro").lower().startswith("micro"),
    spare=lambda row: row.get("Micro").lower().startswith("macro"),
    subjects=SUBJECTS,
    fps_hz=200.0,
    trees={
        "raw": Tree("SAMM", r"samm", r"crop"),
        "cropped": Tree("SAMM_CROP", r"crop", strict=True),
    },
    child=r"\d{3}",
)
_LONG_LAYOUT = SheetLayout(
    database="samm-long",
    files=("SAMM*Long*Videos*.xls*", "SAMM*Long*Videos*.csv"),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "Onset",
        "apex": "Apex",
        "offset": "Offset",
        "type": "Type",
        "action_units": "Action Units",
    },
    whole=("subject", "clip", "onset", "type"),
    spare=lambda row: row.get("Type").lower().startswith("macro"),
    subjects=SUBJECTS,
    absent=-1,
    fps_hz=200.0,
    trees={"default": Tree("SAMM_longvideos", r"long")},
    child=r"\d{3}_\d+",
)
_SAMM_COLUMNS = ("Subject", "Filename", "Estimated Emotion")
_SAMM_MORE = ("Micro", "Onset Frame", "Offset Frame")


def load_long(root: Path, variant: str) -> tuple[Clip, ...]:
    """The micro-expressions of SAMM Long Videos."""
    return sort_clips(_events(root, variant, lambda row: not _LONG_LAYOUT.spare(row)))


def load_recordings(root: Path, variant: str = "default") -> tuple[Recording, ...]:
    """Recordings of SAMM Long Videos with every event, micro and macro (``Clip.raw["Type"]``)."""
    return to_recordings(_events(root, variant), root)


def _events(
    root: Path, variant: str, wanted: Callable[[Row], bool] = lambda row: True
) -> Iterator[Clip]:
    rows = _LONG_LAYOUT.rows(root)
    tree = _LONG_LAYOUT.tree(root, variant, rows)
    samm = _samm_rows(root)
    return (_clip(row, root, tree, samm) for row in rows if wanted(row))


def _samm_rows(root: Path) -> dict[str, Row]:
    """Event -> its row in the sheet of SAMM, where that is there."""
    rows = rows_beside(root, _LAYOUT.files, _SAMM_COLUMNS, _LAYOUT.prefer, _SAMM_MORE)
    return {row["Filename"]: row for row in rows if _LAYOUT.keep(row)}


def _clip(row: Row, root: Path, tree: Path, samm: Mapping[str, Row]) -> Clip:
    subject, name = SUBJECTS(row["Subject"]), row["Filename"]
    recording, _, number = name.rpartition("_")
    if not recording.startswith(f"{subject}_") or not number.isdecimal():
        raise row.error(f"event '{name}' of subject '{subject}'", f"a name such as {subject}_1_2")
    clip = _LONG_LAYOUT.clip(row, child_folder(tree, root, recording))
    clip = noted(clip, {RECORDING: f"samm-long/{subject}/{recording}"})
    if not row["Type"].lower().startswith("micro"):
        return replace(clip, clip_id=clip.clip_id + "_macro")
    return _with_emotion(clip, samm[name]) if name in samm else _without_emotion(clip, samm)


def _with_emotion(clip: Clip, own: Row) -> Clip:
    """The clip with the emotion of SAMM. Frame numbers of the two are shifted, lengths are not."""
    notes = {"emotion_sheet": own.version}
    ends = own.get("Onset Frame"), own.get("Offset Frame")
    if all(end.isdecimal() for end in ends) and None not in (clip.onset_frame, clip.offset_frame):
        here, there = (
            (clip.offset_frame or 0) - (clip.onset_frame or 0),
            int(ends[1]) - int(ends[0]),
        )
        if here != there:
            told = f"{here + 1} frames here, {there + 1} in {own.version}, whose emotion is used"
            notes["differs:emotion"] = told
    return noted(replace(clip, emotion=canonical_emotion(own["Estimated Emotion"])), notes)


def _without_emotion(clip: Clip, samm: Mapping[str, Row]) -> Clip:
    """The clip as it is; said where the sheet of SAMM is there and has no such event."""
    for row in samm.values():
        return noted(clip, {"doubtful:emotion": f"none: {row.version} has no such event"})
    return clip


_LICENCE = "research only, licence form"
_REQUEST = "the SAMM page of Manchester Metropolitan University (M. H. Yap): licence form"

DATABASE = Database(
    name="samm",
    title="SAMM",
    citation="Davison et al. 2018, IEEE TAC 9(1): 116-129",
    licence=_LICENCE,
    request=_REQUEST,
    load=_LAYOUT.load,
    variants=tuple(_LAYOUT.trees),
    findings=_LAYOUT.findings,
)

LONG = Database(
    name="samm-long",
    title="SAMM Long Videos",
    citation="Yap, Kendrick & Yap 2020, FG",
    licence=_LICENCE,
    request=_REQUEST,
    load=load_long,
    kind="long",
    recordings=load_recordings,
    findings=_LONG_LAYOUT.findings,
)
