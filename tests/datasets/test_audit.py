"""The audit: miniatures of the real layouts, then each kind of damage, made and found."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "datasets"))

from miniatures import (
    write_4dme,
    write_casme2,
    write_casme3,
    write_images,
    write_meview,
    write_smic,
    write_smic_e,
    write_video,
)
from miniatures_more import (
    FLOW_INDEX,
    flow_picture,
    published_flow_clips,
    write_casme_squared,
    write_dfme,
    write_dfme_full,
    write_flow_flat,
    write_flow_loso,
    write_manifest,
    write_mmew,
    write_samm_long,
)

from merkit.cli.data import run
from merkit.datasets import audit as check
from merkit.datasets.audit import Audit, audit_text, check_database, print_audit
from merkit.errors import ConfigError, MissingDataError, VideoError
from merkit.samples.recipes import load_flow_map
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.write import write_database
from merkit.types import Finding


def found(audit: Audit, level: str, what: str) -> list[Finding]:
    return [f for f in audit.findings if f.level == level and f.what == what]


def whats(audit: Audit, level: str) -> set[str]:
    return {f.what for f in audit.findings if f.level == level}


# --- whole databases ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variant", "write", "clips"),
    [
        ("smic", "HS", write_smic, 3),
        ("smic-e", "HS", write_smic_e, 4),
        ("casme2", "cropped", write_casme2, 6),
        ("casme3", "color", write_casme3, 8),
        ("meview", "", write_meview, 6),
        ("4dme", "gray", write_4dme, 4),
        ("dfme", "", write_dfme, 5),
        ("dfme", "full", write_dfme_full, 3),
        ("mmew", "", write_mmew, 3),
        ("casme-squared", "", write_casme_squared, 3),
        ("samm-long", "", write_samm_long, 3),
        ("flow-maps", "loso", write_flow_loso, 7),
        ("flow-maps", "flat", write_flow_flat, 7),
    ],
)
def test_miniatures_are_read_and_differ_only_in_their_counts(
    tmp_path: Path, name: str, variant: str, write: Callable[[Path], Path], clips: int
) -> None:
    audit = check_database(name, write(tmp_path), variant)
    assert audit.clips == clips
    assert audit.frames > 0
    assert {"cannot be loaded", "unreadable", "missing media"} & whats(audit, "broken") == set()
    by_name = {count.what: count for count in audit.counts}
    assert by_name["clips"].differs
    assert whats(audit, "differs") >= {"counts"}  # fewer clips than published, told and no more


def test_synthetic_database_is_clean(tmp_path: Path) -> None:
    config = SynthConfig(subjects=2, clips_per_class=1, size_px=(160, 160), face_width_px=100)
    audit = check_database("synthetic", write_database(tmp_path / "s", config))
    assert (audit.clips, audit.subjects, audit.findings) == (6, 2, ())
    assert not audit.broken


def test_published_flow_images_are_clean(tmp_path: Path) -> None:
    """442 images in 68 folds, names and labels only; the numbers are the published ones."""
    audit = check_database(
        "flow-maps", write_flow_loso(tmp_path, published_flow_clips()), pixels=False
    )
    counts = {count.what: count.found for count in audit.counts}
    assert (counts["clips"], counts["subjects"]) == (442, 68)
    classes = ("negative", "positive", "surprise")
    assert [counts[f"flow-maps-3: {name}"] for name in classes] == [250, 109, 83]
    assert [f for f in audit.findings if f.level != "note"] == []


def test_wrong_names_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="variant 'x'"):
        check_database("dfme", tmp_path, "x")
    with pytest.raises(MissingDataError, match="not a folder"):
        check_database("dfme", tmp_path / "none")
    with pytest.raises(MissingDataError, match="no annotation file"):
        check_database("mmew", tmp_path)


# --- damage to clips ------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Two clips of images and one video, in order and complete."""
    write_images(tmp_path / "a", range(10, 21), "img{:04d}.png")
    write_images(tmp_path / "b", range(0, 9), "{}.jpg")
    pictures = [flow_picture(f"v{i}") for i in range(12)]
    write_video(tmp_path / "v.avi", pictures)
    rows = [
        "a,p1,a,,50,,,10,14,20,happy,12,,",
        "b,p2,b,,50,,,0,4,8,sad,1+4,,",
        "v,p3,v.avi,,25,,,2,5,9,anger,,,",
    ]
    return write_manifest(tmp_path, rows)


def rewrite(root: Path, old: str, new: str) -> None:
    path = root / "manifest.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_sound_database(own: Path) -> None:
    audit = check_database("manifest", own)
    assert (audit.clips, audit.frames, audit.broken) == (3, 11 + 9 + 8, False)
    assert whats(audit, "note") == {"sheet"}
    assert whats(audit, "differs") == set()


def test_missing_frames_and_gaps(own: Path) -> None:
    (own / "a" / "img0014.png").unlink()
    (own / "a" / "img0015.png").unlink()
    (own / "b" / "8.jpg").unlink()
    audit = check_database("manifest", own)
    gap, end = found(audit, "broken", "missing frames")
    assert gap.clip == "manifest/p1/a"
    assert gap.detail == "2 of 11 frames (14-15); the apex, 14, is among them"
    assert end.detail == "1 of 9 frames (8)"
    assert gap.fix


def test_no_frame_and_no_media(own: Path) -> None:
    rewrite(own, "0,4,8,sad", "100,104,108,sad")
    shutil.rmtree(own / "a")
    audit = check_database("manifest", own)
    (frames,) = found(audit, "broken", "missing frames")
    assert "none of the frames 100 to 108: there are 0 to 8" in frames.detail
    (media,) = found(audit, "broken", "missing media")
    assert media.clip == "manifest/p1/a"


def test_a_video_that_ends_early(own: Path) -> None:
    rewrite(own, "2,5,9,anger", "2,5,15,anger")
    (finding,) = found(check_database("manifest", own), "broken", "missing frames")
    assert finding.detail == "4 of 14 frames (12-15)"


@pytest.mark.parametrize("marks", ["10,9,20", "21,,20", "10,21,20"])
def test_order(own: Path, marks: str) -> None:
    rewrite(own, "10,14,20", marks)
    if marks == "21,,20":  # refused when it is read: it is also first and last
        assert found(check_database("manifest", own), "broken", "cannot be loaded")
        return
    (finding,) = found(check_database("manifest", own), "broken", "order")
    assert finding.clip == "manifest/p1/a"
    assert "apex" in finding.detail


def test_zero_length_is_a_note(own: Path) -> None:
    rewrite(own, "10,14,20", "14,14,14")
    audit = check_database("manifest", own)
    assert [f.clip for f in found(audit, "note", "zero length")] == ["manifest/p1/a"]
    assert not audit.broken


def test_unreadable_images_are_all_named(own: Path) -> None:
    for name in ("img0012.png", "img0017.png"):
        image = own / "a" / name
        image.write_bytes(image.read_bytes()[:60])
    audit = check_database("manifest", own)
    told = [f.detail for f in found(audit, "broken", "unreadable")]
    assert len(told) == 2
    assert "img0012.png" in told[0]
    assert not check_database("manifest", own, pixels=False).broken  # names alone are in order


def test_images_of_two_sizes_and_a_broken_video(own: Path) -> None:
    assert cv2.imwrite(str(own / "b" / "3.jpg"), flow_picture("other"))
    (own / "v.avi").write_bytes(b"RIFF")
    audit = check_database("manifest", own)
    (size,) = found(audit, "broken", "size of images")
    assert "28x28, others 16x16" in size.detail
    assert [f.clip for f in found(audit, "broken", "unreadable")] == ["manifest/p3/v"]


def test_links_in_a_circle_and_pipes_are_nothing_to_wait_for(own: Path) -> None:
    for place in (own / "a" / "img0013.png", own / "circle"):
        place.unlink(missing_ok=True)
        place.symlink_to(place)
    os.mkfifo(own / "manifest.xlsx")
    (finding,) = found(check_database("manifest", own), "broken", "missing frames")
    assert finding.clip == "manifest/p1/a"


@pytest.mark.parametrize(("subject", "told"), [("p4", "another subject"), ("p1", "counts twice")])
def test_duplicates(own: Path, subject: str, told: str) -> None:
    (own / "copy").mkdir()
    for image in (own / "a").iterdir():  # other names, other numbers, same frames
        number = int(image.stem[3:])
        shutil.copy(image, own / "copy" / f"frame_{number + 100}.png")
    rewrite(own, "b,p2,b", f"c,{subject},copy,other,50,,,110,114,120,fear,,,\nb,p2,b")
    rewrite(own, "a,p1,a,", "a,p1,a,other")
    (finding,) = found(check_database("manifest", own), "broken", "duplicate clip")
    assert finding.clip == f"other/{subject}/c"
    assert "other/p1/a" in finding.detail
    assert told in finding.detail
    assert not found(check_database("manifest", own, pixels=False), "broken", "duplicate clip")


def test_one_clip_in_two_databases_of_a_composite(tmp_path: Path) -> None:
    from miniatures import write_samm

    write_casme2(tmp_path / "casme2")
    write_smic(tmp_path / "smic")
    write_samm(tmp_path / "samm")
    (tmp_path / "combined_3class_gt.csv").write_text(
        "casme2,sub01,EP99_02,1\nsmic,s03,s03_po_01,1\nsamm,6,006_9_8,0\n"
    )
    smic = tmp_path / "smic" / "SMIC_all_raw" / "HS" / "s3" / "micro" / "positive" / "s3_po_01"
    shutil.rmtree(smic)
    smic.mkdir()
    for image in (tmp_path / "casme2" / "CASME2_RAW_selected" / "sub01" / "EP99_02").iterdir():
        shutil.copy(image, smic / image.name)
    audit = check_database("megc2019", tmp_path)
    (finding,) = found(audit, "broken", "duplicate clip")
    assert finding.clip == "smic/s03/s3_po_01"
    assert "casme2/sub01/EP99_02" in finding.detail
    (label,) = found(audit, "differs", "disagreeing emotion")
    assert label.clip == "samm/006/006_9_8"
    assert len(found(audit, "differs", "count of a part")) == 3


# --- what is known of the databases ---------------------------------------------------------


def test_known_short_clips_differ_and_others_are_broken(tmp_path: Path) -> None:
    """CAS(ME)^3: 83 clips of known subjects have fewer images than the sheet says."""
    audit = check_database("casme3", write_casme3(tmp_path), pixels=False)
    broken = {f.clip for f in found(audit, "broken", "missing frames")}
    assert "casme3/spNO.40/e_1812" in broken
    assert "casme3/spNO.210/b_4" not in broken
    person = tmp_path / "part_A" / "data" / "part_A" / "spNO210" / "b" / "color"
    (person / "8.jpg").unlink()
    audit = check_database("casme3", tmp_path, pixels=False)
    (finding,) = found(audit, "differs", "missing frames")
    assert finding.clip == "casme3/spNO.210/b_4"
    assert "known of the distribution" in finding.detail


def test_an_offset_behind_the_last_image_but_no_gap_is_excused(tmp_path: Path) -> None:
    write_mmew(tmp_path)
    place = next(tmp_path.rglob("S30-02-001"))
    (place / "7.jpg").unlink()
    audit = check_database("mmew", tmp_path)
    assert [f.clip for f in found(audit, "differs", "missing frames")] == ["mmew/S30/S30-02-001"]
    assert not audit.broken
    (place / "4.jpg").unlink()
    assert check_database("mmew", tmp_path).broken


def test_corrections_doubts_and_sheets_are_listed(tmp_path: Path) -> None:
    audit = check_database("casme3", write_casme3(tmp_path), pixels=False)
    corrected = {(f.clip, f.detail.split()[0]) for f in found(audit, "note", "corrected")}
    assert ("casme3/spNO.216/d_3647", "onset_frame") in corrected
    assert found(audit, "note", "doubtful apex_frame")
    (sheet,) = found(audit, "note", "sheet")
    assert "sha256:" in sheet.detail
    assert "not a version checked" in sheet.detail


@pytest.mark.parametrize("file", ["CASME2-coding-20140508.xlsx", "CASME2-coding-20140508 (1).xlsx"])
def test_an_audited_sheet_is_known_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    write_casme2(tmp_path)
    sheet = tmp_path / "CASME2-coding-20140508.xlsx"
    sheet.rename(tmp_path / file)

    def note_of_sheet() -> Finding:
        notes = found(check_database("casme2", tmp_path), "note", "sheet")
        return next(n for n in notes if "coding" in n.detail)

    note = note_of_sheet()
    mark = note.detail.partition("sha256:")[2][:8]
    known = {"dataset": "casme2", "sha256_prefix": mark, "what": "the owner's sheet"}
    monkeypatch.setattr(check, "shipped_table", lambda name: (known,))
    monkeypatch.setattr("merkit.datasets.sheets.shipped_table", lambda name: (known,))
    note = note_of_sheet()
    assert note.detail == f"{file} sha256:{mark}: audited, the owner's sheet"
    assert note.fix == ""


def test_objective_classes_that_are_not_there(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    (tmp_path / "CASME2-ObjectiveClasses.xlsx").unlink()
    audit = check_database("casme2", tmp_path, "cropped", pixels=False)
    assert "map casme2-objective-5" in whats(audit, "note")


def test_a_sheet_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    write_mmew(tmp_path)
    (tmp_path / "MMEW_Micro_Exp.xlsx").write_bytes(b"PK broken")
    audit = check_database("mmew", tmp_path)
    (finding,) = found(audit, "broken", "cannot be loaded")
    assert "cannot be read as a workbook" in finding.detail
    assert (audit.clips, audit.counts) == (0, ())


# --- flow images ----------------------------------------------------------------------------


@pytest.fixture
def loso(tmp_path: Path) -> Path:
    return write_flow_loso(tmp_path)


def image(root: Path, fold: str, part: str, label: int, name: str) -> Path:
    return root / "three_norm_u_v_os" / fold / f"u_{part}" / str(label) / f"{name} .png"


def test_flow_images_in_order(loso: Path) -> None:
    audit = check_database("flow-maps", loso)
    assert not audit.broken
    assert audit.frames == 7


def test_flow_image_missing_in_one_fold_or_in_all(loso: Path) -> None:
    image(loso, "006", "train", 1, "sub01_EP98_01f").unlink()
    audit = check_database("flow-maps", loso)
    (finding,) = found(audit, "broken", "missing file")
    assert finding.clip == "casme2/sub01/EP98_01f"
    assert finding.detail == "fold 006 has it neither in u_train nor in u_test"
    for path in loso.rglob("sub01_EP98_01f .png"):
        if ".pictures" not in path.parts:
            path.unlink()
    (finding,) = found(check_database("flow-maps", loso), "broken", "missing file")
    assert f"{FLOW_INDEX}" in finding.detail  # only the index knows it now


def test_flow_image_missing_from_its_test_folder(loso: Path) -> None:
    image(loso, "006", "test", 2, "006_006_9_8").unlink()
    (finding,) = found(check_database("flow-maps", loso, pixels=False), "broken", "missing file")
    assert (finding.clip, finding.detail[:8]) == ("samm/006/006_9_8", "fold 006")


def test_flow_image_in_train_and_test(loso: Path) -> None:
    name = "s03_s03_ne_98"
    shutil.copy(image(loso, "s03", "test", 0, name), image(loso, "s03", "train", 0, name))
    audit = check_database("flow-maps", loso, pixels=False)
    assert [f.clip for f in found(audit, "broken", "in train and test")] == ["smic/s03/s3_ne_98"]


def test_flow_image_in_train_under_another_name(loso: Path) -> None:
    """The same pixels in another file: told by pixels, not by names or bytes."""
    tested = cv2.imread(str(image(loso, "s03", "test", 0, "s03_s03_ne_98")))
    trained = image(loso, "s03", "train", 0, "006_006_9_7")
    trained.unlink()  # a link to the picture of the other folds
    assert cv2.imwrite(str(trained), tested, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    audit = check_database("flow-maps", loso)
    (finding,) = found(audit, "broken", "in train and test")
    assert finding.clip == "samm/006/006_9_7"
    assert "smic/s03/s3_ne_98" in finding.detail
    assert found(audit, "differs", "different pixels")
    assert not check_database("flow-maps", loso, pixels=False).broken


def test_flow_labels_that_disagree(loso: Path) -> None:
    index = loso / FLOW_INDEX
    index.write_text(index.read_text().replace("EP98_02,0", "EP98_02,2"))
    (finding,) = found(check_database("flow-maps", loso), "broken", "label mismatch")
    assert finding.clip == "casme2/sub01/EP98_02"
    assert "the folder says 0" in finding.detail
    name = "sub01_EP98_01f"
    image(loso, "006", "train", 1, name).rename(image(loso, "006", "train", 2, name))
    audit = check_database("flow-maps", loso)
    told = {f.clip: f.detail for f in found(audit, "broken", "label mismatch")}
    assert "under 2 in 006/u_train" in told["casme2/sub01/EP98_01f"]


def test_flow_image_of_the_tested_subject_in_training(loso: Path) -> None:
    name = "sub02_EP98_1_2"
    image(loso, "sub02", "test", 2, name).rename(image(loso, "sub02", "train", 2, name))
    audit = check_database("flow-maps", loso)
    assert [f.clip for f in found(audit, "broken", "wrong side")] == ["casme2/sub02/EP98_1_2"]


def test_flat_flow_images(tmp_path: Path) -> None:
    write_flow_flat(tmp_path)
    audit = check_database("flow-maps", tmp_path, "flat")
    assert not audit.broken
    assert found(audit, "note", "more images")
    next(tmp_path.rglob("s03_s03_po_98 .png")).unlink()
    (finding,) = found(check_database("flow-maps", tmp_path, "flat"), "broken", "missing media")
    assert finding.clip == "smic/s03/s3_po_98"


def test_flow_map_as_an_array(tmp_path: Path) -> None:
    """OpenCV's own order: blue (strain) first."""
    picture = flow_picture("any")
    path = tmp_path / "x .png"
    assert cv2.imwrite(str(path), picture)
    loaded = load_flow_map(path)
    assert loaded.shape == (3, 28, 28)
    assert (loaded == cv2.imread(str(path)).transpose(2, 0, 1)).all()
    assert cv2.imwrite(str(path), picture[:20])
    with pytest.raises(VideoError, match="28x20"):
        load_flow_map(path)


# --- the table, the file and the command ----------------------------------------------------


def test_table_and_file(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(11, 20):
        rewrite_copy(own, number)
    audit = check_database("manifest", own)
    print_audit(audit, own / "audit.json")
    text = capsys.readouterr().out
    assert "published  found" in text
    assert "broken  unreadable (9)" in text
    assert "... and 1 more" in text
    assert "do: " in text
    record = json.loads((own / "audit.json").read_text())
    assert record["broken"] is True
    assert record["tally"] == {"broken": 9, "differs": 0, "note": 1}
    assert len(record["findings"]) == 10
    assert {c["what"]: c["found"] for c in record["counts"]}["clips"] == 3


def rewrite_copy(root: Path, number: int) -> None:
    (root / "a" / f"img{number:04d}.png").write_bytes(b"\x89PNG")


def test_counts_that_differ_are_marked(tmp_path: Path) -> None:
    audit = check_database("dfme", write_dfme(tmp_path), "testA", pixels=False)
    assert not audit.broken
    (finding,) = found(audit, "differs", "counts")
    assert "clips 1 (published 474)" in finding.detail
    line = next(x for x in audit_text(audit).splitlines() if x.startswith("clips "))
    assert line.split() == ["clips", "474", "1", "differs"]
    # the maps' published counts are those of all three splits
    assert all(c.published is None for c in audit.counts if c.what.startswith("dfme-"))


def test_exit_codes(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "manifest", "--root", str(own)]
    assert run(words) == 0
    (own / "b" / "4.jpg").unlink()
    assert run([*words, "--json", str(own / "out.json")]) == 2
    assert "missing frames" in capsys.readouterr().out
    assert json.loads((own / "out.json").read_text())["broken"] is True


def test_many_clips_are_checked_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes give what one process gives."""
    monkeypatch.setattr(check, "FEW_FRAMES", 20)
    rows = []
    for i in range(12):
        write_images(tmp_path / f"c{i}", range(2), "{}.png")
        rows.append(f"c{i},p{i % 7},c{i},,50,,,0,,1,happy,,,")
    write_manifest(tmp_path, rows)
    (tmp_path / "c5" / "1.png").write_bytes(b"x")
    shutil.copy(tmp_path / "c8" / "0.png", tmp_path / "c9" / "0.png")
    shutil.copy(tmp_path / "c8" / "1.png", tmp_path / "c9" / "1.png")
    one = check_database("manifest", tmp_path, workers=1)
    two = check_database("manifest", tmp_path, workers=2)
    assert one == two
    assert whats(two, "broken") == {"unreadable", "duplicate clip"}
