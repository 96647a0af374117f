"""The synthetic database: reads what ``merkit synth`` wrote. Metadata only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from merkit.datasets.action_units import parse_action_units
from merkit.datasets.base import Database
from merkit.datasets.layout import inside
from merkit.datasets.sheets import Row, frame_rate, read_table
from merkit.errors import DatasetError
from merkit.labels import ACTION_UNITS, EMOTIONS, GENERIC_MAPS
from merkit.types import ActionUnit, Clip, Recording

FORMAT = "merkit-synthetic"
NAME = "synthetic"
_VIDEO = ("subject", "media", "fps_hz", "first_frame", "last_frame")
_EVENT = ("onset", "apex", "offset", "emotion", "action_units", "amplitude_px")
ANNOTATION_COLUMNS = ("clip", *_VIDEO, *_EVENT)
RECORDING_COLUMNS = ("recording", *_VIDEO)
EVENT_COLUMNS = ("recording", "event", *_EVENT)
#: column of ``events.csv`` and field of ``Clip.raw``; a table without it holds micro-expressions
KIND = "kind"
_KINDS = ("micro", "macro")
STRETCH_COLUMNS = ("recording", "kind", "first", "last")
_AGAIN = "make it again with: merkit synth"


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Pre-cut clips (``clips``) or the micro-expressions of the long recordings (``long``), by
    clip id.

    Raises:
        DatasetError: not a synthetic database, or a broken row (with its number).
        MissingDataError: no annotation table.
    """
    root = Path(root)
    if variant == "long":
        events = [event for recording in load_recordings(root) for event in recording.events]
        clips = [event for event in events if event.raw[KIND] == "micro"]
    else:
        _check_record(root)
        rows = read_table(inside(root, "annotation.csv"), ANNOTATION_COLUMNS)
        clips = [_event(root, row, row, f"{row['subject']}_{row['clip']}") for row in rows]
        _refuse_repeats((clip.clip_id for clip in clips), "annotation.csv")
    return tuple(sorted(clips, key=lambda clip: clip.clip_id))


def load_recordings(root: Path, variant: str = "long") -> tuple[Recording, ...]:
    """The long recordings with their events in order of time, micro and macro
    (``Clip.raw["kind"]``); empty where none were made. They are the same for both variants.

    Raises:
        DatasetError, MissingDataError: as ``load``.
    """
    root = Path(root)
    _check_record(root)
    if not inside(root, "recordings.csv").is_file():
        return ()
    rows = read_table(root / "recordings.csv", RECORDING_COLUMNS)
    _refuse_repeats((row["recording"] for row in rows), "recordings.csv")
    homes = {row["recording"]: row for row in rows}
    events: dict[str, list[Clip]] = {name: [] for name in homes}
    for row in read_table(inside(root, "events.csv"), EVENT_COLUMNS):
        name = row["recording"]
        if name not in homes:
            raise row.error(f"recording '{name}' is not in recordings.csv", "one that is", _AGAIN)
        clip_id = f"{name}_{_frame(row, 'event'):02d}"
        event = _event(root, row, homes[name], clip_id)
        events[name].append(replace(event, raw={**event.raw, KIND: _kind(row)}))
    _refuse_repeats((clip.clip_id for found in events.values() for clip in found), "events.csv")
    recordings = []
    for name, row in sorted(homes.items()):
        in_time = sorted(events[name], key=lambda clip: (clip.first_frame or 0, clip.clip_id))
        media, rate = _media(root, row), _rate(row)
        recordings.append(Recording(name, NAME, row["subject"], media, rate, tuple(in_time)))
    return tuple(recordings)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of a recording, from the first to the last, in which something else goes on."""

    recording_id: str
    kind: str  # talk, blink, gaze, nod, shake, tilt
    first: int
    last: int


def load_stretches(root: Path) -> tuple[Stretch, ...]:
    """Talk, blinks, gaze shifts and head turns in the long recordings, as the table lists them.
    Frames are numbered as the events' are.

    Raises:
        DatasetError: as ``load``.
        MissingDataError: no table of stretches; databases made before it was written have none.
    """
    root = Path(root)
    _check_record(root)
    rows = read_table(inside(root, "stretches.csv"), STRETCH_COLUMNS)
    return tuple(_stretch(row) for row in rows)


def _stretch(row: Row) -> Stretch:
    first, last = _frame(row, "first"), _frame(row, "last")
    if not 0 <= first <= last:
        raise row.error(f"first {first}, last {last}", "0 <= first <= last", _AGAIN)
    return Stretch(row["recording"], row["kind"], first, last)


def _kind(row: Row) -> str:
    kind = row.get(KIND, "micro")
    if kind not in _KINDS:
        raise row.error(f"kind is '{kind}'", f"one of {list(_KINDS)}", _AGAIN)
    return kind


def _check_record(root: Path) -> None:
    path = inside(root, "database.json")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        record = None
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}", "the record of a synthetic database"
        ) from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DatasetError(
            f"{root} is no synthetic database (database.json with format '{FORMAT}')",
            "a folder made by: merkit synth",
        )


def _refuse_repeats(names: Iterable[str], table: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise DatasetError(f"{table} names {name} {count} times", "once")


def _frame(row: Row, column: str) -> int:
    number = row.integer(column)
    if number is None:
        raise row.error(f"{column} is empty", "a whole number", _AGAIN)
    return number


def _event(root: Path, row: Row, home: Row, clip_id: str) -> Clip:
    """``home``: the row that names subject, media and frame rate."""
    onset, apex, offset = (_frame(row, column) for column in ("onset", "apex", "offset"))
    first, last = _frame(home, "first_frame"), _frame(home, "last_frame")
    if not first <= onset <= apex <= offset <= last:
        raise row.error(
            f"onset {onset}, apex {apex}, offset {offset} in frames {first} to {last}",
            "first <= onset <= apex <= offset <= last",
            _AGAIN,
        )
    if row["emotion"] not in EMOTIONS:
        raise row.error(f"emotion is '{row['emotion']}'", f"one of {list(EMOTIONS)}", _AGAIN)
    return Clip(
        clip_id=clip_id,
        dataset=NAME,
        subject=home["subject"],
        media=_media(root, home),
        fps_hz=_rate(home),
        emotion=row["emotion"],
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
        action_units=_action_units(row),
        raw=dict(row.values),
    )


def _rate(row: Row) -> float:
    rate = frame_rate(row["fps_hz"])
    if rate is None:
        raise row.error(f"fps_hz is '{row['fps_hz']}'", "frames per second, more than 0", _AGAIN)
    return rate


def _media(root: Path, row: Row) -> Path:
    """The named file or folder, which must lie inside the database."""
    path = inside(root, *row["media"].split("/"))
    if not path.exists():
        raise row.error(f"{path} does not exist", "the media that belongs to the row", _AGAIN)
    return path


def _action_units(row: Row) -> tuple[ActionUnit, ...]:
    units = parse_action_units(row["action_units"])
    if not units or any(u.number not in ACTION_UNITS or not u.intensity for u in units):
        found = f"action units '{row['action_units']}'"
        raise row.error(found, "units with their intensities, such as 6B+L12C", _AGAIN)
    return units


DATABASE = Database(
    name=NAME,
    title="synthetic faces with known motion",
    citation="merkit; source photograph: NASA, Eileen Collins, public domain (scikit-image)",
    licence="free: generated from a public-domain photograph",
    request="make it with: merkit synth OUT",
    load=load,
    label_maps=tuple(GENERIC_MAPS.values()),
    variants=("clips", "long"),
    recordings=load_recordings,
)
