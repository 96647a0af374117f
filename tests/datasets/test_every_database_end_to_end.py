"""Every registered database through the command line: check, prepare, evaluate.

A miniature in the layout and sheet format as distributed, quirks included, with pictures of a
face; the classes that each clip must get are written here by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from miniatures import (
    FOURDME_ROWS,
    SmicClips,
    face_frame,
    write_4dme,
    write_casme2,
    write_casme3,
    write_images,
    write_meview,
    write_samm,
    write_smic,
    write_smic_e,
    write_video,
)
from miniatures_more import (
    CASME_SQUARED_ROWS,
    MMEW_ROWS,
    write_casme_squared,
    write_dfme,
    write_dfme_full,
    write_flow_flat,
    write_flow_loso,
    write_manifest,
    write_mmew,
    write_samm_long,
)

from merkit.cli import main
from merkit.datasets import DATASETS

MAJORITY = ("--method", "majority")
STSTNET = ("--method", "ststnet", "--set", "training.epochs=1")
EVODYN = ("--method", "evodyn", "--set", "training.epochs=1")


@dataclass(frozen=True)
class Case:
    """One variant of one database. ``clips``: all of the sheet; ``truth``: clip id below the
    database's name -> class, of the clips that the map ``classes`` takes; ``tested``: those
    with a prediction, all where empty."""

    name: str
    variant: str
    write: Callable[[Path], Path]
    clips: int
    classes: str
    truth: Mapping[str, str]
    method: tuple[str, ...] = MAJORITY
    protocol: str = "loso"
    tested: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.name}-{self.variant}"


# --- the miniatures -------------------------------------------------------------------------

SMIC: SmicClips = {
    "HS": {
        "s3/micro/negative/s3_ne_01": range(302330, 302345),
        "s3/micro/positive/s3_po_01": range(99998, 100012),
        "s4/micro/negative/s4_ne_01": range(7, 20),
        "s20/micro/surprise/s20_sur_01": range(20302330, 20302341),
    },
    **{
        camera: {
            "s11/micro/positive/s11_po_01": range(first, first + 11),
            "s12/micro/negative/s12_ne_01": range(first, first + 9),
            "s20/micro/surprise/s20_sur_01": range(first, first + 8),
        }
        for camera, first in (("VIS", 7), ("NIR", 107))
    },
}
SMIC_SMALL = {"s11/s11_po_01": "positive", "s12/s12_ne_01": "negative"}
SMIC_SMALL |= {"s20/s20_sur_01": "surprise"}
COMPOSITE = {
    "casme2/sub01/EP99_01f": "negative",
    "casme2/sub01/EP99_02": "positive",
    "casme2/sub07/EP06_01": "surprise",
    "smic/s03/s3_ne_01": "negative",
    "smic/s20/s20_sur_01": "surprise",
    "samm/006/006_9_8": "positive",
    "samm/032/032_3_1": "negative",
}
FLOW = {
    "casme2/sub01/EP98_01f": "positive",
    "casme2/sub01/EP98_02": "negative",
    "casme2/sub02/EP98_1_2": "surprise",
    "smic/s03/s3_ne_98": "negative",
    "smic/s03/s3_po_98": "positive",
    "samm/006/006_9_8": "surprise",
    "samm/006/006_9_7": "negative",
}


def casme2(root: Path) -> Path:
    return write_casme2(root, face_frame, every=True)


def samm(root: Path) -> Path:
    return write_samm(root, face_frame, every=True)


def smic(root: Path) -> Path:
    return write_smic(root, face_frame, SMIC)


def smic_e(root: Path) -> Path:
    return write_smic_e(root, face_frame, every=True)


def casme3(root: Path) -> Path:
    return write_casme3(root, face_frame, every=True)


def fourdme(root: Path) -> Path:
    third = ("S20", "S20_1st_001_02_1", 1, 3, 5, 8, "AU14", "Repression")
    return write_4dme(root, face_frame, (*FOURDME_ROWS, third))


def mmew(root: Path) -> Path:
    third = (11, "S11-03-002", 1, 4, 6, "9", "disgust", None)
    return write_mmew(root, face_frame, rows=(*MMEW_ROWS, third))


def casme_squared(root: Path) -> Path:
    third = (3, "happy1_1", 2, 5, 9, "12", "surprise", "micro-expression", "surprise")
    return write_casme_squared(root, face_frame, (*CASME_SQUARED_ROWS, third))


def megc2019(root: Path) -> Path:
    for name, write in (("casme2", casme2), ("smic", smic), ("samm", samm)):
        write(root / name)
    numbers = {"negative": 0, "positive": 1, "surprise": 2}
    lines = []
    for key, label in COMPOSITE.items():
        database, subject, clip = key.split("/")
        clip = clip.replace("s3_", "s03_")  # as the file writes it, and SAMM without zeros
        lines.append(f"{database},{subject.lstrip('0')},{clip},{numbers[label]}\r\n")
    text = "".join(lines)
    (root / "combined_3class_gt.csv").write_bytes(text.encode())
    return root


def own_data(root: Path) -> Path:
    """A folder of images of which a part is read, a whole one, and a video."""
    write_images(root / "frames" / "a", range(5, 25), "img{:04d}.png", face_frame)
    write_images(root / "b", range(8), "{}.jpg", face_frame)
    write_video(root / "videos" / "c.avi", [face_frame("c", n) for n in range(12)])
    rows = [
        "a,p1,frames/a,,50,,,10,14,20,happy,12,,",
        "b,p2,b/,,50,,,,,,sad,1+4,,",
        "c,p3,videos/c.avi,,25,2,9,2,5,9,anger,,,",
        "d,p3,videos/c.avi,,25,0,1,,,,contempt,,,",
    ]
    return write_manifest(root, rows)


CASES = [
    Case(
        *("casme2", "raw", casme2, 6, "3"),
        {
            "sub01/EP99_01f": "negative",  # disgust
            "sub01/EP99_02": "positive",
            "sub02/EP99_1_2": "negative",  # repression
            "sub07/EP06_01": "surprise",  # sub02/EP99f others, sub04/EP12_01f not of MEGC2019
        },
        method=EVODYN,
    ),
    Case(
        *("casme2", "cropped", casme2, 6, "5"),
        {
            "sub01/EP99_01f": "disgust",
            "sub01/EP99_02": "happiness",
            "sub02/EP99_1_2": "repression",
            "sub02/EP99f": "others",
            "sub04/EP12_01f": "disgust",
            "sub07/EP06_01": "surprise",
        },
    ),
    Case(
        *("samm", "raw", samm, 5, "5"),
        {
            "006/006_9_8": "happiness",
            "006/006_9_9": "others",
            "007/007_6_1": "contempt",
            "028/028_4_1": "happiness",
            "032/032_3_1": "anger",
        },
    ),
    Case(
        *("smic", "HS", smic, 4, "3"),
        {
            "s03/s3_ne_01": "negative",
            "s03/s3_po_01": "positive",
            "s04/s4_ne_01": "negative",
            "s20/s20_sur_01": "surprise",
        },
    ),
    Case("smic", "VIS", smic, 3, "3", SMIC_SMALL),
    Case("smic", "NIR-cropped", smic, 3, "3", SMIC_SMALL),
    Case(
        *("smic-e", "HS", smic_e, 4, "3"),
        {
            "s03/s3_ne_99": "negative",
            "s04/s4_ne_98": "negative",
            "s09/s9_sur_97": "surprise",
            "s18/s18_sur_03": "surprise",  # the sheet says negative
        },
    ),
    Case(
        *("casme3", "color", casme3, 8, "3"),
        {
            "spNO.1/a_20": "negative",
            "spNO.14/J_3": "positive",
            "spNO.149/d_112": "negative",
            "spNO.210/b_4": "negative",
            "spNO.216/d_3647": "negative",
            "spNO.216/e_0": "negative",
            "spNO.40/e_1812": "surprise",
        },
    ),
    Case(
        *("meview", "default", lambda root: write_meview(root, face_frame), 6, "3"),
        {
            "sub01/sub01-8": "positive",
            "sub01/sub01-9": "negative",
            "sub02/sub02-1": "negative",
            "sub02/sub02-2": "negative",
            "sub05/sub05-1": "surprise",
        },
    ),
    Case(
        *("4dme", "gray", fourdme, 5, "5"),
        {
            "S01/S01_1st_001_01_1": "surprise",  # of surprise+positive
            "S01/S01_1st_001_01_2": "positive",
            "S13/S13_1st_002_01_1": "negative",
            "S13/S13_1st_003_01_1": "others",
            "S20/S20_1st_001_02_1": "repression",
        },
    ),
    Case(
        *("dfme", "ccac2024", lambda root: write_dfme(root, face_frame), 5, "7"),
        {
            "sub0003/sub0003_01": "surprise",
            "sub0003/sub0003_02": "happiness",
            "sub0111/sub0111_01": "anger",
            "sub0301/sub0301_01": "fear",
            "sub0400/sub0400_01": "disgust",
        },
        protocol="official",
        tested=("sub0301/sub0301_01", "sub0400/sub0400_01"),
    ),
    Case(
        *("dfme", "full", lambda root: write_dfme_full(root, face_frame), 3, "3"),
        {
            "sub0003/sub0003-03a-01-anger-01-anger": "negative",
            "sub0016/sub0016-01a-02-fear-01-surprise": "surprise",
            "sub0301/sub0301-01a-01-disgust-02-disgust": "negative",
        },
    ),
    Case(
        *("mmew", "default", mmew, 4, "4"),
        {
            "S03/S03-01-002": "happiness",
            "S03/S03-07-001": "others",
            "S11/S11-03-002": "disgust",
            "S30/S30-02-001": "surprise",
        },
    ),
    Case(
        *("name", "default", own_data, 4, "5"),
        {"p1/a": "happiness", "p2/b": "sadness", "p3/c": "anger"},
    ),
    Case(
        *("manifest", "default", own_data, 4, "3"),
        {"p1/a": "positive", "p2/b": "negative", "p3/c": "negative", "p3/d": "negative"},
    ),
    Case(
        *("casme-squared", "rawpic", casme_squared, 4, "4"),
        {
            "s15/anger1_1": "negative",
            "s15/disgust2_3": "others",
            "s16/happy1_2": "positive",
            "s19/happy1_1": "surprise",
        },
    ),
    Case(
        *("samm-long", "default", lambda root: write_samm_long(root, face_frame), 3, "5"),
        {"006/006_9_9": "others", "028/028_4_1": "happiness", "037/037_4_1": "anger"},
    ),
    Case(*("megc2019", "raw", megc2019, 7, "3", COMPOSITE), method=STSTNET, protocol="composite"),
    Case(*("flow-maps", "loso", write_flow_loso, 7, "3", FLOW), method=STSTNET),
    Case(*("flow-maps", "flat", write_flow_flat, 7, "3", FLOW), method=STSTNET),
]


# --- check, prepare, evaluate ---------------------------------------------------------------


def test_no_database_is_left_out() -> None:
    assert {case.name for case in CASES} | {"synthetic"} == set(DATASETS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_from_the_distributed_folder_to_scores(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = case.write(tmp_path / "db")
    audit = checked(case, root, tmp_path / "audit.json")
    assert (audit["broken"], audit["clips"]) == (False, case.clips)
    prefix = "" if case.name in ("megc2019", "flow-maps") else f"{case.name}/"
    truth = {prefix + clip: label for clip, label in case.truth.items()}
    words = ["--data", case.name, "--root", str(root), "--variant", case.variant]
    words += ["--classes", case.classes, "--store", str(tmp_path / "store"), "--workers", "1"]
    assert main(["prepare", *words, *case.method]) == 0
    assert f"{len(truth)} samples" in capsys.readouterr().out
    run = tmp_path / "run"
    more = ["--protocol.name", case.protocol, "--resamples", "50", "--device", "cpu"]
    assert main(["evaluate", *words, "--out", str(run), *more, *case.method]) == 0
    assert_complete(run, truth, {prefix + clip for clip in case.tested})
    assert (run / "report.html").is_file()


def checked(case: Case, root: Path, out: Path) -> dict[str, object]:
    words = [case.name, "--root", str(root), "--variant", case.variant, "--json", str(out)]
    assert main(["data", "check", *words]) == 0
    audit: dict[str, object] = json.loads(out.read_text())
    return audit


def assert_complete(run: Path, truth: Mapping[str, str], tested: set[str]) -> None:
    """run.json counts what was asked for, and every tested clip has one prediction."""
    document = json.loads((run / "run.json").read_text())
    classes = document["classes"]
    counts = {name: list(truth.values()).count(name) for name in classes}
    assert document["clips_per_class"] == counts
    assert document["clips"] == len(truth)
    assert document["subjects"] == len({clip.rpartition("/")[0] for clip in truth})
    assert document["refused_clips"] == {}
    table = pd.read_parquet(run / "predictions.parquet").set_index("clip_id")
    assert sorted(table.index) == sorted(tested or truth)
    assert {clip: classes[y] for clip, y in table.y_true.items()} == {
        clip: truth[clip] for clip in table.index
    }
    assert {clip.rpartition("/")[0] for clip in table.index} == set(table.subject)
    probabilities = table[[f"p_{name}" for name in classes]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert table.y_pred.tolist() == probabilities.argmax(axis=1).tolist()
