from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from miniatures_more import MANIFEST_HEADER, write_manifest

from merkit.datasets import DATASETS, label_map, load_dataset
from merkit.datasets.label_maps import class_counts
from merkit.errors import DatasetError, MissingDataError
from merkit.types import ActionUnit


def test_every_column(tmp_path: Path) -> None:
    rows = [
        "a1,p1,videos/a1.mp4,clinic,50,,,10,14,20,Happy,6B+L12C,train,red",
        "a2,p2,frames/a2,,,3,30,,,,,,,blue",
    ]
    first, second = load_dataset("manifest", write_manifest(tmp_path, rows))
    assert (first.clip_id, first.subject_key) == ("clinic/p1/a1", "clinic/p1")
    assert first.media == tmp_path / "videos" / "a1.mp4"
    assert (first.fps_hz, first.emotion, first.raw["split"]) == (50.0, "happiness", "train")
    assert (first.first_frame, first.last_frame) == (10, 20)  # onset to offset
    assert first.action_units == (ActionUnit(6, "", "B"), ActionUnit(12, "L", "C"))
    assert first.raw["room"] == "red"
    assert second.clip_id == "manifest/p2/a2"
    assert (second.first_frame, second.last_frame, second.onset_frame) == (3, 30, None)
    assert (second.emotion, second.action_units) == ("", None)
    assert second.fps_hz == 25.0
    assert "25 is assumed" in second.raw["doubtful:fps_hz"]


def test_three_columns_are_enough_in_any_spelling(tmp_path: Path) -> None:
    write_manifest(tmp_path, ["a,p,x.mp4,7"], header="Clip, SUBJECT ,media,Onset")
    (clip,) = load_dataset("manifest", tmp_path)
    assert (clip.first_frame, clip.last_frame, clip.onset_frame) == (None, None, 7)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,p,../x.mp4,,,,,,,,,,,", r"row 3: '\.\.' cannot be the name"),
        ("a,p,/etc/passwd,,,,,,,,,,,", "row 3: '/' cannot be the name"),
        ("a,p,x\\y.mp4,,,,,,,,,,,", "row 3: .* cannot be the name"),
        ("../a,p,x.mp4,,,,,,,,,,,", r"row 3: '\.\./a' cannot be the name"),
        ("a,p/q,x.mp4,,,,,,,,,,,", "row 3: 'p/q' cannot be the name"),
        ("a,,x.mp4,,,,,,,,,,,", r"row 3: no value in \['subject'\]"),
        ("a,p,x.mp4,,0,,,,,,,,,", "row 3: fps_hz is '0'"),
        ("a,p,x.mp4,,fast,,,,,,,,,", "row 3: fps_hz is 'fast'"),
        ("a,p,x.mp4,,inf,,,,,,,,,", "row 3: fps_hz is 'inf'"),
        ("a,p,x.mp4,,,,,-3,,,,,,", "row 3: onset is -3"),
        ("a,p,x.mp4,,,9,4,,,,,,,", "row 3: first frame 9, last 4"),
        ("a,p,x.mp4,,,,,ten,,,,,,", "row 3: column 'onset' holds 'ten'"),
        ("a,p,x.mp4,,,,,,,,,1224,,", "row 3: '1224' names the action unit 1224"),
        ("ok,p,x.mp4,,,,,,,,,,,", "clip ids come twice"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, message: str) -> None:
    write_manifest(tmp_path, ["ok,p,x.mp4,,,,,,,,,,,", row])
    with pytest.raises(DatasetError, match=message):
        load_dataset("manifest", tmp_path)


def test_link_that_leads_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = write_manifest(tmp_path / "root", ["a,p,link,,,,,,,,,,,"])
    (root / "link").symlink_to(outside)
    with pytest.raises(DatasetError, match="a link that leads to"):
        load_dataset("manifest", root)


def test_media_that_stay_where_they_are(tmp_path: Path) -> None:
    rows = ["a,p,film,,,,,,,,,,,", "b,p,other,,,,,,,,,,,", "c,p,x.mp4,,,,,,,,,,,"]
    root = write_manifest(tmp_path / "root", rows)
    far = tmp_path / "far away" / "= a.mp4"
    (root / "media_elsewhere.csv").write_text(f"media,path\nfilm,{far}\nother,../b.mp4\n")
    media = [clip.media for clip in load_dataset("manifest", root)]
    assert media == [far, root / ".." / "b.mp4", root / "x.mp4"]
    (root / "media_elsewhere.csv").write_text("media\nfilm\n")
    with pytest.raises(DatasetError, match="path"):
        load_dataset("manifest", root)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="manifest"):
        load_dataset("manifest", tmp_path)
    (tmp_path / "manifest.csv").write_bytes("clip,subject,media\nä,p,x\n".encode("cp1252"))
    with pytest.raises(DatasetError, match="UTF-8"):
        load_dataset("manifest", tmp_path)
    write_manifest(tmp_path, ["a,p"], header="clip,subject")
    with pytest.raises(DatasetError, match="media"):
        load_dataset("manifest", tmp_path)


NAMES = st.text("abcdefgh0123456789_", min_size=1, max_size=8)


@given(st.sets(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=6), st.randoms())
def test_rows_in_any_order_give_the_same_clips(
    tmp_path_factory: pytest.TempPathFactory, keys: set[tuple[str, str, str]], random: Random
) -> None:
    root = tmp_path_factory.mktemp("manifest")
    rows = [f"{clip},{subject},m/{clip},{data},,,,,,,,,," for data, subject, clip in sorted(keys)]
    first = load_dataset("manifest", write_manifest(root, rows))
    random.shuffle(rows)
    second = load_dataset("manifest", write_manifest(root, rows))
    assert {c.clip_id for c in first} == {"/".join(key) for key in keys}
    assert [c.clip_id for c in first] == [c.clip_id for c in second]
    assert [c.media for c in first] == [c.media for c in second]


def test_name_comes_through_a_manifest_with_the_published_counts(tmp_path: Path) -> None:
    counts = DATASETS["name"].expected["default"].emotions
    emotions = [emotion for emotion, count in counts.items() for _ in range(count)]
    rows = [f"c{i},p{i % 60},c{i},elsewhere,,,,,,,{e},,," for i, e in enumerate(emotions)]
    clips = load_dataset("name", write_manifest(tmp_path, rows))
    assert {clip.dataset for clip in clips} == {"name"}
    assert len(clips) == 506
    for classes, total in (("6", 506), ("5", 318), ("3", 506)):
        task = label_map("name", classes)
        assert class_counts(task, clips) == task.counts
        assert sum(task.counts) == total
    assert label_map("name", "3").counts == (329, 15, 162)


def test_header_of_the_docstring() -> None:
    from merkit.datasets.manifest import OPTIONAL, REQUIRED

    assert set(MANIFEST_HEADER.split(",")) - {"room"} == {*REQUIRED, *OPTIONAL}
