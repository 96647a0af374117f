"""DFME: 7,526 micro-expressions at 200, 300 and 500 frames a second; 2,629 in CCAC-2024.

Source: Zhao et al. 2023, "DFME: A new benchmark for dynamic facial micro-expression
recognition", IEEE Transactions on Affective Computing. Licence: research use, mailed by a
supervisor; ask at mea-lab-421.github.io. The licence lists subjects never to be published.
Frame rates differ: compare times, not frame numbers.

``ccac2024`` reads the challenge's three sheets (train, test A, test B; subjects disjoint) with
``sub0003_01/00000.png``, numbered from 0; ``Clip.raw["split"]`` says which. ``train``, ``testA``
and ``testB`` read one. ``full`` and ``full-cropped`` read the whole release, in which
``USTC_MEv4_partA_sub0001_sub0015/micro/<emotion>/sub0003-03a-01-anger-01-anger/`` holds a clip,
``micro_static_aligned_croped`` its aligned face. The last field of the name is the final label
and equals the folder; the fourth is an earlier one and differs in about one of five. The sheet
(one row a clip) gives onset, apex, offset and frame rate; without it a clip reaches from its first
to its last image. Only the folders of part D say a frame rate: it serves where no sheet has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from merkit.datasets.base import ContentKey, Database, noted, sort_clips
from merkit.datasets.layout import (
    child_folder,
    frame_numbers,
    inside,
    no_sheet,
    optional_sheet,
    scan,
    tables_below,
    walk,
)
from merkit.datasets.sheet_layout import SheetLayout
from merkit.datasets.sheets import Row, columns_seen, has_columns
from merkit.errors import DatasetError, MissingDataError
from merkit.labels import BASIC_EMOTIONS, canonical_emotion
from merkit.types import Clip, Finding

_LAYOUT = SheetLayout(
    database="dfme",
    files=(),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "OnsetFrame",
        "apex": "ApexFrame",
        "offset": "OffsetFrame",
        "emotion": "Emotion",
        "emotion_id": "EmotionId",
        "fps": "Fps",
        "action_units": "AU",
    },
    optional=("action_units", "emotion_id"),
    whole=("subject", "clip", "onset", "fps"),
    fps_hz=None,
)
#: split -> names of its sheet.
_SHEETS = {
    "train": ("train*with_AU*.xls*", "train*.xls*", "train*.csv"),
    "testA": ("test*A_*with_AU*.xls*", "test_A*.xls*", "testA*.xls*", "test*A*.csv"),
    "testB": ("test*B_*with_AU*.xls*", "test_B*.xls*", "testB*.xls*", "test*B*.csv"),
}
_FOLDER = re.compile(r"sub\d+_\d+", re.IGNORECASE)

_PART = re.compile(r".*part[A-D]_sub\d+_sub\d+(?:_(\d+)fps)?", re.IGNORECASE)
_FULL_CLIP = re.compile(r"sub\d+-.+", re.IGNORECASE)
#: The whole release; its sheet is not that of the challenge, and may lack most columns.
_FULL_LAYOUT = SheetLayout(
    database="dfme",
    files=(),
    columns={**_LAYOUT.columns, "fps": "fps"},
    optional=("subject", "apex", "emotion", "emotion_id", "fps", "action_units"),
    whole=(),
    fps_hz=None,
    keep=lambda row: _FULL_CLIP.fullmatch(row["Filename"]) is not None,
)
#: Columns by which the sheet of the release is told from other tables.
_TOLD_BY = ("Filename", "OnsetFrame")
#: Lower-case clip name -> its row.
_Rows: TypeAlias = dict[str, Row]


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every clip of one split, of all three, or of the whole release."""
    if variant.startswith("full"):
        return sort_clips(_full_clips(root, cropped=variant == "full-cropped"))
    splits = tuple(_SHEETS) if variant == "ccac2024" else (variant,)
    found = {split: optional_sheet(root, _SHEETS[split]) for split in splits}
    sheets = {split: path for split, path in found.items() if path is not None}
    if not sheets:
        names = [name for split in splits for name in _SHEETS[split]]
        fix = "for the whole release (USTC_MEv4_part...) give the variant full"
        raise no_sheet(root, names, _LAYOUT.needed, fix=fix)
    folders = _split_folders(root)
    return sort_clips(
        _split_clip(row, folders, root, split)
        for split, path in sheets.items()
        for row in _LAYOUT.read(path)
    )


def _split_folders(root: Path) -> dict[str, Path]:
    """Lower-case clip name -> its folder, wherever below the root the clips lie."""
    found: dict[str, Path] = {}
    for folder in walk(root, 4, lambda f: any(_FOLDER.fullmatch(n) for n in f.folders)):
        for name in folder.folders:
            if _FOLDER.fullmatch(name):
                found.setdefault(name.lower(), folder.path / name)
    return found


def _split_clip(row: Row, folders: Mapping[str, Path], root: Path, split: str) -> Clip:
    subject, name = row["Subject"], row["Filename"]
    if not name.lower().startswith(subject.lower() + "_"):
        raise row.error(f"clip '{name}' of subject '{subject}'", f"a name such as {subject}_01")
    clip = _LAYOUT.clip(row, folders.get(name.lower(), inside(root, name)))
    notes, known = {"split": split}, BASIC_EMOTIONS
    numbered = clip.emotion in known and "EmotionId" in row.values
    if numbered and row.integer("EmotionId") != known.index(clip.emotion):
        notes["doubtful:emotion"] = f"'{row['Emotion']}' has the number {row['EmotionId']}"
    return noted(clip, notes)


def _full_clips(root: Path, cropped: bool) -> Iterator[Clip]:
    """Every clip folder, and every row of the sheet whose folder is missing.

    Raises:
        MissingDataError: no part of the release below ``root``.
        DatasetError: a clip whose frame rate is nowhere told.
    """
    parts = [f.path / n for f in walk(root, 2) for n in f.folders if _PART.fullmatch(n)]
    if not parts:
        raise MissingDataError(
            f"no part of DFME below {root}",
            "folders such as USTC_MEv4_partA_sub0001_sub0015",
            "give the folder that holds the parts",
        )
    rows = _full_rows(root)
    seen: set[str] = set()
    for part in sorted(parts):
        for media in _full_folders(part, root, cropped):
            seen.add(media.name.lower())
            yield _full_clip(media, rows, root, part.name)
    for name, row in rows.items():
        if name not in seen:
            yield _full_clip(inside(root, row["Filename"]), rows, root)


def _full_folders(part: Path, root: Path, cropped: bool) -> Iterator[Path]:
    names = ("micro_static_aligned_croped", "micro_static_aligned_cropped")
    tree = child_folder(part, root, *(names if cropped else ("micro",)))
    for emotion in scan(tree, root).folders if tree.is_dir() else ():
        for name in scan(tree / emotion, root).folders:
            if _FULL_CLIP.fullmatch(name):
                yield tree / emotion / name


def _full_rows(root: Path) -> _Rows:
    """The rows of the tables below the root that name clips and frames; others, such as a list of
    subjects, are passed over.

    Raises:
        DatasetError: a table of clips that lacks other columns, or two that disagree.
    """
    found: _Rows = {}
    for path in tables_below(root, 2):
        if has_columns(path, _TOLD_BY):
            for row in _FULL_LAYOUT.read(path):
                same = found.setdefault(row["Filename"].lower(), row)
                if any(same.get(c) != row.get(c) for c in _FULL_LAYOUT.columns.values()):
                    raise DatasetError(
                        f"{same.where}, and {row.where} disagree about {row['Filename']}",
                        "one sheet of the release, or copies that are equal",
                        "keep the sheet you want below the root, and no other",
                    )
    return found


def _passed_over(root: Path) -> list[str]:
    """The tables that name no clips and frames, each with its columns."""
    others = (path for path in tables_below(root, 2) if not has_columns(path, _TOLD_BY))
    return [columns_seen(path, list(_FULL_LAYOUT.columns.values())) for path in others]


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """The tables that the whole release was not read from."""
    del key
    told = _passed_over(root) if variant.startswith("full") else []
    fix = f"if it is the sheet of the release, name its columns {' and '.join(_TOLD_BY)}"
    return tuple(Finding("note", "table passed over", table, fix=fix) for table in told)


def _full_clip(media: Path, rows: _Rows, root: Path, part: str = "") -> Clip:
    """A clip by its row, or else from its first to its last image."""
    subject, *_, emotion = media.name.split("-")
    told = {"folder": media.parent.name} if media.is_dir() else {}
    notes = {"folder": media.parent.name}
    if media.name.lower() in rows:
        row = rows[media.name.lower()]
        if row.get("Emotion"):
            told["sheet"] = row["Emotion"]
        clip, rate = _by_row(row, media, root, part)
        notes |= rate
        if clip.apex_frame is None:
            notes["doubtful:apex_frame"] = "its sheet gives none"
    else:
        notes["doubtful:onset_frame"] = "no sheet names it: from its first to its last image"
        numbers = frame_numbers(media)
        first, last = (numbers[0], numbers[-1]) if numbers else (None, None)
        hz = _part_rate(part, media.name, root)
        clip = Clip(
            "", "dfme", subject, media, hz, "", first, last, onset_frame=first, offset_frame=last
        )
    clip = replace(clip, clip_id=f"dfme/{subject}/{media.name}", emotion=canonical_emotion(emotion))
    others = [(k, v) for k, v in told.items() if canonical_emotion(v) != clip.emotion]
    if others:
        listed = ", ".join(f"the {k} says '{v}'" for k, v in others)
        notes["differs:emotion"] = f"the name '{media.name}' says {clip.emotion}, {listed}"
    return noted(clip, notes)


def _by_row(row: Row, media: Path, root: Path, part: str) -> tuple[Clip, dict[str, str]]:
    """The clip of a row, and what is to be said of its frame rate."""
    subject = media.name.split("-")[0]
    if not row.get("fps"):
        rate = _part_rate(part, media.name, root)
        doubt = f"its sheet has none; the folder {part} says {rate:g}"
        clip = replace(_FULL_LAYOUT, fps_hz=rate).clip(row, media, subject)
        return clip, {"doubtful:fps_hz": doubt}
    clip, folder = _FULL_LAYOUT.clip(row, media, subject), _PART.fullmatch(part)
    if folder is None or not folder[1] or float(folder[1]) == clip.fps_hz:
        return clip, {}
    return clip, {
        "differs:fps_hz": f"{clip.fps_hz:g} in the sheet, {folder[1]} in the folder {part}"
    }


def _part_rate(part: str, clip: str, root: Path) -> float:
    match = _PART.fullmatch(part)
    if match is None or not match[1]:
        passed = _passed_over(root)
        others = f"; passed over are {'; '.join(passed[:4])}" if passed else ""
        raise DatasetError(
            f"nothing says the frame rate of {clip}: its part names none and no table "
            f"below the root has it{others}",
            "the sheet of the release, with the columns Filename, OnsetFrame, OffsetFrame and fps",
            "put the sheet below the root, or name its columns so",
        )
    return float(match[1])


DATABASE = Database(
    name="dfme",
    title="DFME",
    citation="Zhao et al. 2023, IEEE TAC",
    licence="research only, mailed by a supervisor; lists subjects never to be published",
    request="mea-lab-421.github.io: licence, mailed by a supervisor",
    load=load,
    variants=("ccac2024", *_SHEETS, "full", "full-cropped"),
    findings=findings,
    known_missing={"dfme/*": "end"},  # no one has compared the sheets' offsets with images
)
