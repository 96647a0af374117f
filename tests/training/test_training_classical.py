"""Classical methods through the same job as every other method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from merkit.errors import ConfigError, LeakError
from merkit.inference.modelfolder import load_model, save_model
from merkit.methods import make_method
from merkit.methods.base import Method
from merkit.methods.hoof import Hoof
from merkit.protocols import ClipRow, audit_reads
from merkit.runs.fold import FoldJob, run_fold
from merkit.samples.prepare import SampleSet
from merkit.samples.store import SampleStore
from merkit.training.loop import FitContext, Fitted, Observer
from merkit.training.reader import ClipReader
from merkit.training.tokens import with_tokens
from merkit.types import Fold, Sample

CLASSES = ("negative", "positive", "surprise")
IDS = tuple(f"s{i // 6}/c{i}" for i in range(24))
FOLD = Fold("s3", IDS[:12], IDS[12:18], IDS[18:])
ROWS = [ClipRow(clip_id, "d", f"d/{clip_id[:2]}", 0, "") for clip_id in IDS]
HOOF = make_method("hoof", {"frames": 4})
LBP = make_method("lbp-top", {"frames": 4, "size_px": 12, "blocks": [1, 1, 1]})


def arrays_of(makes: str, label: int, seed: int) -> dict[str, np.ndarray]:
    """A clip whose class shows in the direction, or the speed, of its movement."""
    random = np.random.default_rng(seed)
    if makes == "flow":
        angle = 2 * np.pi * label / 3 + 0.3
        direction = np.array([np.cos(angle), np.sin(angle)])
        flow = random.normal(0, 0.3, (4, 18, 2)) + direction
        return {"flow": flow.astype(np.float32)}
    texture = random.integers(0, 256, (3, 12, 12 + 4 * label), dtype=np.uint8)
    frames = [texture[:, :, label * t : label * t + 12] for t in range(4)]
    return {"rgb": np.stack(frames)}


def stored(root: Path, method: Method) -> SampleSet:
    """Twenty-four clips; clip i moves as class i % 3."""
    if method.recipe is None:
        return SampleSet(None, dict.fromkeys(IDS, ""), {})
    store = SampleStore(root, method.recipe)
    for i, clip_id in enumerate(IDS):
        store.write(f"key{i}", Sample(clip_id, arrays_of(method.recipe.makes, i % 3, i)))
    return SampleSet(store, {clip_id: f"key{i}" for i, clip_id in enumerate(IDS)}, {})


def make_job(
    samples: SampleSet, method: Method, labels: Sequence[int] | None = None, fold: Fold = FOLD
) -> FoldJob:
    """Twelve training, six validation and six test clips, of class i % 3 unless said otherwise."""
    given = dict(zip(IDS, labels or [i % 3 for i in range(24)], strict=True))
    known = {clip_id: given[clip_id] for clip_id in (*fold.train, *fold.val)}
    clips = ClipReader(fold, known, samples, {}, 3)
    tests = ClipReader(fold, {}, samples, {}, 3, ("predict",))
    return FoldJob(method, clips, tests, FitContext(), CLASSES, 0)


@pytest.mark.parametrize("method", [HOOF, LBP], ids=["hoof", "lbp-top"])
def test_classes_that_show_in_the_motion_are_learnt(tmp_path: Path, method: Method) -> None:
    outcome = run_fold(make_job(stored(tmp_path, method), method))
    table = outcome.predictions
    right = (table.y_pred == [i % 3 for i in range(18, 24)]).mean()
    assert right >= 5 / 6
    np.testing.assert_allclose(table[[f"p_{c}" for c in CLASSES]].sum(axis=1), 1, atol=1e-5)
    assert outcome.summary.chosen_epoch == len(outcome.summary.history) == 1
    assert outcome.summary.history[0].val_uf1 is not None
    assert outcome.summary.parameters_trainable > 3


def test_majority_predicts_the_commonest_training_class(tmp_path: Path) -> None:
    labels = [2] * 7 + [0] * 5 + [0] * 12  # class 0 leads everywhere but in training
    method = make_method("majority")
    outcome = run_fold(make_job(stored(tmp_path, method), method, labels))
    assert outcome.predictions.y_pred.tolist() == [2] * 6
    assert outcome.predictions.p_surprise.tolist() == pytest.approx([7 / 12] * 6)
    assert outcome.summary.parameters_trainable == 3


def test_same_seed_same_predictions_and_test_labels_do_not_enter(tmp_path: Path) -> None:
    samples = stored(tmp_path, HOOF)
    first = run_fold(make_job(samples, HOOF)).predictions
    again = run_fold(make_job(samples, HOOF)).predictions
    assert first.equals(again)


def test_record_says_what_was_read_for_what_and_the_audit_reads_it(tmp_path: Path) -> None:
    served = run_fold(make_job(stored(tmp_path, HOOF), HOOF)).summary.served
    assert served == {"fit": FOLD.train, "select": FOLD.val, "predict": FOLD.test}
    audit_reads(FOLD, served, ROWS)


def test_a_normaliser_fitted_on_a_test_clip_is_found_out(tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Leaking(Hoof):
        def fit(
            self, clips: ClipReader, context: FitContext, observer: Observer | None = None
        ) -> Fitted:
            clips.inputs([*clips.fold.train, clips.fold.test[0]], "normalise")
            return super().fit(clips, context, observer)

    outcome = run_fold(make_job(stored(tmp_path, HOOF), Leaking(frames=4)))
    with pytest.raises(LeakError, match=f"'{IDS[18]}', a test clip, was read to 'normalise'"):
        audit_reads(FOLD, outcome.summary.served, ROWS)


def test_validation_clips_change_probabilities_only(tmp_path: Path) -> None:
    samples = stored(tmp_path, HOOF)
    turned = [i % 3 for i in range(12)] + [1, 2, 0, 1, 2, 0] + [0] * 6
    right = run_fold(make_job(samples, HOOF)).predictions
    wrong = run_fold(make_job(samples, HOOF, turned)).predictions
    assert right.y_pred.equals(wrong.y_pred)
    assert right.p_positive.max() > wrong.p_positive.max()  # less sure where validation fails
    without = run_fold(make_job(samples, HOOF, fold=replace(FOLD, val=())))
    assert without.summary.history[0].val_uf1 is None
    assert "select" not in without.summary.served


def test_cached_descriptors_give_the_same_predictions(tmp_path: Path) -> None:
    samples = stored(tmp_path, LBP)
    cached = with_tokens(LBP, samples, 3, "cpu")
    assert cached.tokens is not None
    assert len(cached.tokens.paths) == 24
    plain, fast = (run_fold(make_job(each, LBP)) for each in (samples, cached))
    assert plain.predictions.equals(fast.predictions)


def test_oracle_record_has_the_one_fit(tmp_path: Path) -> None:
    outcome = run_fold(replace(make_job(stored(tmp_path, HOOF), HOOF), oracle=True))
    assert outcome.oracle is not None
    assert outcome.oracle.epoch.unique().tolist() == [1]
    assert outcome.oracle.y_pred.tolist() == outcome.predictions.y_pred.tolist()


def test_model_folder_gives_the_same_logits(tmp_path: Path) -> None:
    model = make_job(stored(tmp_path, HOOF), HOOF).fit().model
    save_model(tmp_path / "model", HOOF, model, CLASSES, {})
    assert {p.name for p in (tmp_path / "model").iterdir()} == {"config.json", "model.safetensors"}
    loaded = load_model(tmp_path / "model")
    flow = torch.randn(3, 4, 18, 2)
    assert torch.equal(loaded.model({"flow": flow}).logits, model({"flow": flow}).logits)
    assert loaded.method == HOOF


def test_fold_without_training_clips_is_refused(tmp_path: Path) -> None:
    empty = replace(FOLD, train=())
    with pytest.raises(ConfigError, match="no training clips"):
        run_fold(make_job(stored(tmp_path, HOOF), HOOF, fold=empty))
