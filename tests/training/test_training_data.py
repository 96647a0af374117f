"""The trainer's view of a fold: labels of two sides, padded batches, views of tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from merkit.errors import LeakError
from merkit.training.data import Batches, collate, open_fold
from merkit.types import Fold, Sample

LABELS = {"a": 0, "b": 1, "c": 2, "d": 0}
CPU = torch.device("cpu")


def test_a_fold_hands_out_training_and_validation_labels_only() -> None:
    data = open_fold(Fold("f", ("a", "b"), ("c",), ("d",), ("d",)), LABELS)
    assert (data.train.ids, data.train.labels) == (("a", "b"), (0, 1))
    assert (data.val.ids, data.val.labels) == (("c",), (2,))
    assert data.unlabelled == ("d",)
    assert not hasattr(data, "test")


def test_labels_of_test_clips_are_not_even_looked_up() -> None:
    without_test = {k: v for k, v in LABELS.items() if k != "d"}
    assert open_fold(Fold("f", ("a", "b"), ("c",), ("d",)), without_test).train.labels == (0, 1)


@pytest.mark.parametrize("side", ["train", "val"])
def test_a_test_clip_among_them_is_a_leak(side: str) -> None:
    sides = {"train": ("a",), "val": ("b",)} | {side: ("a", "c")}
    with pytest.raises(LeakError, match="clip 'c' of fold 'f'"):
        open_fold(Fold("f", sides["train"], sides["val"], ("c",)), LABELS)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_padding_is_zero_and_the_mask_says_where_frames_are_real(lengths: list[int]) -> None:
    rows = [{"flow": np.full((n, 2), i + 1.0, np.float32)} for i, n in enumerate(lengths)]
    batch = collate(rows, ["flow"])
    longest = max(lengths)
    assert batch["flow"].shape == (len(lengths), longest, 2)
    if len(set(lengths)) == 1:
        assert "mask" not in batch
        return
    assert batch["mask"].dtype == torch.bool
    assert batch["mask"].sum(1).tolist() == lengths
    for i, n in enumerate(lengths):
        assert (batch["flow"][i, :n] == i + 1).all()
        assert not batch["flow"][i, n:].any()


def sample(name: str, value: int) -> Sample:
    return Sample(name, {"rgb": np.full((2, 3, 4, 4), value, np.uint8), "time_s": np.arange(2.0)})


def test_batches_keep_the_order_and_read_what_the_model_reads() -> None:
    batches = Batches({"a": sample("a", 1), "b": sample("b", 2)}, ("rgb",), CPU)
    found = batches.get(["b", "a", "b"])
    assert set(found) == {"rgb"}
    assert found["rgb"][:, 0, 0, 0, 0].tolist() == [2, 1, 2]


def test_tokens_stand_in_for_frames_and_views_choose_among_them() -> None:
    tokens = {
        "a": np.arange(3, dtype=np.float16).reshape(3, 1, 1, 1),
        "b": np.full((3, 1, 1, 1), 9),
    }
    batches = Batches({"a": sample("a", 1), "b": sample("b", 2)}, ("rgb",), CPU, tokens)
    assert set(batches.get(["a"])) == {"tokens"}
    assert batches.get(["a", "b"])["tokens"].flatten().tolist() == [0, 9]
    assert batches.get(["a", "a"], [2, 1])["tokens"].flatten().tolist() == [2, 1]


def test_annotations_are_given_for_the_clips_that_have_them() -> None:
    known = {"a": {"au": np.array([1.0, 0.0]), "au_known": np.True_}}
    batches = Batches({c: sample(c, 1) for c in "ab"}, ("rgb",), CPU, None, known)
    assert batches.get(["a"])["au"].tolist() == [[1.0, 0.0]]
    assert batches.get(["a"])["au_known"].tolist() == [True]
    assert "au" not in batches.get(["b"])  # a test clip without an oracle mark
