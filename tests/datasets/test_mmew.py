from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import write_images
from miniatures_more import MMEW_ROWS, write_mmew

from merkit.datasets import load_dataset
from merkit.datasets.corrections import corrections_made
from merkit.datasets.mmew import SUBJECTS
from merkit.errors import DatasetError
from merkit.types import ActionUnit


@pytest.mark.parametrize("layout", ["owner", "code"])
def test_both_layouts(tmp_path: Path, layout: str) -> None:
    clips = {c.clip_id: c for c in load_dataset("mmew", write_mmew(tmp_path, layout=layout))}
    assert sorted(clips) == [f"mmew/{r[1][:3]}/{r[1]}" for r in MMEW_ROWS]
    clip = clips["mmew/S03/S03-01-002"]
    assert clip.media.name == "S03-01-002"
    assert clip.media.is_dir()
    assert (clip.subject, clip.emotion, clip.fps_hz) == ("S03", "happiness", 90.0)
    assert (clip.onset_frame, clip.apex_frame, clip.offset_frame) == (1, 5, 9)
    assert clip.action_units == (ActionUnit(6), ActionUnit(12))


def test_others_in_the_sheet_is_repression_on_disk(tmp_path: Path) -> None:
    clips = {c.clip_id: c for c in load_dataset("mmew", write_mmew(tmp_path))}
    clip = clips["mmew/S03/S03-07-001"]
    assert clip.emotion == "others"
    assert clip.media.parent.name == "repression"
    assert "differs:emotion" not in clip.raw
    clip.media.parent.rename(clip.media.parents[1] / "fear")
    moved = {c.clip_id: c for c in load_dataset("mmew", tmp_path)}["mmew/S03/S03-07-001"]
    assert moved.raw["differs:emotion"] == "the sheet says 'others', the folder 'fear'"


def long_sheet(root: Path, last: int) -> Path:
    """34 rows, the last of which (33) is one that public code replaces; ``last``: its images."""
    rows = [(1, f"S01-01-{i:03d}", 1, 2, 3, "12", "happiness", None) for i in range(33)]
    rows.append((1, "S01-01-099", 1, 50, 90, "12", "happiness", None))
    write_mmew(root, rows=rows)
    place = root / "MMEW_Final" / "Micro_Expression" / "happiness" / "S01-01-099"
    for image in place.iterdir():
        image.unlink()
    write_images(place, range(1, last + 1), "{}.jpg")
    return root


def test_rows_known_by_number_change_only_where_the_images_agree(tmp_path: Path) -> None:
    clips = load_dataset("mmew", long_sheet(tmp_path / "agrees", 75))
    clip = next(c for c in clips if c.clip_id.endswith("099"))
    assert (clip.apex_frame, clip.offset_frame, clip.last_frame) == (40, 75, 75)
    assert set(corrections_made(clip)) == {"apex_frame", "offset_frame"}
    for folder, last in (("other", 74), ("longer", 90)):
        clips = load_dataset("mmew", long_sheet(tmp_path / folder, last))
        clip = next(c for c in clips if c.clip_id.endswith("099"))
        assert (clip.apex_frame, clip.offset_frame) == (50, 90)
        assert corrections_made(clip) == {}
        assert ("doubtful:offset_frame" in clip.raw) == (last < 90)


def test_bad_names(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="MMEW clip 'happy-1'"):
        SUBJECTS("happy-1")
    write_mmew(tmp_path, rows=[(1, "S01-01-001", 1, 2, 3, "12", "../../happiness", None)])
    with pytest.raises(DatasetError, match="cannot be the name"):
        load_dataset("mmew", tmp_path)
