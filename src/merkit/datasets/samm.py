"""SAMM: 159 spontaneous micro-facial movements of 29 subjects, grey, 200 frames a second.

Source: Davison et al. 2018, "SAMM: A spontaneous micro-facial movement dataset", IEEE
Transactions on Affective Computing 9(1). Licence: research use by licence form of Manchester
Metropolitan University; ask through the SAMM page (M. H. Yap, A. Davison).

Each folder holds onset to offset, numbered as in the sheet; the padding of the numbers differs
from clip to clip. ``cropped`` reads SAMM_CROP, a tree of unclear origin. The sheet's header may
stand in row 14 below text, or in the first row of edited copies. The merged COMBINED.xlsx, which
renumbers subjects, is not read.
"""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import objective_class, raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import child_folder, find_sheet, find_tree
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.errors import DatasetError
from merkit.labels import canonical_emotion
from merkit.types import Clip

FPS_HZ = 200.0
_COLUMNS = (
    "Subject",
    "Filename",
    "Onset Frame",
    "Apex Frame",
    "Offset Frame",
    "Action Units",
    "Estimated Emotion",
)
_TREES = {
    "raw": (r"samm", r"crop", "SAMM"),
    "cropped": (r"crop", r"", "SAMM_CROP"),
}


def normal_subject(text: str) -> str:
    """``006`` from "006" or 6.

    Raises:
        DatasetError: not a number.
    """
    if not text.strip().isdecimal():
        raise DatasetError(f"SAMM subject '{text}'", "a number such as 006")
    return f"{int(text):03d}"


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every micro-movement of the sheet as a clip of the tree ``variant``."""
    sheet = find_sheet(root, ("SAMM*Micro*FACS*Codes*.xls*", "SAMM*Micro*FACS*Codes*.csv"))
    table = read_table(sheet, _COLUMNS, prefer="MICRO_ONLY")
    rows = complete_rows(table, ("Subject", "Filename", "Onset Frame"))
    micro = [row for row in rows if row.get("Micro", "micro").lower().startswith("micro")]
    wanted, unwanted, default = _TREES[variant]
    tree = find_tree(root, r"\d{3}", wanted, unwanted, default=default, strict=variant != "raw")
    version = sheet_version(sheet)
    return sort_clips(_clip(row, root, tree, version) for row in micro)


def _clip(row: Row, root: Path, tree: Path, version: str) -> Clip:
    subject, name = normal_subject(row["Subject"]), row["Filename"]
    raw = raw_fields(row, version)
    if found := objective_class(row.get("Objective Classes")):
        raw["objective_class"] = found
    onset, offset = row.integer("Onset Frame"), row.integer("Offset Frame")
    folder = child_folder(tree, root, subject, str(int(subject)))
    return Clip(
        clip_id=f"samm/{subject}/{name}",
        dataset="samm",
        subject=subject,
        media=child_folder(folder, root, name),
        fps_hz=FPS_HZ,
        emotion=canonical_emotion(row["Estimated Emotion"]),
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=row.integer("Apex Frame"),
        offset_frame=offset,
        action_units=read_action_units(row["Action Units"], raw),
        raw=raw,
    )


_EXPECTED = Expected(
    clips=159,
    subjects=29,
    emotions={
        "anger": 57,
        "happiness": 26,
        "others": 26,
        "surprise": 15,
        "contempt": 12,
        "disgust": 9,
        "fear": 8,
        "sadness": 6,
    },
    source="SAMM Micro FACS Codes v2",
)

DATABASE = Database(
    name="samm",
    title="SAMM",
    citation="Davison et al. 2018, IEEE TAC 9(1): 116-129",
    licence="research only, licence form",
    request="the SAMM page of Manchester Metropolitan University (M. H. Yap): licence form",
    load=load,
    label_maps=label_maps("samm"),
    variants=tuple(_TREES),
    expected=dict.fromkeys(_TREES, _EXPECTED),
)
