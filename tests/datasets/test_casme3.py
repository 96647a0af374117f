from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from miniatures import (
    CASME3_HEADER,
    CASME3_ROWS,
    CASME3_SHEET,
    tiny_frame,
    write_casme3,
    write_images,
    write_xlsx,
)

from merkit.datasets import DATASETS, label_map, load_dataset
from merkit.datasets.audit import check_database
from merkit.datasets.casme3 import SUBJECTS, picture_kind
from merkit.datasets.corrections import corrections_made
from merkit.datasets.label_maps import TaskMap, class_counts, clip_label
from merkit.datasets.layout import frame_numbers
from merkit.errors import DatasetError, MissingDataError
from merkit.types import ActionUnit, Clip, Finding


def load(root: Path, variant: str = "color", corrections: str = "certain") -> dict[str, Clip]:
    clips = load_dataset("casme3", root, variant, corrections)
    return {c.clip_id.removeprefix("casme3/"): c for c in clips}


def in_order(clip: Clip) -> bool:
    numbers = [clip.onset_frame, clip.apex_frame, clip.offset_frame]
    known = [n for n in numbers if n is not None]
    return known == sorted(known)


def test_rows_become_clips(tmp_path: Path) -> None:
    clips = load(write_casme3(tmp_path))
    assert len(clips) == len(CASME3_ROWS)
    clip = clips["spNO.1/a_5"]
    assert (clip.emotion, clip.fps_hz, clip.raw["emotion"]) == ("others", 30.0, "Others")
    assert clip.action_units == (ActionUnit(12, "R"), ActionUnit(28, "B"))
    assert clip.raw["objective_class"] == "VII"
    assert clips["spNO.14/J_3"].emotion == "happiness"
    assert clips["spNO.14/J_3"].media.parent.name == "J"  # case counts
    assert clips["spNO.149/d_112"].emotion == "sadness"


@pytest.mark.parametrize("layout", ["owner", "clips", "flat"])
def test_layouts(tmp_path: Path, layout: str) -> None:
    clips = load(write_casme3(tmp_path, layout=layout), corrections="none")
    for clip in clips.values():
        assert clip.media.is_dir()
        assert max(clip.onset_frame or 0, 1) in frame_numbers(clip.media)
    first, second = clips["spNO.1/a_5"].media, clips["spNO.1/a_20"].media
    assert (first == second) == (layout == "owner")  # one recording with two clips
    if layout == "clips":
        assert (first.parent.name, second.parent.name) == ("a", "a2")


def test_depth_with_and_without_its_level(tmp_path: Path) -> None:
    clips = load(write_casme3(tmp_path), "depth")
    assert clips["spNO.14/J_3"].media.name == "depth"
    assert clips["spNO.1/a_5"].media.name == "a"
    assert frame_numbers(clips["spNO.1/a_5"].media)[0] == 5


def pictures(root: Path, *kinds: str) -> Path:
    """The clips as they also circulate: one tree a kind, one folder a clip."""
    write_xlsx(root / CASME3_SHEET, {"label": [CASME3_HEADER, *CASME3_ROWS]})
    for kind in kinds:
        for subject, letter, onset, *_ in CASME3_ROWS:
            numbers = range(max(int(onset), 1), int(onset) + 5)
            place = root / "Part_A_ME_clip" / kind / f"{subject}_{letter}_{onset}"
            pattern = "{}.png" if kind == "depth" else "{}.jpg"
            write_images(place, numbers, pattern, tiny_frame, grey=kind == "depth")
    return root


def modalities(root: Path, variant: str) -> list[Finding]:
    return [f for f in check_database("casme3", root, variant).findings if f.what == "modality"]


def suffixes(clip: Clip) -> set[str]:
    return {path.suffix for path in clip.media.iterdir() if path.is_file()}


SUFFIX = {"color": {".jpg"}, "depth": {".png"}}


@pytest.mark.parametrize("variant", ["color", "depth"])
def test_cut_clips_in_one_tree_a_kind(tmp_path: Path, variant: str) -> None:
    """ "depth" comes before "frame" in the alphabet."""
    clips = load(pictures(tmp_path, "depth", "frame", "video"), variant)
    name = {"color": "frame", "depth": "depth"}[variant]
    assert {clip.media.parent.name for clip in clips.values()} == {name}
    assert all(suffixes(clip) == SUFFIX[variant] for clip in clips.values())
    (note,) = modalities(tmp_path, variant)
    told = {"color": "color, .jpg, 3 x 8 bits", "depth": "depth, .png, 1 x 8 bits"}[variant]
    assert note.level == "note"
    assert note.detail.startswith(f"Part_A_ME_clip/{name}: {told}, in 8 folders")


@pytest.mark.parametrize("variant", ["color", "depth"])
@pytest.mark.parametrize("colour", ["color", "frame", "rgb"])
def test_both_kinds_below_each_clip(tmp_path: Path, colour: str, variant: str) -> None:
    pictures(tmp_path, "frame", "depth")
    both = tmp_path / "Part_A_ME_clip"
    for kind, name in (("frame", colour), ("depth", "Depth")):
        for clip in list((both / kind).iterdir()):
            (both / clip.name).mkdir(exist_ok=True)
            clip.rename(both / clip.name / name)
        (both / kind).rmdir()
    assert all(suffixes(c) == SUFFIX[variant] for c in load(tmp_path, variant).values())


@pytest.mark.parametrize("variant", ["color", "depth"])
def test_frames_of_a_depth_tree_are_depth(tmp_path: Path, variant: str) -> None:
    both = pictures(tmp_path, "frame", "depth") / "Part_A_ME_clip"
    (both / "frame").rename(both / "rgb")
    for clip in [clip for kind in both.iterdir() for clip in kind.iterdir()]:
        clip.rename(both / "frames")
        clip.mkdir()
        (both / "frames").rename(clip / "frames")
    assert all(suffixes(c) == SUFFIX[variant] for c in load(tmp_path, variant).values())


@pytest.mark.parametrize("variant", ["color", "depth"])
@pytest.mark.parametrize("outer", ["color_and_depth", "with depth", "CASME3 videos"])
def test_what_a_folder_far_above_says_is_not_of_the_pictures(
    tmp_path: Path, outer: str, variant: str
) -> None:
    pictures(tmp_path / outer, "frame", "depth")
    assert all(suffixes(c) == SUFFIX[variant] for c in load(tmp_path, variant).values())


@pytest.mark.parametrize("variant", ["color", "depth"])
def test_trees_that_say_nothing_are_told_by_their_pictures(tmp_path: Path, variant: str) -> None:
    both = pictures(tmp_path, "frame", "depth") / "Part_A_ME_clip"
    (both / "depth").rename(both / "a")
    (both / "frame").rename(both / "b")
    assert all(suffixes(c) == SUFFIX[variant] for c in load(tmp_path, variant).values())


def test_clips_in_two_layouts(tmp_path: Path) -> None:
    cut = pictures(tmp_path, "frame", "depth") / "Part_A_ME_clip"
    for subject, letter, onset, *_ in CASME3_ROWS[::2]:
        place = tmp_path / "part_A" / "data" / "part_A" / subject / letter
        place.mkdir(parents=True, exist_ok=True)
        (cut / "frame" / f"{subject}_{letter}_{onset}").rename(place / "color")
    assert all(suffixes(clip) == {".jpg"} for clip in load(tmp_path).values())
    assert len(modalities(tmp_path, "color")) == 2  # a note a tree


@pytest.mark.parametrize(("there", "variant"), [("frame", "depth"), ("depth", "color")])
def test_one_kind_never_stands_for_the_other(tmp_path: Path, there: str, variant: str) -> None:
    other = {"frame": "color", "depth": "depth"}[there]
    told = f"(?s)holds {other} pictures only.*in Part_A_ME_clip.{there}.*choose the variant {other}"
    with pytest.raises(MissingDataError, match=told):
        load(pictures(tmp_path, there), variant)
    with pytest.raises(MissingDataError, match=told):
        check_database("casme3", tmp_path, variant)


@pytest.mark.parametrize("layout", ["clips", "flat"])
def test_colour_alone_is_refused_as_depth_in_other_layouts(tmp_path: Path, layout: str) -> None:
    write_casme3(tmp_path, layout=layout)
    assert all(suffixes(clip) == {".jpg"} for clip in load(tmp_path).values())
    with pytest.raises(MissingDataError, match="holds color pictures only"):
        load(tmp_path, "depth")


def test_a_folder_without_a_kind_is_told_by_its_pictures(tmp_path: Path) -> None:
    """spNO.1/a holds depth pictures itself; its colour folder is lost."""
    write_casme3(tmp_path)
    shutil.rmtree(tmp_path / "part_A/data/part_A/spNO.1/a/color")
    assert load(tmp_path, "depth")["spNO.1/a_5"].media.is_dir()
    assert not load(tmp_path, "color")["spNO.1/a_5"].media.exists()


def test_both_kinds_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_casme3(tmp_path, layout="flat")
    folder = tmp_path / "ME_A" / "spNO.1_a_5"
    write_images(folder, range(5, 10), "{}.png", tiny_frame, grey=True)
    for variant in ("color", "depth"):
        with pytest.raises(DatasetError, match=r"color \(5.jpg\) and depth \(5.png\)"):
            load(tmp_path, variant)


def test_pictures_of_another_kind_are_broken(tmp_path: Path) -> None:
    """Of some clips only: one picture of every folder is looked at."""
    write_casme3(tmp_path)
    folders = sorted((tmp_path / "part_A/data/part_A").glob("*/*/color"))
    for folder in folders[-2:]:
        shutil.rmtree(folder)
        write_images(folder, range(1, 30), "{}.png", tiny_frame, grey=True)
    found, note = modalities(tmp_path, "color")
    assert (found.level, note.level) == ("broken", "note")
    assert "depth, .png, 1 x 8 bits, in 2 folders" in found.detail
    assert found.detail.endswith("wanted: color")


def test_the_owners_typing_error_hides_no_folder(tmp_path: Path) -> None:
    """A clip's folder by the mended onset serves the sheet with the error, and the reverse."""
    place = pictures(tmp_path, "frame") / "Part_A_ME_clip" / "frame"
    (place / "spNO.216_d_3647").rename(place / "spNO.216_d_2647")
    assert load(tmp_path)["spNO.216/d_3647"].media.name == "spNO.216_d_2647"


def test_picture_kinds(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    cv2.imwrite(str(tmp_path / "d16.png"), grey.astype(np.uint16) * 200)
    cv2.imwrite(str(tmp_path / "d8.png"), grey)
    cv2.imwrite(str(tmp_path / "d3.png"), np.dstack([grey] * 3))
    cv2.imwrite(str(tmp_path / "c.png"), np.dstack([grey, grey + 1, grey + 2]))
    cv2.imwrite(str(tmp_path / "grey.jpg"), grey)
    kinds = {p.name: picture_kind(p)[0] for p in tmp_path.iterdir()}
    depth = {name for name, kind in kinds.items() if kind == "depth"}
    assert depth == {"d16.png", "d8.png", "d3.png"}
    assert picture_kind(tmp_path / "d16.png")[1] == ".png, 1 x 16 bits"
    cv2.imwrite(
        str(tmp_path / "c16.png"), np.dstack([grey.astype(np.uint16) * k for k in (1, 3, 9)])
    )
    assert picture_kind(tmp_path / "c16.png") == ("color", ".png, 3 x 16 bits")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG")
    os.mkfifo(tmp_path / "pipe.jpg")
    kinds = {name: picture_kind(tmp_path / name) for name in ("cut.png", "pipe.jpg")}
    assert kinds == {
        "cut.png": ("depth", ".png, unreadable"),
        "pipe.jpg": ("color", ".jpg, unreadable"),
    }


def test_an_edited_onset_keeps_the_clip_its_id(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    rows = [[("2647" if cell == "3647" else cell) for cell in row] for row in CASME3_ROWS]
    write_xlsx(tmp_path / "part_A" / CASME3_SHEET, {"label": [CASME3_HEADER, *rows]})
    clips = load(tmp_path)
    assert clips["spNO.216/d_3647"].onset_frame == 2647
    task = next(t for t in DATASETS["casme3"].label_maps if t.name == "casme3-7-merclip")
    assert isinstance(task, TaskMap)
    assert task.leaves_out(clips["spNO.216/d_3647"].clip_id)


@pytest.mark.parametrize("name", ["casme3_table.xlsx", "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"])
def test_names_and_headers_in_circulation(tmp_path: Path, name: str) -> None:
    header = [
        {
            "Onset": "Onset Frame",
            "Apex": "Apex Frame",
            "Offset": "OffsetFrame",
            "emotion": "Emotion",
        }.get(cell, cell)
        for cell in CASME3_HEADER
    ]
    write_xlsx(tmp_path / name, {"label": [header, *CASME3_ROWS]})
    assert len(load(tmp_path)) == len(CASME3_ROWS)


def test_subject_folder_without_its_point(tmp_path: Path) -> None:
    assert "spNO210" in load(write_casme3(tmp_path))["spNO.210/b_4"].media.parts


def test_four_order_violations_before_and_none_after(tmp_path: Path) -> None:
    rows = (*CASME3_ROWS, ("spNO.40", "e", "2327", "2330", "0", "1", "II", "fear"))
    write_xlsx(tmp_path / CASME3_SHEET, {"label": [CASME3_HEADER, *rows]})
    before, after = load(tmp_path, corrections="none"), load(tmp_path)
    assert sum(not in_order(c) for c in before.values()) == 4
    assert sum(not in_order(c) for c in after.values()) == 0
    assert set(before) == set(after)  # ids keep the onset of the sheet
    assert after["spNO.149/d_112"].apex_frame is None
    assert after["spNO.216/d_3647"].onset_frame == after["spNO.216/d_3647"].first_frame == 2647
    assert after["spNO.40/e_1812"].offset_frame == after["spNO.40/e_1812"].last_frame == 1845
    assert after["spNO.40/e_2327"].offset_frame == 2403
    assert (after["spNO.216/e_0"].onset_frame, after["spNO.216/e_0"].apex_frame) == (1, 1)
    assert sum(bool(corrections_made(c)) for c in after.values()) == 5


def test_apex_equal_to_onset_is_marked_unusable(tmp_path: Path) -> None:
    clips = load(write_casme3(tmp_path))
    assert "equals the onset" in clips["spNO.1/a_5"].raw["doubtful:apex_frame"]
    assert "doubtful:apex_frame" not in clips["spNO.1/a_20"].raw


def test_subjects() -> None:
    names = ("spNO.1", "spNO1", "spNO.001", " spno.1 ")
    assert {SUBJECTS(n) for n in names} == {"spNO.1"}
    with pytest.raises(DatasetError, match="subject 's1'"):
        SUBJECTS("s1")


#: Left out of HTNet's list, kept in it though their subjects' other clips are not, and MER-CLIP's
#: three; emotions so that the published counts come out.
_OUT = (
    "9 g",
    "9 g",
    "9 g",
    "9 h",
    "9 h",
    "9 h",
    "186 a",
    "186 b",
    "186 c",
    "217 a",
    "217 b",
    "217 e",
)
_KEPT = ("186 c 337", "186 c 359", "217 b 920", "217 e 610")
_BROKEN = ("216 d 3647", "40 e 1812", "40 e 2327")
_EACH = {"I": 15, "II": 151, "III": 234, "IV": 37, "V": 47, "VI": 3, "VII": 373}
CLASSES = [number for number, count in _EACH.items() for _ in range(count)]


def full_sheet(root: Path, d_onset: str = "3647") -> None:
    """860 made-up rows of 94 subjects, 88 of them with one of the three classes."""
    emotions = dict(DATASETS["casme3"].expected["color"].emotions)
    labels = ["fear"] * 8 + ["happiness"] + ["surprise"] * 3  # of the clips left out
    labels += ["fear", "sadness", "anger", "surprise", "anger", "surprise", "fear"]
    left = {e: n - labels.count(e) for e, n in emotions.items()}
    keys = [f"{place} {i}" for i, place in enumerate(_OUT, 1000)]
    keys += [key.replace("3647", d_onset) for key in (*_KEPT, *_BROKEN)]
    others = [i for i in range(1, 94) if i not in (9, 40)]
    usual, rare = others[:83], others[83:89]
    for emotion, count in left.items():
        people = rare if emotion == "others" else usual
        keys += [f"{people[i % len(people)]} a {len(keys) + i}" for i in range(count)]
        labels += [emotion] * count
    spelling = {"happiness": "happy", "sadness": "sad"}
    rows = []
    for key, emotion, number in zip(keys, labels, CLASSES, strict=True):
        subject, name, onset = key.split()
        marks = (onset, str(int(onset) + 5), str(int(onset) + 9))
        rows.append((f"spNO.{subject}", name, *marks, "4", number, spelling.get(emotion, emotion)))
    write_xlsx(root / CASME3_SHEET, {"label": [CASME3_HEADER, *rows]})


@pytest.mark.parametrize("d_onset", ["3647", "2647"])
def test_lists_of_htnet_and_merclip_come_out_of_a_full_sheet(tmp_path: Path, d_onset: str) -> None:
    """Of the owner's sheet and of one whose onset was mended."""
    full_sheet(tmp_path, d_onset)
    clips = load_dataset("casme3", tmp_path, corrections="none")
    assert (len(clips), len({c.subject for c in clips})) == (860, 94)
    for name, counts, subjects in (
        ("casme3-3", (457, 55, 187), 88),
        ("casme3-3-htnet", (449, 54, 184), 87),
    ):
        task = label_map("casme3", name)
        kept = [clip for clip in clips if clip_label(task, clip) is not None]
        assert (class_counts(task, clips), len({c.subject for c in kept})) == (counts, subjects)
    assert sum(class_counts(label_map("casme3", "casme3-7-merclip"), clips)) == 857
    audit = check_database("casme3", tmp_path, pixels=False)
    assert not [f for f in audit.findings if f.level == "differs"]


def test_a_list_that_is_not_as_published_is_a_finding(tmp_path: Path) -> None:
    full_sheet(tmp_path, "3640")  # another onset: no clip that the lists know
    audit = check_database("casme3", tmp_path, pixels=False)
    (found,) = [f for f in audit.findings if f.level == "differs"]
    assert found.what == "map casme3-7-merclip"
    assert found.detail.startswith("casme3-7-merclip: all 858 (published 857)")


def test_published_counts_come_out_of_a_full_sheet_in_good_time(tmp_path: Path) -> None:
    spelling = {"happiness": "happy", "sadness": "sad"}
    emotions = DATASETS["casme3"].expected["color"].emotions
    labels = [spelling.get(e, e) for e, n in emotions.items() for _ in range(n)]
    labels[labels.index("others")] = "Others"
    rows = [
        (f"spNO.{1 + i % 94}", "abc"[i % 3], str(i), str(i + 5), str(i + 9), "4", k, emotion)
        for i, (emotion, k) in enumerate(zip(labels, CLASSES, strict=True))
    ]
    write_xlsx(tmp_path / CASME3_SHEET, {"label": [CASME3_HEADER, *rows], "Sheet2": []})
    start = time.perf_counter()
    clips = load_dataset("casme3", tmp_path)
    assert time.perf_counter() - start < 5.0
    assert (len(clips), len({c.subject for c in clips})) == (860, 94)
    for task in DATASETS["casme3"].label_maps:
        assert isinstance(task, TaskMap)
        if task.counts and not task.excluded:
            assert class_counts(task, clips) == task.counts, task.name
