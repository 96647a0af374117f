"""Sequences: what the recipe would pool of the same field, courses in time, labels, symmetry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from face_models import write_face
from merkit.cli import main
from merkit.errors import ConfigError
from merkit.face.regions import region_layout
from merkit.flow.crop import face_crop
from merkit.flow.estimate import dominant_motion
from merkit.samples.flow_augment import mirror
from merkit.simulate import Dials, Sequences, make_sequences
from merkit.simulate.actions import Actions
from merkit.simulate.courses import Times, draw_times, unit_courses
from merkit.simulate.dials import OFF, Amplitude, Nothing
from merkit.simulate.face_model import FaceModel
from merkit.simulate.pooling import Pooling, square_crop
from merkit.simulate.sequence_dials import Clip, Courses, RegionNoise
from merkit.simulate.sequences import FLOW, FRAMES, GRID, Moving, draw_moving
from merkit.simulate.tables import NOTHING, Tables
from merkit.simulate.view import View, draw_view
from merkit.types import F32

PLAIN = Dials().without(*OFF)
#: every unit rises to its apex in the middle and is gone at the offset
EVEN = replace(PLAIN.courses, rise=(0.5, 0.5))


@pytest.fixture(scope="module")
def actions(tiny_face: FaceModel) -> Actions:
    return Actions(tiny_face, Tables.load())


@pytest.fixture(scope="module")
def view(tiny_face: FaceModel) -> View:
    def square(points: F32) -> object:
        return square_crop(points, FLOW)

    return draw_view(tiny_face, PLAIN, np.random.default_rng(0), square, GRID)  # type: ignore[arg-type]


def made(path: Path, dials: Dials = PLAIN, n: int = 480, seed: int = 0) -> Sequences:
    return make_sequences(path, n, seed, dials, workers=1)


def test_arrays(tiny_file: Path) -> None:
    found = made(tiny_file, Dials())
    assert found.flow.shape == (480, FRAMES, 18, 2)
    assert found.flow.dtype == np.float32
    assert np.isfinite(found.flow).all()
    assert not found.flow[:, 0].any()
    assert found.flow[:, -1].any((1, 2)).all()
    assert set(found.classes) == {0, 1, 2, NOTHING}
    assert set(found.fps_hz) == {30, 100, 200}
    assert found.views.tolist() == [0] * 240 + [1] * 240


def test_the_crop_is_that_of_the_recipe(view: View) -> None:
    """The same landmarks in a picture of 100 px a unit, cut by the recipe itself."""
    scale, shift = 100.0, 5000.0
    pixels = view.face.landmarks * scale + shift
    crop = face_crop(pixels, FLOW)
    ours = view.crop.shares(view.face.landmarks) * FLOW.crop_size_px - 0.5
    assert np.abs(crop.points(pixels) - ours).max() < 1  # the recipe rounds to whole pixels
    inner = ours[42] - ours[39]
    assert np.linalg.norm(inner) == pytest.approx(64, abs=0.01)


def test_regions_are_pooled_as_the_recipe_pools_the_same_field(view: View) -> None:
    pooling = Pooling.of_view(view, FLOW)
    rng = np.random.default_rng(1)
    fields = rng.normal(0, 2, (3, GRID, GRID, 2)).astype(np.float32)
    on_cells = fields.reshape(3, -1, 2)[:, pooling.cells]
    found = pooling(on_cells[..., 0], on_cells[..., 1])
    for field, motion in zip(fields, found, strict=True):
        nose = dominant_motion(field, pooling.boxes[18], FLOW.q_nose_tip)
        wanted = [
            dominant_motion(field, box, q, nose)
            for box, q in zip(pooling.boxes[:18], FLOW.shares(), strict=True)
        ]
        np.testing.assert_allclose(motion, wanted, atol=1e-5)


def test_boxes_are_those_of_the_recipe_in_whole_cells(view: View) -> None:
    points = view.crop.shares(view.face.landmarks) * FLOW.crop_size_px - 0.5
    layout = region_layout(points, FLOW.windows, FLOW.crop_size_px)
    cell = FLOW.crop_size_px / GRID
    wanted = np.vstack([layout.boxes_px, layout.nose_tip_px])
    assert np.abs(Pooling.of_view(view, FLOW).boxes * cell - wanted).max() <= cell / 2


def test_all_off_and_nothing_done_is_no_motion(tiny_file: Path) -> None:
    found = made(tiny_file, replace(PLAIN, nothing=Nothing(share=1.0)))
    assert (found.classes == NOTHING).all()
    assert not found.units.any()
    assert not found.flow.any()


def test_motion_grows_with_the_amplitude(tiny_file: Path) -> None:
    """Small movements are linear: twice the amplitude is twice the motion of every region."""
    once, twice = (
        made(tiny_file, replace(PLAIN, amplitude=Amplitude((height, height)))).flow
        for height in (0.01, 0.02)
    )
    np.testing.assert_allclose(twice, 2 * once, atol=2e-4 * np.abs(once).max())


def test_a_head_that_shifts_alone_moves_no_region(view: View) -> None:
    """The nose tip's motion is taken off; a shift is the same everywhere."""
    head = np.zeros((1, FRAMES, 6), np.float32)
    head[0, :, :2] = np.linspace(0, 0.05, FRAMES)[:, None] * [1, -0.5]
    still = np.zeros((1, FRAMES, len(view.face.model.names)), np.float32)
    inner = replace(view, rigid=view.rigid[:2].repeat(3, 0))  # columns beyond the shifts are zero
    pooled = Moving(still, head).regions(inner, Pooling.of_view(view, FLOW))
    assert np.abs(pooled[:, :, 8:16]).max() < 1e-6  # brows and lids of the tiny face meet its edge


def test_left_and_right_have_one_distribution(tiny_file: Path) -> None:
    found = made(tiny_file, Dials().without("regions"), 2400)
    flow = torch.from_numpy(found.flow)
    twin = mirror({"flow": flow})["flow"]
    spread = flow.square().mean((0, 1)).sqrt()
    torch.testing.assert_close(spread, twin.square().mean((0, 1)).sqrt(), rtol=0.15, atol=0.02)
    difference = (flow - twin).mean((0, 1)).abs().max()
    assert difference < 0.1 * spread.max()


def test_labels_are_what_moves(tiny_file: Path) -> None:
    """A smile lifts the corners of the mouth at mid-course, a lowered brow lowers brows."""
    found = made(tiny_file, Dials().without("regions", "head", "pose"), 960)
    middle = found.flow[:, FRAMES // 2, :, 1]
    smile = found.units[:, 8].all(1) & (found.classes == 1)
    frown = found.units[:, 2].all(1) & ~found.units[:, :2].any((1, 2))
    assert middle[smile][:, [9, 10]].mean() < -0.3
    assert middle[frown][:, [1, 5]].mean() > 0.3
    left_only = found.units[:, 8, 0] & ~found.units[:, 8, 1] & (found.classes == 1)
    right_of_picture = np.abs(middle[left_only][:, 10]).mean()
    assert right_of_picture > 1.5 * np.abs(middle[left_only][:, 9]).mean()


def test_the_frame_rate_hardly_matters(tiny_file: Path) -> None:
    """The same courses of half a second, sampled at 30 and at 200 frames a second."""
    half = replace(PLAIN, courses=replace(EVEN, duration_s=(0.5, 0.5)))
    slow, fast = (made(tiny_file, replace(half, clip=Clip((hz,), 0.0))) for hz in (30.0, 200.0))
    assert np.array_equal(slow.units, fast.units)
    apart = np.abs(slow.flow - fast.flow) / np.abs(fast.flow).max((1, 2, 3), keepdims=True)
    # frames of the fast clip are half of one beside at most, where the cosine is steepest; where
    # cells of a region move alike, rounding may choose others
    assert np.quantile(apart, 0.999) < 1.05 * (np.pi / 0.5) * (0.5 / 200)
    assert apart.max() < 0.2


def test_courses_rise_and_fall() -> None:
    dials = replace(PLAIN, courses=replace(EVEN, duration_s=(0.4, 0.4)), clip=Clip((200.0,), 0.0))
    rng = np.random.default_rng(0)
    times = draw_times(5, 9, dials, rng)
    assert times.numbers[0].tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80]
    np.testing.assert_allclose(times.time_s[0], np.arange(9) * 0.05)
    courses = unit_courses(times, 3, dials, rng)
    wanted = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(9) / 8)
    np.testing.assert_allclose(courses, np.broadcast_to(wanted, (5, 3, 9)), atol=1e-6)
    left = replace(dials, courses=Courses(left_chance=1.0, left=(0.4, 0.4), lag=(0, 0)))
    assert unit_courses(times, 3, left, rng)[..., -1] == pytest.approx(0.4)


def test_short_clips_repeat_frames_with_their_errors(tiny_file: Path) -> None:
    """0.1 s at 30 frames a second are 4 frames, each read four times."""
    dials = replace(
        Dials(), clip=Clip((30.0,), 0.0), courses=replace(Courses(), duration_s=(0.1, 0.1))
    )
    flow = made(tiny_file, dials, 20).flow
    assert len(np.unique(flow[0].reshape(FRAMES, -1), axis=0)) == 4
    assert not flow[:, :2].any()


def test_noise_has_the_size_and_correlation_of_its_dials(tiny_file: Path) -> None:
    still = replace(PLAIN, nothing=Nothing(share=1.0), clip=Clip((200.0,), 0.0))
    still = replace(still, courses=replace(EVEN, duration_s=(0.5, 0.5)))
    flow = made(tiny_file, replace(still, regions=RegionNoise(px=0.2, px_log_sd=0.0)), 2400).flow
    assert flow[:, 1:].std() == pytest.approx(0.2, rel=0.03)

    def correlation(a: np.ndarray, b: np.ndarray) -> float:
        return float((a * b).mean() / 0.2**2)

    assert correlation(flow[:, 3], flow[:, 9]) == pytest.approx(0.5, abs=0.04)
    assert correlation(flow[:, 3, 0], flow[:, 3, 1]) == pytest.approx(0.85, abs=0.05)
    assert correlation(flow[:, 3, 0], flow[:, 3, 9]) == pytest.approx(0.45, abs=0.06)


def test_gains_scale_their_regions(tiny_file: Path) -> None:
    exact = made(tiny_file).flow
    bare = RegionNoise(gain_sd=0.0, px=0.0, landmark_sd_px=0.0)
    damped = made(tiny_file, replace(PLAIN, regions=bare)).flow
    dials = RegionNoise()
    wanted = [dials.brow_gain] * 8 + [dials.mouth_gain] * 5 + [dials.inner_mouth_gain]
    wanted += [dials.nose_gain] * 2 + [dials.eyelid_gain] * 2
    np.testing.assert_allclose(damped, exact * np.array(wanted)[:, None], rtol=1e-4, atol=1e-6)


def test_an_expression_has_its_amplitude_whatever_the_lids_do(actions: Actions, view: View) -> None:
    rng = np.random.default_rng(3)
    parts = actions.draw_parts(20, PLAIN, rng)
    times = Times(np.arange(3)[None].repeat(20, 0), np.tile([0.0, 0.15, 0.3], (20, 1)),
                  np.full(20, 0.3), np.full(20, 10.0))  # fmt: skip
    dials = replace(PLAIN, courses=EVEN)
    moving = draw_moving(actions, view, parts, times, dials, rng)
    flow = view.flow(moving.weights[:, 1]) * view.eyes_per_share
    peak = np.quantile(np.linalg.norm(flow, axis=-1).reshape(20, -1), 0.99, axis=1)
    np.testing.assert_allclose(peak, PLAIN.amplitude.range_eyes[0], rtol=0.02)


def test_whole_blinks_have_their_own_size(actions: Actions, view: View) -> None:
    """Nothing but blinks of height 1: lids close all the way, or as far as an expression goes."""
    blink = replace(Dials().blink, chance=1.0, height=(1.0, 1.0), side_log_sd=0.0)
    dials = replace(PLAIN, blink=blink, clip=Clip((200.0,), 0.0), nothing=Nothing(share=1.0))
    lids = actions.model.index["eyeBlink_L"]
    share = []
    for chance in (1.0, 0.0):
        rng = np.random.default_rng(0)
        parts, times = actions.draw_parts(300, dials, rng), draw_times(300, FRAMES, dials, rng)
        aside = replace(dials, aside=replace(dials.aside, whole_blink_chance=chance))
        moving = draw_moving(actions, view, parts, times, aside, rng)
        whole = actions.unit_weights(parts).sum(1)[:, lids]
        share.append(np.abs(moving.weights[:, :, lids]).max(1) / whole)
    assert 0.9 < share[0].max() < 1.001
    np.testing.assert_allclose(share[1], share[0] * PLAIN.amplitude.range_eyes[0] / 0.14, rtol=1e-4)


def test_same_seed_same_bytes_for_any_number_of_workers(tiny_file: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        two = make_sequences(tiny_file, 250, 3, workers=workers)
        two.save(tmp_path / f"{workers}.npz")
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    fewer = make_sequences(tiny_file, 30, 3, workers=1)
    np.testing.assert_array_equal(fewer.flow, two.flow[:30])
    assert not np.array_equal(make_sequences(tiny_file, 30, 4, workers=1).flow, fewer.flow)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sequences.npz"
    words = ["simulate", "--face-model", str(write_face(tmp_path / "face.npz")), "--out", str(out)]
    words += ["--kind", "sequences", "--count", "20", "--workers", "1"]
    assert main([*words, "--set", "dials.nothing.share=1"]) == 0
    said = capsys.readouterr().out
    assert "20 sequences (0 negative, 0 positive, 0 surprise, 20 nothing)" in said
    assert len(Sequences.load(out)) == 20


def test_bad_dials_are_refused() -> None:
    with pytest.raises(ConfigError, match="fps_hz"):
        Clip(fps_hz=())
    with pytest.raises(ConfigError, match="common_share and part_share"):
        RegionNoise(common_share=0.7, part_share=0.4)
    with pytest.raises(ConfigError, match="lag is"):
        replace(Dials(), courses=Courses(lag=(0.3, 0.1)))
