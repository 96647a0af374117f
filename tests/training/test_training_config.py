"""Class weights against values by hand and the published formula."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merkit.training.config import TrainConfig, class_weights

INVERSE = TrainConfig(class_weights="inverse")


def weights(counts: list[int], config: TrainConfig) -> Tensor:
    """Of classes with so many clips each, in a mixed order."""
    labels = [label for label, n in enumerate(counts) for _ in range(n)]
    found = class_weights(labels[::-1], len(counts), config)
    assert found is not None
    assert found.dtype == torch.float32
    return found


def effective(beta: float) -> TrainConfig:
    return TrainConfig(class_weights="effective", class_weight_beta=beta)


def test_inverse_by_hand() -> None:
    # 1/4, 1/2, 1/1 of mean 7/12
    torch.testing.assert_close(weights([4, 2, 1], INVERSE), torch.tensor([3, 6, 12]) / 7)


def test_effective_by_hand() -> None:
    # beta 1/2: effective numbers (1 - b^n)/(1 - b) of 1, 2, 3 clips are 1, 3/2, 7/4; their
    # inverses 1, 2/3, 4/7 have the mean 47/63
    found = weights([1, 2, 3], effective(0.5))
    torch.testing.assert_close(found, torch.tensor([63.0, 42.0, 36.0]) / 47)


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999, 0.9999])  # those of the paper
def test_effective_number_is_that_of_cui_et_al(beta: float) -> None:
    counts = [250, 109, 83]
    number = torch.tensor([sum(beta**i for i in range(n)) for n in counts])  # eq. 2 as a series
    expected = 3 / number / (1 / number).sum()
    torch.testing.assert_close(weights(counts, effective(beta)), expected, rtol=1e-5, atol=0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=2, max_size=8))
def test_class_weights(counts: list[int]) -> None:
    n = torch.tensor(counts)
    inverse = weights(counts, INVERSE)
    assert inverse.mean().item() == pytest.approx(1.0, rel=1e-5)
    torch.testing.assert_close(inverse * n, (inverse * n)[:1].expand(len(counts)))
    torch.testing.assert_close(weights(counts, effective(0.0)), torch.ones(len(counts)))
    nearly = weights(counts, effective(1 - 1e-9))
    torch.testing.assert_close(nearly, inverse, rtol=1e-4, atol=1e-4)


def test_class_that_does_not_occur_has_no_weight() -> None:
    assert weights([4, 0, 4], INVERSE).tolist() == [1.0, 0.0, 1.0]
    assert weights([4, 0, 4], effective(0.999)).tolist() == [1.0, 0.0, 1.0]


def test_equal_weights_are_none() -> None:
    assert class_weights([0, 1, 1], 2, TrainConfig()) is None
