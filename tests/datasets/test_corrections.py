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
