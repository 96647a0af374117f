from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from miniatures import write_images

from merkit.datasets.action_units import parse_action_units
from merkit.datasets.corrections import (
    Correction,
    apply_corrections,
    corrections_made,
    known_corrections,
)
from merkit.errors import ConfigError
from merkit.types import Clip

CLIP = Clip(
    clip_id="samm/032/032_3_1",
    dataset="samm",
    subject="032",
    media=Path("x"),
    fps_hz=200.0,
    emotion="anger",
    first_frame=4896,
    last_frame=4970,
    onset_frame=4896,
    apex_frame=1930,
    offset_frame=4970,
)


def test_a_known_error_is_corrected_and_noted() -> None:
    (clip,) = apply_corrections([CLIP])
    assert clip.apex_frame == 4930
    note = corrections_made(clip)["apex_frame"]
    assert note.startswith("1930 -> 4930: ")
    assert "SAMM Long Videos" in note


def test_nothing_is_done_where_the_old_value_does_not_match() -> None:
    edited = replace(CLIP, apex_frame=4945)
    assert apply_corrections([edited]) == (edited,)


def test_nothing_is_done_on_request() -> None:
    assert apply_corrections([CLIP], "none") == (CLIP,)
    with pytest.raises(ConfigError, match="corrections 'some'"):
        apply_corrections([CLIP], "some")


def test_reported_values_only_when_asked_for() -> None:
    clip = replace(
        CLIP, clip_id="samm/007/007_6_1", action_units=parse_action_units("R12 or R15"), raw={}
    )
    assert apply_corrections([clip]) == (clip,)
    (chosen,) = apply_corrections([clip], "all")
    assert chosen.action_units == parse_action_units("R12+R15")
    assert corrections_made(chosen)["action_units"].startswith("R12?+R15? -> R12+R15")


def test_the_part_to_read_follows_onset_and_offset() -> None:
    table = [
        Correction("samm", "032", "032_3_1", column, old, new, "certain", "", "why", "who")
        for column, old, new in [("onset_frame", "4896", "4800"), ("offset_frame", "4970", "")]
    ]
    (clip,) = apply_corrections([CLIP], table=table)
    assert (clip.onset_frame, clip.first_frame) == (4800, 4800)
    assert (clip.offset_frame, clip.last_frame) == (None, None)
    (clip,) = apply_corrections([replace(CLIP, first_frame=1)], table=table)
    assert (clip.onset_frame, clip.first_frame) == (4800, 1)


@pytest.mark.parametrize(
    ("sheet", "folder", "interval"),
    [
        ((15, 68), (56, 116), (56, 116)),  # sheet of 2014 beside the images of 2019
        ((15, 68), (56, 91), (56, 91)),
        ((56, 116), (15, 68), (15, 68)),  # and the other way round
        ((56, 116), (56, 91), (56, 91)),
        ((15, 68), (15, 68), (15, 68)),
        ((15, 68), (3, 99), (15, 68)),  # neither: nothing is guessed
    ],
)
def test_the_image_folder_decides_between_sheet_versions(
    tmp_path: Path, sheet: tuple[int, int], folder: tuple[int, int], interval: tuple[int, int]
) -> None:
    write_images(tmp_path, (folder[0], folder[0] + 2, folder[1]), "img{}.jpg")
    clip = replace(
        CLIP,
        clip_id="casme2/sub07/EP06_01",
        media=tmp_path,
        onset_frame=sheet[0],
        offset_frame=sheet[1],
    )
    (found,) = apply_corrections([clip])
    assert (found.onset_frame, found.offset_frame) == interval
    assert bool(corrections_made(found)) == (interval != sheet)


CONFLICTS = [  # clip, interval of the sheet of 2014 with an apex in it, that of 2019
    ("casme2/sub07/EP06_01", (15, 40, 68), (56, 116)),
    ("casme2/sub12/EP09_02", (16, 60, 101), (161, 206)),
    ("casme2/sub16/EP01_08", (80, 104, 110), (80, 96)),
]


@pytest.mark.parametrize(("clip_id", "sheet", "folder"), CONFLICTS)
def test_an_apex_outside_the_moved_interval_is_none(
    tmp_path: Path, clip_id: str, sheet: tuple[int, int, int], folder: tuple[int, int]
) -> None:
    write_images(tmp_path, folder, "img{}.jpg")
    onset, apex, offset = sheet
    clip = replace(
        CLIP,
        clip_id=clip_id,
        media=tmp_path,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
    )
    (found,) = apply_corrections([clip])
    assert (found.onset_frame, found.offset_frame) == folder
    assert found.apex_frame is None
    note = corrections_made(found)["apex_frame"]
    assert note.startswith(f"{apex} -> empty: outside the interval {folder[0]} to {folder[1]}")
    assert apply_corrections([found]) == (found,)
    # an apex inside stays, and so does one that no moved interval leaves outside
    (found,) = apply_corrections([replace(clip, apex_frame=folder[1])])
    assert found.apex_frame == folder[1]
    unmoved = replace(clip, media=tmp_path / "none", apex_frame=7)
    assert apply_corrections([unmoved]) == (unmoved,)


def test_a_reported_apex_is_taken_only_where_the_moved_interval_holds_it(tmp_path: Path) -> None:
    clip = replace(CLIP, clip_id="casme2/sub07/EP06_01", media=tmp_path / "2019")
    write_images(tmp_path / "2019", (56, 116), "img{}.jpg")
    write_images(tmp_path / "2014", (15, 68), "img{}.jpg")
    older = replace(clip, onset_frame=15, apex_frame=40, offset_frame=68)
    (found,) = apply_corrections([older], "all")
    assert found.apex_frame == 78
    note = corrections_made(found)["apex_frame"]
    assert note.startswith("40 -> empty: outside")
    assert "; empty -> 78: no apex in the sheet" in note
    newer = replace(
        clip, media=tmp_path / "2014", onset_frame=56, apex_frame=None, offset_frame=116
    )
    (found,) = apply_corrections([newer], "all")
    assert (found.onset_frame, found.apex_frame, found.offset_frame) == (15, None, 68)


def test_the_table_is_whole() -> None:
    table = known_corrections()
    assert {c.level for c in table} == {"certain", "reported"}
    assert {c.condition for c in table} == {"", "files"}
    assert all(c.reason and c.source and c.old != c.new for c in table)
    columns = {c.column for c in table if not c.column.startswith("raw:")}
    known = {"onset_frame", "apex_frame", "offset_frame", "emotion", "action_units"}
    assert columns <= known
    reported = [c for c in table if c.level == "reported" and c.dataset == "casme2"]
    assert len(reported) == 21  # DATASETS: clips without apex in the sheet of 2019
    keys = Counter((c.clip_id, c.column, c.old, c.new) for c in table)
    assert max(keys.values()) == 1
