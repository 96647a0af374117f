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
from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import RECORDING, Database, Expected, noted, sort_clips, to_recordings
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import Tree, child_folder
from merkit.datasets.samm import DATABASE as SAMM
from merkit.datasets.samm import LAYOUT as SAMM_LAYOUT
from merkit.datasets.samm import SUBJECTS
from merkit.datasets.sheet_layout import SheetLayout, rows_beside
from merkit.datasets.sheets import Row
from merkit.labels import canonical_emotion
from merkit.types import Clip, Recording

_LAYOUT = SheetLayout(
    database="samm-long",
    files=("SAMM*Long*Videos*.xls*", "SAMM*Long*Videos*.csv"),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "Onset",
        "apex": "Apex",
        "offset": "Offset",
        "type": "Type",
        "action_units": "Action Units",
    },
    whole=("subject", "clip", "onset", "type"),
    subjects=SUBJECTS,
    absent=-1,
    fps_hz=200.0,
    trees={"default": Tree("SAMM_longvideos", r"long")},
    child=r"\d{3}_\d+",
)
_SAMM_COLUMNS = ("Subject", "Filename", "Micro", "Estimated Emotion")


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """The micro-expressions of the sheet."""
    return sort_clips(c for c in _events(root, variant) if not c.clip_id.endswith("_macro"))


def load_recordings(root: Path, variant: str = "default") -> tuple[Recording, ...]:
    """Recordings with every event, micro and macro (``Clip.raw["Type"]``)."""
    return to_recordings(_events(root, variant), root)


def _events(root: Path, variant: str) -> Iterator[Clip]:
    rows = _LAYOUT.rows(root)
    tree = _LAYOUT.tree(root, variant, rows)
    emotions = _emotions(root)
    return (_clip(row, root, tree, emotions) for row in rows)


def _emotions(root: Path) -> dict[tuple[str, str], str]:
    """(event, type) -> emotion from the sheet of SAMM, where it is there."""
    rows = rows_beside(root, SAMM_LAYOUT.files, _SAMM_COLUMNS, SAMM_LAYOUT.prefer)
    return {
        (row["Filename"], _plain(row["Micro"])): canonical_emotion(row["Estimated Emotion"])
        for row in rows
    }


def _plain(text: str) -> str:
    return "".join(text.lower().split())


def _clip(row: Row, root: Path, tree: Path, emotions: Mapping[tuple[str, str], str]) -> Clip:
    subject, name = SUBJECTS(row["Subject"]), row["Filename"]
    recording, _, number = name.rpartition("_")
    if not recording.startswith(f"{subject}_") or not number.isdecimal():
        raise row.error(f"event '{name}' of subject '{subject}'", f"a name such as {subject}_1_2")
    clip = _LAYOUT.clip(row, child_folder(tree, root, recording))
    clip = noted(clip, {RECORDING: f"samm-long/{subject}/{recording}"})
    if row["Type"].lower().startswith("micro"):
        return replace(clip, emotion=emotions.get((name, _plain(row["Type"])), ""))
    return replace(clip, clip_id=clip.clip_id + "_macro")


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
