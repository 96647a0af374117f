"""F1 of action units: against scikit-learn, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from merkit.scoring.unit_counts import (
    all_called,
    mean_f1,
    mean_f1_of_all,
    mean_macro_f1,
    unit_cells,
    unit_f1,
)


@pytest.fixture(params=range(6))
def drawn(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Truth and calls (40,5): units of every frequency, the last of which no clip shows."""
    random = np.random.default_rng(request.param)
    shares = [0.5, 0.3, 0.1, 0.05, 0.0]
    shown = (random.random((40, 5)) < shares).astype(int)
    shown[0, :4] = 1
    return shown, np.where(random.random((40, 5)) < 0.3, 1 - shown, shown)


def test_f1_is_that_of_scikit_learn(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    shown, called = drawn
    cells = unit_cells(shown, called).sum(axis=0)
    each = f1_score(shown, called, average=None, zero_division=0)
    np.testing.assert_allclose(unit_f1(cells, "zero"), each)
    assert mean_f1(cells) == pytest.approx(each[:4].mean()), "the fifth does not occur"
    assert mean_f1_of_all(cells) == pytest.approx(
        f1_score(shown, called, average="macro", zero_division=0)
    )
    both = [f1_score(shown[:, u], called[:, u], average="macro") for u in range(4)]
    assert mean_macro_f1(cells) == pytest.approx(np.mean(both))


def test_calling_everything_is_the_floor_of_scikit_learn(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    shown, called = drawn
    floor = all_called(unit_cells(shown, called).sum(axis=0))
    each = f1_score(shown, np.ones_like(shown), average=None)
    np.testing.assert_allclose(unit_f1(floor, "zero"), each)


def test_counts_worked_by_hand() -> None:
    """Four clips. Unit one: shown by a and b, called on b and c. Unit two: shown by nobody, called
    on d. Unit three: neither."""
    shown = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]])
    called = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]])
    cells = unit_cells(shown, called).sum(axis=0)
    assert cells.tolist() == [[[1, 1], [1, 1]], [[3, 1], [0, 0]], [[4, 0], [0, 0]]]
    assert unit_f1(cells)[:2].tolist() == [0.5, 0.0]
    assert np.isnan(unit_f1(cells)[2])
    assert mean_f1(cells) == 0.5, "of the one unit that occurs"
    assert mean_f1_of_all(cells) == pytest.approx(0.5 / 3)
    assert mean_macro_f1(cells) == 0.5
    assert unit_f1(all_called(cells), "zero").tolist() == pytest.approx([4 / 6, 0, 0])
    assert np.isnan(mean_f1(cells[1:])), "no unit occurs"


def test_a_stack_of_tables_is_scored_at_once(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    cells = unit_cells(*drawn)
    parts = np.stack([cells[:20].sum(axis=0), cells[20:].sum(axis=0)])
    for metric in (mean_f1, mean_f1_of_all, mean_macro_f1):
        np.testing.assert_allclose(metric(parts), [metric(parts[0]), metric(parts[1])])
