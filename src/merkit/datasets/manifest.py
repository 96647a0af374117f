"""Anyone's own data: one CSV file that names each clip's video or image folder.

``manifest.csv`` below the root, in UTF-8, with the columns ``clip``, ``subject``, ``media`` and,
where known, ``dataset``, ``fps_hz``, ``first``, ``last``, ``onset``, ``apex``, ``offset``,
``emotion``, ``action_units`` and ``split``; others are kept in ``Clip.raw``. ``media`` is a path
inside the root, written with "/". Frame numbers are those in the image names, or count from 0 in
a video file. Without ``first`` and ``last`` the part to read is onset to offset where both are
given, else everything. ``dataset`` (default: manifest) keeps subjects of several sources apart.
``split`` names the official part of a clip for the protocol of that name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from merkit.datasets.action_units import parse_action_units
from merkit.datasets.base import Database, sort_clips
from merkit.datasets.fields import raw_fields, sheet_version
from merkit.datasets.layout import find_sheet, inside
from merkit.datasets.sheets import MISSING, Row, column_key, read_table
from merkit.errors import DatasetError
from merkit.labels import GENERIC_MAPS, canonical_emotion
from merkit.types import ActionUnit, Clip

REQUIRED = ("clip", "subject", "media")
OPTIONAL = (
    "dataset",
    "fps_hz",
    "first",
    "last",
    "onset",
    "apex",
    "offset",
    "emotion",
    "action_units",
    "split",
)
#: Frame rate where the manifest gives none; a video file's own timestamps go before it.
DEFAULT_FPS_HZ = 25.0


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the manifest.

    Raises:
        MissingDataError: no manifest.
        DatasetError: a value that is not as wanted, with the number of its row.
    """
    return load_as(root)


def load_as(root: Path, dataset: str = "") -> tuple[Clip, ...]:
    """The clips of a manifest; ``dataset`` stands for all of them, "" for what their rows say."""
    path = find_sheet(root, ("manifest.csv", "*manifest*.csv", "manifest*.xls*"), depth=1)
    version = sheet_version(path)
    return sort_clips(_clip(row, root, dataset, version) for row in _rows(path))


def _rows(path: Path) -> Iterator[Row]:
    """Rows whose known columns have their plain names."""
    table = read_table(path, REQUIRED)
    there = {column_key(name) for row in table[:1] for name in row.values}
    known = (*REQUIRED, *(name for name in OPTIONAL if name in there))
    for row in read_table(path, known):
        lacking = [name for name in REQUIRED if not row.get(name)]
        if lacking:
            raise DatasetError(f"{row.where}: no value in {lacking}", f"a value in {REQUIRED}")
        yield row


def _clip(row: Row, root: Path, dataset: str, version: str) -> Clip:
    raw = raw_fields(row, version)
    dataset = dataset or row.get("dataset") or "manifest"
    names = dataset, row["subject"], row["clip"]
    for name in names:
        _checked(row, root, name)
    frames = {name: _frame(row, name) for name in ("first", "last", "onset", "apex", "offset")}
    both = frames["onset"] is not None and frames["offset"] is not None
    first = frames["onset"] if frames["first"] is None and both else frames["first"]
    last = frames["offset"] if frames["last"] is None and both else frames["last"]
    if first is not None and last is not None and first > last:
        raise DatasetError(f"{row.where}: first frame {first}, last {last}", "first <= last")
    return Clip(
        clip_id="/".join(names),
        dataset=dataset,
        subject=row["subject"],
        media=_checked(row, root, *PurePosixPath(row["media"].rstrip("/")).parts),
        fps_hz=_rate(row, raw),
        emotion=canonical_emotion(row.get("emotion")),
        first_frame=first,
        last_frame=last,
        onset_frame=frames["onset"],
        apex_frame=frames["apex"],
        offset_frame=frames["offset"],
        action_units=_action_units(row),
        raw=raw,
    )


def _checked(row: Row, root: Path, *names: str) -> Path:
    """The path of plain names below the root.

    Raises:
        DatasetError: a name that leads elsewhere, with the row.
    """
    try:
        return inside(root, *names)
    except DatasetError as error:
        raise DatasetError(f"{row.where}: {error.found}", error.wanted, error.fix) from None


def _frame(row: Row, column: str) -> int | None:
    value = row.integer(column)
    if value is not None and value < 0:
        raise DatasetError(f"{row.where}: {column} is {value}", "a frame number, 0 or more")
    return value


def _rate(row: Row, raw: dict[str, str]) -> float:
    text = row.get("fps_hz")
    if text.lower() in MISSING:
        raw["doubtful:fps_hz"] = f"not given; {DEFAULT_FPS_HZ:g} is assumed"
        return DEFAULT_FPS_HZ
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise DatasetError(f"{row.where}: fps_hz is '{text[:60]}'", "frames a second, above 0")
    return rate


def _action_units(row: Row) -> tuple[ActionUnit, ...] | None:
    text = row.get("action_units")
    if text.lower() in MISSING:
        return None
    try:
        return parse_action_units(text)
    except DatasetError as error:
        raise DatasetError(f"{row.where}: {error.found}", error.wanted, error.fix) from None


DATABASE = Database(
    name="manifest",
    title="your own data, listed in a CSV file",
    citation="cite the source of your data",
    licence="that of your data",
    request="write manifest.csv with the columns clip, subject, media and what else is known",
    load=load,
    label_maps=tuple(GENERIC_MAPS.values()),
)
