"""CAS(ME)^3 Part A: 860 micro-expressions of 94 subjects, colour and depth, 30 frames a second.

Source: Li et al. 2023, "CAS(ME)^3: A third generation facial spontaneous micro-expression
database with depth information and high ecological validity", IEEE TPAMI 45(3). Licence:
research use by agreement with the Institute of Psychology, Chinese Academy of Sciences; ask at
casme.psych.ac.cn/casme/e4.

The owner's tree is ``part_A/data/part_A/spNO.1/a/color/175.jpg`` (and ``depth``), one folder a
recording, numbered from 1 as in the sheet JpgIndex v2. Read too: ``ME_A/spNO.1/a2/color``, one
folder a clip, and ``Part_A_ME_clip/frame/spNO.1_a_355`` (and ``depth``), one folder a clip named by
its onset; several trees together serve each clip from the first that has it. Whether pictures are
colour or depth is told by the nearest folder from the tree of subjects down that says so and,
where none does, by the pictures; the one never stands for the other. A clip's key is (subject,
recording, onset): a recording holds several, and case counts ("J" is not "j"). Edited copies of
the sheet put onset 2647 for 3647; the clip keeps its id.
On disk 83 clips have fewer images than offset - onset + 1; what exists is read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from merkit.datasets.base import ContentKey, Database, noted, sort_clips
from merkit.datasets.layout import Folder, child_folder, holds_images, scan, walk
from merkit.datasets.sheet_layout import SheetLayout, Subjects
from merkit.datasets.sheets import Row
from merkit.errors import DatasetError, MissingDataError, VideoError
from merkit.media import is_image
from merkit.types import Clip, Finding

SUBJECTS = Subjects(
    "CAS(ME)^3 subject",
    r"spNO[.\s]*(\d+)",
    ("spNO.{}", "spNO{}", "spNO.{:03d}"),
    "a name such as spNO.1",
)
_FLAT = re.compile(r"spNO\.?0*(\d+)_([a-z]+)_0*(\d+)", re.IGNORECASE)
_CHILD = re.compile(rf"spNO\.?\d+|{_FLAT.pattern}", re.IGNORECASE)
_OTHER_PARTS = re.compile(r"part[-_ ]?[BC]|ME[-_ ]?[BC](?![a-z])", re.IGNORECASE)
_WORDS = {
    kind: re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE)
    for kind, words in {"color": "colou?r|rgb", "depth": "depth"}.items()
}
#: Colour in ``Part_A_ME_clip/frame``, but depth frames are frames as well: says the least.
_FRAMES = re.compile(r"(?<![a-z])frames?(?![a-z])", re.IGNORECASE)
_Key: TypeAlias = tuple[str, str, int]
#: The owner's onset of one clip is a typing error, which edited copies mend: theirs -> owner's.
_OWNERS_ONSET: Mapping[_Key, int] = {("spNO.216", "d", 2647): 3647}
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
)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the micro-expression sheet, with colour or depth images.

    Raises:
        MissingDataError: no clip has pictures of this kind, but some have of the other.
        DatasetError: a folder holds both kinds side by side.
    """
    rows = list(_numbered(_LAYOUT.rows(root)))
    trees = _trees(root, variant)
    media = [_find(row, repeat, root, trees, variant) for row, repeat in rows]
    if not any(media):
        _refuse_the_other(rows, root, trees, variant)
    expected = next(iter(trees), root / "part_A/data/part_A")
    clips = []
    for (row, repeat), found in zip(rows, media, strict=True):
        place = found or _folder(row, repeat, root, expected, {}) / variant
        clips.append(_with_doubt(_with_owners_id(_LAYOUT.clip(row, place))))
    return sort_clips(clips)


def _numbered(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Every row, and its place among those that follow each other in one recording, from 1."""
    for _, group in groupby(rows, key=lambda row: (row["Subject"], row["Filename"])):
        for repeat, row in enumerate(group, 1):
            yield row, repeat


def _refuse_the_other(
    rows: Sequence[tuple[Row, int]], root: Path, trees: Mapping[Path, Mapping[_Key, str]], kind: str
) -> None:
    (other,) = set(_WORDS) - {kind}
    there = (_find(row, repeat, root, trees, other) for row, repeat in rows)
    if example := next(filter(None, there), None):
        raise MissingDataError(
            f"{root} holds {other} pictures only, such as those in {example.relative_to(root)}",
            f"{kind} pictures of CAS(ME)^3",
            f"choose the variant {other}, or put the {kind} pictures beside them",
        )


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """Which modality one picture of every folder is, and whether that is what was asked for;
    without pixels, of one folder a tree."""
    folders = dict.fromkeys(c.media for c in load(root, variant) if c.media.is_dir())
    seen: dict[tuple[str, str, str], list[Path]] = {}
    trees: set[str] = set()
    for folder in folders:
        parts = folder.relative_to(root).parts
        tree = "/".join(parts[: next(i for i, part in enumerate(parts) if _CHILD.fullmatch(part))])
        pictures = [name for name in scan(folder, root).files if is_image(name)]
        if pictures and (key is not None or tree not in trees):
            trees.add(tree)
            kind, told = picture_kind(folder / pictures[0])
            seen.setdefault((tree, kind, told), []).append(folder / pictures[0])
    return tuple(
        _modality(f"{tree or root.name}: {kind}, {told}", kind, variant, pictures, root)
        for (tree, kind, told), pictures in seen.items()
    )


def _modality(told: str, kind: str, wanted: str, pictures: Sequence[Path], root: Path) -> Finding:
    told += f", in {len(pictures)} folders looked at, such as {pictures[0].relative_to(root)}"
    if kind == wanted:
        return Finding("note", "modality", told)
    fix = f"put {wanted} pictures there, or check the variant {kind}"
    return Finding("broken", "modality", f"{told}; wanted: {wanted}", fix=fix)


def picture_kind(path: Path) -> tuple[str, str]:
    """``color`` or ``depth``, by the suffix, bit depth and channels of a picture, and these in
    words. A depth picture has one channel, or three equal ones, and is no JPEG. One that cannot
    be read is taken by its suffix."""
    jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    by_suffix = "color" if jpeg else "depth", f"{path.suffix}, unreadable"
    if not path.is_file():  # a pipe would be waited for
        return by_suffix
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:  # header only
            mode, channels, stored = image.mode, len(image.getbands()), str(image.tile[0][3])
        grey = not jpeg and mode != "P" and (channels < 3 or _equal_channels(path))
    except (OSError, ValueError, IndexError, Image.DecompressionBombError, VideoError):
        return by_suffix
    bits = 16 if "16" in mode + stored else 32 if mode in ("I", "F") else 8
    return "depth" if grey else "color", f"{path.suffix}, {channels} x {bits} bits"


def _equal_channels(path: Path) -> bool:
    from merkit.video.images import read_image  # OpenCV, which a list of databases does without

    rgb = read_image(path)
    return bool((rgb == rgb[..., :1]).all())


def _with_owners_id(clip: Clip) -> Clip:
    _, subject, name = clip.clip_id.split("/")
    name, onset = name.rsplit("_", 1)
    if onset.isdecimal() and (owners := _OWNERS_ONSET.get((subject, name, int(onset)))):
        return replace(clip, clip_id=f"casme3/{subject}/{name}_{owners}")
    return clip


def _with_doubt(clip: Clip) -> Clip:
    if clip.apex_frame is None or clip.apex_frame != clip.onset_frame:
        return clip
    doubt = "equals the onset: unusable against the onset frame"
    return noted(clip, {"doubtful:apex_frame": doubt})


def _trees(root: Path, kind: str) -> dict[Path, dict[_Key, str]]:
    """Every folder of subjects' folders or of clips' own, those first whose name says the kind,
    videos last; each with the clips' own folders by key."""

    def holds_children(folder: Folder) -> bool:
        return any(map(_CHILD.fullmatch, folder.folders))

    found = [f for f in walk(root, 4, holds_children) if holds_children(f)]
    found = [f for f in found if not _OTHER_PARTS.search(f.path.relative_to(root).as_posix())]
    found.sort(key=lambda f: ("video" in f.path.name.lower(), _said(f.path.name) != kind))
    return {folder.path: _flat_folders(folder) for folder in found}


def _said(*names: str) -> str:
    """The one kind of pictures that names of folders say, the nearest first, or ""."""
    for name in names:
        said = [kind for kind, words in _WORDS.items() if words.search(name)]
        if len(said) == 1:
            return said[0]
    return "color" if any(map(_FRAMES.search, names)) else ""


def _flat_folders(tree: Folder) -> dict[_Key, str]:
    """Key -> folder, where every clip has its own beside the others."""
    matches = filter(None, map(_FLAT.fullmatch, tree.folders))
    return {_key(f"spNO.{m[1]}", m[2], int(m[3])): m[0] for m in matches}


def _key(subject: str, name: str, onset: int) -> _Key:
    return subject, name, _OWNERS_ONSET.get((subject, name, onset), onset)


def _find(
    row: Row, repeat: int, root: Path, trees: Mapping[Path, Mapping[_Key, str]], kind: str
) -> Path | None:
    """The folder with a row's pictures of one kind in the first tree that has them."""
    for tree, flat in trees.items():
        if found := _pictures(_folder(row, repeat, root, tree, flat), tree, root, kind):
            return found
    return None


def _folder(row: Row, repeat: int, root: Path, tree: Path, flat: Mapping[_Key, str]) -> Path:
    """Folder of one row in any of the three layouts; the owner's place where there is none."""
    spellings, name = SUBJECTS.spellings(row["Subject"]), row["Filename"]
    for column in ("Onset", "Apex"):
        found = flat.get(_key(spellings[0], name, row.integer(column) or 0))
        if found:
            return child_folder(tree, root, found)
    person = child_folder(tree, root, *spellings)
    own = child_folder(person, root, f"{name}{repeat}")
    return own if repeat > 1 and own.is_dir() else child_folder(person, root, name)


def _pictures(folder: Path, tree: Path, root: Path, kind: str) -> Path | None:
    """The sub-folder whose name says the kind, or the folder itself if its pictures are that."""
    if not folder.is_dir():
        return None
    here = scan(folder, root)
    above = folder.relative_to(tree.parent).parts[::-1]
    for name in here.folders:
        if _said(name, *above) == kind and holds_images(folder / name):
            return folder / name
    if not any(map(is_image, here.files)):
        return None
    return folder if (_said(*above) or _kind_of(here)) == kind else None


def _kind_of(folder: Folder) -> str:
    """The kind of a folder's pictures, by one of every suffix."""
    names = {Path(n).suffix.lower(): n for n in reversed(folder.files) if is_image(n)}
    kinds = {picture_kind(folder.path / name)[0]: name for name in names.values()}
    if len(kinds) > 1:
        told = " and ".join(f"{kind} ({name})" for kind, name in sorted(kinds.items()))
        raise DatasetError(
            f"{folder.path} holds pictures of {told}",
            "one kind a folder",
            "move them into the folders color and depth there",
        )
    return next(iter(kinds))


#: Of 83 clips of these subjects fewer images exist than the sheet says.
_SHORT = (170, 171, 172, 174, 202, 206, 207, 208, 209, 210, 212, 213, 214, 215)

DATABASE = Database(
    name="casme3",
    title="CAS(ME)^3 Part A",
    citation="Li et al. 2023, IEEE TPAMI 45(3): 2782-2800",
    licence="research only, agreement",
    request="casme.psych.ac.cn/casme/e4: agreement",
    load=load,
    variants=tuple(_WORDS),
    findings=findings,
    known_missing={f"casme3/spNO.{number}/*": "anywhere" for number in _SHORT},
)
