"""Experiment files, and every one that comes with merkit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finished_runs import predictions, write_run
from merkit.cli import main
from merkit.config import from_mapping
from merkit.datasets import label_map
from merkit.errors import ConfigError, MissingDataError
from merkit.overrides import read_yaml, settings_file, shipped_files
from merkit.report.result import Result, read_result
from merkit.runs.config import EvaluateConfig
from merkit.runs.experiment import read_experiment, run_configs, run_experiment

CONFIGS = list(shipped_files().values())


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def configs_of(path: Path) -> dict[str, EvaluateConfig]:
    values = read_yaml(path)
    if "runs" in values:
        return run_configs(read_experiment(path), Path("out"))
    return {"": from_mapping(EvaluateConfig, values)}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_whole(path: Path) -> None:
    """It loads, its method takes its settings, its databases know its classes, and no two runs
    of it are the same."""
    found = configs_of(path)
    made = []
    for config in found.values():
        made.append(config.make())
        maps = [label_map(name, config.classes) for name in config.data]
        assert maps
        assert all(task.classes == maps[0].classes for task in maps)
        rooted = replace(config, root=tuple(Path(name) for name in config.data))
        assert len(rooted.sources()) == len(config.data)
    keys = [
        (m.name, str(m.settings()), str(c.protocol))
        for m, c in zip(made, found.values(), strict=True)
    ]
    assert len(set(keys)) == len(keys)


def test_every_method_has_a_config() -> None:
    methods = {config.method for path in CONFIGS for config in configs_of(path).values()}
    assert {"sfa-dgat", "hlora-mer", "stag", "evodyn", "ststnet", "lbp-top", "hoof"} <= methods
    assert {"majority", "linear-probe", "sim-flow"} <= methods


def test_every_config_is_in_the_docs_and_nothing_else_is() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "experiments.md"
    named = re.findall(r"`([a-z0-9-]+)`", "\n".join(re.findall(r"^\|.*", page.read_text(), re.M)))
    assert sorted(named) == sorted(path.stem for path in CONFIGS)


EXAMPLE = """
data: [synthetic]
method: stag
model: {frames: 8}
training: {epochs: 3}
runs:
  base:
  deep: {model.graph.layers: 4, training.epochs: 9}
"""


def test_changes_are_laid_over_the_common_settings_and_overrides_over_both(tmp_path: Path) -> None:
    experiment = read_experiment(write(tmp_path / "e.yaml", EXAMPLE))
    plain = run_configs(experiment, tmp_path / "out")
    assert plain["base"].model == {"frames": 8}
    assert plain["deep"].model == {"frames": 8, "graph": {"layers": 4}}
    assert (plain["base"].training, plain["deep"].training) == ({"epochs": 3}, {"epochs": 9})
    assert plain["deep"].out == tmp_path / "out" / "deep"
    given = run_configs(experiment, tmp_path, ["training.epochs=1", 'root=["a b"]'], ["deep"])
    assert list(given) == ["deep"]
    assert given["deep"].training == {"epochs": 1}
    assert given["deep"].root == (Path("a b"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: stag", "has no runs"),
        ("runs: {}", "has no runs"),
        ("runs: [a, b]", "has no runs"),
        ("runs: {../up: {}}", r"run '\.\./up'"),
        ("runs: {3: {}}", "run 3"),
        ("runs: {a: [1]}", r"run 'a' of .* is \[1\]"),
        ("runs: {a: {}}\nout: there", "sets 'out'"),
        ("runs: {a: {metod: stag}}", "run 'a': unknown setting 'metod'"),
        ("runs: {a: {protocol.name: losso}}", "run 'a': unknown protocol 'losso'"),
        ("runs: {a: {data: [synthetic]}}", "0 root folder"),
        ("data: [x]\nroot: [y]\nruns: {a: {method: stagg}}", "unknown method 'stagg'"),
        ("data: [x]\nroot: [y]\nmethod: stag\nruns: {a: {model.fames: 1}}", "model.fames"),
    ],
)
def test_bad_files_are_refused_before_anything_runs(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path / "e.yaml", text)
    with pytest.raises(ConfigError, match=message):
        run_experiment(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_file_and_unknown_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        run_experiment(tmp_path / "none.yaml", tmp_path / "out")
    experiment = read_experiment(write(tmp_path / "e.yaml", EXAMPLE))
    with pytest.raises(ConfigError, match="no run 'wide'"):
        run_configs(experiment, tmp_path, only=["wide"])


def test_files_that_come_with_merkit_are_found_by_name_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("stag-units", "stag-units.yaml", "configs/stag-units.yaml")
    found = {settings_file(Path(name)) for name in names}
    assert [path.stem for path in found] == ["stag-units"]
    (tmp_path / "stag-units").write_text(EXAMPLE)  # one's own goes before
    assert list(read_experiment(Path("stag-units")).runs) == ["base", "deep"]
    for other in ("elsewhere/stag-units.yaml", "stag-units.json", "../pyproject", "stag-unit"):
        with pytest.raises(MissingDataError, match="merkit catalog experiment"):
            settings_file(Path(other))
    assert main(["catalog", "experiment"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  merkit experiment stag-units" in lines
    assert "  merkit evaluate --config stag-samm-3" in lines
    assert len(lines) == 1 + len(CONFIGS)
    assert main(["evaluate", "--config", "stag-units", "--root", "x", "--out", "o"]) == 2
    assert "merkit experiment stag-units --out FOLDER" in capsys.readouterr().err


def test_command_turns_options_into_settings_of_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from merkit.cli import experiment as command

    seen: list[Any] = []

    def record(config: Path, out: Path, overrides: list[str], only: Any, progress: Any) -> str:
        seen.append((config, out, overrides, only))
        return "table"

    monkeypatch.setattr("merkit.runs.experiment.run_experiment", record)
    words = "e.yaml --out o --data synthetic --root r --only a b --set training.epochs=2 x=1"
    assert command.run(words.split()) == 0
    overrides = ['data=["synthetic"]', 'root=["r"]', "training.epochs=2", "x=1"]
    assert seen == [(Path("e.yaml"), Path("o"), overrides, ("a", "b"))]


def test_runs_are_evaluated_in_order_then_compared_with_those_finished_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evaluation itself is tested elsewhere; here: which runs, where, what is compared."""
    done: list[tuple[str, str]] = []

    def evaluate(config: EvaluateConfig, progress: Any) -> Result:
        progress("training folds", 1, 2)
        done.append((config.out.name, config.method))
        layers = config.model.get("graph", {}).get("layers", 3)
        return read_result(write_run(config.out, predictions(0.6, draw=len(done)), layers=layers))

    monkeypatch.setattr("merkit.runs.evaluate.evaluate", evaluate)
    text = EXAMPLE.replace("runs:", "root: [r]\nruns:") + "  deeper: {model.graph.layers: 5}\n"
    path = write(tmp_path / "e.yaml", text)
    stages: list[str] = []
    out = tmp_path / "out"
    both = run_experiment(
        path, out, only=["base", "deep"], progress=lambda stage, *_: stages.append(stage)
    )
    assert done == [("base", "stag"), ("deep", "stag")]
    assert stages == ["run 1/2 base: training folds", "run 2/2 deep: training folds"]
    assert "difference from 'base'" in both
    assert "deeper" not in both
    all_three = run_experiment(path, out, only=["deeper"])
    assert [line.split()[0] for line in all_three.splitlines()[2:5]] == ["base", "deep", "deeper"]
    assert "Sweep" in (out / "comparison.html").read_text(encoding="utf-8")


def test_runs_of_other_tasks_are_not_compared(tmp_path: Path) -> None:
    for tasks, told in (
        ("a: {}, b: {task: spotting}", "run 'b' is of task 'spotting'"),
        ("a: {}, b: {task: au}", "run 'b' is of task 'au'"),
        ("a: {task: spotting}", "run 'a' is of task 'spotting'"),
    ):
        path = write(tmp_path / "e.yaml", f"data: [synthetic]\nruns: {{{tasks}}}\n")
        with pytest.raises(ConfigError, match=told):
            run_configs(read_experiment(path), tmp_path / "out")
