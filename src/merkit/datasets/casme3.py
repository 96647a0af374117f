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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from merkit.datasets.base import Database, Expected, noted, sort_clips
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
    images = _Images(root, tree, variant, _flat_folders(tree, root))
    clips = (_LAYOUT.clip(row, images.of(row, n)) for row, n in _with_repeats(rows))
    return sort_clips(map(_with_doubt, clips))


def _with_doubt(clip: Clip) -> Clip:
    if clip.apex_frame is None or clip.apex_frame != clip.onset_frame:
        return clip
    doubt = "equals the onset: unusable against the onset frame"
    return noted(clip, {"doubtful:apex_frame": doubt})


def _with_repeats(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Rows with their place among the rows in a row of one recording, counted from 1."""
    before, repeat = ("", ""), 0
    for row in rows:
        key = row["Subject"], row["Filename"]
        repeat = repeat + 1 if key == before else 1
        before = key
        yield row, repeat


def _flat_folders(tree: Path, root: Path) -> dict[tuple[str, str, int], str]:
    """(subject, recording, frame) -> folder, where every clip has its own beside the others."""
    if not tree.is_dir():
        return {}
    matches = [_FLAT.fullmatch(name) for name in scan(tree, root).folders]
    return {(f"spNO.{m[1]}", m[2], int(m[3])): m[0] for m in matches if m}


@dataclass(frozen=True, slots=True)
class _Images:
    """Where a row's images lie, in any of the three layouts."""

    root: Path
    tree: Path
    kind: str  # color or depth
    flat: Mapping[tuple[str, str, int], str]

    def of(self, row: Row, repeat: int) -> Path:
        """Folder of one row; the owner's place where there is none."""
        spellings, name = SUBJECTS.spellings(row["Subject"]), row["Filename"]
        for column in ("Onset", "Apex"):
            found = self.flat.get((spellings[0], name, row.integer(column) or 0))
            if found:
                return self._below(child_folder(self.tree, self.root, found))
        person = child_folder(self.tree, self.root, *spellings)
        own = child_folder(person, self.root, f"{name}{repeat}")
        if repeat > 1 and own.is_dir():
            return self._below(own)
        return self._below(child_folder(person, self.root, name))

    def _below(self, folder: Path) -> Path:
        """The sub-folder of this kind; some folders hold the images themselves."""
        below = child_folder(folder, self.root, self.kind)
        if below.is_dir() or not folder.is_dir():
            return below
        return folder if any(map(is_image, scan(folder, self.root).files)) else below


_EXPECTED = Expected(
    clips=860,
    subjects=94,
    emotions=dict(
        disgust=250, surprise=187, others=161, fear=86, anger=64, sadness=57, happiness=55
    ),
    source="Part A sheet JpgIndex v2; the first version's paper prints 943",
)

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
    expected=dict.fromkeys(_LAYOUT.trees, _EXPECTED),
    known_missing={f"casme3/spNO.{number}/*": "anywhere" for number in _SHORT},
)
