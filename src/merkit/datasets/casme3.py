"""CAS(ME)^3 Part A: 860 micro-expressions of 94 subjects, colour and depth, 30 frames a second.

Source: Li et al. 2023, "CAS(ME)^3: A third generation facial spontaneous micro-expression
database with depth information and high ecological validity", IEEE TPAMI 45(3). Licence:
research use by agreement with the Institute of Psychology, Chinese Academy of Sciences; ask at
casme.psych.ac.cn/casme/e4.

The owner's tree is ``part_A/data/part_A/spNO.1/a/color/175.jpg`` (and ``depth``), one folder a
recording, numbered from 1 as in the sheet JpgIndex v2. Read too: ``ME_A/spNO.1/a2/color``, one
folder a clip, and ``Part_A_ME_clip/frame/spNO.1_a_355`` (and ``depth``), one folder a clip named by
its onset. Colour and depth are told by the path and, where that does not say, by the pictures. A
clip's key is (subject, recording, onset): a recording holds several, and case counts ("J" is not
"j"). Edited copies of the sheet put onset 2647 for 3647; the clip keeps its id.
On disk 83 clips have fewer images than offset - onset + 1; what exists is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from PIL import Image

from merkit.datasets.base import ContentKey, Database, noted, sort_clips
from merkit.datasets.layout import Tree, child_folder, scan
from merkit.datasets.sheet_layout import SheetLayout, Subjects
from merkit.datasets.sheets import Row
from merkit.media import is_image
from merkit.types import Clip, Finding

SUBJECTS = Subjects(
    "CAS(ME)^3 subject",
    r"spNO[.\s]*(\d+)",
    ("spNO.{}", "spNO{}", "spNO.{:03d}"),
    "a name such as spNO.1",
)
_FLAT = re.compile(r"spNO\.?0*(\d+)_([a-z]+)_0*(\d+)", re.IGNORECASE)
_WORDS = {"color": "colou?r|rgb|frames?", "depth": "depth"}
_OTHER_PARTS = r"part[-_ ]?[BC]|ME[-_ ]?[BC](?![a-z])"
#: id by the onset of edited copies -> by the owner's
_SAME_CLIP = {"casme3/spNO.216/d_2647": "casme3/spNO.216/d_3647"}


def _says(kind: str) -> str:
    """Expression of a path that names a kind of pictures."""
    return rf"(?<![a-z])(?:{_WORDS[kind]})(?![a-z])"


def _tree(kind: str, other: str) -> Tree:
    unwanted = rf"{_OTHER_PARTS}|{_says(other)}|(?<![a-z])videos?(?![a-z])"
    return Tree("part_A/data/part_A", rf"{_says(kind)}|part[-_ ]?A|ME[-_ ]?A", unwanted)


_LAYOUT = SheetLayout(
    database="casme3",
    files=(
        "cas(me)3_part_a_me_label*v2*.xls*",
        "cas(me)3_part_a_me*.xls*",
        "*part_a_me*.csv",
        "casme3_table*.xls*",
        "cas(me)3_part_a_edited*.csv",
    ),
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
    trees={"color": _tree("color", "depth"), "depth": _tree("depth", "color")},
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
            clip = _LAYOUT.clip(row, _images(folder, root, variant))
            clips.append(
                _with_doubt(replace(clip, clip_id=_SAME_CLIP.get(clip.clip_id, clip.clip_id)))
            )
    return sort_clips(clips)


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """What one picture of the clips is, and whether that is what was asked for."""
    del key
    for clip in load(root, variant):
        pictures = (
            [n for n in scan(clip.media, root).files if is_image(n)]
            if (clip.media.is_dir())
            else []
        )
        if pictures:
            path = clip.media / pictures[0]
            kind, told = picture_kind(path)
            detail = f"{path.relative_to(root)} is {told}: {kind}"
            if kind == variant:
                return (Finding("note", "modality", detail),)
            fix = f"put {variant} pictures there, or check the variant {kind}"
            return (Finding("broken", "modality", f"{detail}, not {variant}", clip.clip_id, fix),)
    return ()


def picture_kind(path: Path) -> tuple[str, str]:
    """``color`` or ``depth``, by the suffix, bit depth and channels of a picture, and these in
    words. A depth picture has one channel, or three equal ones, and is no JPEG."""
    try:
        with Image.open(path) as image:
            mode, size = image.mode, f"{image.width}x{image.height}"
            bands = image.getbands()
            equal = len(bands) < 3 or len({image.getchannel(i).tobytes() for i in range(3)}) == 1
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return "color", f"unreadable ({error})"
    bits = 16 if "16" in mode else 32 if mode in ("I", "F") else 8
    grey = equal and mode != "P" and path.suffix.lower() not in (".jpg", ".jpeg")
    return "depth" if grey else "color", f"{size}, {len(bands)} x {bits} bits"


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
    """The sub-folder of a kind, color or depth. Some folders hold the images themselves; where no
    folder above says of which kind, a picture does."""
    below = child_folder(folder, root, kind)
    if below.is_dir() or not folder.is_dir():
        return below
    pictures = [name for name in scan(folder, root).files if is_image(name)]
    if not pictures:
        return below
    path = folder.relative_to(root).as_posix()
    said = [name for name in _WORDS if re.search(_says(name), path, re.IGNORECASE)]
    found = said[0] if len(said) == 1 else picture_kind(folder / pictures[0])[0]
    return folder if found == kind else below


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
    findings=findings,
    known_missing={f"casme3/spNO.{number}/*": "anywhere" for number in _SHORT},
)
