from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from miniatures_more import (
    FLOW_CLIPS,
    FLOW_INDEX,
    published_flow_clips,
    write_flow_flat,
    write_flow_index,
    write_flow_loso,
)

from merkit.datasets import label_map, load_dataset
from merkit.datasets.flow_maps import image_key
from merkit.datasets.label_maps import class_counts
from merkit.datasets.megc2019 import read_labels
from merkit.errors import DatasetError, MissingDataError
from merkit.types import ActionUnit


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("006_006_1_2 .png", "samm/006/006_1_2"),
        ("s03_s03_ne_06 .png", "smic/s03/s3_ne_06"),
        ("s01_s1_ne_01.png", "smic/s01/s1_ne_01"),
        ("sub01_EP02_01f .png", "casme2/sub01/EP02_01f"),
        ("sub01_EP02_01f .jpg", None),
        ("notes.png", None),
        ("s03_.png", None),
    ],
)
def test_image_names(name: str, key: str | None) -> None:
    assert image_key(name) == key


def test_test_folders_become_clips(tmp_path: Path) -> None:
    clips = {c.clip_id: c for c in load_dataset("flow-maps", write_flow_loso(tmp_path))}
    assert sorted(clips) == [
        "casme2/sub01/EP98_01f",
        "casme2/sub01/EP98_02",
        "casme2/sub02/EP98_1_2",
        "samm/006/006_9_7",
        "samm/006/006_9_8",
        "smic/s03/s3_ne_98",
        "smic/s03/s3_po_98",
    ]
    clip = clips["casme2/sub01/EP98_01f"]
    assert clip.media.name == "sub01_EP98_01f .png"
    assert clip.media.parents[1].name == "u_test"
    assert (clip.dataset, clip.subject_key, clip.emotion) == ("casme2", "casme2/sub01", "positive")
    assert {c.subject_key for c in clips.values()} == {
        "casme2/sub01",
        "casme2/sub02",
        "samm/006",
        "smic/s03",
    }


def test_flat_layout_gives_the_same_clips(tmp_path: Path) -> None:
    flat = load_dataset("flow-maps", write_flow_flat(tmp_path / "flat"), "flat")
    loso = load_dataset("flow-maps", write_flow_loso(tmp_path / "loso"))
    assert [(c.clip_id, c.emotion) for c in flat] == [(c.clip_id, c.emotion) for c in loso]
    assert all(c.media.is_file() and "_1 .png" not in c.media.name for c in flat)
    assert load_dataset("flow-maps", tmp_path / "flat") == flat  # the layout tells itself
    with pytest.raises(MissingDataError, match="variant flat"):
        load_dataset("flow-maps", tmp_path / "flat", "loso")


UNIT_ROWS = (
    "stem,dataset,subject,aus",
    "sub01_EP98_01f,casme2,casme2/sub01,12",
    "sub01_EP98_02,casme2,casme2/sub01,4 R10?",
    "006_006_9_8,samm,samm/006,20",
    "s03_s03_ne_98,smic,smic/s03,",
)


@pytest.mark.parametrize("variant", ["loso", "flat"])
def test_action_units_come_from_a_sheet_beside_the_images(variant: str, tmp_path: Path) -> None:
    write = write_flow_loso if variant == "loso" else write_flow_flat
    root = write(tmp_path)
    assert {c.action_units for c in load_dataset("flow-maps", root, variant)} == {None}
    (root / "action_units.csv").write_text("\n".join(UNIT_ROWS) + "\n")
    units = {c.clip_id: c.action_units for c in load_dataset("flow-maps", root, variant)}
    assert len(units) == 7
    assert units["casme2/sub01/EP98_01f"] == (ActionUnit(12),)
    assert units["casme2/sub01/EP98_02"] == (ActionUnit(4), ActionUnit(10, "R", uncertain=True))
    assert units["samm/006/006_9_8"] == (ActionUnit(20),)
    assert units["smic/s03/s3_ne_98"] is None, "SMIC is not coded"
    assert units["casme2/sub02/EP98_1_2"] is None, "the sheet has no row of it"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("sub01_EP98_01f,casme2,casme2/sub01,4", "'casme2/sub01/EP98_01f' comes twice"),
        ("strange,casme2,casme2/sub01,4", "'strange' is no flow image"),
        ("006_006_9_7,samm,samm/006,4 1017", "names the action unit 1017"),
    ],
)
def test_a_bad_row_of_the_sheet_of_action_units(row: str, message: str, tmp_path: Path) -> None:
    root = write_flow_flat(tmp_path)
    (root / "action_units.csv").write_text("\n".join([*UNIT_ROWS, row]) + "\n")
    with pytest.raises(DatasetError, match=message):
        load_dataset("flow-maps", root, "flat")


def test_published_counts_and_subjects(tmp_path: Path) -> None:
    published = published_flow_clips()
    clips = load_dataset("flow-maps", write_flow_flat(tmp_path, published), "flat")
    assert len(clips) == 442
    assert class_counts(label_map("flow-maps", "3"), clips) == (250, 109, 83)
    parts = Counter(subject.split("/")[0] for subject in {c.subject_key for c in clips})
    assert parts == {"smic": 16, "casme2": 24, "samm": 28}


def test_two_copies_are_not_mixed(tmp_path: Path) -> None:
    write_flow_loso(tmp_path / "a")
    write_flow_loso(tmp_path / "b")
    with pytest.raises(DatasetError, match="2 copies"):
        load_dataset("flow-maps", tmp_path)


def test_a_stranger_among_the_images(tmp_path: Path) -> None:
    write_flow_loso(tmp_path)
    stranger = tmp_path / "three_norm_u_v_os" / "006" / "u_test" / "0" / "readme.png"
    stranger.write_bytes(b"x")
    with pytest.raises(DatasetError, match="no flow image by its name"):
        load_dataset("flow-maps", tmp_path)


def test_an_index_with_bad_rows(tmp_path: Path) -> None:
    path = write_flow_index(tmp_path)
    good = path.read_text()
    assert len(read_labels(path)) == sum(len(found) for found in FLOW_CLIPS.values())
    for row, message in (
        ("casme3,sub01,EP01,0,,,", "database 'casme3'"),
        ("casme2,sub01,EP01,3,,,", "with label '3'"),
        ("samm,x,006_1_2,0,,,", "SAMM subject 'x'"),
        ("samm,6,006_9_8,0,,,", "'samm/006/006_9_8' comes twice"),
    ):
        path.write_text(good + row + "\n")
        with pytest.raises(DatasetError, match=message):
            read_labels(tmp_path / FLOW_INDEX)
