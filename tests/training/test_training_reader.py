"""The one door to a fold's clips: what it serves, what it refuses, what it writes down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memory_samples import memory_reader, memory_samples
from merkit.errors import ConfigError, LeakError
from merkit.protocols import ClipRow, audit_folds, audit_reads
from merkit.protocols.folds import fold_set
from merkit.samples.batch import collate
from merkit.samples.prepare import SampleSet
from merkit.samples.tokens import TokenFiles
from merkit.training.reader import ClipReader
from merkit.types import Fold

FOLD = Fold("f", ("a", "b"), ("c",), ("d",), ("d",))
LABELS = {"a": 0, "b": 1, "c": 2}
ROWS = [ClipRow(clip_id, "db", f"db/{clip_id}", 0) for clip_id in "abcd"]


def arrays(value: int) -> dict[str, np.ndarray]:
    return {"rgb": np.full((2, 3, 4, 4), value, np.uint8), "time_s": np.arange(2.0)}


CLIPS = {clip_id: arrays(i) for i, clip_id in enumerate("abcd")}


def reader(**changes: Any) -> ClipReader:
    return memory_reader(FOLD, LABELS, "rgb", CLIPS, **changes)


# labels


def test_training_and_validation_labels_are_handed_out_in_order() -> None:
    clips = reader()
    assert clips.labels(("b", "a", "b"), "fit").tolist() == [1, 0, 1]
    assert clips.labels(FOLD.val, "select").tolist() == [2]
    assert clips.labels((), "fit").dtype == np.int64
    assert clips.fold.unlabelled == ("d",)


@pytest.mark.parametrize("use", ["fit", "normalise", "select", "adapt"])
def test_the_class_of_a_test_clip_is_a_leak_whatever_it_is_for(use: Any) -> None:
    with pytest.raises(LeakError, match=rf"class of clip 'd' .*\({use}\) in fold 'f'"):
        reader().labels(("a", "d"), use)


@pytest.mark.parametrize(("train", "val"), [(("a", "d"), ("b",)), (("a",), ("b", "d"))])
def test_a_test_clip_among_them_is_a_leak(train: tuple[str, ...], val: tuple[str, ...]) -> None:
    fold = Fold("f", train, val, ("d",))
    with pytest.raises(LeakError, match="clip 'd' in test of fold 'f'"):
        audit_folds(fold_set([fold]), ROWS)


# uses


def test_a_training_may_not_predict() -> None:
    clips = reader()
    with pytest.raises(LeakError, match="asked for to 'predict'"):
        clips.inputs(("d",), "predict")
    with pytest.raises(LeakError, match="asked for to 'predict'"):
        clips.labels(("a",), "predict")
    assert clips.served == {}


@pytest.mark.parametrize("use", ["fit", "normalise", "select", "adapt"])
def test_the_reader_that_tests_are_predicted_from_serves_for_nothing_else(use: Any) -> None:
    tests = memory_reader(FOLD, {}, "rgb", CLIPS, uses=("predict",))
    assert tests.inputs(FOLD.test, "predict")["rgb"].shape == (1, 2, 3, 4, 4)
    with pytest.raises(LeakError, match=rf"to '{use}'[\s\S]*serves for predict"):
        tests.inputs(FOLD.test, use)
    with pytest.raises(LeakError, match="class of clip 'd'"):
        tests.labels(FOLD.test, "predict")


def test_what_was_served_is_noted_once_a_use_in_the_order_of_first_service() -> None:
    clips = reader()
    clips.inputs(("b", "a", "b"), "fit")
    clips.labels(("c",), "select")
    clips.inputs(("a",), "fit")
    clips.inputs(("d",), "adapt")
    clips.labels(("a",), "normalise")
    served = clips.served
    assert served == {"fit": ("b", "a"), "select": ("c",), "adapt": ("d",), "normalise": ("a",)}
    audit_reads(FOLD, served, ROWS)
    clips.inputs(("b",), "select")
    assert served["select"] == ("c",)  # what was read off before does not change any more
    assert clips.served["select"] == ("c", "b")


@pytest.mark.parametrize(
    ("clip_id", "use"),
    [("d", "fit"), ("c", "fit"), ("c", "normalise"), ("d", "select"), ("a", "adapt")],
)
def test_inputs_of_the_wrong_side_stand_in_the_record_that_the_audit_refuses(
    clip_id: str, use: Any
) -> None:
    clips = reader()
    clips.inputs((clip_id,), use)
    with pytest.raises(LeakError, match=f"clip '{clip_id}', .* was read to '{use}'"):
        audit_reads(FOLD, clips.served, ROWS)


# batches


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


def test_batches_keep_the_order_and_read_what_the_model_reads() -> None:
    found = reader().inputs(["b", "a", "b"], "fit")
    assert set(found) == {"rgb"}
    assert found["rgb"][:, 0, 0, 0, 0].tolist() == [1, 0, 1]


def test_batches_stand_on_the_device_of_the_reader() -> None:
    clips = reader()
    assert clips.inputs(["a"], "fit")["rgb"].device.type == "cpu"
    clips.device = torch.device("meta")
    assert clips.inputs(["a"], "fit")["rgb"].device.type == "meta"


@pytest.mark.parametrize("memory_bytes", [0, 10**9])
def test_tokens_stand_in_for_frames_and_views_choose_among_them(
    memory_bytes: int, tmp_path: Path
) -> None:
    tokens = {
        "a": np.arange(3, dtype=np.float16).reshape(3, 1, 1, 1),
        "b": np.full((3, 1, 1, 1), 9, np.float16),
    }
    for name, array in tokens.items():
        np.save(tmp_path / f"{name}.npy", array)
    plain = memory_samples("rgb", CLIPS)
    paths = {name: tmp_path / f"{name}.npy" for name in tokens}
    files = TokenFiles(paths, memory_bytes=memory_bytes)
    clips = ClipReader(FOLD, LABELS, SampleSet(plain.store, plain.keys, {}, 0, files), {}, 3)
    assert set(clips.inputs(["a"], "fit")) == {"tokens"}
    assert clips.inputs(["a", "b"], "fit")["tokens"].flatten().tolist() == [0, 9]
    assert clips.inputs(["a", "a"], "fit", [2, 1])["tokens"].flatten().tolist() == [2, 1]
    assert (clips.n_views, reader().n_views) == (3, 0)
    assert clips.served == {"fit": ("a", "b")}  # wherever the tokens come from
    with pytest.raises(LeakError, match="asked for to 'predict'"):
        clips.inputs(["a"], "predict")


def test_annotations_are_given_for_the_clips_that_have_them() -> None:
    known = {"a": {"au": np.array([1.0, 0.0]), "au_known": np.True_}}
    clips = reader(annotations=known)
    assert clips.inputs(["a"], "fit")["au"].tolist() == [[1.0, 0.0]]
    assert clips.inputs(["a"], "fit")["au_known"].tolist() == [True]
    assert "au" not in clips.inputs(["b"], "fit")  # a test clip without an oracle mark


def test_a_method_that_reads_nothing_gets_a_batch_of_nothing() -> None:
    clips = ClipReader(FOLD, LABELS, SampleSet(None, dict.fromkeys("abcd", ""), {}), {}, 3)
    found = clips.inputs(("a", "b"), "fit")
    assert set(found) == {"nothing"}
    assert found["nothing"].shape == (2, 0)
    assert clips.served == {"fit": ("a", "b")}


def test_a_batch_of_which_only_some_clips_have_annotation_is_refused() -> None:
    arrays = {clip: {"flow": np.zeros((2, 3, 2), np.float32)} for clip in "ab"}
    fold = Fold("f", ("a", "b"), (), ())
    reader = memory_reader(
        fold, {"a": 0, "b": 1}, "flow", arrays, annotations={"b": {"au": np.ones(2)}}
    )
    with pytest.raises(ConfigError, match="clip 'a' has no annotation"):
        reader.inputs(("a", "b"), "fit")
    assert reader.inputs(("b",), "fit")["au"].shape == (1, 2)
