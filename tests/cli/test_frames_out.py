"""``merkit predict --frames-out``: where tables go, what is refused, and what they hold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from merkit.cli import main
from merkit.cli.frames_out import frame_tables
from merkit.errors import ConfigError

A, B = Path("day1/a.mp4"), Path("day2/b.mp4")


def test_one_video_has_a_file_and_several_a_folder(tmp_path: Path) -> None:
    file, folder = tmp_path / "f.csv", tmp_path / "frames"
    assert frame_tables(None, [A, B], False) == {}
    assert frame_tables(file, [A], False) == {A: file}
    assert frame_tables(folder, [A], False) == {A: folder / "a.mp4.csv"}
    both = {A: folder / "a.mp4.csv", B: folder / "b.mp4.csv"}
    assert frame_tables(folder, [A, B], False) == both


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("old")
    with pytest.raises(ConfigError, match="one file, for 2 videos"):
        frame_tables(tmp_path / "g.csv", [A, B], False)
    with pytest.raises(ConfigError, match="two videos would write"):
        frame_tables(tmp_path / "frames", [A, Path("day2/a.mp4")], False)
    with pytest.raises(ConfigError, match="exists"):
        frame_tables(tmp_path / "f.csv", [A], False)
    assert frame_tables(tmp_path / "f.csv", [A], True)
    with pytest.raises(ConfigError, match="no folder"):
        frame_tables(tmp_path / "f.csv" / "frames", [A, B], False)


def test_every_frame_has_a_row(tiny_images: Path, tmp_path: Path) -> None:
    out = tmp_path / "frames.csv"
    words = ["predict", str(tiny_images), "--fps", "30", "--out", str(tmp_path / "e.csv")]
    assert main([*words, "--frames-out", str(out)]) == 0
    table = pd.read_csv(out)
    numbers = sorted(int(p.stem[3:]) for p in tiny_images.iterdir())
    assert table["frame"].tolist() == numbers
    assert table["success"].all()
    assert table["timestamp"].tolist() == pytest.approx(
        [i / 30 for i in range(len(numbers))], abs=1e-6
    )
    before = out.read_bytes()
    assert main([*words, "--overwrite", "--frames-out", str(out)]) == 0
    assert out.read_bytes() == before
    assert main([*words[:-1], str(tmp_path / "g.csv"), "--frames-out", str(out)]) == 2
    assert not (tmp_path / "g.csv").exists()
