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

from merkit.datasets.base import Database, Expected
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import Tree
from merkit.datasets.sheet_layout import SheetLayout, Subjects

SUBJECTS = Subjects("SAMM subject", r"(\d+)", ("{:03d}", "{}"), "a number such as 006")
LAYOUT = SheetLayout(
    database="samm",
    files=("SAMM*Micro*FACS*Codes*.xls*", "SAMM*Micro*FACS*Codes*.csv"),
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
    subjects=SUBJECTS,
    fps_hz=200.0,
    trees={
        "raw": Tree("SAMM", r"samm", r"crop"),
        "cropped": Tree("SAMM_CROP", r"crop", strict=True),
    },
    child=r"\d{3}",
)

_EXPECTED = Expected(
    clips=159,
    subjects=29,
    emotions=dict(
        anger=57, happiness=26, others=26, surprise=15, contempt=12, disgust=9, fear=8, sadness=6
    ),
    source="SAMM Micro FACS Codes v2",
)

DATABASE = Database(
    name="samm",
    title="SAMM",
    citation="Davison et al. 2018, IEEE TAC 9(1): 116-129",
    licence="research only, licence form",
    request="the SAMM page of Manchester Metropolitan University (M. H. Yap): licence form",
    load=LAYOUT.load,
    label_maps=label_maps("samm"),
    variants=tuple(LAYOUT.trees),
    expected=dict.fromkeys(LAYOUT.trees, _EXPECTED),
)
