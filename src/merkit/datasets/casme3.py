"""CAS(ME)^3 Part A: 860 micro-expressions of 94 subjects, colour and depth, 30 frames a second.

Source: Li et al. 2023, "CAS(ME)^3: A third generation facial spontaneous micro-expression
database with depth information and high ecological validity", IEEE TPAMI 45(3). Licence:
research use by agreement with the Institute of Psychology, Chinese Academy of Sciences; ask at
casme.psych.ac.cn/casme/e4.

The owner's tree is ``part_A/data/part_A/spNO.1/a/color/175.jpg`` (and ``depth``), one folder a
recording, numbered from 1 as in the sheet JpgIndex v2. Read too: ``ME_A/spNO.1/a2/color``, one
folder a clip, and ``spNO.1_a_355``, one folder a clip named by its onset. A clip's key is
(subject, recording, onset): a recording holds several, and case counts ("J" is not "j").
On disk 83 clips have fewer images than offset - onset + 1; what exists is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from merkit.datasets.base import Database, noted, sort_clips
from merkit.datasets.layout import Tree, child_folder, scan
from merkit.datasets.sheet_layout import SheetLayout, Subjects
from merkit.datasets.sheets import Row
from merkit.media import is_image
from merkit.types import Clip

SUBJECTS = Subjects(
    "CAS(ME)^3 subject",
    r"spNO[.\s]*(\d+)",
    ("spNO.{}", "spNO{}", "spNO.{:03d}"),
    "a name such as spNO.1",
)
_FLAT = re.compile(r"spNO\.?0*(\d+)_([a-z]+)_0*(\d+)", re.IGNORECASE)
_TREE = Tree(
    "part_A/data/part_A", r"part[-_ ]?A|ME[-_ ]?A", r"part[-_ ]?[BC]|ME[-_ ]?[BC](?![a-z])"
)
_LAYOUT = SheetLayout(
    database="casme3",
    files=("cas(me)3_part_a_me_label*v2*.xls*", "cas(me)3_part_a_me*.xls*", "*part_a_me*.csv"),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "Onset",
        "apex": "Apex",
        "offset": "Offset",
        "action_units": "AU",
        "emotion": "emotion",
        "objective_class": "Objective class",
    },
    prefer="label",
    subjects=SUBJECTS,
    clip_id="{subject}/{clip}_{onset}",
    fps_hz=30.0,
    trees={"color": _TREE, "depth": _TREE},
    child=rf"spNO\.?\d+|{_FLAT.pattern}",
)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the micro-expression sheet, with colour or depth images."""
    rows = _LAYOUT.rows(root)
    tree = _LAYOUT.tree(root, variant, rows)
    flat = _flat_folders(tree, root)
    clips = []
    for _, group in groupby(rows, key=lambda row: (row["Subject"], row["Filename"])):
        for repeat, row in enumerate(group, 1):
            folder = _folder(row, repeat, root, tree, flat)
            clips.append(_with_doubt(_LAYOUT.clip(row, _images(folder, root, variant))))
    return sort_clips(clips)


def _with_doubt(clip: Clip) -> Clip:
    if clip.apex_frame is None or clip.apex_frame != clip.onset_frame:
        return clip
    doubt = "equals the onset: unusable against the onset frame"
    return noted(clip, {"doubtful:apex_frame": doubt})


def _flat_folders(tree: Path, root: Path) -> dict[tuple[str, str, int], str]:
    """(subject, recording, frame) -> folder, where every clip has its own beside the others."""
    if not tree.is_dir():
        return {}
    matches = [_FLAT.fullmatch(name) for name in scan(tree, root).folders]
    return {(f"spNO.{m[1]}", m[2], int(m[3])): m[0] for m in matches if m}


def _folder(
    row: Row, repeat: int, root: Path, tree: Path, flat: Mapping[tuple[str, str, int], str]
) -> Path:
    """Folder of one row in any of the three layouts; the owner's place where there is none.

    ``repeat``: place among the rows that follow each other in one recording, from 1.
    """
    spellings, name = SUBJECTS.spellings(row["Subject"]), row["Filename"]
    for column in ("Onset", "Apex"):
        found = flat.get((spellings[0], name, row.integer(column) or 0))
        if found:
            return child_folder(tree, root, found)
    person = child_folder(tree, root, *spellings)
    own = child_folder(person, root, f"{name}{repeat}")
    return own if repeat > 1 and own.is_dir() else child_folder(person, root, name)


def _images(folder: Path, root: Path, kind: str) -> Path:
    """The sub-folder of a kind, color or depth; some folders hold the images themselves."""
    below = child_folder(folder, root, kind)
    if below.is_dir() or not folder.is_dir():
        return below
    return folder if any(map(is_image, scan(folder, root).files)) else below


#: Of 83 clips of these subjects fewer images exist than the sheet says.
_SHORT = (170, 171, 172, 174, 202, 206, 207, 208, 209, 210, 212, 213, 214, 215)

DATABASE = Database(
    name="casme3",
    title="CAS(ME)^3 Part A",
    citation="Li et al. 2023, IEEE TPAMI 45(3): 2782-2800",
    licence="research only, agreement",
    request="casme.psych.ac.cn/casme/e4: agreement",
    load=load,
    variants=tuple(_LAYOUT.trees),
    known_missing={f"casme3/spNO.{number}/*": "anywhere" for number in _SHORT},
)
