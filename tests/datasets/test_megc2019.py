from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from miniatures import write_casme2, write_samm, write_smic
from miniatures_more import published_flow_clips

from merkit.datasets import label_map, load_dataset
from merkit.datasets.corrections import corrections_made
from merkit.datasets.label_maps import class_counts
from merkit.datasets.megc2019 import PARTS, canonical_key, findings, read_labels
from merkit.errors import DatasetError, MissingDataError

ROWS = (
    "casme2,sub01,EP99_01f,0",
    "casme2,sub01,EP99_02,1",
    "casme2,sub07,EP06_01,2",
    "smic,s03,s03_ne_01,0",
    "smic,s20,s20_sur_01,2",
    "samm,6,006_9_8,1",
    "samm,32,032_3_1,0",
)


def write_composite(root: Path, rows: tuple[str, ...] = ROWS, header: bool = False) -> Path:
    write_casme2(root / "CASME II")
    write_smic(root / "smic")
    write_samm(root / "samm")
    lines = ["data,subject,clip,label"] * header + list(rows)
    text = "\r\n".join(lines) + "\r\n"
    (root / "combined_3class_gt.csv").write_bytes(text.encode())
    return root


@pytest.mark.parametrize("header", [False, True])
def test_clips_keep_their_own_database(tmp_path: Path, header: bool) -> None:
    clips = {
        c.clip_id: c for c in load_dataset("megc2019", write_composite(tmp_path, ROWS, header))
    }
    assert sorted(clips) == [
        "casme2/sub01/EP99_01f",
        "casme2/sub01/EP99_02",
        "casme2/sub07/EP06_01",
        "samm/006/006_9_8",
        "samm/032/032_3_1",
        "smic/s03/s3_ne_01",
        "smic/s20/s20_sur_01",
    ]
    clip = clips["casme2/sub01/EP99_01f"]
    assert (clip.dataset, clip.subject_key, clip.emotion) == ("casme2", "casme2/sub01", "negative")
    assert clip.raw["own_emotion"] == "disgust"
    assert clip.raw["megc2019_label"] == "0"
    assert all(c.media.is_dir() for c in clips.values())
    assert not any(key.startswith("differs") for c in clips.values() for key in c.raw)
    # corrections of the parts are made here too
    assert clips["samm/032/032_3_1"].apex_frame == 4930
    assert "onset_frame" in corrections_made(clips["casme2/sub07/EP06_01"])
    assert class_counts(label_map("megc2019", "3"), clips.values()) == (3, 2, 2)


def test_cropped_variant_and_roots_elsewhere(tmp_path: Path) -> None:
    root = write_composite(tmp_path / "a")
    cropped = {c.clip_id: c for c in load_dataset("megc2019", root, "cropped")}
    assert "Cropped" in cropped["casme2/sub01/EP99_02"].media.parts
    assert "SMIC_all_cropped" in cropped["smic/s03/s3_ne_01"].media.parts
    there = tmp_path / "elsewhere"
    shutil.move(root / "smic", there)
    with pytest.raises(MissingDataError, match="no folder of smic"):
        load_dataset("megc2019", root)
    lines = ["database,root,variant", f"smic,{there},HS-cropped", "samm,samm,", "casme2,CASME II,"]
    (root / "roots.csv").write_text("\n".join(lines) + "\n")
    found = {c.clip_id: c for c in load_dataset("megc2019", root)}
    assert found["smic/s03/s3_ne_01"].media.is_relative_to(there / "SMIC_all_cropped")
    assert found["samm/006/006_9_8"].media.is_relative_to(root / "samm")


def test_links_out_of_the_root_are_no_part_and_roots_csv_is(tmp_path: Path) -> None:
    root = write_composite(tmp_path / "a")
    there = tmp_path / "elsewhere"
    shutil.move(root / "smic", there)
    (root / "smic").symlink_to(there)
    with pytest.raises(MissingDataError, match="no folder of smic"):
        load_dataset("megc2019", root)
    lines = ["database,root", "smic,../elsewhere", "samm,samm", "casme2,CASME II"]
    (root / "roots.csv").write_text("\n".join(lines) + "\n")
    assert len(load_dataset("megc2019", root)) == len(ROWS)
    clips = {c.clip_id: c for c in load_dataset("megc2019", root)}
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    for clip_id in ("smic/s03/s3_ne_01", "samm/006/006_9_8"):  # in a root elsewhere, and here
        link = clips[clip_id].media / "image999999.jpg"
        link.symlink_to(secret)
        with pytest.raises(DatasetError, match=r"image999999\.jpg is a link that leads to"):
            load_dataset("megc2019", root)
        link.unlink()


@pytest.mark.parametrize(
    ("line", "message"),
    [("casme3,samm,", "database 'casme3'"), ("samm,samm,HS", "variant 'HS'")],
)
def test_bad_roots(tmp_path: Path, line: str, message: str) -> None:
    root = write_composite(tmp_path)
    (root / "roots.csv").write_text(f"database,root,variant\n{line}\n")
    with pytest.raises(DatasetError, match=message):
        load_dataset("megc2019", root)


def test_labels_that_disagree_and_clips_that_lack(tmp_path: Path) -> None:
    rows = ("casme2,sub01,EP99_01f,1", "smic,s03,s03_ne_77,0", *ROWS[1:])
    clips = {c.clip_id: c for c in load_dataset("megc2019", write_composite(tmp_path, rows))}
    clip = clips["casme2/sub01/EP99_01f"]
    assert clip.emotion == "positive"  # the official label decides
    assert "its own sheet says 'disgust'" in clip.raw["differs:emotion"]
    lacking = clips["smic/s03/s3_ne_77"]
    assert not lacking.media.exists()
    assert "SMIC has no such clip" in lacking.raw["differs:clip"]


def test_names_in_the_label_file_cannot_lead_out(tmp_path: Path) -> None:
    root = write_composite(tmp_path, (*ROWS, "samm,6,../../006,0"))
    with pytest.raises(DatasetError, match="cannot be the name"):
        load_dataset("megc2019", root)


def test_the_second_file_is_refused(tmp_path: Path) -> None:
    lines = []
    for (database, subject), clips in published_flow_clips().items():
        for clip, label in clips.items():
            lines += [f"{database},{subject},{clip},{label}", ",,,"]
    path = tmp_path / "combined_3class_gt-2.csv"
    path.write_text("\n".join(lines) + "\n")
    assert len(read_labels(path)) == 442
    path.write_text("\n".join(lines[2:]) + "\n")
    with pytest.raises(DatasetError, match="second file"):
        read_labels(path)


def test_parts_are_counted(tmp_path: Path) -> None:
    lines = [
        f"{database},{subject},{clip},{label}"
        for (database, subject), clips in published_flow_clips().items()
        for clip, label in clips.items()
    ]
    path = tmp_path / "combined_3class_gt.csv"
    path.write_text("\n".join(lines) + "\n")
    assert findings(tmp_path, "raw", None) == ()
    assert sum(sum(counts) for counts in PARTS.values()) == 442
    path.write_text("\n".join([*lines[1:], "casme2,sub01,EP77,0"]) + "\n")  # lines[0]: smic
    assert {f.detail.split(":")[0] for f in findings(tmp_path, "raw", None)} == {"smic", "casme2"}


def test_keys() -> None:
    assert canonical_key("smic", "s3", "s03_ne_06") == ("smic", "s03", "s3_ne_06")
    assert canonical_key("SAMM ", "6", "006_1_2 ") == ("samm", "006", "006_1_2")
    with pytest.raises(DatasetError, match="database 'mmew'"):
        canonical_key("mmew", "1", "x")
