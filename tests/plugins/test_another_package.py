"""The cost of a change: each kind of thing as one file of another package, no file of ours.

The package is the one that docs/plugins.md has people copy, ``examples/plugin``.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import tiny_pipeline as tiny

pytestmark = pytest.mark.thorough
TESTS = Path(__file__).resolve().parents[1]
EXAMPLE = TESTS.parent / "examples" / "plugin"
#: a package that cannot be imported, and one that takes a name that is taken
OTHERS = {
    "broken-9.0": "[merkit.methods]\nbroken = merkit_broken.nowhere:X\n",
    "rival-0.1": "[merkit.methods]\nhoof = merkit_example.method:MotionTcn\n",
}


def install(site: Path) -> None:
    """The packages as pip leaves them: their files, and dist-info folders with entry points. Beside
    them the method of CONTRIBUTING.md, which a script registers."""
    guide = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = re.search(r"## Add a method.*?```python\n(.*?)```", guide, re.DOTALL)
    assert example is not None
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copytree(
        EXAMPLE / "src", site, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    (site / "method_of_the_guide.py").write_text(example[1])
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in points.items())
        for group, points in project["entry-points"].items()
    ]
    own = {f"{project['name']}-{project['version']}": "".join(groups)}
    for package, points in (own | OTHERS).items():
        name, _, version = package.rpartition("-")
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(points)


def lab_folder(root: Path, database: Path) -> None:
    """The clips of the tiny database in the layout that the package reads."""
    columns = ("subject", "clip", "onset", "apex", "offset", "fps_hz", "action_units", "emotion")
    root.mkdir()
    with (database / "annotation.csv").open() as given, (root / "clips.csv").open("w") as sheet:
        rows = csv.DictWriter(sheet, columns, extrasaction="ignore")
        rows.writeheader()
        for row in csv.DictReader(given):
            rows.writerow(row)
            shutil.copytree(database / row["media"], root / "frames" / row["subject"] / row["clip"])


def commands(folder: Path, images: Path, model: Path) -> dict[str, list[str]]:
    """What is run, by the name of the file that what it prints goes to. Both methods read the same
    samples, so the second evaluation starts processes for its folds alone."""
    evaluate = ["evaluate", "--data", "lab-folder", "--root", str(folder / "lab")]
    evaluate += ["--store", str(folder / "store"), "--protocol.name", "halves"]
    evaluate += ["--resamples", "50"]
    small = ["--set", "training.epochs=1", "model.frames=4", "recipe.track.tracker=cropped"]
    predict = ["predict", str(images), "--fps", "30", "--model", str(model), "--device", "cpu"]
    predict += ["--tracker", "cropped", "--out"]
    run, other = str(folder / "run"), str(folder / "other")
    conformance = ["tests/conformance", "-k", "[motion-tcn or [flow-mean or [lab-folder", "-rA"]
    quiet = ["-n0", "-p", "no:cacheprovider", "--rootdir", str(TESTS.parent)]
    return {
        "catalog": ["catalog"],
        "models": ["models"],
        "model": ["models", "stag"],
        "rival": ["models", "hoof"],
        "data": ["data", "list"],
        "other": [*evaluate, "--method", "motion-tcn", "--workers", "1", "--out", other, *small],
        "evaluate": [*evaluate, "--method", "flow-mean", "--workers", "2", "--out", run, *small],
        "report": ["report", run, other, "--out", str(folder / "compared.html")],
        "predict": [*predict, str(folder / "events.srt")],
        "unknown": [*predict, str(folder / "events.xyz")],
        "conformance": ["pytest", *quiet, *conformance],
        "own_tests": ["pytest", *quiet, str(EXAMPLE / "tests")],
    }


@pytest.fixture(scope="module")
def session(shared_folder: Path, tiny_database: Path, tiny_images: Path, tiny_model: Path) -> Path:
    """The folder of all that was run and written, and ``<name>.txt`` of what each printed; its last
    line is the exit code."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        install(folder / "site")
        lab_folder(folder / "lab", tiny_database)
        words = folder / "commands.json"
        words.write_text(json.dumps(commands(folder, tiny_images, tiny_model)))
        places = [str(folder / "site"), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, str(TESTS / "plugins" / "session.py"), str(words), str(folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=TESTS.parent,
        )
        assert done.returncode == 0, done.stdout[-3000:]

    return tiny.made_once(shared_folder / "tiny" / "plugins", make)


def printed(session: Path, name: str, code: int = 0) -> str:
    text = (session / f"{name}.txt").read_text()
    assert text.splitlines()[-1] == str(code), text[-3000:]
    return text


def test_everything_is_listed_with_where_it_came_from(session: Path) -> None:
    shown = printed(session, "catalog")
    for name in ("motion-tcn", "lab-folder", "halves", "cropped", "kappa", "subtitles"):
        assert re.search(rf"^  {name} .*\(from merkit-example 0.1.0\)$", shown, re.MULTILINE), name
    assert re.search(r"^  flow-mean .*\(from this script\)$", shown, re.MULTILINE)
    assert "method 'broken' of broken 9.0 cannot be loaded" in shown
    models = printed(session, "models")
    assert "from merkit-example 0.1.0" in models
    assert "sfa-dgat" in models
    assert "from: merkit-example 0.1.0" in printed(session, "data")


def test_an_evaluation_uses_them_all_and_the_report_shows_them(session: Path) -> None:
    """A method that a script registered, whose folds train in processes of their own, on another
    package's database by its protocol, tracker and metric."""
    assert "Kappa" in printed(session, "evaluate")
    assert printed(session, "other")
    metrics = json.loads((session / "run" / "metrics.json").read_text())
    by_class = {"f1_negative", "f1_positive", "f1_surprise"}
    assert {"uf1", "uar", "acc", "kappa", *by_class} == set(metrics["scores"])
    assert set(metrics["chance"]) == set(metrics["scores"])
    assert [fold["name"] for fold in metrics["per_fold"]] == ["first", "second"]
    document = json.loads((session / "run" / "run.json").read_text())
    assert document["settings"]["recipe"]["track"]["tracker"] == "cropped"
    assert len(pd.read_parquet(session / "run" / "predictions.parquet")) == 12
    page = (session / "run" / "report.html").read_text()
    assert "Kappa" in page
    assert "flow-mean on lab-folder" in page
    assert "halves, 2 folds" in page
    assert "Δ Kappa" in printed(session, "report")
    assert "Δ Kappa" in (session / "compared.html").read_text()


def test_prediction_with_its_tracker_and_exporter(session: Path) -> None:
    printed(session, "predict")
    text = (session / "events.srt").read_text()
    assert text.count(" --> ") == len(text.split("\n\n")) >= 1
    assert ".srt" in printed(session, "unknown", code=2)


def test_the_conformance_tests_run_on_them(session: Path) -> None:
    shown = printed(session, "conformance")
    tried = {"motion-tcn": "method", "flow-mean": "method", "lab-folder": "database"}
    for name, kind in tried.items():
        file = f"every_{kind}"
        assert re.search(rf"^PASSED tests/conformance/test_{file}\S+\[{name}", shown, re.MULTILINE)


def test_its_own_tests_pass(session: Path) -> None:
    assert re.search(r"^\d\d passed", printed(session, "own_tests"), re.MULTILINE)


def test_two_of_one_name_are_refused_where_they_are_asked_for(session: Path) -> None:
    assert "method 'hoof' comes from merkit and rival 0.1" in printed(session, "rival", code=2)
    assert "stag" in printed(session, "model")
