"""``merkit predict --html``: where pages go, what is refused, and what they hold."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from merkit.cli import main

pytestmark = pytest.mark.usefixtures("tracked_once")


def predict(*words: str) -> int:
    return main(["predict", *words, "--fps", "30", "--model", "none", "--device", "cpu"])


def test_a_video_has_a_page_with_the_times_of_its_table(
    tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "e.json", tmp_path / "new" / "page.html"
    assert predict(str(tiny_images), "--out", str(out), "--html", str(page)) == 0
    assert f"written: {page}" in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    (document,) = json.loads(out.read_text())
    assert document["events"]
    assert html.count("<article") == len(document["events"])
    for event in document["events"]:
        for name in ("onset", "apex", "offset"):
            assert f"{event[name + '_s']:.3f}&nbsp;s, frame {event[name + '_frame']}" in html
    assert html.count("data:image/jpeg") == 3 * len(document["events"]) + html.count("<image ")
    assert "spot.lag_s" in html
    assert "track.tracker" in html
    assert str(tiny_images) not in html


def test_a_page_without_faces_has_no_pictures(tiny_images: Path, tmp_path: Path) -> None:
    for i, words in enumerate((["--no-faces"], ["--faces", "none"])):
        page = tmp_path / f"{i}.html"
        out = str(tmp_path / f"{i}.csv")
        assert predict(str(tiny_images), "--out", out, "--html", str(page), *words) == 0
        assert "data:image" not in page.read_text(encoding="utf-8")
    assert (tmp_path / "0.html").read_text() == (tmp_path / "1.html").read_text()


def test_several_videos_have_a_folder_of_pages_and_a_damaged_one_too(
    tiny_images: Path, tmp_path: Path
) -> None:
    named = "<script>.mp4"
    (tmp_path / named).write_bytes(b"no video")
    videos = [str(tiny_images), str(tmp_path / named)]
    pages = tmp_path / "pages"
    words = ["--out", str(tmp_path / "e.csv"), "--html", str(pages)]
    assert predict(*videos, *words, "--no-faces") == 2
    made = {p.name: p.read_text(encoding="utf-8") for p in pages.iterdir()}
    assert set(made) == {f"{tiny_images.name}.html", f"{named}.html"}
    assert "<article" in made[f"{tiny_images.name}.html"]
    damaged = made[f"{named}.html"]
    assert "Nothing can be told of this video" in damaged
    assert "<article" not in damaged
    assert not re.search("<script", damaged)


def test_what_cannot_be_written_is_refused_before_any_work(
    tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = shutil.copytree(tiny_images, tmp_path / "again")
    old = tmp_path / "old.html"
    old.write_text("old")
    out = ["--out", str(tmp_path / "e.csv")]
    one, html = str(tiny_images), str(tmp_path / "p.html")
    for words, told in (
        ([one, str(again), "--html", html], "one file, for 2 videos"),
        ([one, "--html", str(old)], "old.html exists"),
        ([one, "--html", str(old / "pages")], "no folder"),
        ([one, "--no-faces"], "without a page"),
        ([one, "--magnify", "5"], "without a page"),
        ([one, "--html", html, "--no-faces", "--magnify", "5"], "magnify is 5.0"),
        ([one, "--html", html, "--no-faces", "--faces", "blurred"], "one of them"),
    ):
        assert predict(*words, *out) == 2
        assert told in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "old.html"]
    assert old.read_text() == "old"
    assert predict(one, "--html", str(old), "--no-faces", "--overwrite", *out) == 0
    assert old.read_text(encoding="utf-8").startswith("<!doctype html>")
