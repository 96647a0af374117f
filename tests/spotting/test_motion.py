"""Motion between two looks at a face, against warps that are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from merkit.spotting.look import EYE_DISTANCE_PX, EYE_HEIGHT_PX, SIDE_PX, Look, look_at
from merkit.spotting.motion import UNKNOWN, motion_between
from merkit.spotting.regions import REGIONS, RIGID_AT, VERTICES
from merkit.types import F32, F64, Frame

CORNER = [r.title for r in REGIONS].index("left mouth corner")


def _texture(seed: int = 0, size: int = SIDE_PX) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.clip(128 + 35 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def _points() -> F32:
    """A face that is no plane: the regions in rows, bone points around them, each with a depth."""
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(40, 216, (len(VERTICES), 2)), np.zeros(len(VERTICES))])
    points[:, 2] = 25 - ((points[:, 0] - 128) ** 2) / 250
    return points.astype(np.float32)


def _look(picture: np.ndarray, points: F32) -> Look:
    return Look(picture, points, np.ones(len(points), bool), 92.0)


def _warped(picture: np.ndarray, right: F64, down: F64) -> np.ndarray:
    """The picture in which what was at (x, y) lies at (x + right, y + down), for smooth fields."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    return cv2.remap(
        picture,
        (x - right).astype(np.float32),
        (y - down).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )


def _field(rows: np.ndarray) -> tuple[F64, F64]:
    """Rows of the head's six numbers as a field, by the depth of ``_points``."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)
    z = (25 - (x - 128) ** 2 / 250) / EYE_DISTANCE_PX
    x, y = (x - SIDE_PX / 2) / EYE_DISTANCE_PX, (y - SIDE_PX / 2) / EYE_DISTANCE_PX
    a, b, s, r, yaw, pitch = rows
    return a + s * x - r * y + yaw * z, b + s * y + r * x + pitch * z


def test_a_head_that_moves_leaves_no_motion() -> None:
    """Shift, scale, roll, yaw and pitch at once, some pixels each."""
    numbers = np.array([1.7, -1.1, 0.8, 0.9, 2.0, -1.5])
    right, down = _field(numbers)
    before, points = _texture(), _points()
    moved = points.copy()
    at = points[:, :2].round().astype(int)
    moved[:, 0] += right[at[:, 1], at[:, 0]]
    moved[:, 1] += down[at[:, 1], at[:, 0]]
    found = motion_between(_look(before, points), _look(_warped(before, right, down), moved))
    assert np.hypot(*found.regions.T).max() < 0.15
    assert found.misfit_px < 0.1
    assert found.turn_px == pytest.approx(np.hypot(2.0, 1.5), abs=0.25)
    free = motion_between(
        _look(before, points), _look(_warped(before, right, down), moved), head="none"
    )
    assert np.median(np.hypot(*free.regions.T)) > 1.0


@pytest.mark.parametrize("height", [0.5, 1.5, 4.0])
def test_what_a_region_does_is_measured(height: float) -> None:
    """A bump of 14 px sigma around one mouth corner, which a mesh sees at half its height."""
    points = _points()
    # its own vertices lie together
    vertices = np.searchsorted(VERTICES, REGIONS[CORNER].vertices)
    points[vertices, :2] = 150 + np.random.default_rng(2).uniform(-4, 4, (len(vertices), 2))
    others = np.setdiff1d(np.arange(len(VERTICES)), vertices)
    points[others, :2] += np.where(
        np.hypot(*(points[others, :2] - 150).T)[:, None] < 50, -70, 0
    ).astype(np.float32)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)
    bump = height * np.exp(-((x - 150) ** 2 + (y - 150) ** 2) / (2 * 14**2))
    before = _texture()
    moved = points.copy()
    moved[vertices, 1] -= height / 2
    after = _warped(before, 0 * bump, -bump)
    found = motion_between(_look(before, points), _look(after, moved))
    right, down = found.regions[CORNER]
    assert abs(right) < 0.1
    assert 0.75 * height < -down < 1.1 * height
    rest = np.delete(np.hypot(*found.regions.T), CORNER)
    assert np.median(rest) < 0.1


def test_where_the_picture_changes_the_mesh_has_the_word() -> None:
    """Teeth, closing lids: nothing to follow under one region, whose vertices moved by 6 px."""
    points = _points()
    vertices = np.searchsorted(VERTICES, REGIONS[CORNER].vertices)
    points[vertices, :2] = 150
    before = _texture()
    after = before.copy()
    after[125:175, 125:175] = _texture(9)[125:175, 125:175]
    moved = points.copy()
    moved[vertices, 0] += 6
    found = motion_between(_look(before, points), _look(after, moved))
    assert found.regions[CORNER] == pytest.approx([6, 0], abs=2.5)


def test_what_is_not_seen_is_not_known() -> None:
    look = _look(_texture(), _points())
    assert motion_between(None, look) is UNKNOWN
    assert motion_between(look, None) is UNKNOWN
    cut = np.ones(len(VERTICES), bool)
    cut[np.searchsorted(VERTICES, REGIONS[CORNER].vertices)] = False
    found = motion_between(look, Look(look.picture, look.points, cut, 92.0))
    assert np.isnan(found.regions[CORNER]).all()
    assert np.isfinite(found.regions).all(axis=1).sum() >= len(REGIONS) - 6
    no_bone = np.ones(len(VERTICES), bool)
    no_bone[RIGID_AT] = False
    assert motion_between(look, Look(look.picture, look.points, no_bone, 92.0)) is UNKNOWN


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_a_look_is_level_and_scaled(scale: float) -> None:
    """A tilted face of any size in a large frame: dots on the eye corners land where they must."""
    rng = np.random.default_rng(3)
    mesh = np.zeros((478, 3), np.float32)
    mesh[:, :2] = rng.uniform(-40, 40, (478, 2))
    mesh[[33, 133, 362, 263], :2] = [(-46, -30), (-16, -30), (16, -30), (46, -30)]
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mesh[:, :2] = scale * mesh[:, :2] @ turn + (500, 400)
    rgb = np.full((800, 1000, 3), 40, np.uint8)
    eyes = np.array([mesh[[33, 133], :2].mean(axis=0), mesh[[362, 263], :2].mean(axis=0)])
    for x, y in eyes:
        cv2.circle(
            rgb, (round(float(x)), round(float(y))), max(2, round(3 * scale)), (255,) * 3, -1
        )
    look = look_at(Frame(0, 0.0, rgb), mesh)
    assert look.eye_px == pytest.approx(62 * scale, rel=1e-3)
    assert look.picture.shape == (SIDE_PX, SIDE_PX)
    for side in (-1, 1):
        x = round(SIDE_PX / 2 + side * EYE_DISTANCE_PX / 2)
        near = look.picture[
            round(EYE_HEIGHT_PX) - 15 : round(EYE_HEIGHT_PX) + 16, x - 15 : x + 16
        ].astype(float)
        near -= near.min()
        rows, columns = np.mgrid[-15:16, -15:16]
        middle = (near * columns).sum() / near.sum(), (near * rows).sum() / near.sum()
        assert np.hypot(*middle) < 1.2 / min(scale, 1)
