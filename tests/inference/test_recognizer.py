"""From a long recording to its events, and what happens where there is no face."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tiny_pipeline as tiny
from merkit import Recognizer
from merkit.cli import main
from merkit.datasets import load_dataset
from merkit.datasets.synthetic import load_recordings
from merkit.errors import ConfigError, FaceError, MissingDataError
from merkit.inference.analysis import Analysis, analyse
from merkit.inference.recognizer import window_clip, window_samples
from merkit.spotting import SpotConfig, Window, track_video
from merkit.types import Recording
from merkit.video import iter_frames, read_frames, write_frames, write_video


@pytest.fixture(scope="session")
def recording(tiny_database: Path) -> Recording:
    return load_recordings(tiny_database)[0]


@pytest.fixture(scope="session")
def recognizer(tiny_model: Path) -> Recognizer:
    return Recognizer.from_pretrained(tiny_model, device="cpu")


@pytest.fixture(scope="session")
def analysis(recognizer: Recognizer, recording: Recording) -> Analysis:
    return analyse(recording.media, recognizer)


@pytest.fixture(scope="session")
def images(recording: Recording, shared_folder: Path) -> Path:
    """The part of the recording around its first event, as a folder of images from 100."""
    event = recording.events[0]
    first = max((event.onset_frame or 0) - 15, 0)
    frames = iter_frames(recording.media, first, (event.offset_frame or 0) + 15)
    return tiny.made_once(
        shared_folder / "tiny" / "images",
        lambda out: write_frames(out, (f.rgb for f in frames), start=100),
    )


def overlaps(onset_s: float, offset_s: float, analysis: Analysis) -> bool:
    return any(e.onset_s < offset_s and e.offset_s > onset_s for e in analysis.events)


def test_every_true_event_is_overlapped_by_a_found_one(
    analysis: Analysis, recording: Recording
) -> None:
    assert len(recording.events) == 2
    for truth in recording.events:
        onset_s = (truth.onset_frame or 0) / recording.fps_hz
        offset_s = (truth.offset_frame or 0) / recording.fps_hz
        assert overlaps(onset_s, offset_s, analysis), truth.clip_id
    assert len(analysis.events) <= 4  # not everything is called an event


def test_events_are_ordered_and_complete(analysis: Analysis, recognizer: Recognizer) -> None:
    assert analysis.duration_s == pytest.approx(6.0, abs=0.05)
    assert analysis.found_share == 1.0
    assert analysis.problem == ""
    onsets = [event.onset_s for event in analysis.events]
    assert onsets == sorted(onsets)
    for event in analysis.events:
        assert 0 <= event.onset_s <= event.apex_s <= event.offset_s <= 6.0
        assert tuple(event.probabilities) == recognizer.classes
        assert sum(event.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert event.label == max(event.probabilities, key=lambda n: event.probabilities[n])
        assert event.score == event.probabilities[event.label]
        assert event.motion_px > 0
        assert event.found_share == 1.0


def test_progress_tells_both_passes(recognizer: Recognizer, images: Path) -> None:
    stages: dict[str, list[float]] = {}

    def told(stage: str, done: float, total: float) -> None:
        assert done <= total
        stages.setdefault(stage.split(maxsplit=1)[0], []).append(done)

    analyse(images, recognizer, fps_hz=30.0, progress=told)
    assert set(stages) == {"tracking", "recognising"}
    assert all(steps == sorted(steps) for steps in stages.values())


def test_a_training_clip_is_treated_as_in_training(
    recognizer: Recognizer, tiny_database: Path, tiny_store: Path
) -> None:
    """A clip read through the recogniser is what training read of it from the store."""
    from merkit.runs.data import load_clips, prepare_clips

    recipe = recognizer.method.recipe
    config = tiny.final(tiny_database, tiny_store, tiny_store)
    data, stored = prepare_clips(load_clips(config), recipe, config)
    assert stored.made == 0
    clips = data.clips[:2]
    made = [recipe.sample(clip).arrays for clip in clips]
    for clip, arrays in zip(clips, made, strict=True):
        np.testing.assert_array_equal(arrays["rgb"], stored.read(clip.clip_id).arrays["rgb"])
    together = recognizer.probabilities(made)
    alone = np.concatenate([recognizer.probabilities([s]) for s in made])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(1), 1, rtol=1e-5)


def test_a_spotted_window_is_a_clip_of_its_video(
    recognizer: Recognizer, images: Path, tmp_path: Path
) -> None:
    """The frames of a window, cut out as a clip, give the sample that the window gives."""
    recipe = recognizer.method.recipe
    seen = track_video(images, recognizer.track, SpotConfig(), fps_hz=30.0)
    window = Window(15, 20, 26, 1.0)
    clip = window_clip(window, seen)
    assert (clip.first_frame, clip.apex_frame, clip.last_frame) == (115, 120, 126)
    (sample,) = window_samples(recipe, [clip], seen, 30.0)
    frames = read_frames(images, numbers=recipe.choose(clip), fps_hz=30.0)
    alone = recipe.sample_of("alone", frames, recipe.follow(frames))
    assert sample.arrays["rgb"].shape == alone.arrays["rgb"].shape
    # the face is followed through all of the video, or through the window alone: within jitter
    gap = np.abs(sample.arrays["rgb"].astype(int) - alone.arrays["rgb"].astype(int))
    assert gap.mean() < 4
    np.testing.assert_array_equal(sample.arrays["time_s"], alone.arrays["time_s"])


def test_a_folder_of_images_is_a_video_too(recognizer: Recognizer, images: Path) -> None:
    slow = analyse(images, recognizer, fps_hz=30.0)
    assert len(slow.events) >= 1
    n = len(list(images.iterdir()))
    assert slow.duration_s == pytest.approx(n / 30.0, abs=1e-6)
    found = recognizer(str(images))  # without a rate: 25 frames a second
    assert all(event.offset_s <= n / 25.0 for event in found)


def test_a_cut_clip_is_one_event_as_it_stands(recognizer: Recognizer, tiny_database: Path) -> None:
    clip = load_dataset("synthetic", tiny_database)[0]
    analysis = analyse(clip.media, recognizer, fps_hz=clip.fps_hz)
    (event,) = analysis.events
    assert event.onset_s == 0.0
    assert event.offset_s == pytest.approx(analysis.duration_s - 1 / clip.fps_hz)
    sample = recognizer.method.recipe.sample(clip)
    wanted = recognizer.probabilities([sample.arrays])[0]
    assert list(event.probabilities.values()) == pytest.approx(wanted.tolist(), abs=0.02)


def test_no_face_at_all_is_an_error_in_python_and_a_finding_in_a_batch(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    grey = [np.full((96, 96, 3), 90 + i, np.uint8) for i in range(6)]
    write_frames(tmp_path / "grey", grey)
    analysis = analyse(tmp_path / "grey", recognizer)
    assert (analysis.events, analysis.found_share) == ((), 0.0)
    assert "no face" in analysis.problem
    with pytest.raises(FaceError, match="no face found in any of 6 frames"):
        recognizer(tmp_path / "grey")


def test_missing_video(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="gone"):
        recognizer(tmp_path / "gone.mp4")


def test_a_model_that_reads_human_codes_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from merkit.inference.modelfolder import save_model
    from merkit.methods import make_method

    method = make_method("stag", {"au": {"source": "oracle"}, "frames": 4})
    save_model(tmp_path / "oracle", method, method.build(3), ("a", "b", "c"), {})
    with pytest.raises(ConfigError, match="human coder"):
        Recognizer.from_pretrained(tmp_path / "oracle", device="cpu")


@pytest.mark.parametrize(
    ("method", "model"),
    [
        ("stag", {"frames": 6, "au": {"source": "predicted"}}),
        ("evodyn", {"sequence_length": 8, "depth": 1}),
        ("ststnet", {"flow": {"estimator": "dis"}}),
        ("hoof", {"frames": 4}),
        ("majority", {}),
    ],
)
def test_every_kind_of_recipe_and_none_reads_a_video(
    method: str, model: dict[str, object], images: Path, tiny_database: Path, tmp_path: Path
) -> None:
    """Trained for one epoch from the real database, then used on a video it has not seen."""
    from merkit.inference.final import train_model

    training = {} if method in ("hoof", "majority") else {"epochs": 1}
    config = tiny.final(
        tiny_database, tmp_path / "store", tmp_path / "model",
        method=method, model=model, training=training,
    )  # fmt: skip
    summary = train_model(config)
    assert summary.chosen_epoch == 1
    found = analyse(images, Recognizer.from_pretrained(config.out, device="cpu"), fps_hz=30.0)
    assert len(found.events) >= 1
    for event in found.events:
        assert np.isfinite(list(event.probabilities.values())).all()


# the command


def predict(model: Path, out: Path, *words: str) -> int:
    return main(["predict", *words, "--model", str(model), "--device", "cpu", "--out", str(out)])


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_a_batch_keeps_the_order_of_its_videos(
    tiny_model: Path, recording: Recording, images: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    again = shutil.copytree(images, tmp_path / "a-copy")
    out = tmp_path / "events.csv"
    assert predict(tiny_model, out, str(images), str(again), "--fps", "30") == 0
    videos = [row["video"] for row in rows(out)]
    assert videos == sorted(videos, key=[str(images), str(again)].index)
    assert set(videos) == {str(images), str(again)}
    first, second = ([r for r in rows(out) if r["video"] == str(v)] for v in (images, again))
    assert [r["onset_s"] for r in first] == [r["onset_s"] for r in second]
    shown = capsys.readouterr().out
    assert shown.index(str(images)) < shown.index(str(again))


def test_json_holds_what_the_table_holds(tiny_model: Path, images: Path, tmp_path: Path) -> None:
    assert predict(tiny_model, tmp_path / "e.json", str(images), "--fps", "30") == 0
    assert predict(tiny_model, tmp_path / "e.csv", str(images), "--fps", "30") == 0
    (document,) = json.loads((tmp_path / "e.json").read_text())
    table = rows(tmp_path / "e.csv")
    assert document["video"] == str(images)
    assert document["face_found_share"] == 1.0
    assert len(document["events"]) == len(table) >= 1
    for event, row in zip(document["events"], table, strict=True):
        assert f"{event['onset_s']:.3f}" == row["onset_s"]
        assert event["label"] == row["label"]
        assert float(row["p_positive"]) == pytest.approx(
            event["probabilities"]["positive"], abs=1e-4
        )


def test_no_face_gives_exit_code_two_and_a_row_that_says_so(
    real_videos: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "events.csv"
    assert predict(tiny_model, out, str(real_videos / "no_face.mp4")) == 2
    shown = capsys.readouterr()
    assert "no face" in shown.out + shown.err
    assert "no_face.mp4" in shown.out + shown.err
    table = rows(out)
    assert {row["kind"] for row in table} == {"no face"}
    assert all(row["faces"] == "0" and not row["label"] for row in table)
    assert list(table[0])[-3:] == ["p_negative", "p_positive", "p_surprise"]


def test_a_folder_of_videos_and_a_pattern_are_their_videos(
    tiny_model: Path, recording: Recording, tmp_path: Path
) -> None:
    folder = tmp_path / "day [1]"  # no pattern, since it is there
    folder.mkdir()
    for name in ("b.mp4", "a.mp4", "notes.txt"):
        (folder / name).write_bytes(recording.media.read_bytes())
    wanted = [str(folder / name) for name in ("a.mp4", "b.mp4")]
    for i, named in enumerate((folder, tmp_path / "*" / "*.mp4")):
        out = tmp_path / f"{i}.json"
        assert predict(tiny_model, out, str(named), str(folder / "a.mp4")) == 0
        assert [video["video"] for video in json.loads(out.read_text())] == wanted
    assert predict(tiny_model, tmp_path / "none.json", str(tmp_path / "*.avi")) == 2


@pytest.mark.parametrize("kept_share", [0.0, 0.6])  # not even opened; opened, cut in its frames
def test_one_damaged_video_of_several_costs_only_itself(
    kept_share: float,
    tiny_model: Path,
    images: Path,
    recording: Recording,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damaged, out = tmp_path / "damaged.mp4", tmp_path / "events.json"
    whole = recording.media.read_bytes()
    damaged.write_bytes(whole[: int(len(whole) * kept_share)] or b"no video")
    words = [str(damaged), str(images), "--fps", "30"]
    assert predict(tiny_model, out, *words) == 2
    broken, good = json.loads(out.read_text())
    assert broken["events"] == []
    assert "damaged.mp4" in broken["problem"]
    assert good["events"]
    assert not good["problem"]
    assert "damaged.mp4" in capsys.readouterr().err.splitlines()[-1]
    assert predict(tiny_model, tmp_path / "none.json", str(damaged)) == 2
    assert not (tmp_path / "none.json").exists()


def test_a_face_that_comes_and_goes_is_followed_and_its_share_told(
    real_videos: Path, recognizer: Recognizer
) -> None:
    analysis = analyse(real_videos / "face_noface.mov", recognizer)
    assert 0.05 < analysis.found_share < 0.95
    assert analysis.problem == ""
    for event in analysis.events:
        assert event.found_share >= recognizer.method.recipe.min_found_share


def test_what_was_seen_of_a_video_is_said(
    tiny_model: Path, recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Upside down, and a model of generated faces."""
    frames = [np.ascontiguousarray(f.rgb[::-1, ::-1]) for f in iter_frames(recording.media)]
    write_video(tmp_path / "turned.mp4", frames, 30.0)
    out = tmp_path / "events.json"
    assert predict(tiny_model, out, str(tmp_path / "turned.mp4")) == 0
    said = capsys.readouterr().out
    assert "turned left by 180 degrees" in said
    assert "trained on generated faces" in said
    (video,) = json.loads(out.read_text())
    assert (video["turned_deg"], video["faces"], video["trained_on"]) == (180, 1, ["synthetic"])
    plain = tmp_path / "plain.json"
    assert predict(tiny_model, plain, str(recording.media)) == 0
    (wanted,) = json.loads(plain.read_text())
    assert wanted["turned_deg"] == 0
    assert [e["label"] for e in video["events"]] == [e["label"] for e in wanted["events"]]
