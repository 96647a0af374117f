"""Miniatures of DFME, MMEW, CAS(ME)^2, SAMM Long Videos, MEGC2019, the flow images, manifests.

As ``miniatures``: the real layout and sheet format with made-up rows. Numbers of clips and
subjects are the published ones only where a function says so.
"""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from miniatures import Cells, Frame, tiny_frame, write_images, write_xlsx

# --- DFME -----------------------------------------------------------------------------------

DFME_HEADER = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Emotion",
    "EmotionId",
    "Fps",
    "AU",
)
DFME_SPLITS = {
    "training_full_with_AU.xlsx": (
        ("sub0003", "sub0003_01", 0, 4, 9, "surprise", 6, 500, "1+2+AD38"),
        ("sub0003", "sub0003_02", 0, 3, 8, "happiness", 4, 500, 12),
        ("sub0111", "sub0111_01", 2, 5, 9, "anger", 0, 300, "L4+M57"),
    ),
    "testA_full_with_AU.xlsx": (("sub0301", "sub0301_01", 0, 2, 6, "fear", 3, 200, "20"),),
    "testB_full_with_AU.xlsx": (("sub0400", "sub0400_01", 0, 2, 6, "disgust", 2, 200, "R10"),),
}
DFME_FULL = {
    "USTC_MEv4_partA_sub0001_sub0015": ("sub0003-03a-01-anger-01-anger", 500),
    "USTC_MEv4_partB_sub0016_sub0110": ("sub0016-01a-02-fear-01-surprise", 300),
    "USTC_MEv4_partD_sub0301_sub0671_200fps": ("sub0301-01a-01-disgust-02-disgust", 200),
}


def write_dfme(root: Path, frame: Frame = tiny_frame) -> Path:
    """The challenge: three sheets and one tree, images numbered from 0 with five digits."""
    for name, rows in DFME_SPLITS.items():
        write_xlsx(root / "annotation" / name, {"Sheet1": [DFME_HEADER, *rows]})
        for _, clip, _, _, offset, *_ in rows:
            write_images(root / "images" / clip, range(int(offset) + 1), "{:05d}.png", frame)
    return root


def write_dfme_full(root: Path, frame: Frame = tiny_frame, sheet: bool = True) -> Path:
    """The whole release; ``sheet=False``: the images alone."""
    rows: list[Cells] = []
    for part, (clip, fps) in DFME_FULL.items():
        emotion = clip.split("-")[-1]
        rows.append((clip.split("-")[0], clip, 1, 3, 6, 4, emotion, fps, "4+7"))
        for tree in ("micro", "micro_static_aligned_croped"):
            write_images(root / part / tree / emotion / clip, range(1, 8), "{}.jpg", frame)
    header = [
        "Subject",
        "Filename",
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        "EmotionId",
        "Emotion",
        "fps",
        "AU",
    ]
    if sheet:
        write_xlsx(root / "DFME_full.xlsx", {"Sheet1": [header, *rows]})
    return root


# --- MMEW -----------------------------------------------------------------------------------

MMEW_HEADER = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Action Units",
    "Estimated Emotion",
    "remarks",
)
MMEW_ROWS = (
    (3, "S03-01-002", 1, 5, 9, "6+12", "happiness", None),
    (3, "S03-07-001", 2, 4, 8, "4", "others", None),  # its folder is named repression
    (30, "S30-02-001", 1, 3, 7, "1+2", "surprise", "blink"),
)


def write_mmew(
    root: Path, frame: Frame = tiny_frame, layout: str = "code", rows: Sequence[Cells] = MMEW_ROWS
) -> Path:
    """MMEW; ``layout``: ``owner`` (S03/happiness/...) or ``code`` (Micro_Expression/...)."""
    write_xlsx(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": [MMEW_HEADER, *rows]})
    for _, clip, _, _, offset, _, emotion, _ in rows:
        folder = "repression" if emotion == "others" else emotion
        if layout == "owner":
            place = root / clip.split("-")[0] / folder
            macro = place
        else:
            place = root / "MMEW_Final" / "Micro_Expression" / folder
            macro = root / "MMEW_Final" / "Macro_Expression" / clip.split("-")[0] / folder
        write_images(place / clip, range(1, int(offset) + 1), "{}.jpg", frame)
        write_images(macro, [1], clip[:3] + "-09-{:03d}.jpg", frame)
    return root


# --- CAS(ME)^2 ------------------------------------------------------------------------------

CASME_SQUARED_ROWS = (
    (1, "anger1_1", 10, 14, 20, "4+10", "negative", "micro-expression", "anger"),
    (1, "anger1_10", 30, 34, 0, "38", "others", "macro-expression", "sadness"),
    (1, "disgust2_3", 5, 7, 12, "null", "others", "micro-expression", "disgust"),
    (2, "happy1_10", 10, 15, 0, "NULL", "positive", "macro-expression", "happyiness"),
    (2, "happy1_2", 20, 24, 29, "6,12", "positive", "micro-expression", "happyiness"),
)
CASME_SQUARED_FILMS = {
    ("s15", "15_0401girlcrashing"): 40,
    ("s15", "15_0102eatingworms"): 20,
    ("s16", "16_0502funnyerrors"): 35,
    ("s19", "19_0502funnyerrors"): 12,
}


def write_casme_squared(
    root: Path, frame: Frame = tiny_frame, rows: Sequence[Cells] = CASME_SQUARED_ROWS
) -> Path:
    """CAS(ME)^2: sheets without a header, codes as text or as numbers, two trees."""
    write_xlsx(
        root / "CAS(ME)^2code_final.xlsx",
        {
            "CASFEcode_final": [(*row, "", "s15/x") for row in rows],
            "naming rule1": [(15, "s15", 1), (16, "s16", 2), (19, "s19", 3)],
            "naming rule2": [("0401", "anger1"), (102, "disgust2"), ("0502", "happy1")],
        },
    )
    for (person, film), last in CASME_SQUARED_FILMS.items():
        for tree in ("rawpic", "cropped"):
            place = root / tree / person / film
            write_images(place, range(1, last + 1), "img{:03d}.jpg", frame)
    return root


# --- SAMM Long Videos -----------------------------------------------------------------------

SAMM_LONG_HEADER = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset",
    "Apex",
    "Offset",
    "Duration",
    "Type",
    "Action Units",
    "Notes",
    None,
)
SAMM_LONG_ROWS = (
    ("006", "006_9_9", 9, 10, 15, 20, 11, "Micro - 1/2", "4(B/C)+7B", None, None),
    ("006", "006_9_1", 9, 2, -1, 8, 7, "Macro", "loses AU4", None, None),
    ("037", "037_4_1", 4, 5, 8, 12, 8, "Micro - 1/2", "(17 or 19)", None, None),
    ("037", "037_4_1", 4, 14, 16, 19, 6, "Macro", "double 45", None, "x"),
    ("028", "028_4_1", 4, 3, -1, 9, 7, "Micro - 1/2", "12A", None, None),
)


def write_samm_long(root: Path, frame: Frame = tiny_frame, samm: bool = True) -> Path:
    """SAMM Long Videos; ``samm``: with the sheet of SAMM beside it."""
    preamble = [("SAMM Long Videos",), *[()] * 8]
    write_xlsx(
        root / "SAMM_LongVideos_V2_Release.xlsx",
        {"Sheet1": [*preamble, SAMM_LONG_HEADER, *SAMM_LONG_ROWS]},
    )
    if samm:
        header = ("Subject", "Filename", "Micro", "Estimated Emotion")
        header = (*header, "Onset Frame", "Apex Frame", "Offset Frame", "Action Units")
        rows = [
            ("006", "006_9_9", "Micro - 1/2", "Other", 1010, 1015, 1020, "4"),
            ("037", "037_4_1", "Micro - 1/2", "Anger", 5, 8, 12, "17"),
            ("028", "028_4_1", "Micro - 1/2", "Happiness", 3, 5, 9, "12A"),
        ]
        write_xlsx(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [header, *rows]})
    for recording in ("006_9", "037_4", "028_4"):
        place = root / "SAMM_longvideos" / recording
        write_images(place, range(1, 26), recording + "_{:04d}.jpg", frame, grey=True)
    return root


# --- flow images and MEGC2019 labels --------------------------------------------------------

#: Clips by (database, subject), then by class, in the spelling of the image names.
FLOW_CLIPS = {
    ("casme2", "sub01"): {"EP98_01f": 1, "EP98_02": 0},
    ("casme2", "sub02"): {"EP98_1_2": 2},
    ("smic", "s03"): {"s03_ne_98": 0, "s03_po_98": 1},
    ("samm", "006"): {"006_9_8": 2, "006_9_7": 0},
}
FlowClips = dict[tuple[str, str], dict[str, int]]
FLOW_INDEX = "combined_3_class2_for_optical_flow.csv"


def published_flow_clips() -> FlowClips:
    """Made-up clips with the published numbers: 442, 68 subjects, 250/109/83."""
    parts = {
        "smic": ((70, 51, 43), [f"s{i:02d}" for i in range(1, 17)], "{0}_x_{1:02d}"),
        "casme2": ((88, 32, 25), [f"sub{i:02d}" for i in range(1, 25)], "EP{1:02d}_01f"),
        "samm": ((92, 26, 15), [f"{i:03d}" for i in range(6, 34)], "{0}_1_{1}"),
    }
    found: FlowClips = {}
    for database, (counts, subjects, name) in parts.items():
        labels = [label for label, count in enumerate(counts) for _ in range(count)]
        for i, label in enumerate(labels):
            subject = subjects[i % len(subjects)]
            clip = name.format(subject, i // len(subjects) + 1)
            found.setdefault((database, subject), {})[clip] = label
    return found


def flow_picture(key: str) -> np.ndarray:
    """A 28x28 picture that no other key has."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    return rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)


def write_flow_index(root: Path, clips: FlowClips = FLOW_CLIPS) -> Path:
    """The index of the flat layout, with its empty columns."""
    with (root / FLOW_INDEX).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        header = "dataset,sub,filename_o,label,apex,imagename,sub_filename"
        writer.writerow(header.split(","))
        for (database, subject), found in clips.items():
            for clip, label in found.items():
                name = f"{subject}_{clip}.jpg"
                writer.writerow([database, subject, clip, label, "", name, ""])
    return root / FLOW_INDEX


def write_flow_loso(root: Path, clips: FlowClips = FLOW_CLIPS, index: bool = True) -> Path:
    """One folder a held-out subject; the same file is linked into every fold."""
    root.mkdir(parents=True, exist_ok=True)
    source = root / ".pictures"
    source.mkdir()
    named = [
        (subject, f"{subject}_{clip} .png", label)
        for (_, subject), found in clips.items()
        for clip, label in found.items()
    ]
    for _, name, _ in named:
        assert cv2.imwrite(str(source / name), flow_picture(name))
    for _, held_out in clips:
        tree = root / "three_norm_u_v_os" / held_out
        for part in ("u_train", "u_test"):
            for label in range(3):
                (tree / part / str(label)).mkdir(parents=True)
        for subject, name, label in named:
            part = "u_test" if subject == held_out else "u_train"
            os.link(source / name, tree / part / str(label) / name)
    if index:
        write_flow_index(root, clips)
    return root


def write_flow_flat(root: Path, clips: FlowClips = FLOW_CLIPS) -> Path:
    """One folder of images with the copies that augmentation made, and the index."""
    place = root / "STSNet_whole_norm_u_v_os"
    place.mkdir(parents=True)
    for (_, subject), found in clips.items():
        for clip in found:
            for suffix in ("", "_1"):
                name = f"{subject}_{clip}{suffix} .png"
                assert cv2.imwrite(str(place / name), flow_picture(name))
    write_flow_index(root, clips)
    return root


# --- manifest -------------------------------------------------------------------------------

MANIFEST_HEADER = (
    "clip,subject,media,dataset,fps_hz,first,last,onset,apex,offset,emotion,action_units,split,room"
)


def write_manifest(root: Path, rows: Sequence[str], header: str = MANIFEST_HEADER) -> Path:
    """A manifest of rows written as they stand in the file."""
    root.mkdir(parents=True, exist_ok=True)
    text = "\n".join([header, *rows]) + "\n"
    (root / "manifest.csv").write_text(text, encoding="utf-8")
    return root
