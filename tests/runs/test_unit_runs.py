"""Task ``au``: from coded clips to scores, page, and back."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

import tiny_pipeline as tiny
from merkit.cli import main
from merkit.datasets import load_dataset
from merkit.errors import ConfigError, DatasetError
from merkit.methods import METHODS
from merkit.methods.ststnet import Ststnet
from merkit.protocols import ProtocolConfig, load_folds
from merkit.report.unit_result import read_unit_result
from merkit.runs.config import EvaluateConfig
from merkit.runs.evaluate import evaluate
from merkit.runs.unit_clips import load_unit_clips
from merkit.runs.units import evaluate_units
from merkit.samples.batch import Inputs
from merkit.training.loop import FitContext, Fitted, Observer, summary
from merkit.training.network import Model
from merkit.training.reader import ClipReader

#: three people of each database; those of SMIC are not coded
PEOPLE = {"casme2": "sub{:02d}", "samm": "{:03d}", "smic": "s{:02d}"}
CODES = ("", "1", "R12", "1 12?")
UNITS = (1, 12, 17)
NAMES = ["AU1", "AU12", "AU17"]


def write_maps(root: Path) -> Path:
    """Flow images of which AU1 lightens the upper half and AU12 the lower; every person shows
    neither, one, the other and both. A clip whose cell would be empty shows AU20."""
    place = root / "images"
    place.mkdir(parents=True)
    index: list[Sequence[str]] = [("dataset", "sub", "filename_o", "label")]
    sheet: list[Sequence[str]] = [("stem", "aus")]
    random = np.random.default_rng(0)
    for dataset, form in PEOPLE.items():
        for subject in (form.format(n) for n in (6, 7, 8)):
            for k, codes in enumerate(CODES):
                name = f"{subject}_9_{k}" if dataset != "casme2" else f"EP9{k}_01"
                image = random.integers(60, 90, (28, 28, 3)).astype(np.uint8)
                image[:14] += np.uint8(130 * (codes in ("1", "1 12?")))
                image[14:] += np.uint8(130 * ("12" in codes))
                cv2.imwrite(str(place / f"{subject}_{name} .png"), image)
                index.append((dataset, subject, name, str(k % 3)))
                sheet.append((f"{subject}_{name}", "" if dataset == "smic" else codes or "20"))
    for name, rows in (
        ("combined_3_class2_for_optical_flow.csv", index),
        ("action_units.csv", sheet),
    ):
        with (root / name).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows)
    return root


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_maps(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def settings(maps: Path, tmp_path_factory: pytest.TempPathFactory) -> EvaluateConfig:
    """Two folds, trained in seconds."""
    return EvaluateConfig(
        data=("flow-maps",),
        root=(maps,),
        variant=("flat",),
        store=tmp_path_factory.mktemp("store"),
        workers=1,
        device="cpu",
        method="ststnet",
        training={"epochs": 40, "learning_rate": 3e-3, "batch_size": 4},
        task="au",
        units=UNITS,
        protocol=ProtocolConfig("leave_one_database_out", val_share=0.3),
        resamples=50,
        oracle_epoch=True,
    )


@pytest.fixture(scope="module")
def finished(settings: EvaluateConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run. Copy it before changing it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    evaluate_units(replace(settings, out=out))
    return out


@pytest.fixture
def config(settings: EvaluateConfig, tmp_path: Path) -> EvaluateConfig:
    """The same for a method that trains in no time."""
    quick = {"method": "majority", "training": {}, "oracle_epoch": False}
    return replace(settings, out=tmp_path / "run", **quick)


def test_an_experiment_compares_its_runs(config: EvaluateConfig, tmp_path: Path) -> None:
    common = {
        "data": ["flow-maps"],
        "root": [str(config.root[0])],
        "variant": ["flat"],
        "store": str(config.store),
        "workers": 1,
        "device": "cpu",
        "method": "majority",
        "task": "au",
        "units": list(UNITS),
        "protocol": {"name": "leave_one_database_out", "val_share": 0.3},
        "resamples": 50,
    }
    runs = {"plain": {}, "strict": {"unit_threshold": 0.9}}
    path = tmp_path / "e.yaml"
    path.write_text(json.dumps(common | {"runs": runs}))  # which is YAML
    words = ["experiment", str(path), "--out", str(tmp_path / "out")]
    assert main([*words, "--only", "plain"]) == 0
    assert not (tmp_path / "out" / "comparison.html").exists()
    assert main(words) == 0
    scores = [read_unit_result(tmp_path / "out" / name).scores for name in runs]
    (stored,) = json.loads((tmp_path / "out" / "comparison.json").read_text())
    gap = scores[1].main.value - scores[0].main.value
    assert stored["f1_differences"][0]["difference"]["value"] == pytest.approx(gap)
    assert gap < -0.5


def columns(table: pd.DataFrame, side: str) -> np.ndarray:
    return table[[f"{side}_{name}" for name in NAMES]].to_numpy()


def test_one_row_a_clip_and_three_columns_a_unit(finished: Path, maps: Path) -> None:
    table = pd.read_parquet(finished / "predictions.parquet")
    sides = [f"{side}_{name}" for side in ("y_true", "y_pred", "p") for name in NAMES]
    assert list(table.columns) == ["clip_id", "subject", "dataset", "fold", "seed", *sides]
    coded = {c.clip_id: c for c in load_dataset("flow-maps", maps, "flat") if c.action_units}
    assert sorted(table.clip_id) == sorted(coded)
    for row in table.to_dict("records"):
        shown = {unit.number for unit in coded[row["clip_id"]].action_units or ()}
        assert [row[f"y_true_{name}"] for name in NAMES] == [int(u in shown) for u in UNITS]
    assert (columns(table, "y_pred") == (columns(table, "p") >= 0.5)).all()
    assert not np.allclose(columns(table, "p").sum(axis=1), 1), "units are no classes"


def test_each_database_is_named_by_a_model_of_the_other(finished: Path) -> None:
    table = pd.read_parquet(finished / "predictions.parquet")
    assert (table.fold == table.dataset).all()
    folds = load_folds(finished / "folds.json").folds
    assert [fold.name for fold in folds] == ["casme2", "samm"]
    for fold, other in zip(folds, ("samm", "casme2"), strict=True):
        assert {i.split("/")[0] for i in fold.test} == {fold.name}
        assert {i.split("/")[0] for i in (*fold.train, *fold.val)} == {other}
        assert len({i.split("/")[1] for i in fold.val}) == 1, "a third of the people, whole"


def test_scores_are_those_of_scikit_learn_on_the_predictions(finished: Path) -> None:
    result = read_unit_result(finished)
    table, scores = result.predictions, result.scores
    true, called = columns(table, "y_true"), columns(table, "y_pred")
    each = f1_score(true, called, average=None, zero_division=0)
    assert [unit.f1.value for unit in scores.per_unit[:2]] == pytest.approx(each[:2])
    assert scores.main.value == pytest.approx(each[:2].mean()), "nobody shows AU17"
    assert scores.scores["f1_all"].value == pytest.approx(each.mean())
    assert scores.main.value > 0.8, "what is plain to see is learnt"
    assert scores.main.low <= scores.main.value <= scores.main.high
    assert [unit.clips for unit in scores.per_unit] == [12, 12, 0]
    assert scores.floor["f1"] == pytest.approx(2 * 12 / (12 + 24))
    for part in scores.per_dataset:
        own = (table.dataset == part.name).to_numpy()
        each = f1_score(true[own], called[own], average=None, zero_division=0)
        assert part.values["f1"] == pytest.approx(each[:2].mean())
        assert (part.n, part.clips) == (12, {"AU1": 6, "AU12": 6, "AU17": 0})
    assert [part.name for part in scores.per_fold] == ["casme2", "samm"]
    assert scores.oracle is not None
    assert scores.oracle["f1"] >= scores.main.value - 1e-9


def test_clips_without_codes_are_left_out_and_told(finished: Path) -> None:
    document = json.loads((finished / "run.json").read_text())
    assert document["left_out"] == {"smic": 12}
    assert (document["clips"], document["subjects"], document["clips_without_any"]) == (24, 6, 6)
    assert document["clips_per_class"] == {"AU1": 12, "AU12": 12, "AU17": 0}
    page = (finished / "report.html").read_text()
    assert "12 clips were not coded and are left out: smic 12." in page
    assert "No tested clip shows AU17" in page


def test_the_report_of_a_run_is_made_again(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "again")
    page = (run / "report.html").read_text()
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_text() == page
    told = capsys.readouterr().out
    assert "all called 0.667" in told
    assert "24 clips, 6 subjects, 2 folds" in told


def test_a_run_goes_on_by_fold_to_the_same_result(
    finished: Path, settings: EvaluateConfig, tmp_path: Path
) -> None:
    run = shutil.copytree(finished, tmp_path / "again")
    (lost,) = (run / "folds").glob("0-samm-*")
    shutil.rmtree(lost)
    (kept,) = (run / "folds").iterdir()
    when = (kept / "summary.json").stat().st_mtime_ns
    (run / "metrics.json").unlink()
    evaluate_units(replace(settings, out=run))
    assert (kept / "summary.json").stat().st_mtime_ns == when
    before, after = read_unit_result(finished), read_unit_result(run)
    pd.testing.assert_frame_equal(after.predictions, before.predictions)
    assert after.scores.scores == before.scores.scores


def test_shuffled_labels_score_no_more_than_calling_everything(
    settings: EvaluateConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = evaluate_units(replace(settings, out=out, shuffle_labels=True, oracle_epoch=False))
    assert result.scores.marks == ("shuffled-labels",)
    assert result.scores.main.value < result.scores.floor["f1"] + 0.05


def test_who_shows_a_unit_follows_the_settings(config: EvaluateConfig) -> None:
    sure = load_unit_clips(replace(config, uncertain_units=False))
    every = load_unit_clips(config)
    assert sum(label[1] for label in every.labels.values()) == 12, "R12 and 12?"
    # of "1 12?" only the second is doubtful
    assert sum(label[1] for label in sure.labels.values()) == 6
    assert sum(label[0] for label in sure.labels.values()) == 12
    other = load_unit_clips(replace(config, units=(20,)))
    assert sum(label[0] for label in other.labels.values()) == 6


def test_other_units_or_another_threshold_do_not_resume_a_run(config: EvaluateConfig) -> None:
    evaluate_units(config)
    for change in ({"units": (1, 12)}, {"unit_threshold": 0.4}, {"uncertain_units": False}):
        with pytest.raises(ConfigError, match=f"holds another run.*{next(iter(change))}"):
            evaluate_units(replace(config, **change))


def test_methods_that_cannot_or_must_not_are_refused(config: EvaluateConfig) -> None:
    with pytest.raises(ConfigError, match="'hoof' does not name the action units 1, 12, 17"):
        evaluate_units(replace(config, method="hoof"))
    with pytest.raises(ConfigError, match=r"action units that a human coded, of test clips too"):
        evaluate_units(replace(config, method="stag", model={"au": {"source": "oracle"}}))
    assert not config.out.exists()


def test_codes_of_the_tested_database_have_no_part_in_training(
    finished: Path, settings: EvaluateConfig, tmp_path: Path
) -> None:
    """With every code of CASME II turned round, what its fold says of it stays bit by bit."""
    root = write_maps(tmp_path / "maps")
    sheet = (root / "action_units.csv").read_text().splitlines()
    turned = [row.partition(",")[0] + ",17" if "_EP" in row else row for row in sheet]
    (root / "action_units.csv").write_text("\n".join(turned) + "\n")
    change = replace(settings, root=(root,), out=tmp_path / "run", oracle_epoch=False)
    before, after = read_unit_result(finished).predictions, evaluate_units(change).predictions
    for name, stays in (("casme2", True), ("samm", False)):
        one, other = (columns(t[t.fold == name], "p") for t in (before, after))
        assert np.array_equal(one, other) == stays


def test_tasks_are_not_mixed_up(config: EvaluateConfig) -> None:
    with pytest.raises(ConfigError, match="task 'recognition'"):
        evaluate_units(replace(config, task="recognition"))
    with pytest.raises(ConfigError, match="evaluate_units takes 'au'"):
        evaluate(config)


def test_a_database_that_nobody_coded_is_refused(config: EvaluateConfig, tmp_path: Path) -> None:
    bare = write_maps(tmp_path / "bare")
    (bare / "action_units.csv").unlink()
    with pytest.raises(DatasetError, match="none of the 36 clips of 'flow-maps' has action units"):
        evaluate_units(replace(config, root=(bare,)))


@pytest.mark.parametrize(
    "wrong", [{"units": ()}, {"units": (1, 1)}, {"units": (3,)}, {"unit_threshold": 1.0}]
)
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        EvaluateConfig(**wrong)


@dataclass(frozen=True, kw_only=True)
class Knows(Ststnet):
    """Is not trained, and answers by itself: AU12 where the lower half is light, no other."""

    name: ClassVar[str] = "knows"

    def fit(
        self, clips: ClipReader, context: FitContext, observer: Observer | None = None
    ) -> Fitted:
        model = self.build(clips.n_classes)
        return Fitted(model, summary(model, clips, 0, [], 0.0))

    def unit_probabilities(self, model: Model, inputs: Inputs, units: Sequence[int]) -> np.ndarray:
        light = inputs["flow_map"][:, :, 14:].float().mean((1, 2, 3)) / 255
        return np.stack([light.numpy() * (unit == 12) for unit in units], axis=1)


def test_a_method_that_is_not_trained_answers_by_itself(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS._scripts, "knows", Knows)
    result = evaluate_units(replace(config, method="knows"))
    assert [unit.f1.value for unit in result.scores.per_unit[:2]] == [0.0, 1.0]
    assert (result.predictions.p_AU1 == 0).all()
    assert result.scores.training.chosen_max == 0


def test_words_of_the_command_line(
    config: EvaluateConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", "flow-maps", "--variant", "flat", "--root", str(config.root[0])]
    words += ["--task", "au", "--method", "majority", "--units", "1", "12", "--workers", "1"]
    words += ["--unit-threshold", "0.45", "--store", str(config.store), "--out", str(config.out)]
    assert main(["prepare", *words]) == 0
    assert "nothing is read" in capsys.readouterr().out
    assert main(["evaluate", *words, "--resamples", "20"]) == 0
    assert "AU12  F1 0.667, all called 0.667: 12 clips, 12 found" in capsys.readouterr().out


def test_the_synthetic_database_and_a_method_with_a_frozen_part(
    tiny_database: Path, tiny_store: Path, tmp_path: Path
) -> None:
    """Every generated clip is coded, whatever its emotion; samples and tokens are those of
    recognition."""
    config = tiny.evaluation(tiny_database, tiny_store, tmp_path / "run", task="au", seeds=(0, 1))
    result = evaluate_units(config)
    assert (result.scores.n_clips, result.scores.n_folds) == (12, 4)
    assert len(result.predictions) == 24
    truth = {c.clip_id: c.action_units for c in load_dataset("synthetic", tiny_database)}
    shown = [sum(u.number == n for units in truth.values() for u in units or ()) for n in (1, 12)]
    by_name = {unit.name: unit for unit in result.scores.per_unit}
    assert [by_name["AU1"].clips, by_name["AU12"].clips] == shown
    assert result.document["recipe_key"] == config.make().recipe.key()  # type: ignore[union-attr]
    assert [part.name for part in result.scores.per_seed] == ["0", "1"]
    again = evaluate_units(replace(config, task="au"))
    assert again.scores.scores == result.scores.scores
