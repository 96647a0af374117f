"""``merkit predict --out``: several files of one run, all of them checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from merkit.cli import main
from merkit.cli.outputs import DEFAULT, Output, outputs, write_outputs
from merkit.errors import ConfigError, VideoError
from merkit.inference.analysis import Analysis

A, B = Path("day1/a.mp4"), Path("day2/b.mp4")
READ = Analysis(A, (), (), 2.0, 1.0, n_faces=1)


def nothing(file: Path, held: Sequence[Analysis]) -> None:
    """Notes nothing."""


def one(
    *paths: Path, formats: tuple[str, ...] = (), videos: tuple[Path, ...] = (A,)
) -> list[Output]:
    names = [formats] if formats else []
    return list(outputs([paths], names, videos, False))


def test_suffixes_choose_and_formats_go_by_place(tmp_path: Path) -> None:
    assert list(outputs([], [], [A], True)) == [Output(DEFAULT)]
    table, coding, folder = tmp_path / "e.csv", tmp_path / "a.eaf", tmp_path / "codes"
    assert one(table, coding) == [Output(table), Output(coding)]
    assert list(outputs([[table], [coding]], [], [A], False)) == one(table, coding)
    both = one(table, folder, formats=("csv", "elan"), videos=(A, B))
    assert both == [Output(table, "csv"), Output(folder, "elan")]
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "b.eaf").write_text("mine")
    same = Path("day2/a.avi")
    for words, says in {
        ("a.eaf",): r"holds one video, and there are 2[\s\S]*--out .*a --format elan",
        ("e.csv", "a.TextGrid"): r"holds one video[\s\S]*--format textgrid",
        ("codes", "elan"): r"b\.eaf exists",
        ("e.csv", "codes", "elan"): "1 names after --format, for 2 files",
        ("e.csv", "sub/../e.csv"): r"e\.csv would be written twice",
        ("e.csv", "other.mp4"): r"other\.mp4 is a video[\s\S]*name the videos before --out",
        ("e.csv", "e.xls"): r"e\.xls",
    }.items():
        formats = tuple(word for word in words if word == "elan")
        paths = [tmp_path / word for word in words if word != "elan"]
        with pytest.raises(ConfigError, match=says):
            one(*paths, formats=formats, videos=(A, B))
    with pytest.raises(ConfigError, match=r"two videos would write .*a\.eaf"):
        one(tmp_path / "new", formats=("elan",), videos=(A, same))
    with pytest.raises(ConfigError, match=r"frames\.csv would be written twice"):
        outputs([[tmp_path / "frames.csv"]], [], [A], False, [tmp_path / "frames.csv"])
    with pytest.raises(ConfigError, match="without a value"):
        outputs([[]], [], [A], False)
    with pytest.raises(ConfigError, match="'elna'"):
        one(tmp_path / "codes", formats=("elna",))
    assert [path.name for path in tmp_path.rglob("*")] == ["codes", "b.eaf"]


def test_each_video_that_was_read_has_its_file(tmp_path: Path) -> None:
    analyses = [READ, Analysis.unreadable(B, "'b.mp4' ends early"), Analysis(Path("images.d"))]
    outs = [Output(tmp_path / "codes", "elan"), Output(tmp_path / "praat", "textgrid")]
    noted: dict[Path, list[Path]] = {}

    def note(file: Path, held: Sequence[Analysis]) -> None:
        assert file.exists()
        noted[file] = [analysis.video for analysis in held]

    lines = write_outputs([Output(tmp_path / "e.csv"), *outs], analyses, (), note)
    assert noted == {
        tmp_path / "e.csv": [A, B, Path("images.d")],
        tmp_path / "codes" / "a.eaf": [A],
        tmp_path / "codes" / "images.d.eaf": [Path("images.d")],
        tmp_path / "praat" / "a.TextGrid": [A],
        tmp_path / "praat" / "images.d.TextGrid": [Path("images.d")],
    }
    names = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*"))
    assert names == [
        "codes/a.eaf", "codes/images.d.eaf", "e.csv", "praat/a.TextGrid", "praat/images.d.TextGrid",
    ]  # fmt: skip
    assert lines == [
        f"written: {tmp_path / 'e.csv'}",
        f"written: {tmp_path / 'codes'} (2 of 3 videos)",
        f"written: {tmp_path / 'praat'} (2 of 3 videos)",
    ]
    with pytest.raises(VideoError, match="ends early"):
        write_outputs([Output(tmp_path / "b.eaf")], analyses[1:2], (), nothing)
    assert not (tmp_path / "b.eaf").exists()


def test_one_output_that_fails_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outs = [Output(tmp_path / "file" / "e.csv"), Output(tmp_path / "e.json")]
    with pytest.raises(ConfigError, match=r"cannot write .*e\.csv"):
        write_outputs(outs, [READ], (), nothing)
    assert (tmp_path / "e.json").read_text().startswith("[")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.json", "file"]


def test_a_video_after_out_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"mine")
    words = [str(tmp_path / "e.csv"), str(video), "--format", "csv", "csv", "--overwrite"]
    assert main(["predict", str(video), "--out", *words]) == 2
    assert "name the videos before --out" in capsys.readouterr().err
    assert video.read_bytes() == b"mine"
