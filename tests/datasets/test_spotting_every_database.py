"""Task ``spotting`` on the miniature of every database with long recordings.

Their pictures show no face, so nothing is found: every annotated event must come out as missed, in
the numbers of its database, and what had to be decided of the annotation must be told.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from miniatures import write_smic_e
from miniatures_more import write_casme_squared, write_samm_long

import tiny_pipeline as tiny
from merkit.report.long_result import LongResult
from merkit.runs.long_videos import evaluate_spotting


def spotted(name: str, root: Path, tmp_path: Path, **changes: str) -> LongResult:
    settings = {"data": (name,), "task": "spotting", **changes}
    return evaluate_spotting(
        tiny.evaluation(root, tmp_path / "store", tmp_path / "run", **settings)
    )


def missed(result: LongResult) -> tuple[int, int]:
    scores = result.scores.spotting
    assert scores["both"].counts.n_spotted == 0
    return scores["micro"].counts.fn, scores["macro"].counts.fn


def findings(result: LongResult) -> list[tuple[str, str]]:
    return [(f["what"], f["clip"].split("/")[-1]) for f in result.document["findings"]]


@pytest.mark.parametrize(("missing_offset", "macro"), [("apex", 2), ("leave_out", 0)])
def test_casme_squared(missing_offset: str, macro: int, tmp_path: Path) -> None:
    root = write_casme_squared(tmp_path / "db")
    result = spotted("casme-squared", root, tmp_path, missing_offset=missing_offset)
    assert missed(result) == (3, macro)
    scores = result.scores.spotting
    assert (scores.n_videos, scores.n_subjects) == (4, 3)  # one with nothing annotated
    what = "no offset" if missing_offset == "apex" else "event left out"
    assert findings(result) == [(what, "anger1_10"), (what, "happy1_10")]
    page = (result.folder / "report.html").read_text()
    assert f"{what.capitalize()}, 2 times: such as casme-squared/s15/anger1_10" in page
    assert "4 recordings show no face" in page
    truth = result.tables["truth"].set_index("event")
    assert truth.onset_frame["casme-squared/s16/happy1_2"] == 20
    assert not truth.found.any()


def test_samm_long(tmp_path: Path) -> None:
    result = spotted("samm-long", write_samm_long(tmp_path / "db"), tmp_path)
    assert missed(result) == (3, 2)
    recordings = result.tables["recordings"]
    assert set(recordings.fps_hz) == {200.0}
    assert recordings.duration_s.tolist() == pytest.approx([25 / 200] * 3, abs=0.03)
    assert pd.isna(result.tables["truth"].set_index("event").apex_frame["samm-long/028/028_4_1"])


def test_smic_e(tmp_path: Path) -> None:
    """Of three recordings the miniature has other frames than its sheet says: that is told."""
    result = spotted("smic-e", write_smic_e(tmp_path / "db"), tmp_path)
    assert missed(result) == (8, 0)
    beyond = "event outside its recording"
    assert (beyond, "s4_ne_98_2") in findings(result)
    assert "s3_ne_99" not in {name for _, name in findings(result)}
    assert {what for what, _ in findings(result)} == {beyond}
