"""Miniatures of the real databases, in the layout and sheet format they are distributed in.

Every ``write_<database>(root, frame)`` makes the folder tree and the sheet with its quirks.
``frame(key, number)`` gives the picture of one frame, (H, W, 3) or (H, W) uint8; the default is a
tiny pattern that differs from clip to clip, ``face_frame`` a face. Rows are made up, except the
keys and numbers of corrections that the shipped table names. Some writers put only a few frames
of a clip on disk unless ``every`` frame is asked for.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl
import xlwt

from merkit.synthetic.config import SynthConfig
from merkit.synthetic.identity import MARGIN_PX, make_identity
from merkit.synthetic.plan import identity_rng

Frame = Callable[[str, int], np.ndarray]
Cells = Sequence[Any]


def tiny_frame(key: str, number: int) -> np.ndarray:
    """A (16, 16, 3) picture that depends on the clip's key and, a little, on the frame."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    picture = rng.integers(0, 200, (16, 16, 3), dtype=np.uint8)
    picture[number % 16, :, 0] += 40
    return picture


@cache
def _face() -> np.ndarray:
    """One synthetic face with a margin on every side, (176, 176, 3)."""
    config = SynthConfig(size_px=(128, 128), face_width_px=92.0)
    canvas = make_identity(config, identity_rng(config, 0)).canvas
    return np.asarray(cv2.resize(canvas, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def face_frame(key: str, number: int) -> np.ndarray:
    """A (128, 128, 3) picture of one face, placed and lit as the key says; three rows of noise
    at the bottom tell the frame from every other."""
    seed = zlib.crc32(key.encode())
    top, left = MARGIN_PX - 5 + seed % 6, MARGIN_PX - 3 + seed // 6 % 7
    picture = _face()[top : top + 128, left : left + 128] * (0.85 + seed // 42 % 16 / 100)
    picture[-3:] = np.random.default_rng([seed, number]).integers(0, 256, (3, 128, 3))
    return picture.astype(np.uint8)


def write_images(
    folder: Path, numbers: Iterable[int], name: str, frame: Frame = tiny_frame, grey: bool = False
) -> None:
    """Images ``name.format(n)`` below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture = frame(folder.name, number)
        if grey and picture.ndim == 3:
            picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        assert cv2.imwrite(str(folder / name.format(number)), picture)


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Cells]]) -> Path:
    """A workbook with one list of rows a sheet; None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        ws = book.create_sheet(name)
        for row in rows:
            ws.append(list(row))
    book.save(path)
    return path


def store_values(path: Path, values: dict[str, dict[str, int | str]]) -> None:
    """Put stored values beside formulas, as a spreadsheet program does: sheet file -> cell."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for sheet, cells in values.items():
        name = f"xl/worksheets/{sheet}.xml"
        text = parts[name].decode()
        for cell, value in cells.items():
            text, found = re.subn(
                rf'(<c r="{cell}"[^>]*><f>[^<]*</f>)<v ?/?>(</v>)?', rf"\g<1><v>{value}</v>", text
            )
            assert found == 1, cell
        parts[name] = text.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


# --- CASME II -------------------------------------------------------------------------------

CASME2_HEADER = (
    "Subject",
    "Filename",
    None,
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
)
CASME2_ROWS = (
    ("01", "EP99_01f", None, 10, "/", 20, None, "4+L10", "disgust"),
    ("01", "EP99_02", None, 46, 50, 56, None, 12, "happiness"),
    ("02", "EP99_1_2", None, 5, 8, 12, None, "L12 or R14", "repression"),
    ("02", "EP99f", None, 30, 30, 41, None, "?", "others"),
    ("07", "EP06_01", None, 15, 40, 68, None, "1+2", "surprise"),
    ("04", "EP12_01f", None, 200, "/", 210, None, "4?", "disgust"),
)
CASME2_FOLDERS = {"sub07/EP06_01": (56, 66, 116)}  # first, one between, last: as in 2019


def write_casme2(
    root: Path, frame: Frame = tiny_frame, ints: bool = False, every: bool = False
) -> Path:
    """CASME II with all three trees; ``ints``: subjects as numbers, as in the sheet of 2019;
    ``every``: the raw trees hold what the sheet of 2014 says."""
    rows = [(int(r[0]) if ints else r[0], *r[1:]) for r in CASME2_ROWS]
    name = "CASME2-coding-20190701.xlsx" if ints else "CASME2-coding-20140508.xlsx"
    write_xlsx(root / name, {"Sheet1": [CASME2_HEADER, *rows], "Sheet2": [], "Sheet3": []})
    classes = [(r[0], r[1], 1 + i % 7) for i, r in enumerate(rows)]
    write_xlsx(
        root / "CASME2-ObjectiveClasses.xlsx",
        {"Sheet1": [("Subject", "Filename", "Objective Class"), *classes], "Sheet2": [(1, 2, 3)]},
    )
    for subject, clip, _, onset, _, offset, *_ in CASME2_ROWS:
        place = f"sub{subject}/{clip}"
        numbers = range(int(onset), int(offset) + 1)
        if not every:
            numbers = CASME2_FOLDERS.get(place, numbers)
        write_images(root / "CASME2_RAW_selected" / place, numbers, "img{}.jpg", frame)
        write_images(root / "Cropped" / place, numbers, "reg_img{}.jpg", frame)
        whole = range(1, numbers[-1] + 5, 1 if every else 7)
        write_images(root / "CASME2-RAW" / place, whole, "img{}.jpg", frame)
    return root


# --- SAMM -----------------------------------------------------------------------------------

SAMM_HEADER = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset Frame",
    "Apex Frame",
    "Offset Frame",
    "Duration",
    "Micro",
    "Action Units",
    "Estimated Emotion",
    "Objective Classes",
    "Notes",
)
SAMM_ROWS = (
    ("006", "006_9_9", 9, 1000, 1030, 1040, 41, "Micro - 1/2", "4A+ref(7B)", "Other", 7, "Blinks"),
    ("006", "006_9_8", 9, 95, 99, 105, 11, "Micro - 1/2", "A/L12", "Happiness", 1, None),
    ("007", "007_6_1", 6, 30, 35, 39, 10, "Micro - 1/2", "R6 or R12", "Contempt", 7, None),
    ("028", "028_4_1", 4, 1071, 1143, 1134, 64, "Micro - 1/2", "12A ", "Happiness", 1, None),
    ("032", "032_3_1", 3, 4896, 1930, 4970, 75, "Micro - 1/2", "soft focus", "Anger", 7, None),
)
SAMM_PREAMBLE = [("SAMM: micro-facial movements", *[None] * 5)] + [
    (f"line {i}", None) for i in range(12)
]


def write_samm(
    root: Path, frame: Frame = tiny_frame, preamble: bool = True, every: bool = False
) -> Path:
    """SAMM; ``preamble=False``: the edited copies whose header is the first row."""
    rows = [SAMM_HEADER, *SAMM_ROWS]
    rows = [*SAMM_PREAMBLE, *rows] if preamble else rows
    write_xlsx(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": rows})
    for subject, clip, _, onset, _, offset, *_ in SAMM_ROWS:
        padding = 5 if subject == "006" else 4
        name = subject + "_{:0" + str(padding) + "d}.jpg"
        numbers = sorted({int(onset), int(onset) + 5, int(offset)})
        if every:
            numbers = list(range(numbers[0], numbers[-1] + 1))
        write_images(root / "SAMM" / subject / clip, numbers, name, frame, grey=True)
    return root


# --- SMIC and SMIC-E ------------------------------------------------------------------------

SmicClips = Mapping[str, Mapping[str, range]]
SMIC_CLIPS: SmicClips = {
    "HS": {
        "s3/micro/negative/s3_ne_01": range(302330, 302345),
        "s3/micro/positive/s3_po_01": range(99998, 100012),
        "s20/micro/surprise/s20_sur_01": range(20302330, 20302341),
    },
    "VIS": {"s11/micro/positive/s11_po_01": range(7, 18)},
    "NIR": {"s11/micro/positive/s11_po_01": range(107, 118)},
}


def write_smic(root: Path, frame: Frame = tiny_frame, clips: SmicClips = SMIC_CLIPS) -> Path:
    """SMIC, raw and cropped, three cameras; ``non_micro`` clips are there to be passed over."""
    for camera, places in clips.items():
        for place, numbers in places.items():
            name = "image{:06d}.bmp"
            write_images(root / "SMIC_all_raw" / camera / place, numbers, name, frame)
            cropped = root / "SMIC_all_cropped" / camera / place
            write_images(cropped, numbers, "reg_" + name, frame)
        other = root / "SMIC_all_raw" / camera / "s3" / "non_micro" / "s3_non_01"
        write_images(other, range(1, 4), "image{:06d}.bmp", frame)
    return root


SMIC_E_HEADER = (
    "Subject",
    "Filename",
    None,
    "OnsetF",
    "OffsetF",
    "Onset2F",
    "Offset2F",
    "Onset3F",
    "Offset3F",
    None,
    "FirstF",
    "LastF",
    "TotalMF1",
    "TotalMF2",
    "TotalMF3",
    "TotalVL",
    "Emotion",
)
_VIS_HEADER = tuple(
    name for name in SMIC_E_HEADER if name not in ("Onset3F", "Offset3F", "TotalMF3", "LastF")
)


def write_smic_e(root: Path, frame: Frame = tiny_frame, every: bool = False) -> Path:
    """SMIC-E with HS and VIS; OffsetF of the first row is a formula with its stored value."""
    hs = [
        (3, "s3_ne_99", None, 100010, "=D2+10", *[None] * 5, 100000, 100030, 11, *_end("negative")),
        (4, "s4_ne_98", None, 50, 60, 70, 80, 90, 95, None, 40, 99, 11, *_end("negative")),
        (9, "s9_sur_97", None, 50, 60, 70, 80, 70, 80, None, 40, 99, 11, *_end("surprise")),
        (18, "s18_sur_03", None, 50, 60, 30, 40, 7, 20, None, 20, 99, 11, *_end("negative")),
        ("note: frames count from the start of the recording",),
    ]
    vis = [
        (18, "s18_sur_03", None, 12, 15, None, None, None, 5, 4, None, 11, "negative"),
        (11, "s11_po_95", None, 13, 16, None, None, None, 5, 4, None, 11, "positive"),
    ]
    path = write_xlsx(
        root / "HS_long" / "SMIC-HS-E_annotation.xlsx",
        {"HS": [SMIC_E_HEADER, *hs], "VIS": [_VIS_HEADER, *vis]},
    )
    store_values(path, {"sheet1": {"E2": 100020}})
    for camera, rows in (("HS", hs[:4]), ("VIS", vis)):
        for subject, clip, *_ in rows:
            place = root / f"{camera}_long" / f"SMIC-{camera}-E" / f"s{int(subject):02d}" / clip
            start = 100000 if clip == "s3_ne_99" else 12
            space = " " if camera == "VIS" else ""
            numbers = range(start, start + (88 if every else 21))
            write_images(place, numbers, f"image{space}{{:06d}}.jpg", frame)
    return root


def _end(emotion: str) -> tuple[Any, ...]:
    return None, None, 100, emotion


# --- CAS(ME)^3 ------------------------------------------------------------------------------

CASME3_HEADER = (
    "Subject",
    "Filename",
    "Onset",
    "Apex",
    "Offset",
    "AU",
    "Objective class",
    "emotion",
)
CASME3_ROWS = (
    ("spNO.1", "a", "5", "5", "9", "R12+B28", "VII", "Others"),
    ("spNO.1", "a", "20", "24", "27", "4", "III", "disgust"),
    ("spNO.14", "J", "3", "6", "9", "T20+L10", "II", "happy"),
    ("spNO.40", "e", "1812", "1820", "0", "1+2", "II", "surprise"),
    ("spNO.149", "d", "112", "83", "358", "14", "VII", "sad"),
    ("spNO.210", "b", "4", "6", "8", "14", "VII", "fear"),
    ("spNO.216", "d", "3647", "2668", "2694", "14", "VII", "anger"),
    ("spNO.216", "e", "0", "0", "25", "14", "VII", "anger"),
)
#: Frames on disk where the sheet's onset or offset is wrong (and corrected by the adapter).
CASME3_ON_DISK = {
    ("spNO.40", "1812"): range(1812, 1846),
    ("spNO.216", "3647"): range(2647, 2695),
}
CASME3_SHEET = "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"


def write_casme3(
    root: Path, frame: Frame = tiny_frame, layout: str = "owner", every: bool = False
) -> Path:
    """CAS(ME)^3 Part A; ``layout``: ``owner``, ``clips`` (ME_A) or ``flat`` (spNO.1_a_5)."""
    write_xlsx(
        root / "part_A" / CASME3_SHEET,
        {"label": [CASME3_HEADER, *CASME3_ROWS], "Sheet2": [], "Sheet3": []},
    )
    repeat: dict[tuple[str, str], int] = {}
    for subject, letter, onset, _, offset, *_ in CASME3_ROWS:
        n = repeat[subject, letter] = repeat.get((subject, letter), 0) + 1
        numbers = range(max(int(onset), 1), int(onset) + 5)
        if every:
            sheet = range(numbers[0], int(offset) + 1)
            numbers = CASME3_ON_DISK.get((subject, onset), sheet)
        spelling = "spNO210" if subject == "spNO.210" else subject
        person = root / "part_A" / "data" / "part_A" / spelling
        if layout == "owner":
            write_images(person / letter / "color", numbers, "{}.jpg", frame)
            deep = person / letter / "depth" if subject != "spNO.1" else person / letter
            write_images(deep, numbers, "{}.png", frame, grey=True)
        elif layout == "clips":
            name = letter if n == 1 else f"{letter}{n}"
            write_images(root / "ME_A" / subject / name / "color", numbers, "{}.jpg", frame)
        else:
            write_images(root / "ME_A" / f"{subject}_{letter}_{onset}", numbers, "{}.jpg", frame)
    return root


# --- MEVIEW ---------------------------------------------------------------------------------

MEVIEW_HEADER = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "OffsetFrame",
    "VideoFile",
    "StartFrameVideo",
    "EndFrameVideo",
    "Length",
    "Action Units",
    "Emotion",
    "Note",
)
MEVIEW_ROWS = (
    (1, "sub01-9", 5, 15, "x.mp4", 100, 110, 10, 1.2, "comtempt", ""),
    (1, "sub01-8", 2, 9, "x.mp4", 100, 107, 7, 12, "happy", ""),
    (2, "sub02-1", 3, 11, "x.mp4", 100, 108, 2, "4+L10", "fear?", ""),
    (2, "sub02-2", 3, 9, "x.mp4", 100, 106, 6, "4", "contempt/disgust", "not a micro-expression"),
    (7, "sub07-1", 4, 4, "x.mp4", 100, 100, 0, "R14", "", "no"),
    (5, "sub05-1", 1, 9, "x.mp4", 100, 108, 8, ("date", 42036), "surprise", ""),
)


def write_meview(root: Path, frame: Frame = tiny_frame) -> Path:
    """MEVIEW: an old ``.xls`` with a number and a date where codes stood, and one video a row."""
    root.mkdir(parents=True, exist_ok=True)
    book = xlwt.Workbook()
    ws = book.add_sheet("List 1")
    day = xlwt.easyxf(num_format_str="D-MMM")
    for r, row in enumerate([MEVIEW_HEADER, *MEVIEW_ROWS]):
        for c, value in enumerate(row):
            if isinstance(value, tuple):
                ws.write(r, c, value[1], day)
            else:
                ws.write(r, c, value)
    book.save(str(root / "MEVIEW.xls"))
    for _, name, *_ in MEVIEW_ROWS:
        write_video(root / "videos" / f"{name}.avi", [frame(str(name), n) for n in range(20)])
    return root


def write_video(path: Path, pictures: Sequence[np.ndarray], fps_hz: float = 25.0) -> None:
    """A Motion JPEG file, which OpenCV writes without outside codecs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), code, fps_hz, (width, height))
    for picture in pictures:
        writer.write(picture)
    writer.release()


# --- 4DME -----------------------------------------------------------------------------------

FOURDME_HEADER = ("sub_ID", "fold_name", "fold", "Onset", "Apex", "Offset", "AUs", "Emotion")
FOURDME_MORE = ("Positive", "Negative", "Surprise", "Repression", "Others", "Total", "eye blink")
FOURDME_ROWS = (
    ("S01", "S01_1st_001_01_1", 1, 10, 20, 30, "AU4(k)+L7", "Surprise+Positive"),
    ("S01", "S01_1st_001_01_2", 1, 40, 44, 50, "AU12", "Positive"),
    ("S13", "S13_1st_002_01_1", 2, 7, 9, 15, "4+R14", "Negative"),
    ("S13", "S13_1st_003_01_1", 3, 7, 9, 15, 24, "Others"),
)


def write_4dme(root: Path, frame: Frame = tiny_frame, rows: Sequence[Cells] = FOURDME_ROWS) -> Path:
    """4DME grey videos and crops; a sum stands below the table, a stray folder beside the rest."""
    coded = [(*row, 0, 0, 1, 0, 0, 1, 0) for row in rows]
    total = (*[None] * 8, 2, 1, 1, 0, 1, 4, 0)
    write_xlsx(
        root / "4DME_Labelling_Micro_release v1.xlsx",
        {"Sheet1": [(*FOURDME_HEADER, *FOURDME_MORE), *coded, total]},
    )
    for subject, clip, _, onset, _, offset, *_ in rows:
        for tree in ("gray_micro", "gray_micro_crop"):
            place = root / tree / subject / clip
            write_images(place, range(int(onset), int(offset) + 1), "{:04d}.jpg", frame)
    write_images(root / "gray_micro" / "S13_1st_001_01_1", range(1, 3), "{:04d}.jpg", frame)
    return root
