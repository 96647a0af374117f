from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from miniatures import write_images, write_xlsx

from merkit.datasets.layout import (
    Tree,
    child_folder,
    find_sheet,
    find_tree,
    frame_numbers,
    inside,
    refuse_links_out,
    walk,
)
from merkit.errors import DatasetError, MissingDataError
from merkit.media import frame_number

BAD_NAMES = [
    "..",
    ".",
    "",
    "  ",
    "a/b",
    "../x",
    "a\\b",
    "/etc/passwd",
    "C:\\x",
    "a\x00b",
    "a\nb",
    "=cmd|' /C calc'!A0",
    "@SUM(A1)",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_paths_or_formulas_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="cannot be the name"):
        inside(tmp_path, "sub01", name)


@given(st.text(max_size=12))
def test_no_name_leads_out_of_the_root(name: str) -> None:
    root = Path("/nowhere/root")
    try:
        path = inside(root, name)
    except DatasetError:
        return
    assert path.parent == root


def test_links_out_of_the_root_are_refused_and_passed_over(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write_images(outside / "sub01" / "EP", range(3), "img{}.jpg")
    write_xlsx(outside / "sheet.xlsx", {"S": [(1,)]})
    root.mkdir()
    (root / "sub01").symlink_to(outside / "sub01")
    (root / "sheet.xlsx").symlink_to(outside / "sheet.xlsx")
    with pytest.raises(DatasetError, match="leads to"):
        inside(root, "sub01")
    with pytest.raises(DatasetError, match="leads to"):
        child_folder(root, root, "sub01")
    with pytest.raises(MissingDataError):
        find_sheet(root, ("*.xlsx",), ("Subject",))
    assert [f.folders for f in walk(root, 3)] == [()]


def test_links_among_the_images_of_a_clip(tmp_path: Path) -> None:
    root, clip = tmp_path / "root", tmp_path / "root" / "sub01" / "EP"
    write_images(clip, range(3), "img{}.jpg")
    write_images(tmp_path / "outside", range(3), "img{}.jpg")
    (clip / "img3.jpg").symlink_to(clip / "img2.jpg")
    refuse_links_out([clip, clip, root / "missing"], root)  # inside: fine
    (tmp_path / "link").symlink_to(root)
    refuse_links_out([tmp_path / "link" / "sub01" / "EP"], tmp_path / "link")
    (clip / "img4.jpg").symlink_to(tmp_path / "outside" / "img1.jpg")
    with pytest.raises(DatasetError, match=r"img4\.jpg is a link that leads to") as caught:
        refuse_links_out([clip], root)
    assert caught.value.wanted == f"data inside {root.resolve()}"


def test_a_root_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    write_images(tmp_path / "real" / "sub01", range(3), "img{}.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "sub01").is_dir()


def test_a_link_back_up_does_not_go_round(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert len(list(walk(tmp_path, 9))) == 2


def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="file cannot be listed"):
        list(walk(tmp_path / "file", 1))


def test_frame_number_is_the_last_group_of_digits() -> None:
    assert frame_number("img46.jpg") == 46
    assert frame_number("006_05562.jpg") == 5562
    assert frame_number("image 000012.jpg") == 12
    assert frame_number("s20_image20302330.bmp") == 20302330
    assert frame_number("Thumbs.db") is None


def test_frame_numbers_sort_as_numbers_and_pass_other_files_over(tmp_path: Path) -> None:
    write_images(tmp_path, (100000, 99999, 8), "image{}.bmp")
    (tmp_path / "Thumbs1.db").write_text("x")
    (tmp_path / "._image7.bmp").write_text("x")
    assert frame_numbers(tmp_path) == [8, 99999, 100000]
    assert frame_numbers(tmp_path / "none") == []


def test_one_sheet_or_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no annotation file"):
        find_sheet(tmp_path, ("CASME2-coding*.xlsx",), ("Subject",))
    first = write_xlsx(tmp_path / "CASME2-coding-2014.xlsx", {"S": [(1,)]})
    (tmp_path / "~$CASME2-coding-2014.xlsx").write_bytes(b"lock")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / first.name).write_bytes(first.read_bytes())
    assert find_sheet(tmp_path, ("casme2-CODING*.xlsx",), ("Subject",)) == first
    write_xlsx(tmp_path / "b" / "CASME2-coding-2019.xlsx", {"S": [(2,)]})
    with pytest.raises(DatasetError, match=r"2 different annotation files.*2019"):
        find_sheet(tmp_path, ("CASME2-coding*.xlsx",), ("Subject",))
    assert find_sheet(tmp_path, ("*2019*", "*2014*"), ("Subject",)).parent.name == "b"


def test_trees_are_told_by_their_path(tmp_path: Path) -> None:
    for tree in ("data/Cropped", "data/RAW_selected"):
        write_images(tmp_path / tree / "sub01" / "EP", range(2), "{}.jpg")
    raw = find_tree(tmp_path, r"sub\d+", Tree("RAW", "raw", "crop"))
    assert raw == tmp_path / "data" / "RAW_selected"
    cropped = find_tree(tmp_path, r"sub\d+", Tree("C", "crop", strict=True))
    assert cropped == tmp_path / "data" / "Cropped"
    assert find_tree(tmp_path, r"sub\d+", Tree("F", "full", strict=True)) == tmp_path / "F"
    alone = tmp_path / "data" / "RAW_selected"
    assert find_tree(alone, r"sub\d+", Tree("x", "nothing", "crop")) == alone


def test_child_folder_takes_the_spelling_that_exists(tmp_path: Path) -> None:
    (tmp_path / "spNO210").mkdir()
    (tmp_path / "EP02_01F").mkdir()
    assert child_folder(tmp_path, tmp_path, "spNO.210", "spNO210") == tmp_path / "spNO210"
    assert child_folder(tmp_path, tmp_path, "ep02_01f") == tmp_path / "EP02_01F"
    assert child_folder(tmp_path, tmp_path, "none", "nil") == tmp_path / "none"
