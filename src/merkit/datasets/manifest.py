"""Anyone's own data: one CSV file that names each clip's video or image folder.

``manifest.csv`` below the root, in UTF-8, with the columns ``clip``, ``subject``, ``media`` and,
where known, ``dataset``, ``fps_hz``, ``first``, ``last``, ``onset``, ``apex``, ``offset``,
``emotion``, ``action_units`` and ``split``; others are kept in ``Clip.raw``. ``media`` is a path
inside the root, written with "/"; or a name that ``media_elsewhere.csv`` beside the manifest
(columns ``media`` and ``path``) gives to a video or folder that stays where it is: the one file
that may, by design, name something outside the root. Frame numbers are those in the image names,
or count from 0 in a video file. Without ``first`` and ``last`` the part to read is onset to offset
where both are given, else everything. ``dataset`` (default: manifest) keeps subjects of several
sources apart. ``split`` names the official part of a clip for the protocol of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from merkit.datasets.action_units import parse_action_units
from merkit.datasets.base import Database, sort_clips
from merkit.datasets.layout import find_sheet, inside
from merkit.datasets.sheets import MISSING, Row, column_key, frame_rate, read_table
from merkit.labels import GENERIC_MAPS, canonical_emotion
from merkit.types import Clip

REQUIRED = ("clip", "subject", "media")
#: beside the manifest: what its media are that lie outside the root
ELSEWHERE = "media_elsewhere.csv"
_FILES = ("manifest.csv", "*manifest*.csv", "manifest*.xls*")
_FRAMES = ("first", "last", "onset", "apex", "offset")
OPTIONAL = ("dataset", "fps_hz", *_FRAMES, "emotion", "action_units", "split")
#: Frame rate where the manifest gives none; a video file's own timestamps go before it.
DEFAULT_FPS_HZ = 25.0


def load(root: Path, variant: str, dataset: str = "") -> tuple[Clip, ...]:
    """Every row of the manifest. ``dataset``: stands for the column of that name, where given.

    Raises:
        MissingDataError: no manifest.
        DatasetError: a value that is not as wanted, with the number of its row.
    """
    path = find_sheet(root, _FILES, REQUIRED, depth=1)
    elsewhere = _elsewhere(path.with_name(ELSEWHERE))
    return sort_clips(_clip(row, root, dataset, elsewhere) for row in _rows(path))


def load_name(root: Path, variant: str) -> tuple[Clip, ...]:
    """The same for NaME, whatever the column ``dataset`` says."""
    return load(root, variant, "name")


def _rows(path: Path) -> Iterator[Row]:
    """Rows whose known columns have their plain names."""
    table = read_table(path, REQUIRED)
    there = {column_key(name) for row in table[:1] for name in row.values}
    for row in read_table(path, (*REQUIRED, *(name for name in OPTIONAL if name in there))):
        lacking = [name for name in REQUIRED if not row.get(name)]
        if lacking:
            raise row.error(f"no value in {lacking}", f"a value in {REQUIRED}")
        yield row


def _elsewhere(path: Path) -> dict[str, Path]:
    """Name -> where it lies, from a file that need not be there. Paths that are not absolute begin
    at its folder."""
    if not path.is_file():
        return {}
    return {row["media"]: path.parent / row["path"] for row in read_table(path, ("media", "path"))}


def _clip(row: Row, root: Path, dataset: str, elsewhere: Mapping[str, Path]) -> Clip:
    raw = row.raw()
    names = dataset or row.get("dataset") or "manifest", row["subject"], row["clip"]
    with row.located():
        for name in names:
            inside(root, name)
    first, last, onset, apex, offset = (_frame(row, name) for name in _FRAMES)
    if onset is not None and offset is not None:
        first = onset if first is None else first
        last = offset if last is None else last
    if first is not None and last is not None and first > last:
        raise row.error(f"first frame {first}, last {last}", "first <= last")
    media = elsewhere.get(row["media"])
    if media is None:
        with row.located():
            media = inside(root, *PurePosixPath(row["media"].rstrip("/")).parts)
    rate, cell = _rate(row, raw), row.get("action_units")
    with row.located():
        units = None if cell.lower() in MISSING else parse_action_units(cell)
    return Clip(
        clip_id="/".join(names),
        dataset=names[0],
        subject=row["subject"],
        media=media,
        fps_hz=rate,
        emotion=canonical_emotion(row.get("emotion")),
        first_frame=first,
        last_frame=last,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
        action_units=units,
        raw=raw,
    )


def _frame(row: Row, column: str) -> int | None:
    value = row.integer(column)
    if value is not None and value < 0:
        raise row.error(f"{column} is {value}", "a frame number, 0 or more")
    return value


def _rate(row: Row, raw: dict[str, str]) -> float:
    text = row.get("fps_hz")
    if text.lower() in MISSING:
        raw["doubtful:fps_hz"] = f"not given; {DEFAULT_FPS_HZ:g} is assumed"
        return DEFAULT_FPS_HZ
    rate = frame_rate(text)
    if rate is None:
        raise row.error(f"fps_hz is '{text[:60]}'", "frames a second, above 0")
    return rate


DATABASE = Database(
    name="manifest",
    title="your own data, listed in a CSV file",
    citation="cite the source of your data",
    licence="that of your data",
    request="write manifest.csv with the columns clip, subject, media and what else is known",
    load=load,
    label_maps=tuple(GENERIC_MAPS.values()),
)

#: 506 micro-expressions, of which only the counts that one paper prints are known; no page, sheet
#: or layout is public. Emotions are happiness, anger, disgust, sadness, surprise and others; the
#: three-class map counts others as negative, as printed.
NAME = Database(
    name="name",
    title="NaME (through a manifest)",
    citation="counts as STAG 2026 prints them",
    licence="by its authors",
    request="its authors; then write manifest.csv with the columns clip, subject, media, emotion",
    load=load_name,
)
