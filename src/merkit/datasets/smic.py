"""SMIC: 164 (HS), 71 (VIS) and 71 (NIR) micro-expressions, labelled by the folder they lie in.

Source: Li et al. 2013, "A spontaneous micro-expression database: Inducement, collection and
baseline", FG. Licence: research use by agreement with the University of Oulu (CMVS), signed by a
permanent supervisor; ask there.

There is no sheet: ``HS/s3/micro/negative/s3_ne_01/image302330.bmp`` gives subject, emotion and,
with its first and last image, onset and offset. There is no apex and no action unit. The
variants ending in ``-cropped`` read SMIC_all_cropped. SMIC and SMIC-E show the same people and
frames: never train on one and test on the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from merkit.datasets.base import Database, Expected, sort_clips
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import Folder, frame_numbers, scan, walk
from merkit.datasets.sheet_layout import Subjects
from merkit.errors import MissingDataError
from merkit.labels import canonical_emotion
from merkit.types import Clip

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


_EXPECTED = {
    "HS": Expected(164, 16, dict(negative=70, positive=51, surprise=43), "Li et al. 2013"),
    "VIS": Expected(71, 8, dict(negative=23, positive=28, surprise=20), "Li et al. 2013"),
    "NIR": Expected(71, 8, {}, "Li et al. 2013"),
}

DATABASE = Database(
    name="smic",
    title="SMIC",
    citation="Li et al. 2013, FG",
    licence="research only, agreement signed by a permanent supervisor",
    request="University of Oulu, CMVS: agreement",
    load=load,
    label_maps=label_maps("smic"),
    variants=(*_EXPECTED, *(f"{camera}-cropped" for camera in _EXPECTED)),
    expected=_EXPECTED | {f"{camera}-cropped": e for camera, e in _EXPECTED.items()},
)
