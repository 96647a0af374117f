"""Praat: read by praatio and by pympi, equal to the millisecond."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from export_analyses import CLASSES, TIERS, faceless, full, still
from praatio import textgrid
from pympi import Praat

from merkit.errors import MissingPackageError
from merkit.export import check_target, write_events
from merkit.inference.analysis import Analysis


def written(analysis: Analysis, path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Tiers as praatio reads them; times in milliseconds."""
    write_events([analysis], CLASSES, path)
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 2.2)
    return {
        tier.name: [tuple(1000 * v if isinstance(v, float) else v for v in e) for e in tier.entries]
        for tier in grid.tiers
    }


def test_every_tier_is_read_back_to_the_millisecond(tmp_path: Path) -> None:
    found = written(full(tmp_path / "v.mp4"), tmp_path / "v.TextGrid")
    apexes = [
        (300, "blink"), (500, "gaze shift"), (1400, "micro"), (1500, "micro"), (1800, "micro"),
    ]  # fmt: skip
    assert found == {**TIERS, "apex": apexes}


def test_another_reader_agrees(tmp_path: Path) -> None:
    write_events([full(tmp_path / "v.mp4")], CLASSES, tmp_path / "v.TextGrid")
    grid = Praat.TextGrid(str(tmp_path / "v.TextGrid"))
    excluded = [i for i in grid.get_tier("excluded").get_all_intervals() if i[2]]
    assert excluded == [(1.0, 1.9, "speech (lower face)")]
    assert next(iter(grid.get_tier("apex").get_intervals())) == (0.3, "blink")


def test_every_tier_is_there_where_nothing_was_found(tmp_path: Path) -> None:
    found = written(still(tmp_path / "v.mp4"), tmp_path / "s.textgrid")
    assert found == {n: [] for n in ("events", "class", "action units", "apex", "excluded")}
    found = written(faceless(tmp_path / "v.mp4"), tmp_path / "f.textgrid")
    assert found["excluded"] == [(0, 2200, "no face")]
    write_events([Analysis(tmp_path / "v.mp4")], (), tmp_path / "n.TextGrid")  # nothing is known
    assert textgrid.openTextgrid(str(tmp_path / "n.TextGrid"), False).maxTimestamp > 0


def test_a_missing_package_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_target(tmp_path / "v.TextGrid", overwrite=False)
    monkeypatch.setitem(sys.modules, "praatio.textgrid", None)
    with pytest.raises(MissingPackageError, match=r"merkit\[export\]"):
        check_target(tmp_path / "v.TextGrid", overwrite=False)
    check_target(tmp_path / "v.eaf", overwrite=False)
