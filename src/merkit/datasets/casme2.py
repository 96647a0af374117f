"""CASME II: 255 spontaneous micro-expressions of 26 subjects at 200 frames a second.

Source: Yan et al. 2014, "CASME II: An improved spontaneous micro-expression database and the
baseline evaluation", PLoS ONE 9(1). Licence: research use by signed agreement with the Institute
of Psychology, Chinese Academy of Sciences; ask at casme.psych.ac.cn/casme/e2.

Three trees: ``raw`` (CASME2_RAW_selected, onset to offset), ``cropped`` (Cropped, registered
faces of the same frames) and ``full`` (CASME2-RAW, whole clips from img1). The sheets of 2014
(255 rows) and 2019 (256 rows, 21 without apex; a copy in circulation has 255 and a column of
objective classes) are all read; ``Clip.raw["sheet"]`` says which. Objective classes are the sheet's
own, or else joined from CASME2-ObjectiveClasses below the root; where both are there and disagree,
the clip says so. Three clips of sub24 are sadness in 2014 and surprise in copies: a finding, too.
"""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.base import ContentKey, Database, noted
from merkit.datasets.layout import Tree, optional_sheet
from merkit.datasets.sheet_layout import SheetLayout, Subjects, joined_class, rows_beside
from merkit.types import Clip, Finding, Level

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
_CLASS_FILES = ("CASME2*Objective*Class*",)
_CLASS_COLUMNS = ("Subject", "Filename", "Objective Class")
#: Sadness in the sheet of 2014, surprise in copies in circulation.
_RELABELLED = {f"casme2/sub24/{name}" for name in ("EP07_01", "EP07_04f", "EP10_03")}
_RELABELS = (
    "surprise here, sadness in the sheet of 2014; with all three, surprise has 28 clips, not 25"
)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the sheet, with its objective class where it, or a second sheet, has it."""
    beside = {
        f"casme2/{SUBJECTS(row['Subject'])}/{row['Filename']}": row
        for row in rows_beside(root, _CLASS_FILES, _CLASS_COLUMNS)
    }
    clips = []
    for clip in _LAYOUT.load(root, variant):
        notes = joined_class(clip, beside.get(clip.clip_id), "Objective Class")
        if clip.clip_id in _RELABELLED and clip.emotion == "surprise":
            notes["differs:emotion"] = _RELABELS
        clips.append(noted(clip, notes))
    return tuple(clips)


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """Whose objective classes are used where a second sheet has them, and how many disagree."""
    told = _LAYOUT.findings(root, variant, key)
    clips, beside = load(root, variant), optional_sheet(root, _CLASS_FILES)
    if beside is None or not clips:
        return told
    own = sum("objective_class" in c.raw and "objective_class_sheet" not in c.raw for c in clips)
    joined = sum("objective_class_sheet" in c.raw for c in clips)
    differing = sum("differs:objective_class" in c.raw for c in clips)
    detail = (
        f"{own} of {len(clips)} are the sheet's own, {differing} of them another in {beside.name}; "
        f"{joined} are joined from it, {len(clips) - own - joined} clips have none"
    )
    fix = "classes follow from action units: use two sheets of one release, and name both"
    level: Level = "note" if joined == len(clips) or not (differing or joined) else "differs"
    return (*told, Finding(level, "objective classes", detail, fix=fix if joined else ""))


DATABASE = Database(
    name="casme2",
    title="CASME II",
    citation="Yan et al. 2014, PLoS ONE 9(1): e86041",
    licence="research only, signed agreement",
    request="casme.psych.ac.cn/casme/e2: form and signed agreement",
    load=load,
    variants=tuple(_LAYOUT.trees),
    findings=findings,
)
