"""The methods paragraph of a finished run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from merkit.cli import main
from merkit.report.cite import run_paragraph
from merkit.report.result import read_result


def test_a_run_is_told_with_its_scores_and_sources(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = read_result(tiny_run)
    assert main(["cite", str(tiny_run)]) == 0
    told = capsys.readouterr().out
    assert told.strip() == run_paragraph(tiny_run)
    for words in (
        f"{result.method} ({result.document['method_title']}; "
        f"{result.document['method_citation']})",
        f"scored on synthetic: {result.scores.n_clips} clips of {result.scores.n_subjects} "
        f"subjects, 3 classes ({', '.join(result.labels)})",
        f"leave one subject out, {result.scores.n_folds} folds",
        result.scores.fold_hash[:16],
        "no subject of a test fold had a part in its training",
        f"UF1  {result.scores.main.value:.3f}",
        "leaked scoring",
        f"torch {result.document['versions']['torch']}",
        "[2] Wang et al. 2026, Sensors 26, 625.",
    ):
        assert words in told


def test_what_must_be_known_of_a_run_is_not_left_out(tiny_run: Path, tmp_path: Path) -> None:
    marked = tmp_path / "run"
    shutil.copytree(tiny_run, marked)
    for name, change in (
        ("metrics.json", {"marks": ["subject-dependent", "oracle-au"]}),
        ("run.json", {"refused_clips": {"a": "no face", "b": "no face"}}),
    ):
        path = marked / name
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    told = run_paragraph(marked)
    assert "subject-dependent: people stand on both sides" in told
    assert "audited" not in told
    assert "Marked: oracle-au" in told
    assert "2 clips could not be prepared" in told


@pytest.mark.parametrize("words", [[], ["a", "b"]])
def test_one_thing_is_cited(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", *words]) == 2
    assert "merkit cite RUN" in capsys.readouterr().err


def test_neither_a_run_nor_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", str(tmp_path)]) == 3
    assert main(["cite", str(tmp_path / "events.csv")]) == 3
    assert "events.csv" in capsys.readouterr().err
