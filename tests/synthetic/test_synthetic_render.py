"""The synthetic database's truth is true: pixels move as the fields say."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest

from merkit.synthetic.action_units import (
    FOLDS,
    MIRROR,
    PUSHES,
    displacement_field,
    face_width,
    shading_field,
)
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.identity import MARGIN_PX, SUPERSAMPLE, Identity, make_identity
from merkit.synthetic.photo import LANDMARKS
from merkit.synthetic.plan import (
    PlannedEvent,
    PlannedUnit,
    PlannedVideo,
    identity_rng,
    plan_clips,
)
from merkit.synthetic.render import Renderer, event_fields

STILL = SynthConfig(
    pose_jitter_px=0.0,
    head_motion_px=0.0,
    blink_rate_hz=0.0,
    flicker=0.0,
    noise_std=0.0,
    fold_strength=0.0,
)
REQUIRED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24)


@lru_cache(maxsize=4)
def person(subject: int) -> Identity:
    return make_identity(STILL, identity_rng(STILL, subject))


def one_unit(au: int, amplitude: float, side: str = "") -> PlannedVideo:
    """Three frames: at rest, apex, at rest."""
    unit = PlannedUnit(au, side, 1.0, 0.0)  # type: ignore[arg-type]
    event = PlannedEvent("others", 0, 1, 2, amplitude, (unit,))
    return PlannedVideo("EP01", 0, 3, (event,), (2, 0, 0))


def test_mirror_table_is_an_involution() -> None:
    assert sorted(MIRROR) == list(range(68))
    assert (MIRROR[MIRROR] == np.arange(68)).all()


def test_every_required_unit_moves_skin() -> None:
    assert set(REQUIRED) <= set(PUSHES)
    assert set(REQUIRED) <= set(FOLDS)


@pytest.mark.parametrize("au", sorted(PUSHES))
def test_left_is_the_mirror_of_right(au: int) -> None:
    points = (LANDMARKS - (130.0, 60.0)).copy()
    mirrored = points[MIRROR] * (-1, 1) + (199, 0)
    right = displacement_field(au, "R", points, (200, 150))
    left = displacement_field(au, "L", mirrored, (200, 150))
    np.testing.assert_allclose(left[:, ::-1] * (-1, 1), right, atol=1e-4)
    shade = shading_field(au, "R", points, (200, 150))
    np.testing.assert_allclose(
        shading_field(au, "L", mirrored, (200, 150))[:, ::-1], shade, atol=1e-4
    )
    assert np.linalg.norm(right, axis=-1).max() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("au", "landmark", "direction"),
    [
        (1, 21, (0, -1)),
        (2, 17, (0, -1)),
        (4, 21, (1, 1)),
        (5, 37, (0, -1)),
        (7, 41, (0, -1)),
        (9, 31, (0, -1)),
        (10, 50, (0, -1)),
        (12, 48, (-1, -1)),
        (14, 48, (-1, 0)),
        (15, 48, (0, 1)),
        (16, 57, (0, 1)),
        (17, 57, (0, -1)),
        (18, 48, (1, 0)),
        (20, 48, (-1, 0)),
        (23, 48, (1, 0)),
        (24, 51, (0, 1)),
        (24, 57, (0, -1)),
    ],
)
def test_units_pull_where_the_manual_says(
    au: int, landmark: int, direction: tuple[int, int]
) -> None:
    """Landmarks are those of the subject's right side, left in the picture."""
    points = LANDMARKS - (130.0, 60.0)
    x, y = points[landmark].round().astype(int)
    moved = displacement_field(au, "", points, (200, 150))[y, x]
    assert moved @ np.array(direction) / np.linalg.norm(direction) > 0.3


def test_one_sided_unit_leaves_the_other_cheek_alone() -> None:
    points = LANDMARKS - (130.0, 60.0)
    field = displacement_field(12, "R", points, (200, 150))
    x, y = points[54].round().astype(int)
    assert np.linalg.norm(field[y, x]) < 0.02


@pytest.mark.parametrize("amplitude", [0.3, 1.0, 4.0])
def test_peak_motion_equals_the_amplitude_at_256_px_face_width(amplitude: float) -> None:
    identity = person(0)
    units = tuple(PlannedUnit(au, "", w, 0.0) for au, w in ((12, 1.0), (6, 0.7)))
    event = PlannedEvent("happiness", 0, 1, 2, amplitude, units)
    total = event_fields(STILL, identity, event).motion.sum(axis=0)
    peak = np.linalg.norm(total, axis=-1).max()
    assert peak * 256.0 / face_width(identity.landmarks_px) == pytest.approx(amplitude, rel=1e-4)


@pytest.mark.parametrize("au", REQUIRED)
@pytest.mark.parametrize("amplitude", [0.3, 4.0])
def test_dots_on_the_skin_move_as_the_truth_says(au: int, amplitude: float) -> None:
    assert_dot_moves_as_told(one_unit(au, amplitude))


@pytest.mark.parametrize("au", [4, 9, 12, 15, 20])
def test_dots_move_as_far_as_a_macro_expression_says(au: int) -> None:
    video = one_unit(au, 12.0)
    assert_dot_moves_as_told(replace(video, events=(replace(video.events[0], kind="macro"),)), 0.04)


def assert_dot_moves_as_told(video: PlannedVideo, within: float = 0.15) -> None:
    """A bright dot is put on a grey face and found again by its centre of mass."""
    identity = person(0)
    field = event_fields(STILL, identity, video.events[0]).motion[0]
    length = np.linalg.norm(field, axis=-1)
    y, x = np.unravel_index(int(length.argmax()), length.shape)
    dot = np.array([x, y], float)
    grid = np.stack(np.meshgrid(*(np.arange(s) for s in identity.canvas.shape[1::-1])), axis=-1)
    away = np.linalg.norm(grid / SUPERSAMPLE - MARGIN_PX - dot, axis=-1)
    dots = (40 + 200 * np.exp(-0.5 * away**2)).astype(np.uint8)
    canvas = np.repeat(dots[..., None], 3, axis=2)
    rest, apex, _ = Renderer(STILL, replace(identity, canvas=canvas), video)
    moved = centre_of_mass(apex, dot) - centre_of_mass(rest, dot)
    np.testing.assert_allclose(moved, field[y, x], atol=within * length.max() + 0.02)


def centre_of_mass(frame: np.ndarray, near: np.ndarray) -> np.ndarray:
    x, y = near.astype(int)
    patch = np.maximum(frame[y - 12 : y + 13, x - 12 : x + 13, 0].astype(float) - 45, 0)
    rows, columns = np.mgrid[-12:13, -12:13]
    return np.array([(patch * columns).sum(), (patch * rows).sum()]) / patch.sum()


@pytest.mark.parametrize("au", [1, 2, 4, 6, 9, 10, 12, 15, 17, 20])
def test_optical_flow_recovers_the_motion(au: int) -> None:
    """Within 15 %, by OpenCV's DIS flow, where the motion is above half its peak."""
    video, identity = one_unit(au, 2.0), person(0)
    rest, apex, _ = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in Renderer(STILL, identity, video))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0)
    found = flow.calc(rest, apex, None)
    truth = event_fields(STILL, identity, video.events[0]).motion[0]
    length = np.linalg.norm(truth, axis=-1)
    strong = length > 0.5 * length.max()
    share = (found[strong] * truth[strong]).sum() / (truth[strong] ** 2).sum()
    assert share == pytest.approx(1.0, abs=0.15)


def test_noted_truth_is_that_of_the_frames() -> None:
    video = one_unit(12, 3.0)
    renderer = Renderer(STILL, person(0), video)
    frames = list(renderer)
    truth = renderer.truth()
    assert truth["intensity"].tolist() == [[0.0], [1.0], [0.0]]
    assert truth["action_units"].tolist() == ["12D"]
    np.testing.assert_allclose(truth["peak_px"], [0, 3.0 * 200 / 256, 0], rtol=1e-4)
    assert truth["unit_peak_px"] == pytest.approx([3.0 * 200 / 256], rel=1e-4)
    assert 0 < truth["mean_px"][1] < truth["peak_px"][1]
    corner = truth["landmarks_px"][1, 48] - truth["landmarks_px"][0, 48]
    assert corner[0] < -0.5
    assert corner[1] < -0.5
    assert (frames[0] == frames[2]).all()
    assert (frames[0] != frames[1]).any()


def test_head_motion_moves_the_landmarks_with_the_picture() -> None:
    """The picture of the moved head is matched to the one at rest by phase correlation."""
    config = replace(STILL, head_motion_px=6.0, pose_jitter_px=5.0)
    video = PlannedVideo("EP01", 0, 12, (), (2, 0, 3))
    renderer = Renderer(config, person(0), video)
    renderer.courses.head[:, 2:] = 0.0
    frames = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).astype(np.float64) for f in renderer]
    window = cv2.createHanningWindow(frames[0].shape[::-1], cv2.CV_64F)
    shift, _ = cv2.phaseCorrelate(frames[0], frames[-1], window)
    told = (renderer.landmarks_px[-1] - renderer.landmarks_px[0]).mean(axis=0)
    assert np.linalg.norm(told) > 0.3
    np.testing.assert_allclose(shift, told, atol=0.1)


@pytest.mark.parametrize(
    ("dial", "value"),
    [
        ("pose_jitter_px", 4.0),
        ("head_motion_px", 2.0),
        ("blink_rate_hz", 20.0),
        ("flicker", 0.05),
        ("noise_std", 4.0),
    ],
)
def test_each_nuisance_changes_the_frames_and_none_does_at_zero(dial: str, value: float) -> None:
    video = PlannedVideo("EP01", 0, 6, (), (2, 0, 0))
    quiet = list(Renderer(STILL, person(0), video))
    loud = list(Renderer(replace(STILL, **{dial: value}), person(0), video))
    assert all((frame == quiet[0]).all() for frame in quiet)
    assert any((a != b).any() for a, b in zip(quiet, loud, strict=True))


def test_noise_has_the_deviation_asked_for() -> None:
    video = PlannedVideo("EP01", 0, 1, (), (2, 0, 0))
    clean = next(iter(Renderer(STILL, person(0), video))).astype(float)
    noisy = next(iter(Renderer(replace(STILL, noise_std=3.0), person(0), video))).astype(float)
    middle = (clean > 30) & (clean < 225)
    assert (noisy - clean)[middle].std() == pytest.approx(3.0, rel=0.05)


def test_folds_darken_skin_in_proportion_to_their_dial() -> None:
    video, identity = one_unit(12, 3.0), person(0)
    plain, weak, strong = (
        list(Renderer(replace(STILL, fold_strength=s), identity, video))[1].astype(float)
        for s in (0.0, 0.5, 1.0)
    )
    assert (plain - strong).max() > 8
    assert (plain - strong).sum() / (plain - weak).sum() == pytest.approx(2.0, rel=0.2)


def test_a_blink_hides_the_eyes_and_nothing_below() -> None:
    identity, video = person(0), PlannedVideo("EP01", 0, 1, (), (2, 0, 0))
    renderer = Renderer(STILL, identity, video)
    opened = next(iter(renderer)).astype(float)
    renderer.courses.blink[:] = 1.0
    closed = next(iter(renderer)).astype(float)
    changed = np.abs(opened - closed).max(axis=-1) > 8
    mouth = int(identity.landmarks_px[33, 1])
    assert changed[:mouth].sum() > 100
    assert changed[mouth:].sum() == 0
    eye = identity.landmarks_px[36:42].mean(axis=0).round().astype(int)
    area = np.s_[eye[1] - 3 : eye[1] + 4, eye[0] - 3 : eye[0] + 4, 1]
    assert opened[area].std() > 3 * closed[area].std()


def test_people_differ_and_come_back_the_same() -> None:
    small = replace(STILL, size_px=(96, 96), face_width_px=70.0)
    people = [make_identity(small, identity_rng(small, s)) for s in range(4)]
    again = make_identity(small, identity_rng(small, 2))
    assert (people[2].canvas == again.canvas).all()
    for a in range(4):
        assert face_width(people[a].landmarks_px) == pytest.approx(70.0, abs=0.5)
        for b in range(a):
            difference = np.abs(people[a].canvas.astype(int) - people[b].canvas)
            assert difference.mean() > 4


@pytest.mark.thorough
def test_dlib_finds_every_face_and_its_landmarks() -> None:
    """Onset and apex of two clips of eight people, at the default nuisances and at strong ones."""
    spec = importlib.util.find_spec("face_recognition_models")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    models = Path(spec.submodule_search_locations[0]) / "models"
    predictor = dlib.shape_predictor(str(models / "shape_predictor_68_face_landmarks.dat"))
    detector = dlib.get_frontal_face_detector()
    found, errors = [], []
    for subject in range(8):
        config = SynthConfig(subjects=8)
        if subject % 2:
            config = replace(config, noise_std=5.0, head_motion_px=4.0, amplitude_px=(4.0, 4.0))
        identity = make_identity(config, identity_rng(config, subject))
        for clip in [c for c in plan_clips(config) if c.subject == subject][:2]:
            renderer = Renderer(config, identity, clip)
            frames = list(renderer)
            for t in (0, clip.events[0].apex):
                faces = detector(frames[t], 0)
                found.append(len(faces) == 1)
                if faces:
                    parts = predictor(frames[t], faces[0]).parts()
                    told = renderer.landmarks_px[t]
                    errors.append(np.abs(np.array([(p.x, p.y) for p in parts]) - told).mean())
    assert len(found) == 32
    assert all(found)
    assert np.mean(errors) < 3.0  # pixels at 200 px face width
