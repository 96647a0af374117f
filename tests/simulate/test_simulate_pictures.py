"""Pictures show a face; what the flow moves is what estimators find; light and noise by dials."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from merkit.flow import estimate_flow
from merkit.simulate.dials import Dials
from merkit.simulate.estimator_noise import imitated
from merkit.simulate.face_model import FaceModel
from merkit.simulate.moving import photographed, relit, upsampled, warp
from merkit.simulate.picture import fractal, paint
from merkit.simulate.picture_dials import GeometricNoise, SensorNoise
from merkit.simulate.pose import PosedFace, tight_crop
from merkit.types import F32, U8

OFF = Dials().without("illumination", "noise", "geometric")
SIDE = 112


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(face: FaceModel, seed: int = 0) -> F32:
    posed = PosedFace.turned(face, face.neutral)
    return paint(posed, tight_crop(posed.landmarks), Dials().picture, rng(seed))


def bytes_of(image: F32) -> U8:
    return np.clip(image, 0, 255).astype(np.uint8)


def test_a_picture_shows_eyes_and_mouth(real_face: FaceModel) -> None:
    for seed in range(5):
        image = picture(real_face, seed)
        assert image.shape == (SIDE, SIDE)
        assert image.min() >= 0
        assert image.max() <= 255
        assert 115 < np.percentile(image, 97) < 235
        row = int(0.22 * SIDE)
        for column in (int(0.2 * SIDE), int(0.8 * SIDE)):  # the iris is darker than the cheek below
            iris = image[row - 3 : row + 3, column - 3 : column + 3].min()
            assert iris < 0.8 * image[row + 20 : row + 26, column - 3 : column + 3].mean()


def test_people_look_different(tiny_face: FaceModel) -> None:
    assert np.abs(picture(tiny_face, 1) - picture(tiny_face, 2)).mean() > 5


def test_grain_has_the_spectrum_that_its_exponent_says() -> None:
    noise = fractal(128, 1.5, rng())
    assert noise.std() == pytest.approx(1, abs=1e-4)
    power = np.abs(np.fft.rfft2(noise)) ** 2
    radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None])
    band = (radius > 0.03) & (radius < 0.4)
    slope = np.polyfit(np.log(radius[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-3, abs=0.25)


def smooth_flow(peak_px: float) -> F32:
    """Two bumps that move in different directions."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    left = np.exp(-((x - 0.35) ** 2 + (y - 0.6) ** 2) / 0.02)
    right = np.exp(-((x - 0.65) ** 2 + (y - 0.6) ** 2) / 0.02)
    return (peak_px * np.stack([right - left, -0.5 * (left + right)], -1)).astype(np.float32)


@pytest.mark.parametrize("estimator", ["dis", "tvl1", "farneback"])
def test_estimators_find_the_flow_that_moved_the_picture(
    estimator: str, tiny_face: FaceModel
) -> None:
    image = picture(tiny_face) + 20 * fractal(SIDE, 1.0, rng(1))
    flow = smooth_flow(1.5)
    found = estimate_flow(bytes_of(image), bytes_of(warp(image, flow)), estimator)  # type: ignore[arg-type]
    strong = np.hypot(*np.moveaxis(flow, -1, 0)) > 0.75
    ratio = (found[strong] * flow[strong]).sum() / (flow[strong] ** 2).sum()
    assert 0.6 < ratio < 1.15  # DIS flattens small movements
    correlation = np.corrcoef(found.ravel(), flow.ravel())[0, 1]
    assert correlation > 0.9


def test_a_picture_moved_by_whole_pixels_is_the_picture_elsewhere() -> None:
    image = 128 + 30 * fractal(SIDE, 1.0, rng())
    flow = np.zeros((SIDE, SIDE, 2), np.float32)
    flow[...] = 3, -2
    np.testing.assert_allclose(warp(image, flow)[5:-8, 8:-5], image[7:-6, 5:-8], atol=1e-2)


def test_upsampled_flow_is_in_pixels() -> None:
    flow = np.full((56, 56, 2), 0.01, np.float32)
    large = upsampled(flow, 112)
    assert large.shape == (112, 112, 2)
    np.testing.assert_allclose(large, 1.12, rtol=1e-5)


def test_light_off_changes_nothing(tiny_face: FaceModel) -> None:
    image, flow = picture(tiny_face), smooth_flow(2)
    np.testing.assert_allclose(relit(image, flow, OFF.illumination, rng()), image, atol=1e-3)


def test_light_by_its_dials(tiny_face: FaceModel) -> None:
    image, flow = np.full((SIDE, SIDE), 100, np.float32), smooth_flow(2)
    still = OFF.illumination
    gain, lift = replace(still, gain_sd=0.1), replace(still, offset_sd_levels=3)
    gained = [relit(image, flow, gain, rng(seed)).mean() for seed in range(150)]
    assert np.std(gained) == pytest.approx(10, rel=0.25)
    lifted = [relit(image, flow, lift, rng(seed)).mean() for seed in range(150)]

    assert np.std(lifted) == pytest.approx(3, rel=0.25)
    field = relit(image, flow, replace(still, field_chance=1, field_gain=(0.1, 0.1)), rng())
    assert 2 < field.std() < 20
    shaded = relit(image, flow, replace(still, shading_chance=1, shading_sd=5), rng())
    assert np.abs(shaded - 100).max() == pytest.approx(15, abs=0.1)  # the limit
    assert np.abs(shaded - 100)[:20].max() < 0.5  # where nothing is stretched


def test_noise_by_its_dials(tiny_face: FaceModel) -> None:
    image = np.full((SIDE, SIDE), 100, np.float32)
    first, second = photographed((image, image), 56, OFF.noise, rng())
    assert first.shape == (56, 56)
    assert first.dtype == np.uint8
    assert (first == second).all()
    dials = SensorNoise(levels=(4, 4), exposures=(1.0,), correlation_px=(0, 0))
    first, second = photographed((image, image), SIDE, dials, rng())
    assert first.std() == pytest.approx(4, rel=0.05)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    smooth = SensorNoise(levels=(4, 4), exposures=(1.0,), correlation_px=(1, 1))
    noise = photographed((image, image), SIDE, smooth, rng())[0].astype(float)
    assert noise.std() == pytest.approx(4, rel=0.05)
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] > 0.5


def test_imitated_noise_by_its_dials() -> None:
    flow = np.repeat(cv2.resize(smooth_flow(2), (56, 56))[None], 60, 0)
    amplitude, mask = np.full(60, 2, np.float32), np.ones((56, 56), bool)
    exact = imitated(flow, amplitude, mask, OFF.geometric, rng())
    np.testing.assert_allclose(exact, flow, atol=1e-6)

    quiet = GeometricNoise(snr_log_sd=0, background=0, still_chance=0, smooth=(0, 0))
    noise = imitated(flow, amplitude, mask, quiet, rng()) - flow
    loud = imitated(flow, amplitude, mask, replace(quiet, snr_log_mean=0.2), rng()) - flow
    np.testing.assert_allclose(loud, noise * np.exp(1.0), rtol=1e-3, atol=1e-4)
    assert noise.std() == pytest.approx(2 / np.exp(1.2) / 3, rel=0.3)
    mask[:, :28] = False
    beside = imitated(flow, amplitude, mask, replace(quiet, background=2), rng()) - flow
    assert beside[:, :, :28].std() > 1.5 * beside[:, :, 28:].std()
    kept = imitated(flow, amplitude * 0, mask, replace(quiet, still_chance=1), rng())
    assert 0.3 < (kept * flow).sum() / (flow**2).sum() < 0.9
    assert np.abs(kept).max() <= np.abs(flow).max()
    smooth = imitated(flow, amplitude * 0, mask, replace(quiet, smooth=(1, 1)), rng())
    assert 0 < np.abs(smooth - flow).max() < 0.05 * np.abs(flow).max()
