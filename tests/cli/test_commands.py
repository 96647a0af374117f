"""The commands at work: settings from a file, options over them, and what they print."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

import tiny_pipeline as tiny
from merkit.cli import main
from merkit.cli.options import parse_config
from merkit.config import to_mapping
from merkit.datasets.synthetic import load
from merkit.errors import ConfigError
from merkit.inference.modelfolder import load_model
from merkit.methods import METHODS
from merkit.methods.bundled import BUNDLED
from merkit.runs.config import EvaluateConfig
from placeholder_recogniser import sim_flow_folder

SET = ["--set", "training.epochs=4", "model.encoder.name=tiny"]


def parsed(*words: str) -> EvaluateConfig:
    return parse_config(EvaluateConfig, "evaluate", words)


# settings


def test_options_reach_the_configuration() -> None:
    config = parsed("--data", "samm", "casme2", "--root", "a", "b", "--seeds", "1", "2", "--bf16")
    assert config.data == ("samm", "casme2")
    assert config.root == (Path("a"), Path("b"))
    assert config.seeds == (1, 2)
    assert config.bf16
    assert config.protocol.name == "loso"


def test_options_win_over_overrides_and_those_over_files(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    values = {
        "classes": "5",
        "seeds": [7],
        "resamples": 11,
        "protocol": {"name": "group_kfold", "n_splits": 4},
        "training": {"epochs": 9, "batch_size": 3},
    }
    path.write_text(yaml.safe_dump(values))
    config = parsed("--config", str(path), *SET, "seeds=[8]", "--resamples", "12")
    assert config.classes == "5"
    assert config.seeds == (8,)
    assert config.resamples == 12
    assert (config.protocol.name, config.protocol.n_splits) == ("group_kfold", 4)
    assert config.training == {"epochs": 4, "batch_size": 3}
    assert config.model == {"encoder": {"name": "tiny"}}


def test_overrides_may_stand_anywhere_and_be_repeated() -> None:
    first = parsed(*SET, "--data", "samm", "--root", "a")
    last = parsed("--data", "samm", "--root", "a", *SET)
    split = parsed("--set=training.epochs=4", "--data", "samm", "--root", "a", "--set=model.encoder.name=tiny")  # fmt: skip  # noqa: E501
    assert first == last == split


def test_a_configuration_written_down_is_the_same_configuration(tmp_path: Path) -> None:
    config = parsed("--data", "samm", "--root", "a", "--store", "s", *SET)
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(to_mapping(config)))
    assert parsed("--config", str(path)) == config


def test_an_override_without_a_file_may_set_any_field() -> None:
    assert parsed("--set", "protocol.val_share=0.2").protocol.val_share == 0.2
    with pytest.raises(ConfigError, match=r"unknown setting 'protocol\.val_shard'"):
        parsed("--set", "protocol.val_shard=0.2")


@dataclass(frozen=True)
class _Plain:
    """Something to parse."""

    number: int = 3
    names: tuple[str, ...] = field(default=())


def test_words_after_an_option_belong_to_it_again() -> None:
    config = parse_config(_Plain, "x", ["--set", "number=5", "--names", "a", "b"])
    assert config == _Plain(5, ("a", "b"))


# commands


def test_evaluate_from_a_file_equals_python(
    tiny_database: Path, tiny_store: Path, tiny_run: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    config = tiny.evaluation(tiny_database, tiny_store, tmp_path / "run")
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(to_mapping(config)))
    assert main(["evaluate", "--config", str(path)]) == 0
    shown = capsys.readouterr().out
    for name in ("UF1", "UAR", "ACC", "chance", "12 clips, 4 subjects, 4 folds"):
        assert name in shown
    assert str(tmp_path / "run" / "report.html") in shown
    ours = json.loads((tmp_path / "run" / "metrics.json").read_text())
    python = json.loads((tiny_run / "metrics.json").read_text())
    assert ours["scores"] == python["scores"]


def test_prepare_says_what_is_new_and_what_was_left_out(
    tiny_database: Path, tiny_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", *tiny.command_words(tiny_database, tiny_store)]) == 0
    assert "12 samples" in (shown := capsys.readouterr().out)
    assert "(0 new)" in shown


def test_train_says_which_epoch_and_that_it_is_no_score(
    tiny_database: Path, tiny_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = tiny.command_words(tiny_database, tiny_store)
    out = tmp_path / "model"
    assert main(["train", "--out", str(out), "--val-share", "0.25", *words]) == 0
    shown = capsys.readouterr().out
    assert "validation UF1" in shown
    assert "merkit evaluate" in shown
    assert load_model(out).classes == ("negative", "positive", "surprise")


def test_synth_writes_what_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "db"
    options = ["--subjects", "2", "--clips-per-class", "1", "--size-px", "96", "96"]
    options += ["--face-width-px", "70", "--duration-s", "0.15", "0.2", "--classes", "3"]
    assert main(["synth", str(out), *options, "--seed", "5"]) == 0
    assert "2 subjects, seed 5" in capsys.readouterr().out
    assert len(load(out, "")) == 6
    before = (out / "annotation.csv").stat().st_mtime_ns
    assert main(["synth", str(out), *options, "--seed", "5"]) == 0  # already there
    assert (out / "annotation.csv").stat().st_mtime_ns == before


def test_data_check_passes_a_whole_database_and_fails_a_torn_one(
    tiny_database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    words = ["data", "check", "synthetic", "--root"]
    assert main([*words, str(tiny_database)]) == 0
    root = shutil.copytree(tiny_database, tmp_path / "db")
    sorted((root / "sub02" / "EP01").glob("*.jpg"))[1].write_bytes(b"torn")
    table = tmp_path / "audit.json"
    capsys.readouterr()
    assert main([*words, str(root), "--json", str(table)]) == 2
    assert "sub02" in capsys.readouterr().out
    assert "sub02" in table.read_text()


def test_models_lists_every_method_and_every_setting_of_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown and METHODS[name].citation in shown for name in METHODS)
    assert main(["models", "sfa-dgat", "--set", "encoder.name=tiny"]) == 0
    shown = capsys.readouterr().out
    assert "model.encoder.name = tiny" in shown
    assert "training.optimiser = adamw" in shown
    assert "recipe.frames = 8" in shown
    assert "model.lambda_koleo = 0.5" in shown


def test_models_and_doctor_say_whether_a_trained_recogniser_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sim_flow"
    monkeypatch.setitem(BUNDLED, "sim-flow", folder)  # type: ignore[arg-type]

    def told(command: str) -> tuple[int, str]:
        code, shown = main([command]), capsys.readouterr().out
        return code, next(line for line in reversed(shown.splitlines()) if "sim-flow" in line)

    assert told("models")[1].startswith("sim-flow      recogniser 'sim-flow' is not made")
    code, line = told("doctor")
    assert (code, line.split()[0]) == (0, "-")
    sim_flow_folder(folder)
    line = told("models")[1]
    assert "negative, positive, surprise; 12 action units; " in line
    assert line.endswith(f" MB; card: {folder / 'CARD.md'}")
    assert told("doctor")[1].startswith("ok       recogniser sim-flow")
    (folder / "model.safetensors").write_bytes(b"cut off")
    assert "not as it was written" in told("models")[1]
    assert told("doctor")[0] == 3


def test_doctor_says_what_is_there_and_what_it_gives(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    shown = capsys.readouterr().out
    assert code == 0, shown
    for name in ("torch", "face landmarker", "dinov2-small", "tiny encoder", "sample store"):
        assert name in shown
    assert "non-commercial" in shown


def test_doctor_fails_where_the_main_job_cannot_be_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from merkit.cli import doctor

    monkeypatch.setattr(doctor, "REQUIRED", (*doctor.REQUIRED, "no-such-package-of-ours"))
    assert main(["doctor"]) == 3
    assert "cannot do its main job without: no-such-package-of-ours" in capsys.readouterr().out
