from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import FOURDME_HEADER, FOURDME_ROWS, write_4dme, write_xlsx

from merkit.datasets import label_map, load_dataset
from merkit.datasets.fourdme import label_set
from merkit.datasets.label_maps import class_counts
from merkit.datasets.layout import frame_numbers
from merkit.errors import DatasetError
from merkit.types import ActionUnit


@pytest.mark.parametrize(
    ("variant", "tree"), [("gray", "gray_micro"), ("gray-cropped", "gray_micro_crop")]
)
def test_rows_become_clips(tmp_path: Path, variant: str, tree: str) -> None:
    clips = load_dataset("4dme", write_4dme(tmp_path), variant)
    assert len(clips) == len(FOURDME_ROWS)  # neither the sum nor the stray folder
    for clip in clips:
        assert clip.media == tmp_path / tree / clip.subject / clip.clip_id.split("/")[-1]
        numbers = frame_numbers(clip.media)
        assert (numbers[0], numbers[-1]) == (clip.first_frame, clip.last_frame)
    assert clips[0].emotion == "surprise+positive"
    assert clips[0].raw["Emotion"] == "Surprise+Positive"
    assert clips[0].action_units == (ActionUnit(7, "L"),)  # AU4(k) is static
    assert clips[1].action_units == (ActionUnit(12),)
    assert clips[0].fps_hz == 60.0


def test_one_label_of_a_set_by_named_rules(tmp_path: Path) -> None:
    clips = load_dataset("4dme", write_4dme(tmp_path))
    assert class_counts(label_map("4dme", "4dme-3-first"), clips) == (1, 1, 1)
    assert class_counts(label_map("4dme", "4dme-3-single"), clips) == (1, 1, 0)
    assert class_counts(label_map("4dme", "4dme-5-first"), clips) == (1, 1, 1, 0, 1)


def test_label_sets() -> None:
    assert label_set("Surprise+Positive") == ("surprise", "positive")
    assert label_set(" Other ") == ("others",)
    assert label_set("") == ()
    assert label_set("Negative, negative") == ("negative",)


def test_exchanged_rows_are_marked_not_changed(tmp_path: Path) -> None:
    rows = [
        (f"S{i % 41:02d}", f"c{i:03d}", 1, 1, 2, 3, str(1 + i % 40), "Negative") for i in range(147)
    ]
    write_xlsx(tmp_path / "4DME_Labelling_Micro_release v1.xlsx", {"S": [FOURDME_HEADER, *rows]})
    clips = load_dataset("4dme", tmp_path)
    marked = {c.raw["fold_name"] for c in clips if "doubtful:action_units" in c.raw}
    assert marked == {"c144", "c145"}
    assert {c.action_units for c in clips if c.raw["fold_name"] == "c144"} == {(ActionUnit(25),)}


def test_two_events_of_one_folder_have_two_ids(tmp_path: Path) -> None:
    rows = [("7", "a", 1, onset, None, onset + 5, "4", "Negative") for onset in (3, 30)]
    write_xlsx(tmp_path / "4DME_Labelling_Micro.xlsx", {"S": [FOURDME_HEADER, *rows]})
    (tmp_path / "gray_micro" / "7" / "a").mkdir(parents=True)
    clips = load_dataset("4dme", tmp_path)
    assert [c.clip_id for c in clips] == ["4dme/7/a_3", "4dme/7/a_30"]
    assert all(c.media.is_dir() for c in clips)


def test_the_extras_file_is_not_taken_for_the_sheet(tmp_path: Path) -> None:
    columns = ("sub_ID'", "video_number'", "Onset", "Apex", "Offset", "AUs", "video emo'")
    write_xlsx(tmp_path / "4DME_Labelling_Micro-expression_final.xlsx", {"S": [columns]})
    with pytest.raises(DatasetError, match="video_number"):
        load_dataset("4dme", tmp_path)
