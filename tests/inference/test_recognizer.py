"""A model names the micro-expressions of a video, and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_pipeline as tiny
from merkit import Recognizer
from merkit.datasets import load_dataset
from merkit.errors import ConfigError, FaceError, MissingDataError
from merkit.inference.analysis import Analysis, analyse
from merkit.inference.windows import event_clip, window_samples
from merkit.spotting import SpotConfig, SpottedVideo, spot_video, track_video
from merkit.types import Clip, Event, EventKind, Recording, Sample
from merkit.video import read_frames, write_frames
from merkit.video.source import VideoSource

pytestmark = pytest.mark.usefixtures("tracked_once")


@pytest.fixture(scope="module")
def recognizer(tiny_model: Path) -> Recognizer:
    return Recognizer.from_pretrained(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def analysis(tracked_once: None, recognizer: Recognizer, tiny_recording: Recording) -> Analysis:
    return analyse(tiny_recording.media, recognizer)


def overlaps(onset_s: float, offset_s: float, analysis: Analysis) -> bool:
    return any(e.onset_s < offset_s and e.offset_s > onset_s for e in analysis.events)


def test_every_true_event_is_overlapped_by_a_found_one(
    analysis: Analysis, tiny_recording: Recording
) -> None:
    assert len(tiny_recording.events) == 2
    for truth in tiny_recording.events:
        onset_s = (truth.onset_frame or 0) / tiny_recording.fps_hz
        offset_s = (truth.offset_frame or 0) / tiny_recording.fps_hz
        assert overlaps(onset_s, offset_s, analysis), truth.clip_id
    assert len(analysis.events) <= 4  # not everything is called an event


def test_the_analysis_is_ordered_and_complete(analysis: Analysis, recognizer: Recognizer) -> None:
    assert analysis.duration_s == pytest.approx(6.0, abs=0.05)
    assert (analysis.found_share, analysis.problem, analysis.n_faces) == (1.0, "", 1)
    assert analysis.trained_on == ("synthetic",)
    onsets = [event.onset_s for event in analysis.events]
    assert onsets == sorted(onsets)
    assert any(event.kind == "micro" for event in analysis.events)
    for event in analysis.events:
        assert 0 <= event.onset_s <= event.apex_s <= event.offset_s <= 6.0
        assert event.motion_px > 0
        assert bool(event.label) == (event.kind == "micro")
        if event.label:
            assert tuple(event.probabilities) == recognizer.classes
            assert sum(event.probabilities.values()) == pytest.approx(1, abs=1e-5)
            assert event.label == max(event.probabilities, key=lambda n: event.probabilities[n])
            assert event.score == event.probabilities[event.label]


# which events are named


@pytest.fixture(scope="module")
def spotted(tracked_once: None, recognizer: Recognizer, tiny_recording: Recording) -> SpottedVideo:
    return spot_video(tiny_recording.media, track=recognizer.track)


def event_at(clip: Clip, kind: EventKind = "micro") -> Event:
    """An annotated expression as if it had been spotted."""
    frames = (clip.onset_frame or 0, clip.apex_frame or 0, clip.offset_frame or 0)
    return Event(kind, *(n / clip.fps_hz for n in frames), *frames, 3.0, 0.03, 0.4)


def labelled(recognizer: Recognizer, spotted: SpottedVideo, *events: Event) -> tuple[Event, ...]:
    return recognizer.label(replace(spotted, events=events))


def test_only_micro_expressions_are_named(
    recognizer: Recognizer, spotted: SpottedVideo, tiny_recording: Recording
) -> None:
    kinds: tuple[EventKind, ...] = ("macro", "micro", "blink", "gaze shift", "micro", "speech")
    first, second = tiny_recording.events
    events = [event_at(first if i < 3 else second, kind) for i, kind in enumerate(kinds)]
    found = labelled(recognizer, spotted, *events)
    assert tuple(event.kind for event in found) == kinds
    assert [event for event in found if event.kind != "micro"] == [
        event for event in events if event.kind != "micro"
    ]
    for event, before in zip(found, events, strict=True):
        if event.kind == "micro":
            assert event.label in recognizer.classes
            bare = replace(event, label="", score=np.nan, probabilities={})
            assert str(bare) == str(before)  # the rest is as spotting measured it


def test_what_else_is_named_changes_nothing(
    recognizer: Recognizer, spotted: SpottedVideo, tiny_recording: Recording
) -> None:
    events = [event_at(clip) for clip in tiny_recording.events]
    together = labelled(recognizer, spotted, *events)
    alone = [labelled(recognizer, spotted, event)[0] for event in events]
    assert [event.probabilities for event in together] == [e.probabilities for e in alone]


def test_a_movement_without_a_face_is_kept_without_a_name(
    recognizer: Recognizer, spotted: SpottedVideo, tiny_recording: Recording
) -> None:
    """It costs itself only, and says why."""
    first, second = (event_at(clip) for clip in tiny_recording.events)
    found = spotted.seen.face.found.copy()
    found[first.onset_frame : first.offset_frame + 1] = False
    hidden = replace(
        spotted, seen=replace(spotted.seen, face=replace(spotted.seen.face, found=found))
    )
    unnamed, named = labelled(recognizer, hidden, first, second)
    assert (unnamed.label, unnamed.probabilities) == ("", {})
    assert unnamed.reasons[-1].startswith("not classified: ")
    assert "face found in 0 of 4 frames" in unnamed.reasons[-1]
    assert named.probabilities == labelled(recognizer, spotted, second)[0].probabilities
    assert not named.reasons
    assert [e.label for e in labelled(recognizer, hidden, first)] == [""]
    assert labelled(recognizer, spotted) == ()


def test_progress_tells_both_passes(
    recognizer: Recognizer, tiny_images: Path, tmp_path: Path
) -> None:
    again = shutil.copytree(tiny_images, tmp_path / "again")  # that nobody has read
    stages: dict[str, list[float]] = {}

    def told(stage: str, done: float, total: float) -> None:
        assert done <= total
        stages.setdefault(stage.split(maxsplit=1)[0], []).append(done)

    analyse(again, recognizer, fps_hz=30.0, progress=told)
    assert set(stages) == {"reading", "recognising"}
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
    recognizer: Recognizer, tiny_images: Path, tmp_path: Path
) -> None:
    """The frames of a window, cut out as a clip, give the sample that the window gives."""
    recipe = recognizer.method.recipe
    seen = track_video(tiny_images, recognizer.track, SpotConfig(), fps_hz=30.0)
    event = Event("micro", 0.5, 0.7, 0.9, 115, 120, 126, 1.0, 0.01, 0.3)
    clip = event_clip(event, seen)
    assert (clip.first_frame, clip.apex_frame, clip.last_frame) == (115, 120, 126)
    (sample,) = window_samples([(recipe, clip)], seen, VideoSource(tiny_images, 30.0))
    assert isinstance(sample, Sample)
    frames = read_frames(tiny_images, numbers=recipe.choose(clip), fps_hz=30.0)
    alone = recipe.sample_of("alone", frames, recipe.follow(frames))
    assert sample.arrays["rgb"].shape == alone.arrays["rgb"].shape
    # the face is followed through all of the video, or through the window alone: within jitter
    gap = np.abs(sample.arrays["rgb"].astype(int) - alone.arrays["rgb"].astype(int))
    assert gap.mean() < 4
    np.testing.assert_array_equal(sample.arrays["time_s"], alone.arrays["time_s"])


def test_a_folder_of_images_is_a_video_too(recognizer: Recognizer, tiny_images: Path) -> None:
    slow = analyse(tiny_images, recognizer, fps_hz=30.0)
    assert len(slow.events) >= 1
    n = len(list(tiny_images.iterdir()))
    assert slow.duration_s == pytest.approx(n / 30.0, abs=1e-6)
    found = recognizer(str(tiny_images))  # without a rate: 25 frames a second
    assert all(event.offset_s <= n / 25.0 for event in found)


def test_a_cut_clip_is_one_event_as_it_stands(recognizer: Recognizer, tiny_database: Path) -> None:
    clip = load_dataset("synthetic", tiny_database)[0]
    analysis = analyse(clip.media, recognizer, fps_hz=clip.fps_hz)
    (event,) = analysis.events
    assert event.reasons == ("the whole clip, as it was cut",)
    assert np.isnan([event.motion_px, event.threshold_px, event.quality]).all()
    assert (event.kind, event.onset_s) == ("micro", 0.0)
    assert event.apex_frame == event.onset_frame + (event.offset_frame - event.onset_frame + 1) // 2
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
    method: str, model: dict[str, object], tiny_images: Path, tiny_database: Path, tmp_path: Path
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
    recognizer = Recognizer.from_pretrained(config.out, device="cpu")
    spotted = spot_video(tiny_images, track=recognizer.track, fps_hz=30.0)
    event = Event("micro", 0.5, 0.67, 0.87, 115, 120, 126, 3.0, 0.03, 0.4)
    (found,) = recognizer.label(replace(spotted, events=(event,)), fps_hz=30.0)
    assert found.label in recognizer.classes
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_face_that_comes_and_goes_is_followed_and_its_share_told(
    real_videos: Path, recognizer: Recognizer
) -> None:
    analysis = analyse(real_videos / "face_noface.mov", recognizer)
    assert 0.05 < analysis.found_share < 0.95
    assert analysis.problem == ""
    for event in analysis.events:
        if event.label:
            assert event.found_share >= recognizer.method.recipe.min_found_share
