"""Writing a synthetic database, and reading it back through its adapter."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from merkit.datasets import load_dataset
from merkit.datasets.synthetic import load_recordings, load_stretches
from merkit.errors import ConfigError, DatasetError, MerkitError, MissingDataError
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.plan import plan_clips
from merkit.synthetic.write import is_made, write_database
from merkit.types import ActionUnit

SMALL = SynthConfig(
    subjects=2, clips_per_class=1, size_px=(96, 96), face_width_px=70.0, duration_s=(0.2, 0.3)
)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = replace(
        SMALL, long_videos=1, long_duration_s=5.0, events_per_video=2, long_media="frames"
    )
    return write_database(tmp_path_factory.mktemp("synth") / "db", config)


@pytest.fixture
def copy(database: Path, tmp_path: Path) -> Path:
    """The database's tables and folders, with its media left empty."""
    root = tmp_path / "copy"
    for path in database.rglob("*"):
        target = root / path.relative_to(database)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif path.suffix in {".csv", ".json"}:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return root


def test_same_seed_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    one = write_database(tmp_path / "one", SMALL, workers=1)
    two = write_database(tmp_path / "two", SMALL, workers=2)
    assert digests(one) == digests(two)
    other = write_database(tmp_path / "other", replace(SMALL, seed=1))
    first = "sub01/EP01/img1.jpg"
    assert digests(other)[first] != digests(one)[first]


def test_a_subject_does_not_depend_on_how_many_follow(tmp_path: Path) -> None:
    two = digests(write_database(tmp_path / "two", SMALL))
    one = digests(write_database(tmp_path / "one", replace(SMALL, subjects=1)))
    media = {name: value for name, value in one.items() if name.startswith(("sub", "truth"))}
    assert len(media) > 10
    assert media == {name: two[name] for name in media}


def test_settings_of_before_give_the_bytes_of_before(database: Path) -> None:
    """Tables as the first version wrote them, by hash; pixels and truth by sums, which allow for
    another version of OpenCV."""
    begin = {
        "annotation.csv": "97aed714f5cefb7b",
        "recordings.csv": "8c5cf0886f94b7bb",
        "events.csv": "b5bd3e3ac14980e1",
        "database.json": "d0f8742e343a6574",
    }
    found = digests(database)
    assert {name: found[name][:16] for name in begin} == begin
    frame = cv2.imread(str(database / "long/sub03_L01/img100.jpg"))
    np.testing.assert_allclose(frame.mean((0, 1)), [113.149, 130.709, 151.816], atol=0.02)
    truth = np.load(database / "truth/sub03_L01.npz")
    assert truth["peak_px"].sum() == pytest.approx(3.43010, abs=1e-3)
    assert truth["landmarks_px"].sum() == pytest.approx(920060.5, abs=20)


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = replace(
        SMALL,
        subjects=1,
        long_videos=1,
        long_duration_s=12.0,
        events_per_video=2,
        macro_events=2,
        macro_duration_s=(0.6, 1.5),
        talk_share=0.2,
        head_turns=1,
        head_turn_px=(10.0, 15.0),
        gaze_shifts=2,
        pose_jitter_px=0.0,
        blink_rate_hz=0.5,
        long_media="frames",
    )
    return write_database(tmp_path_factory.mktemp("synth") / "eventful", config)


def test_macro_expressions_come_back_beside_the_micro_ones(eventful: Path) -> None:
    (recording,) = load_recordings(eventful)
    kinds = [event.raw["kind"] for event in recording.events]
    assert sorted(kinds) == ["macro", "macro", "micro", "micro"]
    micro = tuple(event for event in recording.events if event.raw["kind"] == "micro")
    assert load_dataset("synthetic", eventful, "long") == micro
    peak = np.load(eventful / "truth" / "sub02_L01.npz")["peak_px"]
    for event in recording.events:
        assert event.apex_frame is not None
        amplitude = float(event.raw["amplitude_px"]) * 70.0 / 256.0
        assert peak[event.apex_frame - 1] == pytest.approx(amplitude, rel=1e-3)
        held = int((peak[event.first_frame - 1 : event.last_frame] > 0.999 * amplitude).sum())  # type: ignore[operator]
        assert held >= 3 if event.raw["kind"] == "macro" else held <= 2


def test_stretches_are_those_of_the_truth(eventful: Path) -> None:
    truth = np.load(eventful / "truth" / "sub02_L01.npz")
    taken = {kind: np.zeros(360, bool) for kind in ("talk", "blink", "nod", "gaze")}
    for stretch in load_stretches(eventful):
        assert stretch.recording_id == "sub02_L01"
        taken[stretch.kind][stretch.first - 1 : stretch.last] = True
    fast = np.abs(np.diff(truth["head"][:, 1])) > 0.3
    assert fast.any()
    assert taken["nod"][1:][fast].all()
    assert taken["blink"].any()
    assert (taken["blink"] == (truth["blink"] > 0)).all()
    aside = (truth["gaze_px"] != 0).any(axis=1)
    assert aside.sum() > 20
    assert taken["gaze"].sum() == aside.sum() + 4  # at rest at both ends of the two
    assert taken["gaze"][aside].all()
    assert taken["talk"].sum() == pytest.approx(72, abs=1)
    assert (truth["talk_px"][~taken["talk"]] == 0).all()
    assert (truth["talk_px"][taken["talk"]] > 0).mean() > 0.6
    lips = truth["landmarks_px"][:, 66, 1] - truth["landmarks_px"][:, 62, 1]
    rest = np.median(lips[~taken["talk"]])
    wide = truth["talk_px"] > 1.5
    assert wide.any()
    np.testing.assert_allclose(lips[wide] - rest, truth["talk_px"][wide], rtol=0.25)


def test_a_stretch_that_ends_before_it_begins_is_named(eventful: Path, tmp_path: Path) -> None:
    shutil.copytree(eventful, tmp_path / "copy")
    edit(tmp_path / "copy", "stretches.csv", lambda rows: rows[1].__setitem__("last", "0"))
    with pytest.raises(DatasetError, match=r"row 3: first \d+, last 0"):
        load_stretches(tmp_path / "copy")
    (tmp_path / "copy" / "stretches.csv").unlink()
    with pytest.raises(MissingDataError, match=r"stretches\.csv"):
        load_stretches(tmp_path / "copy")


def test_a_table_without_kinds_holds_micro_expressions(database: Path) -> None:
    assert "kind" not in (database / "events.csv").read_text()
    (recording,) = load_recordings(database)
    assert [event.raw["kind"] for event in recording.events] == ["micro", "micro"]


def test_another_kind_of_event_is_refused(eventful: Path, tmp_path: Path) -> None:
    shutil.copytree(eventful, tmp_path / "copy")
    edit(tmp_path / "copy", "events.csv", lambda rows: rows[1].__setitem__("kind", "huge"))
    with pytest.raises(DatasetError, match="row 3: kind is 'huge'"):
        load_recordings(tmp_path / "copy")


def test_clips_come_back_as_planned(database: Path) -> None:
    clips = load_dataset("synthetic", database)
    assert [c.clip_id for c in clips] == [
        f"sub{s:02d}_EP{e:02d}" for s in (1, 2) for e in (1, 2, 3)
    ]
    for clip, planned in zip(clips, plan_clips(SMALL), strict=True):
        event = planned.events[0]
        assert (clip.dataset, clip.subject) == ("synthetic", planned.subject_name)
        assert clip.emotion == event.emotion
        assert (clip.onset_frame, clip.apex_frame) == (1, event.apex + 1)
        assert (clip.first_frame, clip.last_frame) == (1, event.offset + 1)
        images = sorted(clip.media.iterdir(), key=lambda path: int(path.stem[3:]))
        assert [int(i.stem[3:]) for i in images] == list(range(1, event.offset + 2))
        assert cv2.imread(str(images[0])).shape == (96, 96, 3)
        assert clip.action_units is not None
        assert {u.number for u in clip.action_units} == {u.number for u in event.units}
        assert all(u.intensity in "ABCDE" for u in clip.action_units)
        assert clip.raw["action_units"] == event.codes


def test_truth_files_agree_with_the_table(database: Path) -> None:
    for clip in load_dataset("synthetic", database):
        truth = np.load(database / "truth" / f"{clip.clip_id}.npz", allow_pickle=False)
        assert clip.apex_frame is not None
        assert int(truth["peak_px"].argmax()) == clip.apex_frame - 1
        amplitude = float(clip.raw["amplitude_px"]) * 70.0 / 256.0
        assert truth["peak_px"].max() == pytest.approx(amplitude, rel=1e-3)
        assert truth["peak_px"][0] == truth["peak_px"][-1] == 0.0
        assert truth["intensity"].shape == (clip.last_frame, len(truth["action_units"]))
        assert truth["landmarks_px"].shape == (clip.last_frame, 68, 2)
        codes = sorted(
            truth["action_units"], key=lambda code: int("".join(filter(str.isdigit, code)))
        )
        assert "+".join(codes) == clip.raw["action_units"]


def test_recordings_come_back_with_their_events(database: Path) -> None:
    (recording,) = load_recordings(database)
    assert (recording.recording_id, recording.subject) == ("sub03_L01", "sub03")
    assert len(list(recording.media.iterdir())) == 150
    assert len(recording.events) == 2
    assert recording.events[0].last_frame < recording.events[1].first_frame  # type: ignore[operator]
    assert {e.media for e in recording.events} == {recording.media}
    assert load_dataset("synthetic", database, "long") == recording.events
    peak = np.load(database / "truth" / "sub03_L01.npz")["peak_px"]
    moving = np.flatnonzero(peak) + 1
    inside = [range(e.first_frame, e.last_frame + 1) for e in recording.events]  # type: ignore
    assert all(any(int(n) in frames for frames in inside) for n in moving)


def test_a_database_without_recordings_has_none(tmp_path: Path) -> None:
    config = replace(SMALL, subjects=1, fps_hz=100.0, image_format="png", lead_s=0.1)
    root = write_database(tmp_path / "db", config)
    assert load_recordings(root) == ()
    clip = load_dataset("synthetic", root)[0]
    assert clip.onset_frame == clip.first_frame == 11
    assert (clip.media / "img1.png").is_file()
    assert len(list(clip.media.iterdir())) == clip.last_frame + 10  # type: ignore[operator]


@pytest.mark.parametrize("fps", [30.0, 200.0])
def test_mp4_clips_have_their_frames_and_rate(tmp_path: Path, fps: float) -> None:
    config = replace(SMALL, subjects=1, media="mp4", fps_hz=fps)
    clip = load_dataset("synthetic", write_database(tmp_path / "db", config))[0]
    assert clip.media.suffix == ".mp4"
    assert clip.first_frame == 0
    with av.open(str(clip.media)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert float(stream.average_rate) == fps
    assert len(frames) - 1 == clip.last_frame
    times = [float(frame.pts * frame.time_base) for frame in frames]
    np.testing.assert_allclose(times, np.arange(len(frames)) / fps, atol=1e-4)


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    calls: list[tuple[str, float, float]] = []
    write_database(tmp_path / "db", SMALL, lambda *call: calls.append(call), workers=1)
    total = sum(clip.n_frames for clip in plan_clips(SMALL))
    assert calls == [("drawing faces", i + 1, total) for i in range(total)]


def test_the_same_database_is_not_made_twice(database: Path) -> None:
    config = SynthConfig(**json.loads((database / "database.json").read_text())["config"])
    before = digests(database)
    assert is_made(database, config)
    assert write_database(database, config, lambda *_: pytest.fail("made again")) == database
    assert digests(database) == before


def test_another_database_is_not_overwritten(database: Path) -> None:
    made = SynthConfig(**json.loads((database / "database.json").read_text())["config"])
    with pytest.raises(DatasetError, match="seed: 0, now 7"):
        write_database(database, replace(made, seed=7))


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match="not empty"):
        write_database(tmp_path, SMALL)
    with pytest.raises(DatasetError, match="is a file"):
        write_database(tmp_path / "notes.txt", SMALL)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    assert not is_made(tmp_path / "db", SMALL)
    root = write_database(tmp_path / "db", replace(SMALL, subjects=1))
    assert len(load_dataset("synthetic", root)) == 3


def test_nothing_is_left_of_an_interrupted_database(tmp_path: Path) -> None:
    def stop(stage: str, done: float, total: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_database(tmp_path / "db", SMALL, stop, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_database(tmp_path / "file" / "db", SMALL)


def edit(root: Path, table: str, change: Callable[[list[dict[str, str]]], None]) -> None:
    with (root / table).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    change(rows)
    with (root / table).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("onset", "abc", "abc"),
        ("onset", "", "onset is empty"),
        ("apex", "999", "apex 999"),
        ("fps_hz", "0", "fps_hz is '0'"),
        ("fps_hz", "nan", "fps_hz is 'nan'"),
        ("emotion", "joy", "emotion is 'joy'"),
        ("action_units", "12", "action units '12'"),
        ("action_units", "99B", "action units '99B'"),
        ("media", "sub01/EP77", "EP77 does not exist"),
    ],
)
def test_a_broken_row_is_named(copy: Path, column: str, value: str, message: str) -> None:
    edit(copy, "annotation.csv", lambda rows: rows[1].__setitem__(column, value))
    with pytest.raises(DatasetError, match="row 3") as caught:
        load_dataset("synthetic", copy)
    assert message in str(caught.value)


@pytest.mark.parametrize("media", ["../elsewhere", "/etc", "", "sub01/../../db", "=1+1"])
def test_media_outside_the_database_is_refused(copy: Path, media: str) -> None:
    edit(copy, "annotation.csv", lambda rows: rows[1].__setitem__("media", media))
    with pytest.raises(DatasetError, match="cannot be the name"):
        load_dataset("synthetic", copy)


def test_a_repeated_clip_is_named(copy: Path) -> None:
    edit(copy, "annotation.csv", lambda rows: rows.append(rows[0]))
    with pytest.raises(DatasetError, match=r"sub01_EP0\d 2 times"):
        load_dataset("synthetic", copy)


@pytest.mark.parametrize("name", ["annotation.csv", "database.json"])
def test_tables_that_are_links_out_of_the_root_are_refused(
    copy: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    away = tmp_path_factory.mktemp("away") / name
    (copy / name).rename(away)
    (copy / name).symlink_to(away)
    with pytest.raises(DatasetError, match=f"{name} is a link that leads to"):
        load_dataset("synthetic", copy)


def test_an_event_of_no_recording_is_named(copy: Path) -> None:
    edit(copy, "events.csv", lambda rows: rows[0].__setitem__("recording", "nobody"))
    with pytest.raises(DatasetError, match="'nobody' is not in recordings"):
        load_recordings(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "annotation.csv"),
        (b"", "annotation.csv"),
        (b"\xff\xfe\x00bad", "annotation.csv"),
    ],
)
def test_a_table_of_another_kind_is_refused(copy: Path, content: bytes, message: str) -> None:
    (copy / "annotation.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        load_dataset("synthetic", copy)


def test_a_short_row_is_refused(copy: Path) -> None:
    with (copy / "annotation.csv").open("a") as stream:
        stream.write("EP09,sub01\n")
    with pytest.raises(DatasetError, match=r"row 8: .* is empty"):
        load_dataset("synthetic", copy)


def test_a_missing_table_is_named(copy: Path) -> None:
    (copy / "annotation.csv").unlink()
    with pytest.raises(MerkitError, match=r"annotation\.csv"):
        load_dataset("synthetic", copy)


@pytest.mark.parametrize("content", [None, "{}", "not json", '["list"]'])
def test_another_folder_is_no_synthetic_database(copy: Path, content: str | None) -> None:
    (copy / "database.json").unlink()
    if content is not None:
        (copy / "database.json").write_text(content)
    with pytest.raises(DatasetError, match=r"database\.json"):
        load_dataset("synthetic", copy)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="merkit synth"):
        load_dataset("synthetic", tmp_path / "nowhere")


def test_action_unit_codes_are_read(copy: Path) -> None:
    edit(copy, "annotation.csv", lambda rows: rows[0].__setitem__("action_units", "6B+L12C"))
    clip = load_dataset("synthetic", copy)[0]
    assert clip.action_units == (ActionUnit(6, "", "B"), ActionUnit(12, "L", "C"))
