"""DFME: 7,526 micro-expressions at 200, 300 and 500 frames a second; 2,629 in CCAC-2024.

Source: Zhao et al. 2023, "DFME: A new benchmark for dynamic facial micro-expression
recognition", IEEE Transactions on Affective Computing. Licence: research use, mailed by a
supervisor; ask at mea-lab-421.github.io. The licence lists subjects never to be published.

``ccac2024`` reads the challenge's three sheets (train, test A, test B; subjects disjoint) with
``sub0003_01/00000.png``, numbered from 0; ``Clip.raw["split"]`` says which. ``train``, ``testA``
and ``testB`` read one. ``full`` and ``full-cropped`` read the whole release
(:mod:`merkit.datasets.dfme_full`). Frame rates differ: compare times, not frame numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.dfme_full import frame_rate, load_full
from merkit.datasets.fields import raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import find_sheet, inside, walk
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.errors import DatasetError, MissingDataError
from merkit.labels import BASIC_EMOTIONS, canonical_emotion
from merkit.types import Clip

_COLUMNS = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Emotion",
    "EmotionId",
    "Fps",
    "AU",
)
#: split -> names of its sheet.
_SHEETS = {
    "train": ("train*with_AU*.xls*", "train*.xls*", "train*.csv"),
    "testA": ("test*A_*with_AU*.xls*", "test_A*.xls*", "testA*.xls*", "test*A*.csv"),
    "testB": ("test*B_*with_AU*.xls*", "test_B*.xls*", "testB*.xls*", "test*B*.csv"),
}
_FOLDER = re.compile(r"sub\d+_\d+", re.IGNORECASE)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every clip of one split, of all three, or of the whole release."""
    if variant.startswith("full"):
        return sort_clips(load_full(root, cropped=variant == "full-cropped"))
    splits = tuple(_SHEETS) if variant == "ccac2024" else (variant,)
    sheets = {split: path for split in splits if (path := _sheet(root, split)) is not None}
    if not sheets:
        raise MissingDataError(
            f"no CCAC-2024 sheet below {root}",
            "training_full_with_AU.xlsx, testA_..., testB_...",
            "for the whole release (USTC_MEv4_part...) give the variant full",
        )
    folders = _clip_folders(root)
    return sort_clips(
        clip for split, path in sheets.items() for clip in _clips(path, root, folders, split)
    )


def _sheet(root: Path, split: str) -> Path | None:
    try:
        return find_sheet(root, _SHEETS[split])
    except MissingDataError:
        return None


def _clip_folders(root: Path) -> dict[str, Path]:
    """Lower-case clip name -> its folder, wherever below the root the clips lie."""
    found: dict[str, Path] = {}
    for folder in walk(root, 4, lambda f: any(_FOLDER.fullmatch(n) for n in f.folders)):
        for name in folder.folders:
            if _FOLDER.fullmatch(name):
                found.setdefault(name.lower(), folder.path / name)
    return found


def _clips(path: Path, root: Path, folders: Mapping[str, Path], split: str) -> Iterator[Clip]:
    rows = complete_rows(read_table(path, _COLUMNS), ("Subject", "Filename", "OnsetFrame", "Fps"))
    version = sheet_version(path)
    for row in rows:
        yield _clip(row, root, folders, split, version)


def _clip(row: Row, root: Path, folders: Mapping[str, Path], split: str, version: str) -> Clip:
    subject, name = row["Subject"], row["Filename"]
    if not name.lower().startswith(subject.lower() + "_"):
        raise DatasetError(
            f"{row.where}: clip '{name}' of subject '{subject}'", f"a name such as {subject}_01"
        )
    emotion = canonical_emotion(row["Emotion"])
    raw = raw_fields(row, version) | {"split": split}
    if emotion in BASIC_EMOTIONS and row.integer("EmotionId") != BASIC_EMOTIONS.index(emotion):
        raw["doubtful:emotion"] = f"'{row['Emotion']}' has the number {row['EmotionId']}"
    onset, offset = row.integer("OnsetFrame"), row.integer("OffsetFrame")
    return Clip(
        clip_id=f"dfme/{subject}/{name}",
        dataset="dfme",
        subject=subject,
        media=folders.get(name.lower(), inside(root, name)),
        fps_hz=frame_rate(row, "Fps"),
        emotion=emotion,
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=row.integer("ApexFrame"),
        offset_frame=offset,
        action_units=read_action_units(row["AU"], raw),
        raw=raw,
    )


def _expected(clips: int, subjects: int, *counts: int) -> Expected:
    source = "CCAC-2024 sheets with action units"
    return Expected(clips, subjects, dict(zip(BASIC_EMOTIONS, counts, strict=True)), source)


_FULL = Expected(7526, 656, source="Zhao et al. 2023; 671 recruited, 656 with clips")

DATABASE = Database(
    name="dfme",
    title="DFME",
    citation="Zhao et al. 2023, IEEE TAC",
    licence="research only, mailed by a supervisor; lists subjects never to be published",
    request="mea-lab-421.github.io: licence, mailed by a supervisor",
    load=load,
    label_maps=label_maps("dfme"),
    variants=("ccac2024", *_SHEETS, "full", "full-cropped"),
    expected={
        "ccac2024": _expected(2629, 259, 241, 171, 735, 365, 311, 359, 447),
        "train": _expected(1856, 176, 161, 100, 548, 265, 206, 278, 298),
        "testA": _expected(474, 42, 39, 34, 129, 62, 63, 46, 101),
        "testB": _expected(299, 41, 41, 37, 58, 38, 42, 35, 48),
        "full": _FULL,
        "full-cropped": _FULL,
    },
    known_missing={"dfme/*": "end"},  # no one has compared the sheets' offsets with images
)
