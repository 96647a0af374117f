"""What was found of faces is asked once for all recipes, and what is made of it stays the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merkit.datasets import load_dataset
from merkit.face.align import AlignConfig
from merkit.face.landmarker import MODEL
from merkit.face.mesh478 import MeshTracker
from merkit.face.tracker import TRACKERS, DetectedFace, FaceTracker, TrackConfig
from merkit.flow.config import FlowConfig
from merkit.samples import remembered as module
from merkit.samples.prepare import prepare
from merkit.samples.recipes import FlowMapRecipe, Recipe, RgbRecipe
from merkit.samples.remembered import RememberingTracker, remembered
from merkit.types import Clip, Frame

MAP = FlowMapRecipe()
RGB = RgbRecipe(frames=3, align=AlignConfig(size_px=32))


@pytest.fixture(scope="session")
def clips(tiny_database: Path) -> tuple[Clip, ...]:
    return load_dataset("synthetic", tiny_database)[:2]


def made(clips: Sequence[Clip], recipe: Recipe, root: Path) -> list[dict[str, bytes]]:
    """Every byte of the samples."""
    samples = prepare(clips, recipe, root, 1)
    assert samples.made == len(clips)
    read = [samples.read(clip.clip_id) for clip in clips]
    return [{name: array.tobytes() for name, array in s.arrays.items()} for s in read]


def stored(root: Path) -> list[Path]:
    return sorted(root.glob("faces-*/*"))


class Asked(MeshTracker):
    """Notes what it is asked."""

    looks: int
    carries: int

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        Asked.looks += 1
        return super().landmarks(frame, quick)

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        Asked.carries += 1
        return super().carry(frame, face, confirm)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> type[Asked]:
    monkeypatch.setitem(TRACKERS._loaded, "mesh478", Asked)
    Asked.looks = Asked.carries = 0
    return Asked


def test_another_recipe_on_the_same_frames_asks_nothing(
    clips: tuple[Clip, ...], tmp_path: Path, asked: type[Asked]
) -> None:
    made(clips, MAP, tmp_path / "both")
    assert (asked.looks, asked.carries) == (2, 2)  # onset and apex of two clips
    other = replace(MAP, flow=FlowConfig(estimator="farneback"))
    reused = made(clips, other, tmp_path / "both")
    assert (asked.looks, asked.carries) == (2, 2)
    assert reused == made(clips, other, tmp_path / "alone")


def test_a_recipe_that_reads_more_frames_asks_only_of_those(
    clips: tuple[Clip, ...], tmp_path: Path, asked: type[Asked]
) -> None:
    made(clips, MAP, tmp_path / "both")
    reused = made(clips, RGB, tmp_path / "both")
    assert asked.looks == 2  # the first frame is the same: no face is searched for again
    assert asked.carries > 2
    before = asked.carries
    finer = replace(RGB, align=AlignConfig(size_px=48))
    made(clips, finer, tmp_path / "both")
    assert asked.carries == before
    assert reused == made(clips, RGB, tmp_path / "alone")


def test_other_settings_of_the_tracker_know_nothing_of_it(
    clips: tuple[Clip, ...], tmp_path: Path, asked: type[Asked]
) -> None:
    for score in (None, 0.4):
        made(clips, replace(MAP, track=TrackConfig(min_score=score)), tmp_path)
    assert asked.looks == 4
    assert len({path.parent for path in stored(tmp_path)}) == 2


def test_a_model_counts_by_its_content(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.task", tmp_path / "other.task"
    copy.write_bytes(MODEL.read_bytes())
    other.write_bytes(MODEL.read_bytes() + b"0")
    folders = []
    for path in ("", str(copy), str(other)):
        with remembered(tmp_path, TrackConfig(model_path=path), clips[0]) as tracker:
            assert tracker is not None
            folders.append(tracker._folder)
    assert folders[0] == folders[1] != folders[2]


def test_a_version_of_the_recipes_counts(
    clips: tuple[Clip, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with remembered(tmp_path, TrackConfig(), clips[0]) as before:
        pass
    monkeypatch.setattr(module, "RECIPE_VERSION", -1)
    with remembered(tmp_path, TrackConfig(), clips[0]) as now:
        pass
    assert before is not None
    assert now is not None
    assert before._folder != now._folder


@pytest.mark.parametrize("harm", ["cut", "changed", "text", "empty"])
def test_a_damaged_file_is_made_again(
    harm: str, clips: tuple[Clip, ...], tmp_path: Path, asked: type[Asked]
) -> None:
    wanted = made(clips[:1], MAP, tmp_path)
    (path,) = stored(tmp_path)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    damaged = {"cut": whole[:-100], "changed": bytes(changed), "text": b"text", "empty": b""}
    path.write_bytes(damaged[harm])
    again = made(clips[:1], replace(MAP, min_found_share=0.4), tmp_path)
    assert (again, asked.looks) == (wanted, 2)
    assert np.load(path)["questions"].tolist()
    assert len(stored(tmp_path)) == 1  # and nothing temporary


def test_no_answer_is_kept_of_a_tracker_that_counts_frames(
    clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    config = TrackConfig(tracker="precomputed", landmarks_path=str(tmp_path))
    with remembered(tmp_path, config, clips[0]) as tracker:
        assert tracker is None
    assert not stored(tmp_path)


# answers of every kind


class Scripted(FaceTracker):
    """Two faces, one of them with a mesh, in a thorough look; none in a quick one; and loses it."""

    def __init__(self, config: TrackConfig) -> None:
        rng = np.random.default_rng(0)
        points, mesh = rng.random((2, 68, 2), np.float32), rng.random((478, 3), np.float32)
        boxes = rng.random((2, 4), np.float32)
        self.faces = (
            DetectedFace(points[0], boxes[0], 0.1 + 0.2, confirmed=False),
            DetectedFace(points[1], boxes[1], mesh_px=mesh),
        )

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        return () if quick else self.faces

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        return None if confirm else face


class Silent(Scripted):
    """Must not be asked."""

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        raise AssertionError("asked")

    def carry(self, frame: Frame, face: DetectedFace, confirm: bool) -> DetectedFace | None:
        raise AssertionError("asked")


def test_answers_come_back_as_they_were_given(
    clips: tuple[Clip, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    frames = [Frame(clips[0].first_frame or 0, 0.0, picture)]
    frames.append(Frame(frames[0].number + 1, 0.1, picture))

    def hear() -> list[object]:
        tracker = RememberingTracker(TrackConfig(), tmp_path, clips[0].media)
        thorough, quick = (tracker.landmarks(frames[0], quick) for quick in (False, True))
        told = [
            tracker.carry(frame, face, confirm)
            for frame in frames
            for face in thorough
            for confirm in (False, True)
        ]
        tracker.keep()
        faces = [*thorough, *(face for face in told if face)]
        return [len(thorough), len(quick), [face is None for face in told], *map(exact, faces)]

    monkeypatch.setitem(TRACKERS._loaded, "mesh478", Scripted)
    first = hear()
    assert first[:3] == [2, 0, [False, True] * 4]
    monkeypatch.setitem(TRACKERS._loaded, "mesh478", Silent)
    assert hear() == first


def exact(face: DetectedFace) -> tuple[object, ...]:
    arrays = (face.landmarks_px, face.box_px, face.mesh_px)
    parts = [None if a is None else (a.dtype, a.shape, a.tobytes()) for a in arrays]
    return face.score, face.confirmed, *parts


def test_no_damage_is_read_as_an_answer(tmp_path: Path) -> None:
    """Any bit of the file, in its names, headers, numbers or directory."""
    faces = Scripted(TrackConfig()).faces
    path = tmp_path / "faces.npz"
    module._write(path, {"a": faces, "b": ()})
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 300).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        found = module._read(path)
        refused += not found
        if found:  # a date, or another bit that says nothing
            assert list(map(exact, found["a"])) == list(map(exact, faces))
            assert found["b"] == ()
    assert refused > 200


def test_two_that_write_one_file_leave_a_whole_one(
    clips: tuple[Clip, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRACKERS._loaded, "mesh478", Scripted)
    frame = Frame(clips[0].first_frame or 0, 0.0, np.zeros((8, 8, 3), np.uint8))
    one, other = (RememberingTracker(TrackConfig(), tmp_path, clips[0].media) for _ in "ab")
    one.landmarks(frame)
    other.landmarks(frame, quick=True)
    one.keep()
    other.keep()
    (path,) = tmp_path.iterdir()
    assert np.load(path)["n_faces"].tolist() == [0]  # the last one's
