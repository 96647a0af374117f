"""4DME: 267 micro-expressions in 4D meshes, grey video and Kinect colour and depth.

Source: Li et al. 2022, "4DME: A spontaneous 4D micro-expression dataset with multimodalities",
IEEE Transactions on Affective Computing 14(4). Licence: research use by agreement with the
University of Oulu (CMVS); ask there.

Read are the grey videos, ``gray_micro/<sub_ID>/<fold_name>/`` with onset to offset, and their
crops in ``gray_micro_crop``. Emotion is a set of labels: ``Surprise+Positive`` becomes
``surprise+positive``, never cut; the label maps name the rule that makes one label of it. Units
marked ``(k)`` are static and left out. By public code (tvaranka/meb) the rows 144 and 145 below
the header (from 0) have their action units exchanged; they are marked, not changed.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import child_folder, find_sheet, find_tree
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.labels import canonical_emotion
from merkit.types import Clip

#: Of the grey videos by the paper, unchecked on files.
FPS_HZ = 60.0
_COLUMNS = ("sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion")
_TREES = {
    "gray": (r"gr[ae]y[-_ ]?micro", r"crop", "gray_micro"),
    "gray-cropped": (r"gr[ae]y[-_ ]?micro[-_ ]?crop", r"", "gray_micro_crop"),
}
_EXCHANGED_ROWS = (144, 145)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the micro-expression sheet; a sum below the table is left out."""
    sheet = find_sheet(root, ("4DME_Labelling_Micro*.xls*", "4DME_Labelling_Micro*.csv"))
    rows = complete_rows(read_table(sheet, _COLUMNS), ("sub_ID", "fold_name", "Onset"))
    wanted, unwanted, default = _TREES[variant]
    subjects = "|".join(sorted({re.escape(row["sub_ID"]) for row in rows}))
    tree = find_tree(root, subjects, wanted, unwanted, default=default, strict=variant != "gray")
    version = sheet_version(sheet)
    times = Counter((row["sub_ID"], row["fold_name"]) for row in rows)
    return sort_clips(
        _clip(
            row,
            index,
            child_folder(tree, root, row["sub_ID"]),
            version,
            root=root,
            repeated=times[row["sub_ID"], row["fold_name"]] > 1,
        )
        for index, row in enumerate(rows)
    )


def label_set(cell: str) -> tuple[str, ...]:
    """Canonical emotions of one cell, in the order written, each once."""
    words = (canonical_emotion(word) for word in re.split(r"[+,/;&]", cell) if word.strip())
    return tuple(dict.fromkeys(words))


def _clip(row: Row, index: int, person: Path, version: str, *, root: Path, repeated: bool) -> Clip:
    subject, name = row["sub_ID"], row["fold_name"]
    raw = raw_fields(row, version)
    if index in _EXCHANGED_ROWS:
        raw["doubtful:action_units"] = "may be exchanged between rows 144 and 145 (tvaranka/meb)"
    onset, offset = row.integer("Onset"), row.integer("Offset")
    return Clip(
        clip_id=f"4dme/{subject}/{name}_{onset}" if repeated else f"4dme/{subject}/{name}",
        dataset="4dme",
        subject=subject,
        media=child_folder(person, root, name),
        fps_hz=FPS_HZ,
        emotion="+".join(label_set(row["Emotion"])),
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=row.integer("Apex"),
        offset_frame=offset,
        action_units=read_action_units(row["AUs"], raw),
        raw=raw,
    )


_EXPECTED = Expected(clips=267, source="4DME_Labelling_Micro_release v1, as public code prints it")

DATABASE = Database(
    name="4dme",
    title="4DME",
    citation="Li et al. 2022, IEEE TAC 14(4): 3031-3047",
    licence="research only, agreement",
    request="University of Oulu, CMVS: agreement",
    load=load,
    label_maps=label_maps("4dme"),
    variants=tuple(_TREES),
    expected=dict.fromkeys(_TREES, _EXPECTED),
)
