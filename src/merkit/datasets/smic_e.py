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

from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import Database, Expected, noted, sort_clips
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import Tree, find_sheet
from merkit.datasets.sheet_layout import SheetLayout
from merkit.datasets.sheets import Row, column_key
from merkit.datasets.smic import FPS_HZ, SUBJECTS
from merkit.types import Clip


def _tree(camera: str) -> Tree:
    others = "|".join(rf"(?<![a-z]){name}(?![a-z])" for name in FPS_HZ if name != camera)
    return Tree(
        default=f"{camera}_long/SMIC-{camera}-E",
        wanted=rf"smic[-_ ]?{camera}[-_ ]?e|{camera}[-_ ]?long",
        unwanted=rf"smic_all|{others}",
        depth=5,
    )


_LAYOUT = SheetLayout(
    database="smic-e",
    files=(),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "OnsetF",
        "apex": "ApexF",
        "offset": "OffsetF",
        "emotion": "Emotion",
    },
    optional=("apex",),
    whole=("subject", "clip", "onset", "offset"),
    subjects=SUBJECTS,
    fps_hz=FPS_HZ["HS"],
    trees={camera: _tree(camera) for camera in FPS_HZ},
    child=r"s\d+",
)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """The main interval of every recording of one camera."""
    rows = _rows(root, variant)
    tree = _LAYOUT.tree(root, variant, rows)
    layout = replace(_LAYOUT, fps_hz=FPS_HZ[variant])
    clips = []
    for row in rows:
        clip = layout.clip(row, layout.folder(row, root, tree))
        clips.append(noted(clip, {"camera": variant} | _other_intervals(row, clip)))
    return sort_clips(clips)


def _rows(root: Path, camera: str) -> list[Row]:
    """The camera's rows. VIS stands in its own file or as a sheet of the HS file."""
    own = f"SMIC-{camera}-E_annotation*"
    path = find_sheet(root, (own, "SMIC-HS-E_annotation*") if camera == "VIS" else (own,))
    others = {column_key(name) for name in FPS_HZ if name != camera}
    shared = camera not in path.name.upper()
    sheet = camera if shared else lambda name: column_key(name) not in others
    return replace(_LAYOUT, sheet=sheet, prefer=camera).read(path)


def _other_intervals(row: Row, main: Clip) -> dict[str, str]:
    """Second and third intervals; broken formulas and repeats are left out."""
    found: list[tuple[int | None, int | None]] = [(main.onset_frame, main.offset_frame)]
    for number in (2, 3):
        cells = row.get(f"Onset{number}F"), row.get(f"Offset{number}F")
        if not all(cell.isdecimal() for cell in cells):
            continue
        onset, offset = int(cells[0]), int(cells[1])
        if 0 < onset < offset and (onset, offset) not in found:
            found.append((onset, offset))
    told = ";".join(f"{onset}-{offset}" for onset, offset in found[1:])
    return {"other_intervals": told} if told else {}


_SOURCE = "SMIC-HS-E_annotation.xlsx with s18_sur_03 as surprise"

DATABASE = Database(
    name="smic-e",
    title="SMIC-E",
    citation="Li et al. 2018, IEEE TAC 9(4): 563-577",
    licence="research only, agreement signed by a permanent supervisor",
    request="University of Oulu, CMVS: agreement",
    load=load,
    label_maps=label_maps("smic-e"),
    variants=tuple(FPS_HZ),
    expected={
        "HS": Expected(157, 16, dict(negative=65, positive=51, surprise=41), _SOURCE),
        "VIS": Expected(71, 8, dict(negative=23, positive=28, surprise=20), _SOURCE),
    },
    kind="long",
)
