"""Comparing finished runs: the same clips only, paired differences, sweeps, databases."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finished_runs import predictions, write_run
from merkit.errors import ConfigError, MissingDataError, StoreError
from merkit.report.compare_page import compare_runs
from merkit.report.plots import cd_plot
from merkit.report.result import short_names
from merkit.report.sweep import Sweep, find_sweep
from merkit.scoring.metrics import confusion_matrix, uf1
from merkit.scoring.ranking import CriticalDifference, compare_methods
from merkit.scoring.subjects import tabulate


class _Parts(HTMLParser):
    """Tags opened and never closed, what the page asks the network for, and its text."""

    void = ("meta", "br", "link", "img", "use", "path", "rect", "circle", "line", "stop")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.void:
            self.open.append(tag)
        loads = dict(attrs).get("src") or (dict(attrs).get("href") if tag == "link" else None)
        if tag == "script" or loads:
            self.outside.append(f"{tag} {loads}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(page: Path) -> _Parts:
    parts = _Parts()
    parts.feed(page.read_text(encoding="utf-8"))
    return parts


# --- runs on the same clips ---------------------------------------------------------------


def test_table_page_and_files_tell_the_same_differences(tmp_path: Path) -> None:
    low, high = predictions(0.4, draw=1), predictions(0.95, draw=2)
    runs = [write_run(tmp_path / "base", low), write_run(tmp_path / "all", high, bins=4)]
    text = compare_runs(runs, tmp_path / "out" / "comparison.html")

    tables = {name: tabulate(table, 3, "pooled") for name, table in (("base", low), ("all", high))}
    expected = compare_methods(tables, reference="base")[0]
    assert f"{expected.difference.value:+.3f}" in text
    assert f"{expected.difference.low:+.3f} to {expected.difference.high:+.3f}" in text
    assert f"{expected.p_permutation_holm:.4f}" in text
    assert "all above base" in text
    assert "12,345" in text

    page = parse(tmp_path / "out" / "comparison.html")
    assert page.open == []
    assert page.outside == []
    assert f"{expected.difference.value:+.3f}" in page.text
    assert "all above base" in page.text

    with (tmp_path / "out" / "comparison.csv").open() as handle:
        rows = {row["run"]: row for row in csv.DictReader(handle)}
    assert float(rows["all"]["uf1_difference"]) == pytest.approx(expected.difference.value)
    assert rows["base"]["uf1_difference"] == ""
    stored = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert stored[0]["uf1_differences"][0]["p_permutation"] == expected.p_permutation


def test_alike_runs_are_not_ranked(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, predictions(0.6, draw=draw))
        for draw, name in enumerate(("a", "b", "c"))
    ]
    text = compare_runs(runs, tmp_path / "c.html")
    assert "No ranking is given" in text
    assert "above" not in text
    assert "No ranking is given" in parse(tmp_path / "c.html").text


def test_too_few_subjects_are_not_ranked_however_far_apart(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", predictions(0.0, subjects=4)),
        write_run(tmp_path / "b", predictions(1.0, subjects=4)),
    ]
    assert "at least 6 subjects are needed" in compare_runs(runs, tmp_path / "c.html")


def test_order_of_rows_in_a_run_does_not_matter(tmp_path: Path) -> None:
    base = write_run(tmp_path / "base", predictions(0.5))
    table = predictions(0.8, draw=3)
    first = write_run(tmp_path / "one" / "x", table)
    second = write_run(tmp_path / "two" / "x", table.sample(frac=1, random_state=0))
    one = compare_runs([base, first], tmp_path / "1.html").splitlines()[:-1]
    assert one == compare_runs([base, second], tmp_path / "2.html").splitlines()[:-1]


def test_marks_folds_and_seeds_that_differ_are_told(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "plain", predictions(0.5, seeds=(0, 1))),
        write_run(tmp_path / "oracle", predictions(0.7), marks=("oracle-au",), fold_hash="e" * 64),
    ]
    text = compare_runs(runs, tmp_path / "c.html")
    assert "differ in folds: ffffffffffff (plain); eeeeeeeeeeee (oracle)" in text
    assert "differ in marks: none (plain); oracle-au (oracle)" in text
    assert "shared seeds [0]" in text
    assert "Oracle input" in parse(tmp_path / "c.html").text


def test_several_seeds_are_paired_seed_by_seed(tmp_path: Path) -> None:
    a, b = predictions(0.5, seeds=(0, 1), draw=4), predictions(0.8, seeds=(0, 1), draw=5)
    runs = [write_run(tmp_path / "a", a), write_run(tmp_path / "b", b)]
    text = compare_runs(runs, tmp_path / "c.html")
    tables = {name: tabulate(table, 3, "pooled") for name, table in (("a", a), ("b", b))}
    expected = compare_methods(tables, reference="a")[0]
    assert f"{expected.difference.low:+.3f} to {expected.difference.high:+.3f}" in text


def two_halves(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(fold=(table.subject > "db/s04").map({True: "b", False: "a"}))


def test_runs_of_other_folds_are_compared_by_their_pooled_scores(tmp_path: Path) -> None:
    a, b = predictions(0.5, draw=4), predictions(0.8, draw=5)
    pooled = [write_run(tmp_path / "a", a), write_run(tmp_path / "b", b)]
    other = write_run(tmp_path / "halves", two_halves(b), fold_hash="e" * 64)
    with_same, with_other = (
        compare_runs([pooled[0], run], tmp_path / "c.html").splitlines()
        for run in (pooled[1], other)
    )
    assert with_same[5].split()[1:] == with_other[5].split()[1:]  # differences and their tests
    mean = write_run(tmp_path / "mean", b, pooling="fold_mean")
    text = compare_runs([pooled[0], mean], tmp_path / "c.html")
    assert "Differences are of pooled scores" in text
    assert "differ in metric pooling: pooled (a); fold_mean (mean)" in text


def test_means_over_folds_are_compared_as_such(tmp_path: Path) -> None:
    a, b = two_halves(predictions(0.5, draw=4)), two_halves(predictions(0.8, draw=5))
    runs = [
        write_run(tmp_path / name, table, pooling="fold_mean")
        for name, table in (("a", a), ("b", b))
    ]
    text = compare_runs(runs, tmp_path / "c.html")
    each = [
        [float(uf1(confusion_matrix(p.y_true, p.y_pred, 3))) for _, p in table.groupby("fold")]
        for table in (a, b)
    ]
    assert f"{np.mean(each[1]) - np.mean(each[0]):+.3f}" in text
    assert "pooled" not in text


# --- runs that cannot be compared ---------------------------------------------------------


def changed(column: str, value: Any) -> pd.DataFrame:
    table = predictions(0.6)
    table.loc[7, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (predictions(0.6).iloc[1:], r"1 only in 'a', such as s00/c0"),
        (changed("clip_id", "s01/other"), r"1 only in 'b', such as s01/other"),
        (changed("y_true", 0), r"differ in y_true of 1 clips, such as s01/c1"),
        (changed("subject", "db/s09"), r"differ in subject of 1 clips"),
        (predictions(0.6, seeds=(7,)), r"no seed in common"),
    ],
)
def test_other_clips_labels_subjects_or_seeds_are_refused(
    tmp_path: Path, table: pd.DataFrame, message: str
) -> None:
    runs = [write_run(tmp_path / "a", predictions(0.6)), write_run(tmp_path / "b", table)]
    with pytest.raises(ConfigError, match=message):
        compare_runs(runs, tmp_path / "c.html")
    assert not (tmp_path / "c.html").exists()


def test_other_classes_are_refused(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, predictions(0.6)) for name in ("a", "b")]
    metrics = json.loads((runs[1] / "metrics.json").read_text())
    (runs[1] / "metrics.json").write_text(json.dumps(metrics | {"classes": ["x", "y", "z"]}))
    with pytest.raises(ConfigError, match=r"classes \['x', 'y', 'z'\]"):
        compare_runs(runs, tmp_path / "c.html")


def test_one_run_twice_named_wrong_name_and_no_run_are_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", predictions(0.6))
    with pytest.raises(ConfigError, match="1 run to compare"):
        compare_runs([run], tmp_path / "c.html")
    with pytest.raises(ConfigError, match="named twice"):
        compare_runs([run, tmp_path / "." / "a"], tmp_path / "c.html")
    with pytest.raises(ConfigError, match=r"ending in \.html"):
        compare_runs([run, run], tmp_path / "c.csv")
    with pytest.raises(MissingDataError, match="no run folder"):
        compare_runs([run, tmp_path / "nothing"], tmp_path / "c.html")
    metrics = json.loads((run / "metrics.json").read_text())
    lost = {name: value for name, value in metrics.items() if name != "training"}
    (run / "metrics.json").write_text(json.dumps(lost))
    with pytest.raises(StoreError, match=r"metrics\.json lacks \['training'\]"):
        compare_runs([run, write_run(tmp_path / "b", predictions(0.6))], tmp_path / "c.html")
    other = tmp_path / "b"
    (run / "metrics.json").write_text(json.dumps(metrics | {"training": {}}))
    with pytest.raises(StoreError, match=r"metrics\.json: training\.seconds: field"):
        compare_runs([run, other], tmp_path / "c.html")
    (run / "metrics.json").write_text(json.dumps(metrics))
    (run / "predictions.parquet").write_bytes(b"not a table")
    with pytest.raises(StoreError, match=r"predictions\.parquet cannot be read"):
        compare_runs([run, other], tmp_path / "c.html")
    (run / "metrics.json").unlink()
    with pytest.raises(StoreError, match="not finished"):
        compare_runs([run, other], tmp_path / "c.html")


def test_names_are_as_long_as_it_takes() -> None:
    assert short_names([Path("/r/a"), Path("/r/b")]) == ("a", "b")
    assert short_names([Path("/r/x/a"), Path("/r/y/a")]) == ("x/a", "y/a")


# --- sweeps -------------------------------------------------------------------------------


def settings(**model: Any) -> dict[str, Any]:
    frames = model.get("frames", 4)
    return {
        "method": "m",
        "model": {"lambda": 0.5, "frames": 4, "kind": "a", **model},
        "training": {"epochs": 1},
        "recipe": {"frames": frames},
        "protocol": {"name": "loso"},
    }


def test_sweep_is_one_numeric_setting_and_what_follows_it() -> None:
    assert find_sweep([settings(**{"lambda": v}) for v in (0, 0.1, 1)]) == Sweep(
        "model.lambda", (0.0, 0.1, 1.0)
    )
    assert find_sweep([settings(frames=v) for v in (4, 8, 16)]) == Sweep(
        "model.frames", (4.0, 8.0, 16.0)
    )
    assert find_sweep([settings(kind=v) for v in "abc"]) is None
    assert find_sweep([settings(frames=v) for v in (4, 8)]) is None
    other = [settings(frames=v) for v in (4, 8, 16)]
    other[1]["recipe"]["frames"] = 5  # decided by hand: a second thing that differs
    found = find_sweep(other)
    assert found is None or found.series == "recipe.frames"


def test_two_numeric_settings_make_lines() -> None:
    grid = [settings(frames=f, **{"lambda": v}) for f in (4, 8) for v in (0, 0.1, 1)]
    found = find_sweep(grid)
    assert found is not None
    assert (found.setting, found.series) == ("model.lambda", "model.frames")
    assert found.series_values == (4.0, 4.0, 4.0, 8.0, 8.0, 8.0)


def test_sweep_is_drawn_and_named_on_the_page(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / f"bins{bins}", predictions(0.6, draw=bins), bins=bins)
        for bins in (4, 8, 16)
    ]
    compare_runs(runs, tmp_path / "c.html")
    page = parse(tmp_path / "c.html")
    assert "Sweep" in page.text
    assert "model.bins" in page.text


# --- several databases --------------------------------------------------------------------


def database_runs(root: Path, n_databases: int, methods: tuple[str, ...]) -> list[Path]:
    return [
        write_run(
            root / f"db{d}" / method,
            predictions(0.35 + 0.3 * place, subjects=16, draw=10 * d + place),
            method=method,
            data=f"db{d}",
        )
        for d in range(n_databases)
        for place, method in enumerate(methods)
    ]


def test_methods_over_five_databases_get_mean_ranks(tmp_path: Path) -> None:
    runs = database_runs(tmp_path, 5, ("poor", "fair", "good"))
    text = compare_runs(runs, tmp_path / "c.html")
    assert "Mean ranks over 5 databases: good 1.00, fair 2.00, poor 3.00" in text
    page = parse(tmp_path / "c.html")
    assert page.open == []
    assert "critical difference" in page.text


def test_few_databases_are_not_ranked(tmp_path: Path) -> None:
    text = compare_runs(database_runs(tmp_path, 2, ("poor", "fair", "good")), tmp_path / "c.html")
    assert "at least 5 databases are needed" in text
    two = compare_runs(database_runs(tmp_path / "2", 2, ("poor", "good")), tmp_path / "d.html")
    assert "no ranks are given" in two


def test_method_missing_on_one_database_is_refused(tmp_path: Path) -> None:
    runs = database_runs(tmp_path, 2, ("poor", "fair", "good"))
    with pytest.raises(ConfigError, match="once on each database"):
        compare_runs(runs[:-1], tmp_path / "c.html")


def test_critical_difference_diagram_names_every_method() -> None:
    found = CriticalDifference(
        ("a", "b$", "c", "d"), (1.2, 1.9, 3.1, 3.8), 1.5, 0.05, 0.01, 9, ((0, 1), (2, 3))
    )
    drawn = cd_plot(found)
    for text in ("a 1.20", "b$ 1.90", "3.10 c", "3.80 d", "critical difference 1.50"):
        assert text in drawn
    assert cd_plot(found) == drawn
