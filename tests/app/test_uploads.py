"""Videos that are sent, and what is sent in place of one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_desk import Browser

from merkit.app.desk import Desk
from merkit.app.uploads import TooLargeError, Uploads, plain_name
from merkit.errors import ConfigError


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_video_is_kept_and_queued_once(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    from made_work import write_tiny

    video = write_tiny(tmp_path / "b.mp4", 40).read_bytes()
    first = browser.post("/api/upload?name=b.mp4", content=video)
    assert first.status_code == 200
    kept = desk.project.folder / "recordings" / "b.mp4"
    assert kept.read_bytes() == video
    again = browser.post("/api/upload?name=b.mp4", content=video)
    assert again.json() == first.json()  # it is the same video, and is not kept twice
    assert files(kept.parent) == ["b.mp4"]


def test_two_videos_of_one_name_are_two(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    from made_work import write_tiny

    ids = set()
    for n_frames in (30, 35):
        video = write_tiny(tmp_path / f"{n_frames}.mp4", n_frames).read_bytes()
        ids.add(browser.post("/api/upload?name=same.mp4", content=video).json()["id"])
    assert len(ids) == 2
    assert files(desk.project.folder / "recordings") == ["same (2).mp4", "same.mp4"]


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0" * 200_000])
def test_what_is_no_video_is_refused_and_not_kept(
    browser: Browser, desk: Desk, content: bytes
) -> None:
    answer = browser.post("/api/upload?name=x.mp4", content=content)
    assert answer.status_code == 422
    assert "x.mp4" in answer.json()["problem"]
    assert ".tmp-" not in answer.json()["problem"]
    assert files(desk.project.folder / "recordings") == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/cron.d/a.mp4", "a.mp4"),
        ("..\\..\\windows\\a.mp4", "a.mp4"),
        ("/absolute/a.mp4", "a.mp4"),
        ("C:\\a.mp4", "a.mp4"),
        ("....mp4.mp4", "mp4.mp4"),
        ("a\0b\n.mp4", "a_b_.mp4"),
        ("<img src=x onerror=alert(1)>.mp4", "_img src=x onerror=alert(1)_.mp4"),
        ("é" * 300 + ".MP4", "é" * 60 + ".MP4"),
    ],
)
def test_a_name_cannot_lead_anywhere(sent: str, kept: str) -> None:
    assert plain_name(sent) == kept


@pytest.mark.parametrize("name", ["", ".mp4", "..", "a.exe", "a.mp4/", "../.mp4", "a.mp4/../../.."])
def test_a_name_must_be_that_of_a_video(name: str) -> None:
    if name == "a.mp4/":  # the last part of it is one
        assert plain_name(name) == "a.mp4"
        return
    with pytest.raises(ConfigError):
        plain_name(name)


async def untouched() -> AsyncIterator[bytes]:
    raise AssertionError("it was read")
    yield b""


async def endless(sent: list[int]) -> AsyncIterator[bytes]:
    while True:
        sent[0] += 2**16
        yield b"\0" * 2**16


def test_ten_gigabytes_are_refused_before_the_first_byte(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "in")
    with pytest.raises(TooLargeError, match="8 GB"):
        asyncio.run(uploads.take("a.mp4", 10 * 2**30, untouched()))
    assert files(tmp_path / "in") == []


def test_more_than_was_said_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    """An upload that says nothing of its length, or a lie."""
    uploads, sent = Uploads(tmp_path / "in", most_bytes=5 * 2**20), [0]
    for told in (None, 10):
        sent[0] = 0
        with pytest.raises(TooLargeError):
            asyncio.run(uploads.take("a.mp4", told, endless(sent)))
        assert sent[0] < 7 * 2**20
    assert files(tmp_path / "in") == []


def test_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1.5 * 2**30))
    with pytest.raises(TooLargeError, match="does not fit on the disk"):
        asyncio.run(Uploads(tmp_path / "in").take("a.mp4", 2**30, untouched()))


def test_a_connection_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"\0" * 2**21
        raise ConnectionResetError

    with pytest.raises(ConfigError):  # told as any other failure to write
        asyncio.run(Uploads(tmp_path / "in").take("a.mp4", None, breaks()))
    assert files(tmp_path / "in") == []


def test_videos_are_added_by_their_path(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    from made_work import write_tiny

    folder = tmp_path / "day 1"
    folder.mkdir()
    write_tiny(folder / "a.mp4", 31)
    write_tiny(folder / "b.mp4", 32)
    (folder / "broken.mp4").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("no video")
    answer = browser.post("/api/videos", json={"path": str(folder)})
    assert len(answer.json()["added"]) == 2
    assert "broken.mp4" in answer.json()["told"]
    assert files(desk.project.folder / "recordings") == []  # read where they lie


@pytest.mark.parametrize("path", ["/etc/passwd", "/nowhere/a.mp4", "", "/dev/zero", "a\0b"])
def test_other_paths_are_refused(browser: Browser, path: str, tmp_path: Path) -> None:
    answer = browser.post("/api/videos", json={"path": path})
    assert answer.status_code in (404, 422)
    assert len(browser.get("/api/videos").json()["videos"]) == 1
