"""The cost of a change: each kind of thing as one file of another package, no file of ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
ENTRY_POINTS = """
[merkit.methods]
flow-mean = lab.method:FlowMean
broken = lab.nowhere:X
[merkit.databases]
lab = lab.database:DATABASE
[merkit.protocols]
halves = lab.protocol:PROTOCOL
[merkit.trackers]
middle = lab.tracker:Middle
[merkit.metrics]
kappa = lab.metric:METRIC
[merkit.exporters]
times = lab.exporter:EXPORTER
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as pip leaves it: its files, and a dist-info folder with its entry points. Its
    method is the example of CONTRIBUTING.md."""
    site = tmp_path_factory.mktemp("site")
    for path in (HERE / "lab").glob("*.py"):
        (site / "lab").mkdir(exist_ok=True)
        (site / "lab" / path.name).write_text(path.read_text())
    guide = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = re.search(r"## Add a method.*?```python\n(.*?)```", guide, re.DOTALL)
    assert example is not None
    (site / "lab" / "method.py").write_text(example[1])
    info = site / "lab_faces-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-faces\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


#: runs commands one after another, and tells each one's exit code and that it ended
COMMANDS = """
import json, sys
from merkit.cli import main
if __name__ == "__main__":
    for words in json.loads(sys.argv[1]):
        print(main(words), end="\\0", flush=True)
"""


def run(site: Path, *commands: Sequence[str]) -> list[str]:
    """What each command prints where the package is installed, its last line the exit code; all in
    one process, since it takes seconds to start."""
    shown = python(site, "-c", COMMANDS, json.dumps(commands)).split("\0")
    assert len(shown) == len(commands) + 1, shown[-1][-3000:]
    return shown[:-1]


def python(site: Path, *words: str) -> str:
    """All that it prints."""
    places = [str(site), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=TESTS.parent,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_everything_is_listed_with_where_it_came_from(installed: Path) -> None:
    shown, models, databases = run(installed, ["catalog"], ["models"], ["data", "list"])
    for name in ("flow-mean", "lab", "halves", "middle", "kappa", "times"):
        assert re.search(rf"^  {name} .*\(from lab-faces 1.2\)$", shown, re.MULTILINE), name
    assert "method 'broken' of lab-faces 1.2 cannot be loaded" in shown
    assert "from lab-faces 1.2" in models
    assert "sfa-dgat" in models
    assert "from: lab-faces 1.2" in databases


def test_an_evaluation_uses_them_all_and_the_report_shows_them(
    installed: Path, tiny_database: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "run", tmp_path / "other"
    words = ["--data", "lab", "--root", str(tiny_database), "--store", str(tmp_path / "store")]
    words += ["--protocol.name", "halves", "--resamples", "50", "--workers"]
    settings = ["training.epochs=2", "model.frames=4", "recipe.track.tracker=middle"]
    shown, plain, compared = run(
        installed,
        ["evaluate", "--method", "flow-mean", *words, "2", "--out", str(out), "--set", *settings],
        ["evaluate", "--method", "majority", *words, "1", "--out", str(other)],
        ["report", str(out), str(other), "--out", str(tmp_path / "c.html")],
    )
    assert [text.splitlines()[-1] for text in (shown, plain, compared)] == ["0"] * 3
    assert "Kappa" in shown
    metrics = json.loads((out / "metrics.json").read_text())
    by_class = {"f1_negative", "f1_positive", "f1_surprise"}
    assert {"uf1", "uar", "acc", "kappa", *by_class} == set(metrics["scores"])
    assert set(metrics["chance"]) == set(metrics["scores"])
    assert [fold["name"] for fold in metrics["per_fold"]] == ["first", "second"]
    document = json.loads((out / "run.json").read_text())
    assert document["settings"]["recipe"]["track"]["tracker"] == "middle"
    page = (out / "report.html").read_text()
    assert "Kappa" in page
    assert "flow-mean on lab" in page
    assert "halves, 2 folds" in page
    assert "Δ Kappa" in compared
    assert "Δ Kappa" in (tmp_path / "c.html").read_text()


def test_prediction_with_its_tracker_and_exporter(
    installed: Path, tiny_model: Path, tiny_images: Path, tmp_path: Path
) -> None:
    words = ["predict", str(tiny_images), "--fps", "30", "--model", str(tiny_model)]
    words += ["--device", "cpu", "--tracker", "middle", "--out"]
    out, unknown = tmp_path / "events.times", tmp_path / "events.xyz"
    made, refused = run(installed, [*words, str(out)], [*words, str(unknown)])
    assert made.splitlines()[-1] == "0"
    assert all(len(line.split()) == 2 for line in out.read_text().splitlines())
    assert ".times" in refused
    assert refused.splitlines()[-1] == "2"


def test_the_conformance_tests_run_on_them(installed: Path) -> None:
    words = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "tests/conformance", "-rA"]
    shown = python(installed, *words, "-k", "[flow-mean or [lab")
    for file, name in (("every_method", "flow-mean"), ("every_database", "lab")):
        assert re.search(rf"^PASSED tests/conformance/test_{file}\S+\[{name}", shown, re.MULTILINE)


def test_a_script_registers_and_folds_train_in_processes_of_their_own(
    tiny_database: Path, tmp_path: Path, installed: Path
) -> None:
    guide = (installed / "lab" / "method.py").read_text()
    script = tmp_path / "mine.py"
    script.write_text(
        guide.replace('"flow-mean"', '"mine"')
        + f"""
from pathlib import Path

import merkit
from merkit.methods import METHODS

METHODS.register(FlowMean)

if __name__ == "__main__":
    config = merkit.EvaluateConfig(
        data=("synthetic",), root=(Path({str(tiny_database)!r}),), method="mine",
        model={{"frames": 4}}, training={{"epochs": 1}}, store=Path({str(tmp_path / "store")!r}),
        out=Path({str(tmp_path / "run")!r}), workers=2, resamples=50,
    )
    print(len(merkit.evaluate(config).predictions), METHODS.origin("mine"))
"""
    )
    assert "12 this script" in python(tmp_path, str(script))


def test_two_of_one_name_are_refused_where_they_are_asked_for(installed: Path) -> None:
    info = installed / "rival-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[merkit.methods]\nhoof = lab.method:FlowMean\n")
    try:
        refused, shown = run(installed, ["models", "hoof"], ["models", "stag"])
        assert "method 'hoof' comes from merkit and rival 0.1" in refused
        assert refused.splitlines()[-1] == "2"
        assert "stag" in shown
        assert shown.splitlines()[-1] == "0"
    finally:
        for path in info.iterdir():
            path.unlink()
        info.rmdir()
