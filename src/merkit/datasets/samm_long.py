"""SAMM Long Videos: 159 micro- and 343 macro-expressions in 147 recordings, 200 a second.

Source: Yap, Kendrick & Yap 2020, "SAMM Long Videos: A spontaneous facial micro- and
macro-expressions dataset", FG. Licence and request as for SAMM (Manchester Metropolitan
University, M. H. Yap).

``SAMM_longvideos/006_1/006_1_0001.jpg`` is a recording; event ``006_1_2`` lies in ``006_1``.
Beside the recording's folder there is no other numbering: 82 of the micro events carry frame
numbers that are shifted against those of SAMM, so the two must never be mixed. The sheet names
no emotion: those of SAMM are joined by (Filename, Micro) where its sheet is below the root too,
otherwise ``Clip.emotion`` is "". ``load`` gives the micro-expressions, ``load_recordings`` also
the macro ones; 037_4_1 is both, so ids of macro events end in ``_macro``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.fields import raw_fields, read_action_units, sheet_version
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import child_folder, find_sheet, find_tree
from merkit.datasets.recordings import RECORDING_FIELD, to_recordings
from merkit.datasets.samm import DATABASE as SAMM
from merkit.datasets.samm import FPS_HZ, normal_subject
from merkit.datasets.sheets import Row, complete_rows, read_table
from merkit.errors import DatasetError, MissingDataError
from merkit.labels import canonical_emotion
from merkit.types import Clip, Recording

_COLUMNS = ("Subject", "Filename", "Onset", "Apex", "Offset", "Type", "Action Units")
_SAMM_COLUMNS = ("Subject", "Filename", "Micro", "Estimated Emotion")


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """The micro-expressions of the sheet."""
    return sort_clips(event for event in _events(root) if not event.clip_id.endswith("_macro"))


def load_recordings(root: Path, variant: str = "default") -> tuple[Recording, ...]:
    """Recordings with every event, micro and macro (``Clip.raw["Type"]``)."""
    return to_recordings(sort_clips(_events(root)), root)


def _events(root: Path) -> Iterator[Clip]:
    sheet = find_sheet(root, ("SAMM*Long*Videos*.xls*", "SAMM*Long*Videos*.csv"))
    rows = complete_rows(read_table(sheet, _COLUMNS), ("Subject", "Filename", "Onset", "Type"))
    tree = find_tree(root, r"\d{3}_\d+", r"long", default="SAMM_longvideos")
    emotions, version = _emotions(root), sheet_version(sheet)
    return (_clip(row, root, tree, emotions, version) for row in rows)


def _emotions(root: Path) -> dict[tuple[str, str], str]:
    """(event, type) -> emotion from the sheet of SAMM, where it is there."""
    try:
        sheet = find_sheet(root, ("SAMM*Micro*FACS*Codes*.xls*", "SAMM*Micro*FACS*Codes*.csv"))
    except MissingDataError:
        return {}
    rows = complete_rows(read_table(sheet, _SAMM_COLUMNS, prefer="MICRO_ONLY"), _SAMM_COLUMNS)
    return {
        (row["Filename"], _plain(row["Micro"])): canonical_emotion(row["Estimated Emotion"])
        for row in rows
    }


def _plain(text: str) -> str:
    return "".join(text.lower().split())


def _clip(
    row: Row, root: Path, tree: Path, emotions: Mapping[tuple[str, str], str], version: str
) -> Clip:
    subject, name = normal_subject(row["Subject"]), row["Filename"]
    recording, _, number = name.rpartition("_")
    if not recording.startswith(f"{subject}_") or not number.isdecimal():
        raise DatasetError(
            f"{row.where}: event '{name}' of subject '{subject}'",
            f"a name such as {subject}_1_2",
        )
    micro = row["Type"].lower().startswith("micro")
    raw = raw_fields(row, version) | {RECORDING_FIELD: f"samm-long/{subject}/{recording}"}
    onset, offset = row.integer("Onset"), _frame(row, "Offset")
    return Clip(
        clip_id=f"samm-long/{subject}/{name}" + ("" if micro else "_macro"),
        dataset="samm-long",
        subject=subject,
        media=child_folder(tree, root, recording),
        fps_hz=FPS_HZ,
        emotion=emotions.get((name, _plain(row["Type"])), "") if micro else "",
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=_frame(row, "Apex"),
        offset_frame=offset,
        action_units=read_action_units(row["Action Units"], raw),
        raw=raw,
    )


def _frame(row: Row, column: str) -> int | None:
    """A frame number; -1 says that there is none."""
    value = row.integer(column)
    return None if value == -1 else value


_EXPECTED = Expected(
    clips=159,
    subjects=29,
    emotions=SAMM.expected["raw"].emotions,
    source="V2 release, micro; with 343 macro 502 events, 30 subjects, 147 recordings",
)

DATABASE = Database(
    name="samm-long",
    title="SAMM Long Videos",
    citation="Yap, Kendrick & Yap 2020, FG",
    licence="research only, licence form",
    request="the SAMM page of Manchester Metropolitan University (M. H. Yap): licence form",
    load=load,
    label_maps=label_maps("samm-long"),
    expected={"default": _EXPECTED},
    kind="long",
)
