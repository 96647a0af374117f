"""CASME II: 255 spontaneous micro-expressions of 26 subjects at 200 frames a second.

Source: Yan et al. 2014, "CASME II: An improved spontaneous micro-expression database and the
baseline evaluation", PLoS ONE 9(1). Licence: research use by signed agreement with the Institute
of Psychology, Chinese Academy of Sciences; ask at casme.psych.ac.cn/casme/e2.

Three trees: ``raw`` (CASME2_RAW_selected, onset to offset), ``cropped`` (Cropped, registered
faces of the same frames) and ``full`` (CASME2-RAW, whole clips from img1). The sheets of 2014
(255 rows) and 2019 (256 rows, 21 without apex; a copy in circulation has 255 and a column of
objective classes) are all read; ``Clip.raw["sheet"]`` says which. Objective classes are the sheet's
own, or else joined from CASME2-ObjectiveClasses below the root; where both are there and disagree,
the clip says so.
"""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.base import Database, noted
from merkit.datasets.layout import Tree
from merkit.datasets.sheet_layout import SheetLayout, Subjects, joined_class, rows_beside
from merkit.types import Clip

SUBJECTS = Subjects(
    "CASME II subject", r"(?:sub)?(\d+)", ("sub{:02d}", "sub{}"), "a number such as 01"
)
_LAYOUT = SheetLayout(
    database="casme2",
    files=("CASME2-coding*.xls*", "CASME2*coding*.csv", "CASME2_label*.xls*"),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "OnsetFrame",
        "apex": "ApexFrame",
        "offset": "OffsetFrame",
        "action_units": "Action Units",
        "emotion": "Estimated Emotion",
        "objective_class": "Objective Classes",
    },
    subjects=SUBJECTS,
    fps_hz=200.0,
    trees={
        "raw": Tree("CASME2_RAW_selected", r"raw[-_ ]?select", r"crop"),
        "cropped": Tree("Cropped", r"crop", r"raw", strict=True),
        "full": Tree(
            "CASME2-RAW", r"casme2?[-_ ]?raw(?![-_ ]?select)", r"crop|select", strict=True
        ),
    },
    child=r"sub\d+",
)
_CLASS_COLUMNS = ("Subject", "Filename", "Objective Class")


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the sheet, with its objective class where it, or a second sheet, has it."""
    beside = {
        f"casme2/{SUBJECTS(row['Subject'])}/{row['Filename']}": row
        for row in rows_beside(root, ("CASME2*Objective*Class*",), _CLASS_COLUMNS)
    }
    clips = _LAYOUT.load(root, variant)
    return tuple(noted(c, joined_class(c, beside.get(c.clip_id), "Objective Class")) for c in clips)


DATABASE = Database(
    name="casme2",
    title="CASME II",
    citation="Yan et al. 2014, PLoS ONE 9(1): e86041",
    licence="research only, signed agreement",
    request="casme.psych.ac.cn/casme/e2: form and signed agreement",
    load=load,
    variants=tuple(_LAYOUT.trees),
)
