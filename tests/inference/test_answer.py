"""What becomes of a model's probabilities: a label, action units, or a reason why there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merkit.inference.answer import Answer, Vocabulary
from merkit.methods.limits import Limits
from merkit.types import Event, UnitScore

EVENT = Event("micro", 1.0, 1.1, 1.3, 30, 33, 39, 1.8, 0.02, 0.5, reasons=("small face",))
LIMITS = Limits(class_min=0.5, nothing_max=0.6, unit_min=(0.5, 0.3, 0.9), quality_min=0.2)
WORDS = Vocabulary(("negative", "positive", "surprise"), (1, 4, 12), LIMITS)
SIDES = np.array([[0.5, 0.8], [0.1, 0.3], [0.89, 0.7]])
SURE = Answer(np.array([0.25, 0.5, 0.25]), 0.6, SIDES)


def test_at_its_limits_it_still_answers() -> None:
    named = WORDS.named(EVENT, SURE)
    assert (named.label, named.score) == ("positive", 0.5)
    assert named.probabilities == {"negative": 0.25, "positive": 0.5, "surprise": 0.25}
    assert named.units == (
        UnitScore(1, 0.5, 0.8, True, True),
        UnitScore(4, 0.1, 0.3, False, True),
        UnitScore(12, 0.89, 0.7),
    )
    assert (named.action_units, named.reasons) == ("1+R4", ("small face",))


@pytest.mark.parametrize(
    ("answer", "quality", "why", "units"),
    [
        (
            replace(SURE, classes=np.array([0.41, 0.3, 0.29])),
            1.0,
            "the best class, negative, has only 0.41; 0.50 is wanted",
            "1+R4",
        ),
        (
            replace(SURE, nothing=0.72),
            1.0,
            "it looks like a time in which nothing moved (0.72)",
            "",
        ),
        (SURE, 0.19, "the face cannot be read well enough (quality 0.19)", ""),
    ],
)
def test_beyond_them_it_says_why_not(answer: Answer, quality: float, why: str, units: str) -> None:
    named = WORDS.named(replace(EVENT, quality=quality), answer)
    assert (named.label, named.reasons) == ("", ("small face", f"not named: {why}"))
    assert np.isnan(named.score)
    assert list(named.probabilities.values()) == answer.classes.tolist()
    assert [(u.left, u.right) for u in named.units] == [tuple(side) for side in SIDES.tolist()]
    assert named.action_units == units


def test_what_is_not_known_is_no_reason() -> None:
    """The quality of a cut clip, and nothing-moved of a model that has no such answer."""
    named = WORDS.named(replace(EVENT, quality=np.nan), replace(SURE, nothing=np.nan))
    assert named.label == "positive"


def test_a_model_without_limits_always_answers() -> None:
    plain = Vocabulary(("a", "b", "c"))
    unsure = Answer(np.array([0.3, 0.3, 0.4]))
    assert plain.named(replace(EVENT, quality=0.0), unsure).label == "c"
    assert plain.at_least(0.41).named(EVENT, unsure).label == ""


def test_several_answers_are_pooled_by_their_logarithms() -> None:
    """By hand: 0.9 0.1 and 0.5 0.5 give odds of sqrt(9) = 3; odds of 9 and 1/4 give 1.5."""
    one = Answer(np.array([0.9, 0.1]), 0.9, np.array([[0.5, 0.9]]))
    other = Answer(np.array([0.5, 0.5]), 0.2, np.array([[0.5, 0.2]]))
    both = Answer.pooled([one, other])
    np.testing.assert_allclose(both.classes, [0.75, 0.25])
    assert both.nothing == pytest.approx(0.6)
    np.testing.assert_allclose(both.units, [[0.5, 0.6]])
    assert Answer.pooled([one]) is one


def test_limits_of_several_are_their_mean() -> None:
    limits = Limits.mean((LIMITS, Limits(0.7, 0.4, (0.5, 0.5, 0.5), 0.4)))
    assert (limits.class_min, limits.nothing_max) == pytest.approx((0.6, 0.5))
    assert limits.unit_min == pytest.approx((0.5, 0.4, 0.7))
    assert limits.quality_min == pytest.approx(0.3)
