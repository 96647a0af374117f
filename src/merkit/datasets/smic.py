"""SMIC and SMIC-E: the same people and frames, cut to expressions and in whole recordings.

SMIC: 164 (HS), 71 (VIS) and 71 (NIR) micro-expressions, labelled by the folder they lie in.
Source: Li et al. 2013, "A spontaneous micro-expression database: Inducement, collection and
baseline", FG. Licence: research use by agreement with the University of Oulu (CMVS), signed by a
permanent supervisor; ask there.

There is no sheet: ``HS/s3/micro/negative/s3_ne_01/image302330.bmp`` gives subject, emotion and,
with its first and last image, onset and offset. There is no apex and no action unit. The
variants ending in ``-cropped`` read SMIC_all_cropped. SMIC and SMIC-E show the same people and
frames: never train on one and test on the other.

SMIC-E: the recordings around the SMIC clips, for spotting; 157 (HS) and 71 (VIS) events. Source:
Li et al. 2018, "Towards reading hidden emotions", IEEE Transactions on Affective Computing 9(4).
Licence and request as for SMIC.

``HS_long/SMIC-HS-E/s03/s3_ne_01/image302330.jpg`` with SMIC-HS-E_annotation.xlsx (sheets HS and
VIS): the subject's folder is padded, the clip's name is not. Frame numbers are those of SMIC.
Clips are the main intervals; further intervals of the same recording stand in
``Clip.raw["other_intervals"]`` as ``onset-offset`` joined by ``;`` where they are valid, and are
events of their own through ``load_recordings``. There is no apex, except in copies with a column
ApexF. NIR has a sheet of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import Database, noted, sort_clips
from merkit.datasets.layout import Folder, Tree, find_sheet, frame_numbers, scan, walk
from merkit.datasets.recordings import RECORDING, to_recordings
from merkit.datasets.sheet_layout import SheetLayout, Subjects
from merkit.datasets.sheets import column_key
from merkit.errors import MissingDataError
from merkit.labels import canonical_emotion
from merkit.types import Clip, Recording

FPS_HZ = {"HS": 100.0, "VIS": 25.0, "NIR": 25.0}
EMOTIONS = ("negative", "positive", "surprise")
SUBJECTS = Subjects("SMIC subject", r"s?(\d+)", ("s{:02d}", "s{}"), "a number such as 3")
_FOLDER = re.compile(r"s\d+", re.IGNORECASE)


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every clip folder of one camera.

    Raises:
        MissingDataError: no folder with subjects and emotions below ``root``.
    """
    camera, _, form = variant.partition("-")
    tree = _find_tree(root, camera, cropped=form == "cropped")
    return sort_clips(_clips(tree, root, camera))


def _find_tree(root: Path, camera: str, cropped: bool) -> Path:
    """The camera's folder of subjects, itself holding subjects with emotion folders."""
    camera_in_path = re.compile(rf"(?<![a-z]){camera}(?![a-z])", re.IGNORECASE)
    for folder in walk(root, 4):
        below = folder.path.relative_to(root).as_posix()
        if not camera_in_path.search(root.name if below == "." else below):
            continue
        if _is_cropped(root.name, below) == cropped and any(_emotion_folders(folder, root)):
            return folder.path
    form = "SMIC_all_cropped" if cropped else "SMIC_all_raw"
    raise MissingDataError(
        f"no SMIC clips of camera {camera} below {root}",
        f"{form}/{camera}/s1/micro/negative/<clip>/<images>",
        "give the folder that holds SMIC_all_raw or SMIC_all_cropped",
    )


def _is_cropped(root: str, below: str) -> bool:
    if "crop" in below.lower() or "raw" in below.lower():
        return "crop" in below.lower()
    return "crop" in root.lower() and "raw" not in root.lower()


def _emotion_folders(tree: Folder, root: Path) -> Iterator[tuple[str, str, Path]]:
    """(subject, emotion, folder of clips) for every subject of a tree."""
    for name in tree.folders:
        if not _FOLDER.fullmatch(name):
            continue
        person = scan(tree.path / name, root)
        micro = [n for n in person.folders if n.lower() == "micro"]
        home = scan(person.path / micro[0], root) if micro else person
        for emotion in home.folders:
            if canonical_emotion(emotion) in EMOTIONS:
                yield SUBJECTS(name), canonical_emotion(emotion), home.path / emotion


def _clips(tree: Path, root: Path, camera: str) -> Iterator[Clip]:
    for subject, emotion, folder in _emotion_folders(scan(tree, root), root):
        for name in scan(folder, root).folders:
            media = folder / name  # scan passes over links that lead out of the root
            numbers = frame_numbers(media)
            first, last = (numbers[0], numbers[-1]) if numbers else (None, None)
            yield Clip(
                clip_id=f"smic/{subject}/{name}",
                dataset="smic",
                subject=subject,
                media=media,
                fps_hz=FPS_HZ[camera],
                emotion=emotion,
                first_frame=first,
                last_frame=last,
                onset_frame=first,
                offset_frame=last,
                raw={"folder": str(media.relative_to(root)), "camera": camera},
            )


def _long_tree(camera: str) -> Tree:
    others = "|".join(rf"(?<![a-z]){name}(?![a-z])" for name in FPS_HZ if name != camera)
    return Tree(
        default=f"{camera}_long/SMIC-{camera}-E",
        wanted=rf"smic[-_ ]?{camera}[-_ ]?e|{camera}[-_ ]?long",
        unwanted=rf"smic_all|{others}",
        depth=5,
    )


_LONG_LAYOUT = SheetLayout(
    database="smic-e",
    files=(),
    columns={
        "subject": "Subject",
        "clip": "Filename",
        "onset": "OnsetF",
        "apex": "ApexF",
        "offset": "OffsetF",
        "emotion": "Emotion",
    },
    optional=("apex",),
    whole=("subject", "clip", "onset", "offset"),
    subjects=SUBJECTS,
    fps_hz=FPS_HZ["HS"],
    trees={camera: _long_tree(camera) for camera in FPS_HZ},
    child=r"s\d+",
)


def load_long(root: Path, variant: str) -> tuple[Clip, ...]:
    """The main interval of every recording of one camera, for SMIC-E."""
    clips = _long_layout(root, variant).clips(root, variant)
    return sort_clips(noted(c, {"camera": variant} | _other_intervals(c)) for c in clips)


def load_recordings(root: Path, variant: str = "HS") -> tuple[Recording, ...]:
    """Recordings of one camera with every interval of theirs, each a micro-expression. Further
    intervals have ids that end in ``_2`` and ``_3``, and no emotion: the sheet names one a row,
    that of the main interval."""
    mains = load_long(root, variant)
    return to_recordings((event for main in mains for event in _every_interval(main)), root)


def _every_interval(main: Clip) -> Iterator[Clip]:
    event = noted(main, {RECORDING: main.clip_id})
    yield event
    others = [text for text in main.raw.get("other_intervals", "").split(";") if text]
    for number, text in enumerate(others, start=2):
        onset, offset = map(int, text.split("-"))
        yield replace(
            event,
            clip_id=f"{main.clip_id}_{number}",
            emotion="",
            first_frame=onset,
            last_frame=offset,
            onset_frame=onset,
            apex_frame=None,
            offset_frame=offset,
        )


def _long_layout(root: Path, camera: str) -> SheetLayout:
    """That of one camera. VIS stands in its own file or as a sheet of the HS file."""
    own = f"SMIC-{camera}-E_annotation*"
    files = (own, "SMIC-HS-E_annotation*") if camera == "VIS" else (own,)
    others = {column_key(name) for name in FPS_HZ if name != camera}
    shared = camera not in find_sheet(root, files, _LONG_LAYOUT.needed).name.upper()
    sheet = camera if shared else lambda name: column_key(name) not in others
    return replace(_LONG_LAYOUT, files=files, sheet=sheet, prefer=camera, fps_hz=FPS_HZ[camera])


def _other_intervals(main: Clip) -> dict[str, str]:
    """Second and third intervals; broken formulas and repeats are left out. Where a formula of the
    sheet broke, the stored end is the recording's first frame, and the interval is no interval."""
    found: list[tuple[int | None, int | None]] = [(main.onset_frame, main.offset_frame)]
    broken: list[str] = []
    for number in (2, 3):
        cells = [main.raw.get(f"{end}{number}F", "").strip() for end in ("Onset", "Offset")]
        if {*cells} <= {"", "0"}:
            continue
        onset, offset = (int(cell) if cell.isdecimal() else 0 for cell in cells)
        if not 0 < onset < offset or cells[1] == main.raw.get("FirstF", "").strip():
            broken.append("-".join(cells))
        elif (onset, offset) not in found:
            found.append((onset, offset))
    told = ";".join(f"{onset}-{offset}" for onset, offset in found[1:])
    notes = {"other_intervals": told} if told else {}
    if broken:
        notes["doubtful:other_intervals"] = f"{', '.join(broken)}: broken, left out"
    return notes


_LICENCE = "research only, agreement signed by a permanent supervisor"
_REQUEST = "University of Oulu, CMVS: agreement"

DATABASE = Database(
    name="smic",
    title="SMIC",
    citation="Li et al. 2013, FG",
    licence=_LICENCE,
    request=_REQUEST,
    load=load,
    variants=(*FPS_HZ, *(f"{camera}-cropped" for camera in FPS_HZ)),
)

LONG = Database(
    name="smic-e",
    title="SMIC-E",
    citation="Li et al. 2018, IEEE TAC 9(4): 563-577",
    licence=_LICENCE,
    request=_REQUEST,
    load=load_long,
    variants=tuple(FPS_HZ),
    kind="long",
    recordings=load_recordings,
)
