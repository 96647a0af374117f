"""CAS(ME)^2: 57 micro- and 300 macro-expressions in 95 recordings of 22 subjects, 30 a second.

Source: Qu et al. 2018, "CAS(ME)^2: A database for spontaneous macro-expression and
micro-expression spotting and recognition", IEEE Transactions on Affective Computing 9(4).
Licence: research use by agreement with the Institute of Psychology, Chinese Academy of
Sciences; ask at casme.psych.ac.cn/casme/e3.

``rawpic/s15/15_0401girlcrashing/img001.jpg`` is a recording; a clip is an event in it, and its
``media`` is the recording (or the event's own folder, where a tree has one). The first sheet has
no header; the second gives the folder of a subject (subject 1 is s15), the third the code of a
film. Emotion is the estimated one; ``Clip.raw["self_report"]`` is the other. The sheet gives 0
for 44 offsets, all macro: they become None. ``load`` gives the micro-expressions,
``load_recordings`` also the macro ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import child_folder, find_sheet, find_tree, scan
from merkit.datasets.recordings import RECORDING_FIELD, to_recordings
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.errors import DatasetError
from merkit.labels import canonical_emotion
from merkit.types import Clip, Recording

FPS_HZ = 30.0
_COLUMNS = (
    "subject",
    "event",
    "onset",
    "apex",
    "offset",
    "action units",
    "estimated emotion",
    "type",
    "self-report",
)
_TREES = {
    "rawpic": (r"raw[-_ ]?pic", r"crop|selected", "rawpic"),
    "cropped": (r"crop", r"raw|selected", "cropped"),
    "selectedpic": (r"selected", r"crop|raw", "selectedpic"),
}
_EVENT = re.compile(r"([a-z]+\d+)_(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Folders:
    """Where the images lie. ``people``: subject -> folder; ``codes``: film -> code."""

    root: Path
    tree: Path
    people: Mapping[int, str]
    codes: Mapping[str, str]

    def of(self, subject: int, event: str, film: str) -> Path:
        """The event's own folder, or that of its recording."""
        name = self.people[subject]
        person = child_folder(self.tree, self.root, name)
        recording = f"{name.lower().removeprefix('s')}_{self.codes[film]}"
        if person.is_dir():
            below = scan(person, self.root).folders
            own = [n for n in below if n.casefold() == event.casefold()]
            begin = [n for n in below if n.casefold().startswith(recording.casefold())]
            if own or begin:
                return person / (own or begin)[0]
        return child_folder(person, self.root, recording)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """The micro-expressions of the sheet."""
    return sort_clips(event for event in _events(root, variant) if _is_micro(event))


def load_recordings(root: Path, variant: str = "rawpic") -> tuple[Recording, ...]:
    """Recordings with every event, micro and macro (``Clip.raw["type"]``)."""
    return to_recordings(sort_clips(_events(root, variant)), root)


def _is_micro(clip: Clip) -> bool:
    return clip.raw["type"].strip().lower().startswith("micro")


def _events(root: Path, variant: str) -> Iterator[Clip]:
    sheet = find_sheet(root, ("CAS(ME)^2code_final*.xls*", "CAS*ME*2*code*final*.xls*"))
    table = read_table(sheet, sheet=0, columns=_COLUMNS)
    rows = complete_rows(table, ("subject", "event", "onset", "type"))
    wanted, unwanted, default = _TREES[variant]
    strict = variant != "rawpic"
    tree = find_tree(root, r"s\d+", wanted, unwanted, default=default, strict=strict)
    folders = _Folders(root, tree, _people(sheet), _codes(sheet))
    version = sheet_version(sheet)
    return (_clip(row, folders, version) for row in rows)


def _people(sheet: Path) -> dict[int, str]:
    """Subject -> folder, from the second sheet."""
    rows = read_table(sheet, sheet=1, columns=("number", "folder", "subject"))
    full = (row for row in rows if row.get("folder") and row.get("subject").isdecimal())
    return {int(row["subject"]): row["folder"] for row in full}


def _codes(sheet: Path) -> dict[str, str]:
    """Film -> four-digit code, from the third sheet; numbers have lost their leading zero."""
    rows = read_table(sheet, sheet=2, columns=("code", "film"))
    full = (row for row in rows if row.get("film") and row.get("code").isdecimal())
    return {row["film"].lower(): row["code"].zfill(4) for row in full}


def _clip(row: Row, folders: _Folders, version: str) -> Clip:
    number, event = row.integer("subject") or 0, row["event"]
    match = _EVENT.fullmatch(event)
    film = match[1].lower() if match else ""
    if number not in folders.people or film not in folders.codes:
        raise DatasetError(
            f"{row.where}: subject '{row['subject']}', event '{event}'",
            f"a subject of the second sheet, and one of {sorted(folders.codes)} with a number",
            "use the annotation file as the owner distributes it",
        )
    subject = folders.people[number]
    raw = raw_fields(row, version) | {
        "type": row["type"],
        "self_report": canonical_emotion(row.get("self-report")),
        RECORDING_FIELD: f"casme-squared/{subject}/{film}",
    }
    onset, apex = row.integer("onset"), row.integer("apex") or None
    offset = row.integer("offset") or None
    return Clip(
        clip_id=f"casme-squared/{subject}/{event}",
        dataset="casme-squared",
        subject=subject,
        media=folders.of(number, event, film),
        fps_hz=FPS_HZ,
        emotion=canonical_emotion(row["estimated emotion"]),
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
        action_units=read_action_units(row["action units"], raw),
        raw=raw,
    )


_EXPECTED = Expected(
    clips=57,
    subjects=14,
    emotions={"negative": 21, "others": 19, "surprise": 9, "positive": 8},
    source="CAS(ME)^2code_final.xlsx, micro; with 300 macro 357 events, 22 subjects, 95 recordings",
)

DATABASE = Database(
    name="casme-squared",
    title="CAS(ME)^2",
    citation="Qu et al. 2018, IEEE TAC 9(4): 424-436",
    licence="research only, agreement",
    request="casme.psych.ac.cn/casme/e3: agreement",
    load=load,
    label_maps=label_maps("casme-squared"),
    variants=tuple(_TREES),
    expected=dict.fromkeys(_TREES, _EXPECTED),
    kind="long",
)
