"""Labels are those of what was drawn; each dial does what it says and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merkit.errors import ConfigError
from merkit.simulate.actions import Actions, Drawn
from merkit.simulate.dials import OFF, Dials, Nothing, OneSided, WrongApex
from merkit.simulate.face_model import FaceModel
from merkit.simulate.tables import CLASSES, LABELLED_UNITS, NOTHING, Tables

PLAIN = Dials().without(*OFF)


@pytest.fixture(scope="module")
def actions(tiny_face: FaceModel) -> Actions:
    return Actions(tiny_face, Tables.load())


def draw(actions: Actions, dials: Dials, n: int = 4000, seed: int = 0) -> Drawn:
    return actions.draw(n, dials, np.random.default_rng(seed))


def column(actions: Actions, name: str) -> int:
    return actions.model.index[name]


def test_labels_are_the_units_of_the_prototypes(actions: Actions) -> None:
    drawn = draw(actions, PLAIN)
    possible = {
        label: {frozenset(p.units) & set(LABELLED_UNITS) for p in actions.tables.of_class(label)}
        for label in range(len(CLASSES))
    }
    for label, units in zip(drawn.classes.tolist(), drawn.units, strict=True):
        assert (units[:, 0] == units[:, 1]).all()
        done = {u for u, on in zip(LABELLED_UNITS, units[:, 0], strict=True) if on}
        assert done in possible[label]


def test_labels_agree_with_the_shapes_that_move(actions: Actions) -> None:
    """AU 12 is what moves mouthSmile, AU 4 browDown: sides apart, by their main shape."""
    drawn = draw(actions, Dials().without("co_occurring", "wrong_apex"))
    for unit, shape, least in (
        (12, "mouthSmile", 0.5),
        (1, "browInnerUp", 0.7),
        (15, "mouthFrown", 0.9),
    ):
        done = drawn.units[:, LABELLED_UNITS.index(unit)]
        weights = drawn.weights[:, [column(actions, f"{shape}_{side}") for side in "LR"]]
        assert weights[done].min() > 0
        assert weights[done].mean() > 2 * weights[~done].mean() > 0
        assert np.median(weights[done]) > least


def test_classes_have_their_shares_beside_nothing(actions: Actions) -> None:
    drawn = draw(actions, Dials(), 9000)
    counts = np.bincount(drawn.classes, minlength=4) / 9000
    np.testing.assert_allclose(counts, [0.405, 0.261, 0.234, 0.1], atol=0.02)
    even = draw(actions, Dials().without("classes", "nothing"), 9000)
    np.testing.assert_allclose(np.bincount(even.classes) / 9000, 1 / 3, atol=0.02)
    nothing = drawn.classes == NOTHING
    assert not drawn.units[nothing].any()
    only = draw(actions, replace(PLAIN, nothing=Nothing(share=1.0)), 50)
    assert (only.classes == NOTHING).all()
    assert not only.weights.any()


def test_prototypes_are_drawn_by_their_weights(actions: Actions) -> None:
    drawn = draw(actions, PLAIN, 9000)
    positive = drawn.units[drawn.classes == CLASSES.index("positive")][:, :, 0]
    smiles = positive[:, LABELLED_UNITS.index(12)].mean()
    assert smiles == pytest.approx(1 - 3 / 52, abs=0.02)  # all but AU 6 alone


def test_left_and_right_have_one_distribution(actions: Actions) -> None:
    drawn = draw(actions, Dials(), 9000)
    left, right = drawn.units.mean(0).T
    np.testing.assert_allclose(left, right, atol=0.015)
    names = [name for name in actions.model.names if name.endswith("_L")]
    pairs = np.array([[column(actions, n), column(actions, n[:-1] + "R")] for n in names])
    mean = drawn.weights.mean(0)[pairs]
    np.testing.assert_allclose(mean[:, 0], mean[:, 1], atol=0.02)


def test_one_sided_actions(actions: Actions) -> None:
    dials = replace(PLAIN, one_sided=OneSided(chance=1.0, weaker=(0.0, 0.2)))
    drawn = draw(actions, dials)
    chin = LABELLED_UNITS.index(17)
    sided = np.delete(drawn.units, chin, axis=1)
    assert sided.any()
    assert not (sided[..., 0] & sided[..., 1]).any()
    assert (drawn.units[:, chin, 0] == drawn.units[:, chin, 1]).all()
    for units in sided:  # all of a map stay behind on one side
        assert not (units[:, 0].any() and units[:, 1].any())
    assert 0.45 < sided[..., 0].any(1)[sided.any((1, 2))].mean() < 0.55


def test_the_apex_may_be_missed_but_labels_stay(actions: Actions) -> None:
    plain = draw(actions, PLAIN)
    missed = draw(actions, replace(PLAIN, wrong_apex=WrongApex(1.0, (0.5, 0.5), (0.1, 0.4))))
    np.testing.assert_array_equal(missed.units, plain.units)
    np.testing.assert_array_equal(missed.classes, plain.classes)
    assert (missed.whole == 0.5).all()
    moving = plain.weights > 0
    share = missed.weights[moving] / plain.weights[moving]
    assert 0.09 < share.min() < share.max() < 0.41


#: what a dial at its default moves that nothing else does: shapes and maps
ONLY = {
    "blink": ("eyeBlink_L", 0.1),
    "gaze": ("eyeLookUp_L", 0.03),
    "talk": ("jawOpen", 0.02),
}


@pytest.mark.parametrize("dial", ONLY)
def test_a_nuisance_moves_its_shape_and_off_it_rests(dial: str, actions: Actions) -> None:
    shape, least = ONLY[dial]
    still = replace(PLAIN, nothing=Nothing(share=1.0))
    on = draw(actions, replace(still, **{dial: getattr(Dials(), dial)}))
    moved = np.abs(on.weights[:, column(actions, shape)]) > 0
    assert least < moved.mean() < 0.5
    assert not on.units.any()
    assert not draw(actions, still).weights.any()


SPREADS = [
    "heights",
    "asymmetry",
    "one_sided",
    "co_occurring",
    "wrong_apex",
    "blink",
    "gaze",
    "talk",
]


@pytest.mark.parametrize("dial", SPREADS)
def test_a_dial_that_is_off_leaves_the_draws_of_the_others(dial: str, actions: Actions) -> None:
    full, less = draw(actions, Dials()), draw(actions, Dials().without(dial))
    np.testing.assert_array_equal(full.classes, less.classes)
    assert not np.array_equal(full.weights, less.weights)
    if dial in ("wrong_apex", "blink", "gaze", "talk", "co_occurring"):
        np.testing.assert_array_equal(full.units, less.units)
    if dial in ("blink", "gaze", "talk", "co_occurring", "one_sided"):  # most maps have none
        alike = (full.weights == less.weights).all(1).mean()
        assert alike > 0.5


def test_heights_and_asymmetry_spread(tiny_face: FaceModel) -> None:
    """Log-normal draws with the sd that the dials state, where each unit is one shape."""
    tables = Tables.load()
    first = {row.unit: replace(row, low=1.0, high=1.0) for row in reversed(tables.shapes)}
    actions = Actions(tiny_face, Tables(tuple(first.values()), tables.prototypes))
    brow = [column(actions, f"browInnerUp_{side}") for side in "LR"]
    only = replace(PLAIN, heights=Dials().heights)
    high = draw(actions, only, 9000)
    raised = high.weights[high.weights[:, brow[0]] > 0][:, brow]
    np.testing.assert_allclose(np.log(raised).std(0), np.hypot(0.35, 0.15), rtol=0.1)
    uneven = draw(actions, replace(PLAIN, asymmetry=Dials().asymmetry), 9000)
    both = uneven.weights[uneven.weights[:, brow[0]] > 0][:, brow]
    difference = np.log(both[:, 0] / both[:, 1])
    assert difference.std() == pytest.approx(np.sqrt(2) * np.hypot(0.25, 0.10), rel=0.1)


def test_a_model_without_a_shape_is_refused(tiny_face: FaceModel) -> None:
    names = tuple(name.replace("browDown", "frown") for name in tiny_face.names)
    with pytest.raises(ConfigError, match="'browDown', which the face model lacks"):
        Actions(replace(tiny_face, names=names), Tables.load())
