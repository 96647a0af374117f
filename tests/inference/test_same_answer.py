"""The same movement gets the same name, whatever lies around it in the file.

A model that was trained for seconds hardly tells classes apart, so its probabilities could be alike
by weakness. So what it is given is compared, which must be the same where no picture changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merkit import Recognizer, analyse
from merkit.inference.answer import Answer
from merkit.inference.modelfolder import load_model
from merkit.samples.batch import Arrays
from merkit.spotting import spot_video
from merkit.types import U8, Event, Recording, Sample
from merkit.video import iter_frames, write_frames, write_video

pytestmark = [pytest.mark.usefixtures("tracked_once"), pytest.mark.thorough]
FPS_HZ = 30.0


class Watched(Recognizer):
    """Keeps what the model was given last."""

    given: Arrays

    def answer(self, sample: Sample) -> Answer:
        self.given = sample.arrays
        return super().answer(sample)


@pytest.fixture(scope="module")
def recognizer(tiny_model: Path) -> Watched:
    return Watched(load_model(tiny_model), device="cpu")


@pytest.fixture(scope="module")
def frames(tiny_recording: Recording) -> list[U8]:
    return [frame.rgb for frame in iter_frames(tiny_recording.media)]


@pytest.fixture(scope="module")
def again(frames: list[U8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording, encoded again."""
    video = tmp_path_factory.mktemp("again") / "again.mp4"
    write_video(video, frames, FPS_HZ, crf=23)
    return video


def answer(
    recognizer: Watched, video: Path, first: int, last: int
) -> tuple[np.ndarray, np.ndarray]:
    """What the model says of a movement and what it was given of it, in grey levels."""
    rate = FPS_HZ if video.is_dir() else None
    spotted = spot_video(video, track=recognizer.track, fps_hz=rate)
    apex = (first + last) // 2
    times = (n / FPS_HZ for n in (first, apex, last))
    event = Event("micro", *times, first, apex, last, 3.0, 0.03, 0.4)
    (named,) = recognizer.label(replace(spotted, events=(event,)), rate)
    return np.array(list(named.probabilities.values())), recognizer.given["rgb"].astype(float)


#: which frames of the recording are written down anew, from which number, and where its frame 0 is
FORMS: dict[str, tuple[Callable[[list[U8]], list[U8]], int, int]] = {
    "a part of it": (lambda frames: frames[20:65], 500, 480),
    "looped": (lambda frames: frames[:80] * 2, 0, 80),
    "behind another part": (lambda frames: frames[120:] + frames[:80], 7, 67),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_movement_gets_the_same_name(
    form: str, recognizer: Watched, tiny_recording: Recording, frames: list[U8], tmp_path: Path
) -> None:
    truth = tiny_recording.events[0]
    first, last = truth.onset_frame or 0, truth.offset_frame or 0
    wanted, given = answer(recognizer, tiny_recording.media, first, last)
    _, later = answer(recognizer, tiny_recording.media, first + 1, last + 1)
    choose, start, shift = FORMS[form]
    write_frames(tmp_path / "again", choose(frames), start=start, pattern="img{n}.png")
    told, shown = answer(recognizer, tmp_path / "again", first + shift, last + shift)
    np.testing.assert_array_equal(shown, given)
    np.testing.assert_array_equal(told, wanted)
    assert not np.array_equal(later, given)


def test_a_video_that_is_encoded_again_gets_the_same_names(
    recognizer: Watched, tiny_recording: Recording, again: Path
) -> None:
    for truth in tiny_recording.events:
        first, last = truth.onset_frame or 0, truth.offset_frame or 0
        wanted, _ = answer(recognizer, tiny_recording.media, first, last)
        told, _ = answer(recognizer, again, first, last)
        np.testing.assert_allclose(told, wanted, atol=0.02)


def test_what_comes_with_merkit_names_a_video_that_is_encoded_again_alike(
    tiny_recording: Recording, again: Path
) -> None:
    """Found anew and named anew, all of it: each class within 0.02."""
    videos = (tiny_recording.media, again)
    before, after = ([e for e in analyse(v).events if e.probabilities] for v in videos)
    assert len(before) == len(after) > 0
    for one, other in zip(before, after, strict=True):
        assert one.label == other.label
        told = [list(event.probabilities.values()) for event in (one, other)]
        np.testing.assert_allclose(told[1], told[0], atol=0.02)
