"""Runs on action units are compared as those on classes are, by their own metrics."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from finished_runs import predictions, unit_predictions, write_run, write_unit_run
from merkit.errors import ConfigError, StoreError
from merkit.report.compare import compare_results
from merkit.report.compare_page import compare_runs
from merkit.report.unit_result import read_results

UNITS = ("AU1", "AU12")


def f1(table: pd.DataFrame, unit: str) -> float:
    return float(f1_score(table[f"y_true_{unit}"], table[f"y_pred_{unit}"]))


def right_calls(table: pd.DataFrame) -> np.ndarray:
    """Share of each subject's calls that are right."""
    hits = [table[f"y_true_{u}"].eq(table[f"y_pred_{u}"]) for u in UNITS]
    return (sum(hits) / len(UNITS)).groupby(table.subject).mean().to_numpy()


def test_differences_of_mean_f1_and_of_each_unit(tmp_path: Path) -> None:
    low, high = unit_predictions(0.6, draw=1), unit_predictions(0.95, draw=2)
    runs = [write_unit_run(tmp_path / "base", low), write_unit_run(tmp_path / "all", high)]
    text = compare_runs(runs, tmp_path / "c.html")
    gaps = {unit: f1(high, unit) - f1(low, unit) for unit in UNITS}
    page = unescape((tmp_path / "c.html").read_text())
    assert "2 action units" in text
    for shown in (text, page):
        assert f"{np.mean(list(gaps.values())):+.3f}" in shown
        assert all(f"{gap:+.3f}" in shown for gap in gaps.values())
        assert "all above base" in shown
    assert "action units: AU1, AU12" in page
    (row,) = (r for r in map(str.split, text.splitlines()) if r[:3] == ["F1", "AU12", "all"])
    assert row[3:5] == [f"{f1(high, 'AU12'):.3f}", f"{gaps['AU12']:+.3f}"]
    (stored,) = json.loads((tmp_path / "c.json").read_text())
    (main,) = stored["f1_differences"]
    assert main["difference"]["value"] == pytest.approx(np.mean(list(gaps.values())))
    assert main["p_wilcoxon"] == stats.wilcoxon(right_calls(high), right_calls(low)).pvalue
    table = pd.read_csv(tmp_path / "c.csv", index_col="run")
    assert table.f1_difference["all"] == pytest.approx(main["difference"]["value"])


def test_interval_and_test_are_those_of_whole_subjects_drawn_or_swapped(tmp_path: Path) -> None:
    """Against a plain loop over tables of clips; several seeds are a mean over seeds."""
    tables = [unit_predictions(right, draw, (0, 1)) for draw, right in enumerate((0.7, 0.8))]
    paths = [write_unit_run(tmp_path / f"{n}", table) for n, table in enumerate(tables)]
    (group,), _ = compare_results(read_results(paths))
    (found,) = group.main

    shown, *called = (
        np.stack([table[f"{side}_{u}"].to_numpy().reshape(2, 10, 6) for u in UNITS])
        for side, table in (("y_true", tables[0]), *(("y_pred", table) for table in tables))
    )  # (units, seeds, subjects, clips)

    def score(calls: np.ndarray) -> float:
        hits = (shown & calls).sum((2, 3))
        return float((2 * hits / (shown + calls).sum((2, 3))).mean())

    assert found.difference.value == pytest.approx(score(called[1]) - score(called[0]))
    random, gaps = np.random.default_rng(0), []
    for _ in range(1000):
        swap = random.random((10, 1)) < 0.5
        gaps.append(score(np.where(swap, *called)) - score(np.where(swap, *called[::-1])))
    p = (1 + np.sum(np.abs(gaps) >= abs(found.difference.value) - 1e-12)) / 1001
    assert found.p_permutation == pytest.approx(p, abs=0.04)


def test_a_unit_that_no_clip_shows_has_no_score(tmp_path: Path) -> None:
    tables = [
        unit_predictions(right, draw).assign(y_true_AU1=0, y_pred_AU1=0)
        for draw, right in enumerate((0.7, 0.8))
    ]
    paths = [write_unit_run(tmp_path / f"{n}", table) for n, table in enumerate(tables)]
    text = compare_runs(paths, tmp_path / "c.html")
    assert ["F1", "AU1", "0", "–"] in [line.split() for line in text.splitlines()]


def test_other_units_truths_and_tasks_are_refused(tmp_path: Path) -> None:
    table = unit_predictions(0.6)
    run = write_unit_run(tmp_path / "a", table)
    other = table.rename(columns=lambda name: name.replace("AU12", "AU14"))
    wrong = table.assign(y_true_AU12=table.y_true_AU12.where(table.index != 7, 1))
    for name, changed, told in (
        ("units", other, r"action units \['AU1', 'AU14'\]"),
        ("truth", wrong, r"differ in y_true_AU12 of 1 clips, such as s01/c1"),
    ):
        with pytest.raises(ConfigError, match=told):
            compare_runs([run, write_unit_run(tmp_path / name, changed)], tmp_path / "c.html")
    named = write_run(tmp_path / "named", predictions(0.6))
    with pytest.raises(ConfigError, match=r"named is a run of task 'recognition'"):
        compare_runs([run, named], tmp_path / "c.html")
    with pytest.raises(ConfigError, match=r"a is a run of task 'au'"):
        compare_runs([named, run], tmp_path / "c.html")
    lost = write_unit_run(tmp_path / "lost", table)
    table.drop(columns="y_true_AU1").to_parquet(lost / "predictions.parquet")
    with pytest.raises(StoreError, match=r"predictions\.parquet cannot be read"):
        compare_runs([run, lost], tmp_path / "c.html")
