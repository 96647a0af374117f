"""The flow of what was drawn has its amplitude; head and crop move as their dials say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merkit.simulate.actions import Actions, Drawn
from merkit.simulate.dials import OFF, Amplitude, Dials, HeadMotion, LandmarkJitter, Nothing
from merkit.simulate.face_model import FaceModel
from merkit.simulate.movement import Movement, draw_movement, peak_eyes
from merkit.simulate.pose import PosedFace, tight_crop
from merkit.simulate.tables import NOTHING, Tables
from merkit.simulate.view import View, make_view

PLAIN = Dials().without(*OFF)


@pytest.fixture(scope="module")
def view(tiny_face: FaceModel) -> View:
    posed = PosedFace.turned(tiny_face, tiny_face.neutral)
    return make_view(posed, tight_crop(posed.landmarks))


def moved(view: View, dials: Dials, n: int = 200) -> tuple[Drawn, Movement]:
    rng = np.random.default_rng(0)
    drawn = Actions(view.face.model, Tables.load()).draw(n, dials, rng)
    return drawn, draw_movement(view, drawn, dials, rng)


def test_every_movement_has_its_amplitude(view: View) -> None:
    dials = replace(PLAIN, amplitude=Amplitude((0.01, 0.04)))
    _, movement = moved(view, dials)
    peak = peak_eyes(view, movement.flow)
    np.testing.assert_allclose(peak, movement.amplitude_eyes, rtol=1e-3)
    assert 0.01 <= peak.min() < 0.012
    assert 0.033 < peak.max() <= 0.04
    assert np.median(peak) == pytest.approx(0.02, rel=0.15)  # log-evenly


def test_amplitude_is_in_eye_distances(view: View) -> None:
    """A tenth of the crop's width to the right everywhere is a tenth of it in eye distances."""
    right = np.zeros((1, view.side, view.side, 2), np.float32)
    right[..., 0] = 0.1
    assert peak_eyes(view, right)[0] == pytest.approx(0.1 / 0.6, rel=1e-4)


def test_nothing_moves_where_there_is_nothing(view: View) -> None:
    dials = Dials().without("head", "landmarks")
    drawn, movement = moved(view, replace(dials, nothing=Nothing(0.5, 0.5, 0.05)), 300)
    peak = peak_eyes(view, movement.flow)[drawn.classes == NOTHING]
    amplitude = movement.amplitude_eyes[drawn.classes == NOTHING]
    still = peak < 0.001
    assert still.mean() > 0.4
    assert (peak[~still] <= 0.051 * amplitude[~still]).all()


def test_a_missed_apex_is_lower(view: View) -> None:
    drawn, movement = moved(view, Dials().without("amplitude", "head", "landmarks", "nothing"))
    np.testing.assert_allclose(movement.amplitude_eyes, 0.016 * drawn.whole, rtol=1e-5)


def test_the_head_moves_as_its_dials_say(view: View) -> None:
    still = replace(PLAIN, nothing=Nothing(share=1.0, residue_chance=0))
    _, movement = moved(view, replace(still, head=HeadMotion(0.01, 0, 0, 0)), 800)
    shift = movement.flow[:, view.mask].mean(1) * view.eyes_per_share
    # exponential with mean 1 times a normal has variance 2
    np.testing.assert_allclose(shift.std(0), 0.01 * np.sqrt(2), rtol=0.2)
    assert not moved(view, still)[1].flow.any()


def test_landmark_jitter_moves_and_zooms_the_crop(view: View) -> None:
    still = replace(PLAIN, nothing=Nothing(share=1.0, residue_chance=0))
    _, movement = moved(view, replace(still, landmarks=LandmarkJitter(0.5, 0.01, 0.02)), 500)
    on = movement.flow.any((1, 2, 3))
    assert on.mean() == pytest.approx(0.5, abs=0.08)
    flow = movement.flow[on]
    shift = flow.mean((1, 2)) * view.eyes_per_share
    np.testing.assert_allclose(shift.std(0), 0.01, rtol=0.2)
    zoom = (flow[:, 0, -1, 0] - flow[:, 0, 0, 0]) / (1 - 1 / view.side)
    assert zoom.std() == pytest.approx(0.02, rel=0.2)
