from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import pytest

from merkit import spotting
from merkit.errors import FaceError
from merkit.face.follow import FaceFollower, track
from merkit.face.tracker import TRACKERS, DetectedFace, TrackConfig, overlap
from merkit.types import F32, U8, Frame
from merkit.video.source import ArraySource

Frames = Callable[..., list[Frame]]
Faces = tuple[DetectedFace, ...]


def a_face(left: float, size: float = 40, top: float = 10, confirmed: bool = True) -> DetectedFace:
    box = np.array([left, top, left + size, top + size], np.float32)
    return DetectedFace(np.full((68, 2), left, np.float32), box, 1.0, confirmed)


class Script:
    """A tracker that answers from a list: the faces that a detector would see in each frame.
    Carrying without the detector always succeeds, as dlib's landmark predictor does."""

    frames: list[Faces]
    searches: list[tuple[int, bool]]

    def __init__(self, config: TrackConfig) -> None:
        Script.searches = []

    def landmarks(self, frame: Frame, quick: bool = False) -> Faces:
        Script.searches.append((frame.number, quick))
        return Script.frames[frame.number]

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        if not confirm:
            return DetectedFace(face.landmarks_px, face.box_px, face.score, confirmed=False)
        faces = Script.frames[frame.number]
        return next((f for f in faces if overlap(f.box_px, face.box_px) > 0.4), None)

    def finish(self) -> None:
        pass


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Faces]], list[Frame]]:
    """Plays the list of faces; every frame shows the same picture, so nothing looks cut."""
    monkeypatch.setitem(TRACKERS._loaded, "mesh478", Script)  # type: ignore[arg-type]
    picture = np.random.default_rng(0).integers(0, 255, (60, 400, 3), dtype=np.uint8)

    def play(faces: list[Faces]) -> list[Frame]:
        Script.frames = faces
        return [Frame(i, i / 30, picture) for i in range(len(faces))]

    return play


def test_a_face_that_is_plainly_the_one_is_not_searched_for(
    scripted: Callable[[list[Faces]], list[Frame]],
) -> None:
    """A fifth of the picture's 400 px; smaller, chosen by its place, or counted, all are wanted."""
    ordinary, both = [(0, True)], [(0, True), (0, False)]
    frames = scripted([(a_face(10, 80),)] * 3)
    track(frames, TrackConfig())
    assert Script.searches == ordinary
    track(frames, TrackConfig(face=0))
    assert Script.searches == both
    list(FaceFollower(TrackConfig()).follow(frames))
    assert Script.searches == both
    track(scripted([(a_face(10, 79),)] * 3), TrackConfig())
    assert Script.searches == both
    with pytest.raises(FaceError, match="no face"):
        track(scripted([()]), TrackConfig())
    assert Script.searches == both


def test_a_face_whose_place_is_known_is_not_searched_for(
    scripted: Callable[[list[Faces]], list[Frame]],
) -> None:
    frames = scripted([(a_face(10), a_face(200, 90))] * 2)
    made = track(frames, TrackConfig(), near=a_face(12).box_px)
    assert (made.box_px[0, 0], Script.searches) == (10, [(0, True)])
    track(frames, TrackConfig(), near=a_face(100).box_px)
    assert Script.searches == [(0, True), (0, False)]


def test_largest_first_then_the_same_person(scripted: Callable[[list[Faces]], list[Frame]]) -> None:
    # B outgrows A in the second frame, and A walks; A is followed to the end.
    faces = [(a_face(10 + 5 * i, 40), a_face(200, 30 + 20 * i)) for i in range(6)]
    made = track(scripted(faces), TrackConfig(detect_every=1))
    np.testing.assert_allclose(made.box_px[:, 0], 10 + 5 * np.arange(6))


@pytest.mark.parametrize(("face", "left"), [("0", 10), (1, 100), ("2", 200), ("largest", 100)])
def test_choice_by_position_or_size(
    scripted: Callable[[list[Faces]], list[Frame]], face: str | int, left: float
) -> None:
    faces = (a_face(200, 30), a_face(10, 20), a_face(100, 50))
    made = track(scripted([faces] * 2), TrackConfig(face=face))
    assert made.box_px[0, 0] == left


def test_a_position_that_is_not_there(scripted: Callable[[list[Faces]], list[Frame]]) -> None:
    with pytest.raises(FaceError, match=r"face 3 was asked for; 2 found"):
        track(scripted([(), (a_face(10), a_face(100))]), TrackConfig(face=3, detect_every=1))


def test_missed_face_takes_back_the_unproved_frames(
    scripted: Callable[[list[Faces]], list[Frame]],
) -> None:
    # The detector looks at frames 0, 4 and 8; at 8 the face is gone and 5 to 7 had no proof.
    faces: list[Faces] = [(a_face(10),)] * 6 + [()] * 6
    made = track(scripted(faces), TrackConfig(detect_every=4))
    assert made.found.tolist() == [True] * 5 + [False] * 7


def test_where_not_found_the_values_are_those_last_found(
    scripted: Callable[[list[Faces]], list[Frame]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what was taken back nor anything after it leaves a trace."""

    def drift(self: Script, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        return None if confirm else a_face(float(face.box_px[0]) + 1, confirmed=False)

    monkeypatch.setattr(Script, "carry", drift)
    frames = scripted([(a_face(10),), *[()] * 6, (a_face(200),), ()])
    made = track(frames, TrackConfig(detect_every=4))
    assert made.found.tolist() == [True, *[False] * 6, True, True]
    assert made.box_px[:, 0].tolist() == [10] * 7 + [200, 201]
    assert made.landmarks_px[:, 0, 0].tolist() == [10] * 7 + [200, 201]


def test_found_elsewhere_at_once_or_still_there(
    scripted: Callable[[list[Faces]], list[Frame]],
) -> None:
    slid: list[Faces] = [(a_face(10),)] * 4 + [(a_face(35),)] * 4  # overlaps by less than 0.4
    assert track(scripted(slid), TrackConfig(detect_every=4)).found.all()
    jumped: list[Faces] = [(a_face(10),)] * 5 + [(a_face(300),)] * 7
    found = track(scripted(jumped), TrackConfig(detect_every=4)).found
    assert found.tolist() == [True] * 5 + [False] * 3 + [True] * 4


def test_lost_face_is_carried_and_found_again_nearby(
    scripted: Callable[[list[Faces]], list[Frame]],
) -> None:
    back = (a_face(300, 60), a_face(80, 20))  # the larger one is further away
    made = track(scripted([(), (a_face(10),), (), (), back]), TrackConfig(detect_every=1))
    assert made.found.tolist() == [False, True, False, False, True]
    assert made.box_px[:, 0].tolist() == [10, 10, 10, 10, 80]
    assert made.landmarks_px[0, 0, 0] == 10  # before the first find: the first known values


def test_thorough_searches_grow_rarer(scripted: Callable[[list[Faces]], list[Frame]]) -> None:
    frames = scripted([()] * 60)
    follower = FaceFollower(TrackConfig(detect_every=2))
    assert [face for _, face in follower.follow(frames)] == [None] * 60
    thorough = [number for number, quick in Script.searches if not quick]
    assert thorough == [0, 4, 12, 28, 44]
    assert [number for number, quick in Script.searches if quick] == list(range(60))


def test_where_no_frame_shows_a_face_there_is_nothing(
    scripted: Callable[[list[Faces]], list[Frame]],
) -> None:
    follower = FaceFollower(TrackConfig())
    assert [face for _, face in follower.follow(scripted([()]))] == [None]
    made = follower.track()
    assert not made.found.any()
    assert np.isnan(made.landmarks_px).all()
    assert made.box_px.shape == (1, 4)


@pytest.mark.thorough
def test_a_long_video_is_followed_as_a_clip_is(
    scripted: Callable[[list[Faces]], list[Frame]],
) -> None:
    """The same frames, some taken back, give the same track bit by bit either way."""
    faces: list[Faces] = [()] * 3 + [(a_face(10),)] * 7 + [()] * 6 + [(a_face(300),)] * 5
    frames = scripted(faces)
    config = TrackConfig(detect_every=4)
    seen = spotting.track_video(ArraySource(frames, 30.0), config, spotting.SpotConfig())
    clip = track(frames, config)
    assert 0 < clip.found.sum() < len(frames)
    np.testing.assert_array_equal(seen.face.found, clip.found)
    np.testing.assert_array_equal(seen.face.landmarks_px, clip.landmarks_px)
    np.testing.assert_array_equal(seen.face.box_px, clip.box_px)
    assert np.isnan(seen.actions.presence[~clip.found]).all()
    before = int(np.flatnonzero(~clip.found & (np.arange(len(frames)) > 3))[0])
    np.testing.assert_array_equal(clip.box_px[before], clip.box_px[before - 1])


@pytest.mark.parametrize("shape", [(20, 20), (20, 20, 4)])
def test_a_frame_must_be_a_colour_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(FaceError, match="frame 7"):
        track([Frame(7, 0.0, np.zeros(shape, np.uint8))], TrackConfig())


def test_no_array_of_a_frame_stays(scripted: Callable[[list[Faces]], list[Frame]]) -> None:
    """Small arrays that stay among the large ones of their frame, which go, leave holes in memory:
    an hour of video then needs a gigabyte."""

    class Fresh(Script):
        def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
            return a_face(10, confirmed=confirm)

    follower = FaceFollower(TrackConfig(), Fresh(TrackConfig()))
    faces = follower.follow(scripted([(a_face(10),)] * 40))
    seen = [weakref.ref(face.landmarks_px) for _, face in faces if face is not None]
    assert len(seen) == len(follower.track().found) == 40
    assert sum(one() is not None for one in seen) <= 2  # the first, of the script, and the last


def test_overlap_by_hand() -> None:
    def box(*values: float) -> F32:
        return np.array(values, np.float32)

    assert overlap(box(0, 0, 4, 4), box(2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert overlap(box(0, 0, 4, 4), box(0, 0, 4, 4)) == 1
    assert overlap(box(0, 0, 4, 4), box(4, 0, 8, 4)) == 0


def detector_says(frames: list[Frame]) -> list[bool]:
    """Whether plain dlib, run over every frame, sees a face."""
    import cv2
    import dlib

    detector = dlib.get_frontal_face_detector()
    small = [cv2.resize(f.rgb, (320, f.rgb.shape[0] * 320 // f.rgb.shape[1])) for f in frames]
    return [len(detector(picture, 0)) > 0 for picture in small]


def farthest_disagreement(found: list[bool], truth: list[bool]) -> int:
    """Frames from the worst disagreeing frame to the change of ``truth`` next to it."""
    changes = [i for i in range(1, len(truth)) if truth[i] != truth[i - 1]]
    wrong = [i for i in range(len(truth)) if found[i] != truth[i]]
    return max((min(abs(i - c) for c in changes) for i in wrong), default=0)


@pytest.mark.parametrize("every", [1, 5])
def test_face_that_is_cut_away(read_clip: Frames, every: int) -> None:
    frames = read_clip("face_noface.mov", 56, 90)
    truth = detector_says(frames)
    assert 0 < sum(truth) < len(truth)
    found = track(frames, TrackConfig(detect_every=every)).found.tolist()
    assert farthest_disagreement(found, truth) < every + (every == 1)


def test_face_that_leaves_and_returns(astronaut: U8) -> None:
    """A head that slides out at the left edge and comes back, so nothing changes at once."""
    wide = np.full((300, 540, 3), 110, np.uint8)
    wide[:, :300] = astronaut
    offsets = [*range(0, 260, 12), *range(260, -1, -12)]
    frames = [Frame(i, i / 30, np.roll(wide, -x, axis=1)[:, :300]) for i, x in enumerate(offsets)]
    truth = detector_says(frames)
    assert 0 < sum(truth) < len(truth)
    assert truth[0]
    assert truth[-1]
    found = track(frames, TrackConfig(detect_every=4)).found.tolist()
    assert farthest_disagreement(found, truth) <= 4


def test_covered_face_is_lost_at_once(astronaut: U8) -> None:
    covered = np.full_like(astronaut, 128)
    follower = FaceFollower(TrackConfig(detect_every=100))
    pictures = [astronaut, astronaut, covered, covered, astronaut]
    frames = [Frame(i, i / 30, p) for i, p in enumerate(pictures)]
    found = [face is not None for _, face in follower.follow(frames)]
    assert found == [True, True, False, False, True]


def test_streaming_equals_the_clip(read_clip: Frames) -> None:
    frames = read_clip("single_face.mp4", 0, 8)
    made = track(frames, TrackConfig())
    faces = [face for _, face in FaceFollower(TrackConfig()).follow(frames)]
    assert made.found.all()
    streamed = [face.landmarks_px for face in faces if face is not None]
    np.testing.assert_array_equal(made.landmarks_px, np.stack(streamed))
    assert made.landmarks_px.dtype == np.float32
