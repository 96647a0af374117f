"""CASME II: 255 spontaneous micro-expressions of 26 subjects at 200 frames a second.

Source: Yan et al. 2014, "CASME II: An improved spontaneous micro-expression database and the
baseline evaluation", PLoS ONE 9(1). Licence: research use by signed agreement with the Institute
of Psychology, Chinese Academy of Sciences; ask at casme.psych.ac.cn/casme/e2.

Three trees: ``raw`` (CASME2_RAW_selected, onset to offset), ``cropped`` (Cropped, registered
faces of the same frames) and ``full`` (CASME2-RAW, whole clips from img1). The sheets of 2014
(255 rows) and 2019 (256 rows, 21 without apex) are both read; ``Clip.raw["sheet"]`` says which.
Objective classes are joined where CASME2-ObjectiveClasses is below the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import objective_class, raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import child_folder, find_sheet, find_tree
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.errors import DatasetError, MissingDataError
from merkit.labels import canonical_emotion
from merkit.types import Clip

FPS_HZ = 200.0
_COLUMNS = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Action Units",
    "Estimated Emotion",
)
#: variant -> what its path says, what it must not say, where it is expected.
_TREES = {
    "raw": (r"raw[-_ ]?select", r"crop", "CASME2_RAW_selected"),
    "cropped": (r"crop", r"raw", "Cropped"),
    "full": (r"casme2?[-_ ]?raw(?![-_ ]?select)", r"crop|select", "CASME2-RAW"),
}


def normal_subject(text: str) -> str:
    """``sub01`` from "01", 1, "sub1".

    Raises:
        DatasetError: no number in it.
    """
    digits = text.strip().lower().removeprefix("sub")
    if not digits.isdecimal():
        raise DatasetError(f"CASME II subject '{text}'", "a number such as 01")
    return f"sub{int(digits):02d}"


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the sheet as a clip of the tree ``variant``."""
    sheet = find_sheet(root, ("CASME2-coding*.xls*", "CASME2*coding*.csv", "CASME2_label*.xls*"))
    rows = complete_rows(read_table(sheet, _COLUMNS), ("Subject", "Filename", "OnsetFrame"))
    wanted, unwanted, default = _TREES[variant]
    tree = find_tree(root, r"sub\d+", wanted, unwanted, default=default, strict=variant != "raw")
    classes, version = _objective_classes(root), sheet_version(sheet)
    return sort_clips(_clip(row, root, tree, classes, version) for row in rows)


def _clip(
    row: Row, root: Path, tree: Path, classes: Mapping[tuple[str, str], str], version: str
) -> Clip:
    subject, name = normal_subject(row["Subject"]), row["Filename"]
    raw = raw_fields(row, version)
    if (subject, name) in classes:
        raw["objective_class"] = classes[subject, name]
    folder = child_folder(tree, root, subject, f"sub{int(subject[3:])}")
    onset, offset = row.integer("OnsetFrame"), row.integer("OffsetFrame")
    return Clip(
        clip_id=f"casme2/{subject}/{name}",
        dataset="casme2",
        subject=subject,
        media=child_folder(folder, root, name),
        fps_hz=FPS_HZ,
        emotion=canonical_emotion(row["Estimated Emotion"]),
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=row.integer("ApexFrame"),
        offset_frame=offset,
        action_units=read_action_units(row["Action Units"], raw),
        raw=raw,
    )


def _objective_classes(root: Path) -> dict[tuple[str, str], str]:
    """(subject, clip) -> class, from the sheet of objective classes where there is one."""
    try:
        sheet = find_sheet(root, ("CASME2*Objective*Class*",))
    except MissingDataError:
        return {}
    columns = ("Subject", "Filename", "Objective Class")
    rows = complete_rows(read_table(sheet, columns), columns)
    return {
        (normal_subject(row["Subject"]), row["Filename"]): objective_class(row["Objective Class"])
        for row in rows
    }


_EXPECTED = Expected(
    clips=255,
    subjects=26,
    emotions={
        "others": 99,
        "disgust": 63,
        "happiness": 32,
        "repression": 27,
        "surprise": 25,
        "sadness": 7,
        "fear": 2,
    },
    source="sheet of 2014-05-08; the sheet of 2019-07-01 has 256 rows",
)

DATABASE = Database(
    name="casme2",
    title="CASME II",
    citation="Yan et al. 2014, PLoS ONE 9(1): e86041",
    licence="research only, signed agreement",
    request="casme.psych.ac.cn/casme/e2: form and signed agreement",
    load=load,
    label_maps=label_maps("casme2"),
    variants=tuple(_TREES),
    expected=dict.fromkeys(_TREES, _EXPECTED),
)
