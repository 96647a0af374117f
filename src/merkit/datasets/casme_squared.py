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
``load_recordings`` also the macro ones, and recordings without any event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from merkit.datasets.base import Database, noted, sort_clips
from merkit.datasets.layout import Tree, child_folder, holds_images, refuse_links_out, scan
from merkit.datasets.recordings import RECORDING, to_recordings
from merkit.datasets.sheet_layout import SheetLayout
from merkit.datasets.sheets import Row, read_table
from merkit.labels import canonical_emotion
from merkit.types import Clip, Recording

_LAYOUT = SheetLayout(
    database="casme-squared",
    files=("CAS(ME)^2code_final*.xls*", "CAS*ME*2*code*final*.xls*", "code[_ ]final*.xls*"),
    columns={
        "subject": "subject",
        "clip": "event",
        "onset": "onset",
        "apex": "apex",
        "offset": "offset",
        "action_units": "action units",
        "emotion": "estimated emotion",
        "type": "type",
        "self_report": "self-report",
    },
    whole=("subject", "clip", "onset", "type"),
    spare=lambda row: row.get("type").lower().startswith("macro"),
    sheet=0,
    header=False,
    absent=0,
    fps_hz=30.0,
    trees={
        "rawpic": Tree("rawpic", r"raw[-_ ]?pic", r"crop|selected"),
        "cropped": Tree("cropped", r"crop", r"raw|selected", strict=True),
        "selectedpic": Tree("selectedpic", r"selected", r"crop|raw", strict=True),
    },
    child=r"s\d+",
)
#: A recording's folder: subject, then the code of its film.
_RECORDING = re.compile(r"\d+_(\d{4})")
_EVENT = re.compile(r"([a-z]+\d+)_(\d+)", re.IGNORECASE)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """The micro-expressions of the sheet."""
    return sort_clips(_events(root, variant, lambda row: row["type"].lower().startswith("micro")))


def load_recordings(root: Path, variant: str = "rawpic") -> tuple[Recording, ...]:
    """Recordings with every event, micro and macro (``Clip.raw["type"]``), and those in
    which nothing is annotated, known by their folders."""
    found = to_recordings(_events(root, variant), root)
    others = _without_events(root, variant, {recording.recording_id for recording in found})
    return tuple(sorted((*found, *others), key=lambda recording: recording.recording_id))


def _without_events(root: Path, variant: str, named: Collection[str]) -> Iterator[Recording]:
    sheet = _LAYOUT.file(root)
    tree = _LAYOUT.tree(root, variant, _LAYOUT.read(sheet))
    films = {code: film for film, code in _codes(sheet).items()}
    for subject in sorted(_people(sheet).values()):
        person = child_folder(tree, root, subject)
        for name in scan(person, root).folders if person.is_dir() else ():
            match = _RECORDING.match(name)
            film = films.get(match[1]) if match else None
            own = f"casme-squared/{subject}/{film}"
            if film and own not in named and holds_images(person / name):
                refuse_links_out([person / name], root)
                yield Recording(own, "casme-squared", subject, person / name, 30.0, ())


def _events(
    root: Path, variant: str, wanted: Callable[[Row], bool] = lambda row: True
) -> Iterator[Clip]:
    sheet = _LAYOUT.file(root)
    rows = _LAYOUT.read(sheet)
    tree = _LAYOUT.tree(root, variant, rows)
    people, codes = _people(sheet), _codes(sheet)
    return (_clip(row, root, tree, people, codes) for row in rows if wanted(row))


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


def _clip(
    row: Row, root: Path, tree: Path, people: Mapping[int, str], codes: Mapping[str, str]
) -> Clip:
    number, event = row.integer("subject") or 0, row["event"]
    match = _EVENT.fullmatch(event)
    film = match[1].lower() if match else ""
    if number not in people or film not in codes:
        raise row.error(
            f"subject '{row['subject']}', event '{event}'",
            f"a subject of the second sheet, and one of {sorted(codes)} with a number",
            "use the annotation file as the owner distributes it",
        )
    subject = people[number]
    recording = f"{subject.lower().removeprefix('s')}_{codes[film]}"
    media = _media(child_folder(tree, root, subject), root, event, recording)
    notes = {
        "type": row["type"],
        "self_report": canonical_emotion(row.get("self-report")),
        RECORDING: f"casme-squared/{subject}/{film}",
    }
    return noted(_LAYOUT.clip(row, media, subject), notes)


def _media(person: Path, root: Path, event: str, recording: str) -> Path:
    """The event's own folder, or that of its recording, whose name may go on."""
    names = scan(person, root).folders if person.is_dir() else ()
    own = [n for n in names if n.casefold() == event.casefold()]
    found = own or [n for n in names if n.casefold().startswith(recording.casefold())]
    return person / found[0] if found else child_folder(person, root, recording)


DATABASE = Database(
    name="casme-squared",
    title="CAS(ME)^2",
    citation="Qu et al. 2018, IEEE TAC 9(4): 424-436",
    licence="research only, agreement",
    request="casme.psych.ac.cn/casme/e3: agreement",
    load=load,
    variants=tuple(_LAYOUT.trees),
    kind="long",
    recordings=load_recordings,
    findings=_LAYOUT.findings,
)
