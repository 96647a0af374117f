"""Whole runs with a recogniser from simulation: as it is, and as a start."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

import tiny_pipeline as tiny
from merkit.cli import main
from merkit.errors import ConfigError, MissingWeightsError
from merkit.inference.final import train_model
from merkit.methods import make_method
from merkit.methods.bundled import BUNDLED, CLASSES, read_recogniser
from merkit.protocols import ProtocolConfig
from merkit.runs.config import EvaluateConfig, FinalConfig
from merkit.runs.evaluate import evaluate
from placeholder_recogniser import sim_flow_folder

SUBJECTS, EACH = 4, 3


@pytest.fixture(scope="module")
def flow_maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flat layout of the database: four people, three maps each."""
    root, random = tmp_path_factory.mktemp("maps"), np.random.default_rng(0)
    header = "dataset,sub,filename_o,label,apex,imagename,sub_filename"
    rows = [header.split(",")]
    for subject in (f"s{i:02d}" for i in range(1, SUBJECTS + 1)):
        for label in range(EACH):
            clip = f"{subject}_x_{label:02d}"
            picture = random.integers(0, 256, (28, 28, 3), dtype=np.uint8)
            assert cv2.imwrite(str(root / f"{subject}_{clip} .png"), picture)
            rows.append(["smic", subject, clip, str(label), "", f"{subject}_{clip}.jpg", ""])
    with (root / "combined_3_class2_for_optical_flow.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sim_flow_folder(tmp_path / "recogniser")


@pytest.fixture
def config(flow_maps: Path, folder: Path, tmp_path: Path) -> EvaluateConfig:
    return EvaluateConfig(
        data=("flow-maps",),
        root=(flow_maps,),
        variant=("flat",),
        method="sim-flow",
        model={"weights": str(folder)},
        store=tmp_path / "store",
        workers=1,
        device="cpu",
        resamples=50,
        out=tmp_path / "run",
    )


def document(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text())
    return found


def test_as_it_is_it_answers_for_every_fold_and_the_report_says_so(
    config: EvaluateConfig, folder: Path, flow_maps: Path
) -> None:
    result = evaluate(config)
    scores = result.scores
    assert (scores.n_folds, scores.n_clips, scores.marks) == (4, 12, ("given-weights",))
    assert (scores.training.parameters_trainable, scores.training.epochs_max) == (0, 0)
    served = [json.loads(p.read_text())["served"] for p in config.out.glob("folds/*/summary.json")]
    assert [set(each) for each in served] == [{"predict"}] * 4
    page = (config.out / "report.html").read_text()
    assert "nothing was trained here" in page
    assert "nothing trained" in page
    table = pd.read_parquet(config.out / "predictions.parquet").set_index("clip_id")
    network = read_recogniser(folder).network()
    for clip_id, row in table.iterrows():
        name = str(clip_id).split("/")[1:]
        file = next(flow_maps.glob(f"{name[0]}_{name[0]}{name[1].removeprefix(name[1][:2])} .png"))
        image = torch.from_numpy(cv2.imread(str(file)).transpose(2, 0, 1)[None])
        wanted = network({"flow_map": image}).logits.softmax(-1)[0].tolist()
        assert [row[f"p_{c}"] for c in CLASSES] == pytest.approx(wanted, abs=1e-5)


def test_its_folds_are_those_of_a_method_that_is_trained(config: EvaluateConfig) -> None:
    evaluate(config)
    trained = replace(
        config,
        method="ststnet",
        model={},
        training={"epochs": 1},
        out=config.out.with_name("other"),
        protocol=ProtocolConfig(),
    )
    evaluate(trained)
    assert document(config.out)["fold_hash"] == document(trained.out)["fold_hash"]


def test_classes_that_it_does_not_know_are_refused_before_any_work(config: EvaluateConfig) -> None:
    with pytest.raises(ConfigError, match="apart"):
        evaluate(replace(config, classes="4"))
    assert not config.out.exists()
    assert not (config.store or config.out).exists()


def test_a_file_that_is_not_made_is_told_before_any_work(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUNDLED, "sim-flow", config.out / "nowhere")  # type: ignore[arg-type]
    for changes in ({"method": "sim-flow"}, {"method": "ststnet", "init": "sim-flow"}):
        with pytest.raises(MissingWeightsError, match="'sim-flow' is not made"):
            evaluate(replace(config, model={}, **changes))
    assert not config.out.exists()


@pytest.mark.parametrize("method", ["sim-flow", "ststnet"])
def test_a_run_tells_its_start_and_is_resumed_with_no_other(
    config: EvaluateConfig, folder: Path, method: str
) -> None:
    config = replace(config, method=method, model={}, init=str(folder), training={"epochs": 1})
    result = evaluate(config)
    assert result.scores.marks == ("init-given",)
    assert result.scores.training.parameters_trainable > 0
    run = document(config.out)
    assert run["settings"]["init"] == str(folder)
    assert run["identity"]["recogniser"] == read_recogniser(folder).sha256
    assert run["settings"]["recipe"]["flow"]["crop"] == "tight"
    assert "Training began at a recogniser" in (config.out / "report.html").read_text()
    evaluate(config)  # finished already
    with pytest.raises(ConfigError, match="holds another run") as caught:
        evaluate(replace(config, init="random"))
    assert "init: " in str(caught.value)
    other = sim_flow_folder(folder.with_name("other"), seed=5)
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(ConfigError, match="recogniser: "):
        evaluate(config)


def test_a_control_begins_at_random(config: EvaluateConfig) -> None:
    result = evaluate(replace(config, init="random", training={"epochs": 1}))
    assert result.scores.marks == ()
    assert "recogniser" not in document(config.out)["identity"]


def test_what_is_used_as_it_is_makes_no_model_folder(
    config: EvaluateConfig, folder: Path, tmp_path: Path
) -> None:
    shared = {name: getattr(config, name) for name in ("data", "root", "variant", "store")}
    final = FinalConfig(**shared, method="sim-flow", out=tmp_path / "model", workers=1)
    with pytest.raises(ConfigError, match="nothing of it is trained"):
        train_model(replace(final, model={"weights": str(folder)}))
    tuned = replace(final, init=str(folder), training={"epochs": 2}, device="cpu")
    assert len(train_model(tuned).history) == 2
    stored = json.loads((final.out / "config.json").read_text())
    assert stored["model"]["classes"] == list(CLASSES)
    assert make_method("sim-flow", stored["model"]).marks() == ("init-given",)


def test_the_command_line_and_yaml_name_the_start_alike(
    config: EvaluateConfig, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", "flow-maps", "--root", str(config.root[0]), "--variant", "flat"]
    words += ["--method", "sim-flow", "--store", str(config.store), "--workers", "1"]
    words += ["--device", "cpu", "--set", "training.epochs=1"]
    by_word = tmp_path / "a"
    assert main(["evaluate", *words, "--out", str(by_word), "--init", str(folder)]) == 0
    assert "marked: init-given" in capsys.readouterr().out
    (tmp_path / "config.yaml").write_text(f"init: {folder}\n")
    by_file = [*words, "--out", str(tmp_path / "b"), "--config", str(tmp_path / "config.yaml")]
    assert main(["evaluate", *by_file]) == 0
    first, second = (document(tmp_path / run)["settings"] for run in "ab")
    assert first | {"out": ""} == second | {"out": ""}


@pytest.mark.slow
def test_videos_are_cropped_as_in_training(
    tiny_database: Path, folder: Path, tmp_path: Path
) -> None:
    settings = {"method": "sim-flow", "model": {"weights": str(folder)}, "training": {}}
    store = tmp_path / "store"
    result = evaluate(tiny.evaluation(tiny_database, store, tmp_path / "run", **settings))
    assert result.scores.n_clips == 12
    assert document(tmp_path / "run")["settings"]["recipe"]["flow"]["crop"] == "tight"
