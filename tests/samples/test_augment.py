"""Augmentation: same seed same draw, geometry against OpenCV, and what stays untouched."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from merkit.errors import ConfigError
from merkit.samples.augment import AugmentConfig, affine_matrices, apply, draw

NOTHING = AugmentConfig(flip=0, rotation_deg=0, scale=0, shift=0, shear_deg=0)


def _image(size: int = 64) -> torch.Tensor:
    """A smooth picture, so that two interpolations agree."""
    noise = np.random.default_rng(0).uniform(0, 255, (size, size, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return torch.from_numpy(smooth.transpose(2, 0, 1).copy())[None, None]


def test_the_same_generator_gives_the_same_draw() -> None:
    config = AugmentConfig(shear_deg=2)
    rgb = torch.randint(0, 256, (6, 2, 3, 32, 32), dtype=torch.uint8)
    first = draw(6, torch.Generator().manual_seed(4), config)
    second = draw(6, torch.Generator().manual_seed(4), config)
    assert torch.equal(apply(rgb, first), apply(rgb, second))
    other = draw(6, torch.Generator().manual_seed(5), config)
    assert not torch.equal(apply(rgb, first), apply(rgb, other))


def test_draws_stay_in_range() -> None:
    """Read back from the matrices: turn, size and shear from their columns, shift from the last."""
    config = AugmentConfig(flip=0.3, rotation_deg=5, scale=0.1, shift=0.02, shear_deg=1)
    found = draw(4000, torch.Generator().manual_seed(0), config).double()
    first, second = found[:, :, 0], found[:, :, 1]
    flip = torch.linalg.det(found[:, :, :2]) < 0
    assert flip.double().mean().item() == pytest.approx(0.3, abs=0.03)
    side = torch.where(flip, -1.0, 1.0)[:, None] * first
    shear = (side * second).sum(1) / (side * side).sum(1)
    for value, limit in (
        (torch.rad2deg(torch.atan2(side[:, 1], side[:, 0])), 5),
        (1 / first.norm(dim=1) - 1, 0.1),
        (found[:, :, 2] / 2, 0.02),
        (torch.rad2deg(torch.atan(shear)), 1),
    ):
        assert 0.98 * limit < value.abs().max() <= limit * (1 + 1e-4)
        assert abs(value.mean().item()) < 0.05 * limit


def test_nothing_drawn_changes_nothing_and_flip_is_the_mirror() -> None:
    rgb = torch.randint(0, 256, (2, 3, 3, 20, 20), dtype=torch.uint8)
    assert torch.equal(apply(rgb, draw(2, torch.Generator(), NOTHING)), rgb)
    flipped = apply(rgb, draw(2, torch.Generator(), replace(NOTHING, flip=1)))
    assert torch.equal(flipped, rgb.flip(-1))


def test_geometry_equals_opencv() -> None:
    """OpenCV's rotation about the image centre, enlarged and shifted, on the same picture."""
    image = _image()
    drawn = affine_matrices(
        flip=torch.tensor([False]),
        rotation_deg=torch.tensor([7.0]),
        scale=torch.tensor([1.1]),
        shift=torch.tensor([[0.05, -0.03]]),
        shear_deg=torch.tensor([0.0]),
    )
    found = apply(image, drawn)[0, 0].permute(1, 2, 0).numpy()
    angle, size = math.radians(7), 64
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = turn / 1.1
    centre = np.array([size / 2 - 0.5] * 2)
    offset = centre - matrix @ centre + size * np.array([0.05, -0.03])
    wanted = cv2.warpAffine(
        image[0, 0].permute(1, 2, 0).numpy(),
        np.concatenate((matrix, offset[:, None]), axis=1),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    assert np.abs(found - wanted)[2:-2, 2:-2].max() < 1.0  # OpenCV interpolates in 1/32 pixels


def test_every_frame_of_a_clip_moves_alike() -> None:
    still = torch.randint(0, 256, (3, 1, 3, 24, 24), dtype=torch.uint8).repeat(1, 4, 1, 1, 1)
    moved = apply(still, draw(3, torch.Generator().manual_seed(1), AugmentConfig()))
    assert torch.equal(moved, moved[:, :1].expand_as(moved))
    assert not torch.equal(moved, still)


def test_frames_and_draw_must_fit() -> None:
    params = draw(2, torch.Generator(), NOTHING)
    with pytest.raises(ConfigError, match="for 2 clips"):
        apply(torch.zeros(3, 1, 3, 8, 8), params)


@pytest.mark.parametrize("change", [{"flip": 1.5}, {"rotation_deg": -1}, {"scale": 1.0}])
def test_ranges_that_cannot_be(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        AugmentConfig(**change)
