"""SMIC-E: the recordings around the SMIC clips, for spotting; 157 (HS) and 71 (VIS) events.

Source: Li et al. 2018, "Towards reading hidden emotions", IEEE Transactions on Affective
Computing 9(4). Licence and request as for SMIC (University of Oulu, CMVS).

``HS_long/SMIC-HS-E/s03/s3_ne_01/image302330.jpg`` with SMIC-HS-E_annotation.xlsx (sheets HS and
VIS): the subject's folder is padded, the clip's name is not. Frame numbers are those of SMIC.
Clips are the main intervals; further intervals of the same recording stand in
``Clip.raw["other_intervals"]`` as ``onset-offset`` joined by ``;`` where they are valid. There is
no apex, except in copies with a column ApexF. NIR has a sheet of its own. The people and frames
are those of SMIC.
"""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import raw_fields, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import child_folder, find_sheet, find_tree
from merkit.datasets.sheets import Row, column_key, complete_rows, read_table
from merkit.datasets.smic import FPS_HZ, normal_subject
from merkit.labels import canonical_emotion
from merkit.types import Clip

_COLUMNS = ("Subject", "Filename", "OnsetF", "OffsetF", "Emotion")


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """The main interval of every recording of one camera."""
    rows, version = _annotation(root, variant)
    others = "|".join(rf"(?<![a-z]){camera}(?![a-z])" for camera in FPS_HZ if camera != variant)
    tree = find_tree(
        root,
        r"s\d+",
        rf"smic[-_ ]?{variant}[-_ ]?e|{variant}[-_ ]?long",
        rf"smic_all|{others}",
        default=f"{variant}_long/SMIC-{variant}-E",
        depth=5,
    )
    return sort_clips(_clip(row, root, tree, variant, version) for row in rows)


def _annotation(root: Path, camera: str) -> tuple[list[Row], str]:
    """The camera's rows. VIS stands in its own file or as a sheet of the HS file."""
    own = f"SMIC-{camera}-E_annotation*"
    patterns = (own, "SMIC-HS-E_annotation*") if camera == "VIS" else (own,)
    path = find_sheet(root, patterns)
    others = {column_key(c) for c in FPS_HZ if c != camera}
    shared = camera not in path.name.upper()
    rows = read_table(
        path,
        _COLUMNS,
        sheet=camera if shared else lambda name: column_key(name) not in others,
        prefer=camera,
    )
    return complete_rows(rows, ("Subject", "Filename", "OnsetF", "OffsetF")), sheet_version(path)


def _clip(row: Row, root: Path, tree: Path, camera: str, version: str) -> Clip:
    subject, name = normal_subject(row["Subject"]), row["Filename"]
    raw = raw_fields(row, version) | {"camera": camera}
    onset, offset = row.integer("OnsetF"), row.integer("OffsetF")
    others = _other_intervals(row, (onset, offset))
    if others:
        raw["other_intervals"] = ";".join(f"{a}-{b}" for a, b in others)
    folder = child_folder(tree, root, subject, f"s{int(subject[1:])}")
    return Clip(
        clip_id=f"smic-e/{subject}/{name}",
        dataset="smic-e",
        subject=subject,
        media=child_folder(folder, root, name),
        fps_hz=FPS_HZ[camera],
        emotion=canonical_emotion(row["Emotion"]),
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=row.integer("ApexF"),
        offset_frame=offset,
        raw=raw,
    )


def _other_intervals(row: Row, main: tuple[int | None, int | None]) -> list[tuple[int, int]]:
    """Second and third intervals; broken formulas and repeats are left out."""
    found: list[tuple[int, int]] = []
    for number in (2, 3):
        cells = row.get(f"Onset{number}F"), row.get(f"Offset{number}F")
        if not all(cell.isdecimal() for cell in cells):
            continue
        onset, offset = int(cells[0]), int(cells[1])
        if 0 < onset < offset and (onset, offset) not in (main, *found):
            found.append((onset, offset))
    return found


_SOURCE = "SMIC-HS-E_annotation.xlsx with s18_sur_03 as surprise"

DATABASE = Database(
    name="smic-e",
    title="SMIC-E",
    citation="Li et al. 2018, IEEE TAC 9(4): 563-577",
    licence="research only, agreement signed by a permanent supervisor",
    request="University of Oulu, CMVS: agreement",
    load=load,
    label_maps=label_maps("smic-e"),
    variants=("HS", "VIS", "NIR"),
    expected={
        "HS": Expected(157, 16, {"negative": 65, "positive": 51, "surprise": 41}, _SOURCE),
        "VIS": Expected(71, 8, {"negative": 23, "positive": 28, "surprise": 20}, _SOURCE),
    },
    kind="long",
)
