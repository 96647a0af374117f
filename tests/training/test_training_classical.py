"""Classical methods through the same job as every other method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from merkit.errors import ConfigError, LeakError
from merkit.inference.modelfolder import load_model, save_model
from merkit.protocols.audit import FitRecord, audit_fit
from merkit.protocols.table import ClipRow
from merkit.samples.recipe import Recipe
from merkit.samples.store import SampleStore
from merkit.training.data import FoldData, Labelled
from merkit.training.job import FoldJob, fit_job, run_fold
from merkit.training.setup import Setup, make_setup
from merkit.training.tokens import frozen_tokens
from merkit.types import Fold, Sample

CLASSES = ("negative", "positive", "surprise")
HOOF = {"frames": 4}
LBP = {"frames": 4, "size_px": 12, "blocks": [1, 1, 1]}


def arrays_of(kind: str, label: int, seed: int) -> dict[str, np.ndarray]:
    """A clip whose class shows in the direction, or the speed, of its movement."""
    random = np.random.default_rng(seed)
    if kind == "roi_flow":
        angle = 2 * np.pi * label / 3 + 0.3
        direction = np.array([np.cos(angle), np.sin(angle)])
        flow = random.normal(0, 0.3, (4, 18, 2)) + direction
        return {"flow": flow.astype(np.float32)}
    texture = random.integers(0, 256, (3, 12, 12 + 4 * label), dtype=np.uint8)
    frames = [texture[:, :, label * t : label * t + 12] for t in range(4)]
    return {"rgb": np.stack(frames)}


def make_job(root: Path, setup: Setup, labels: list[int] | None = None) -> FoldJob:
    """Twelve training, six validation and six test clips; clip i has class i % 3."""
    store = SampleStore(root, Recipe(kind=setup.recipe.kind))
    ids = [f"s{i // 6}/c{i}" for i in range(24)]
    for i, clip_id in enumerate(ids):
        store.write(f"key{i}", Sample(clip_id, arrays_of(setup.recipe.kind, i % 3, i)))
    given = labels or [i % 3 for i in range(24)]
    fold = FoldData(
        "s3",
        Labelled(tuple(ids[:12]), tuple(given[:12])),
        Labelled(tuple(ids[12:18]), tuple(given[12:18])),
    )
    return FoldJob(
        method=setup.method.name,
        model_config=setup.model_config,
        settings=setup.settings,
        fold=fold,
        test=tuple(ids[18:]),
        class_names=CLASSES,
        store=store,
        keys={clip_id: f"key{i}" for i, clip_id in enumerate(ids)},
        tokens=None,
        seed=0,
        device="cpu",
    )


@pytest.mark.parametrize(("name", "model"), [("hoof", HOOF), ("lbp-top", LBP)])
def test_classes_that_show_in_the_motion_are_learnt(
    tmp_path: Path, name: str, model: dict[str, object]
) -> None:
    outcome = run_fold(make_job(tmp_path, make_setup(name, model, {}, {})))
    table = outcome.predictions
    right = (table.y_pred == [i % 3 for i in range(18, 24)]).mean()
    assert right >= 5 / 6
    np.testing.assert_allclose(table[[f"p_{c}" for c in CLASSES]].sum(axis=1), 1, atol=1e-5)
    assert outcome.summary.chosen_epoch == len(outcome.summary.history) == 1
    assert outcome.summary.history[0].val_uf1 is not None
    assert outcome.summary.parameters_trainable > 3


def test_majority_predicts_the_commonest_training_class(tmp_path: Path) -> None:
    labels = [2] * 7 + [0] * 5 + [0] * 12  # class 0 leads everywhere but in training
    outcome = run_fold(make_job(tmp_path, make_setup("majority", {}, {}, {}), labels))
    assert outcome.predictions.y_pred.tolist() == [2] * 6
    assert outcome.predictions.p_surprise.tolist() == pytest.approx([7 / 12] * 6)
    assert outcome.summary.parameters_trainable == 3


def test_same_seed_same_predictions_and_test_labels_do_not_enter(tmp_path: Path) -> None:
    setup = make_setup("hoof", HOOF, {}, {})
    first = run_fold(make_job(tmp_path, setup)).predictions
    again = run_fold(make_job(tmp_path, setup)).predictions
    assert first.equals(again)


def test_record_says_what_was_fitted_on_what_and_the_audit_reads_it(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_setup("hoof", HOOF, {}, {}))
    record = run_fold(job).summary.record
    assert record.fitted["normaliser"] == record.fitted["weights"] == job.fold.train.ids
    assert record.fitted["threshold"] == job.fold.val.ids
    fold = Fold("s3", job.fold.train.ids, job.fold.val.ids, job.test)
    rows = [ClipRow(c, "d", f"d/{c[:2]}", 0, "") for c in job.keys]
    audit_fit(fold, record, rows)
    planted = FitRecord({**record.fitted, "normaliser": (*job.fold.train.ids, job.test[0])})
    with pytest.raises(LeakError, match="'normaliser'"):
        audit_fit(fold, planted, rows)


def test_validation_clips_change_probabilities_only(tmp_path: Path) -> None:
    setup = make_setup("hoof", HOOF, {}, {})
    job = make_job(tmp_path, setup)
    turned = replace(job.fold, val=Labelled(job.fold.val.ids, (1, 2, 0, 1, 2, 0)))
    right = run_fold(job).predictions
    wrong = run_fold(replace(job, fold=turned)).predictions
    assert right.y_pred.equals(wrong.y_pred)
    assert right.p_positive.max() > wrong.p_positive.max()  # less sure where validation fails
    without = run_fold(replace(job, fold=replace(job.fold, val=Labelled((), ()))))
    assert without.summary.history[0].val_uf1 is None


def test_cached_descriptors_give_the_same_predictions(tmp_path: Path) -> None:
    setup = make_setup("lbp-top", LBP, {}, {})
    job = make_job(tmp_path, setup)

    class Prepared:
        store, keys = job.store, job.keys

        @staticmethod
        def read(clip_id: str) -> Sample:
            return job.store.read(job.keys[clip_id])

    tokens = frozen_tokens(setup, 3, Prepared(), "cpu")  # type: ignore[arg-type]
    assert tokens is not None
    assert len(tokens) == 24
    plain, cached = run_fold(job), run_fold(replace(job, tokens=tokens))
    assert plain.predictions.equals(cached.predictions)


def test_oracle_record_has_the_one_fit(tmp_path: Path) -> None:
    job = replace(make_job(tmp_path, make_setup("hoof", HOOF, {}, {})), oracle=True)
    outcome = run_fold(job)
    assert outcome.oracle is not None
    assert outcome.oracle.epoch.unique().tolist() == [1]
    assert outcome.oracle.y_pred.tolist() == outcome.predictions.y_pred.tolist()


def test_model_folder_gives_the_same_logits(tmp_path: Path) -> None:
    setup = make_setup("hoof", HOOF, {}, {})
    model, _ = fit_job(make_job(tmp_path, setup))
    save_model(tmp_path / "model", model, setup, CLASSES, {})
    assert {p.name for p in (tmp_path / "model").iterdir()} == {"config.json", "model.safetensors"}
    loaded = load_model(tmp_path / "model")
    flow = torch.randn(3, 4, 18, 2)
    assert torch.equal(loaded.model({"flow": flow}).logits, model({"flow": flow}).logits)
    assert loaded.setup == setup


def test_fold_without_training_clips_is_refused(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_setup("hoof", HOOF, {}, {}))
    empty = replace(job.fold, train=Labelled((), ()))
    with pytest.raises(ConfigError, match="no training clips"):
        run_fold(replace(job, fold=empty))
