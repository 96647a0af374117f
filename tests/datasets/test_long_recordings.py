from __future__ import annotations

from pathlib import Path

import pytest
from miniatures import write_smic_e, write_xlsx
from miniatures_more import write_casme_squared, write_samm_long

from merkit import datasets
from merkit.datasets import DATASETS, label_map, load_dataset, samm
from merkit.datasets.base import noted
from merkit.datasets.casme_squared import load_recordings
from merkit.datasets.label_maps import clip_label
from merkit.datasets.recordings import event_kind
from merkit.errors import ConfigError, DatasetError
from merkit.runs.truth import annotated
from merkit.scoring.spotting import Span
from merkit.types import ActionUnit
from merkit.video import frame_numbers, iter_frames


def test_casme_squared_micro_events_lie_in_recordings(tmp_path: Path) -> None:
    clips = {c.clip_id: c for c in load_dataset("casme-squared", write_casme_squared(tmp_path))}
    assert sorted(clips) == [
        "casme-squared/s15/anger1_1",
        "casme-squared/s15/disgust2_3",
        "casme-squared/s16/happy1_2",
    ]
    clip = clips["casme-squared/s15/anger1_1"]
    assert clip.media == tmp_path / "rawpic" / "s15" / "15_0401girlcrashing"
    assert (clip.onset_frame, clip.apex_frame, clip.offset_frame) == (10, 14, 20)
    assert (clip.emotion, clip.raw["self_report"], clip.fps_hz) == ("negative", "anger", 30.0)
    worms = clips["casme-squared/s15/disgust2_3"]
    assert worms.media.name == "15_0102eatingworms"  # its code has lost the leading zero
    assert worms.action_units is None
    happy = clips["casme-squared/s16/happy1_2"]
    assert happy.action_units == (ActionUnit(6), ActionUnit(12))
    assert happy.raw["self_report"] == "happiness"
    assert DATASETS["casme-squared"].kind == "long"


def test_casme_squared_recordings_have_macro_events_too(tmp_path: Path) -> None:
    recordings = load_recordings(write_casme_squared(tmp_path))
    by_id = {r.recording_id: r for r in recordings}
    assert sorted(by_id) == [
        "casme-squared/s15/anger1",
        "casme-squared/s15/disgust2",
        "casme-squared/s16/happy1",
        "casme-squared/s19/happy1",  # by its folder: nothing is annotated in it
    ]
    bare = by_id["casme-squared/s19/happy1"]
    assert (bare.events, bare.subject, bare.fps_hz) == ((), "s19", 30.0)
    assert bare.media == tmp_path / "rawpic" / "s19" / "19_0502funnyerrors"
    (tmp_path / "rawpic" / "s19" / "19_0999unknown").mkdir()
    (tmp_path / "rawpic" / "s19" / "19_0401girlcrashing").mkdir()  # holds no images
    assert recordings == load_recordings(tmp_path)
    events = by_id["casme-squared/s16/happy1"].events
    assert [e.clip_id.split("/")[-1] for e in events] == ["happy1_10", "happy1_2"]  # by time
    assert events[0].offset_frame is None  # the sheet says 0
    assert {e.media for e in events} == {by_id["casme-squared/s16/happy1"].media}


def test_a_link_out_of_the_root_in_a_recording(tmp_path: Path) -> None:
    root = write_casme_squared(tmp_path / "db")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    folder = load_recordings(root)[0].media
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "img999.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(DatasetError, match=r"img999\.jpg is a link that leads to"):
        load_recordings(root)


def test_casme_squared_trees_and_self_report(tmp_path: Path) -> None:
    write_casme_squared(tmp_path)
    cropped = load_dataset("casme-squared", tmp_path, "cropped")
    assert {c.media.parents[1].name for c in cropped} == {"cropped"}
    selected = load_dataset("casme-squared", tmp_path, "selectedpic")
    assert not any(c.media.exists() for c in selected)
    own = tmp_path / "selectedpic" / "s15" / "anger1_1"
    own.mkdir(parents=True)
    clips = {c.clip_id: c for c in load_dataset("casme-squared", tmp_path, "selectedpic")}
    assert clips["casme-squared/s15/anger1_1"].media == own
    task = label_map("casme-squared", "8")
    assert [task.classes[clip_label(task, c) or 0] for c in cropped] == [
        "anger",
        "disgust",
        "happiness",
    ]


def test_casme_squared_events_of_no_film(tmp_path: Path) -> None:
    row = (1, "joy9_1", 10, 14, 20, "4", "negative", "micro-expression", "anger")
    sheets = {"a": [row], "b": [(15, "s15", 1)], "c": [("0401", "anger1")]}
    write_xlsx(tmp_path / "CAS(ME)^2code_final.xlsx", sheets)
    with pytest.raises(DatasetError, match="row 1: subject '1', event 'joy9_1'"):
        load_dataset("casme-squared", tmp_path)


def test_samm_long_takes_emotions_from_samm(tmp_path: Path) -> None:
    clips = {c.clip_id: c for c in load_dataset("samm-long", write_samm_long(tmp_path))}
    assert sorted(clips) == [
        "samm-long/006/006_9_9",
        "samm-long/028/028_4_1",
        "samm-long/037/037_4_1",
    ]
    clip = clips["samm-long/006/006_9_9"]
    assert clip.media == tmp_path / "SAMM_longvideos" / "006_9"
    assert (clip.onset_frame, clip.offset_frame) == (10, 20)  # never SAMM's 1010 and 1020
    assert clip.emotion == "others"
    assert clips["samm-long/037/037_4_1"].emotion == "anger"
    assert clips["samm-long/028/028_4_1"].apex_frame is None  # -1
    assert clip.action_units == (ActionUnit(4, "", "B", True), ActionUnit(7, "", "B"))


def test_samm_long_without_samm_has_no_emotions(tmp_path: Path) -> None:
    clips = load_dataset("samm-long", write_samm_long(tmp_path, samm=False))
    assert {c.emotion for c in clips} == {""}


def test_samm_long_keeps_an_event_that_is_micro_and_macro(tmp_path: Path) -> None:
    recordings = samm.load_recordings(write_samm_long(tmp_path))
    events = {e.clip_id for r in recordings for e in r.events}
    assert {"samm-long/037/037_4_1", "samm-long/037/037_4_1_macro"} <= events
    assert [r.recording_id for r in recordings] == [
        "samm-long/006/006_9",
        "samm-long/028/028_4",
        "samm-long/037/037_4",
    ]
    assert [len(r.events) for r in recordings] == [2, 1, 2]


def test_samm_long_event_of_another_subject(tmp_path: Path) -> None:
    write_samm_long(tmp_path)
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "Type", "Action Units")
    row = ("006", "007_1_1", 1, 2, 3, "Micro - 1/2", "4")
    write_xlsx(tmp_path / "SAMM_LongVideos_V2_Release.xlsx", {"Sheet1": [header, row]})
    with pytest.raises(DatasetError, match="event '007_1_1' of subject '006'"):
        load_dataset("samm-long", tmp_path)


LONG = ("casme-squared", "samm-long", "smic-e", "synthetic")


def test_which_databases_have_recordings(tmp_path: Path) -> None:
    assert {n for n in DATASETS if DATASETS[n].recordings is not None} == set(LONG)
    with pytest.raises(ConfigError, match="'casme2' has no long recordings") as caught:
        datasets.load_recordings("casme2", tmp_path)
    assert all(name in str(caught.value) for name in LONG)


WRITERS = {
    "casme-squared": write_casme_squared,
    "samm-long": write_samm_long,
    "smic-e": write_smic_e,
}


@pytest.mark.parametrize("name", WRITERS)
def test_events_lie_within_the_numbered_images_of_their_recording(
    name: str, tmp_path: Path
) -> None:
    """So that they can be compared with what is spotted, which is numbered as the images are."""
    root = WRITERS[name](tmp_path)
    recordings = datasets.load_recordings(name, root)
    assert recordings
    for recording in recordings:
        numbers = frame_numbers(recording.media).tolist()
        (read,) = iter_frames(recording.media, numbers[3], numbers[3], fps_hz=recording.fps_hz)
        assert read.number == numbers[3]
        assert {e.media for e in recording.events} <= {recording.media}
        told = [(e.onset_frame, e.offset_frame or e.apex_frame) for e in recording.events]
        if (name, recording.recording_id) not in OUTSIDE:
            assert all(onset in numbers and end in numbers for onset, end in told)


#: rows of the miniature whose frames are not written
OUTSIDE = {
    ("smic-e", f"smic-e/{name}") for name in ("s04/s4_ne_98", "s09/s9_sur_97", "s18/s18_sur_03")
}


def test_kinds_by_the_columns_of_each_database(tmp_path: Path) -> None:
    kinds = {
        event.clip_id: event_kind(event)
        for name, write in WRITERS.items()
        for recording in datasets.load_recordings(name, write(tmp_path / name))
        for event in recording.events
    }
    macro = {name for name, kind in kinds.items() if kind == "macro"}
    assert macro == {
        "casme-squared/s15/anger1_10",
        "casme-squared/s16/happy1_10",
        "samm-long/006/006_9_1_macro",
        "samm-long/037/037_4_1_macro",
    }
    assert set(kinds.values()) == {"micro", "macro"}
    assert "smic-e/s03/s3_ne_99" in kinds  # has no column of kinds


def test_a_kind_that_is_neither_is_refused(tmp_path: Path) -> None:
    (first, *_) = samm.load_recordings(write_samm_long(tmp_path))
    with pytest.raises(DatasetError, match="is of kind 'blink'"):
        event_kind(noted(first.events[0], {"Type": "blink"}))


def test_smic_e_has_every_interval_as_an_event(tmp_path: Path) -> None:
    recordings = datasets.load_recordings("smic-e", write_smic_e(tmp_path))
    events = {e.clip_id.split("/")[-1]: e for r in recordings for e in r.events}
    assert {n: (e.onset_frame, e.offset_frame) for n, e in events.items()} == {
        "s3_ne_99": (100010, 100020),
        "s4_ne_98": (50, 60),
        "s4_ne_98_2": (70, 80),
        "s4_ne_98_3": (90, 95),
        "s9_sur_97": (50, 60),
        "s9_sur_97_2": (70, 80),
        "s18_sur_03": (50, 60),
        "s18_sur_03_2": (30, 40),
    }
    by_id = {r.recording_id.split("/")[-1]: r for r in recordings}
    assert [e.onset_frame for e in by_id["s18_sur_03"].events] == [30, 50]  # by time
    assert events["s18_sur_03"].emotion == "surprise"  # corrected, as for a clip
    assert events["s18_sur_03_2"].emotion == ""


def test_an_alias_stands_before_ids_and_people(tmp_path: Path) -> None:
    root = write_samm_long(tmp_path)
    (recording, *_) = datasets.load_recordings("samm-long", root, alias="samm-long:a")
    assert recording.recording_id == "samm-long:a/samm-long/006/006_9"
    assert {e.subject_key for e in recording.events} == {"samm-long:a/006"}
    assert recording.dataset == "samm-long:a"
    assert all(e.clip_id.startswith("samm-long:a/samm-long/006/") for e in recording.events)


def test_every_miniature_gives_spans(tmp_path: Path) -> None:
    """In the numbers of the images; the macro rows without an offset end at their apex."""
    spans = {
        one.event.clip_id.split("/")[-1]: one.span
        for name, write in WRITERS.items()
        for recording in datasets.load_recordings(name, write(tmp_path / name))
        for one in annotated(recording.events)[0]
    }
    assert len(spans) == 5 + 5 + 8
    assert spans["anger1_1"] == Span(10, 20, "micro", 14)
    assert spans["anger1_10"] == Span(30, 34, "macro", 34)  # offset 0 in the sheet
    assert spans["happy1_10"] == Span(10, 15, "macro", 15)
    assert spans["006_9_1_macro"] == Span(2, 8, "macro", None)  # apex -1 in the sheet
    assert spans["s3_ne_99"] == Span(100010, 100020, "micro", None)
