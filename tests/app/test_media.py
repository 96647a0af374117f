"""The video itself, its frames, and what is drawn over them; and ways out of the project."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.error import FFmpegError
from made_desk import Browser
from made_work import N_FRAMES, grey, write_avi, write_tiny

from merkit.app.desk import Desk
from merkit.app.frames import FrameReader
from merkit.app.jumps import load_jumps, save_jumps
from merkit.app.playable import playable_as
from merkit.errors import VideoError
from merkit.types import Recording
from merkit.video import read_frames, write_frames
from merkit.video.packets import Keys


def level(jpeg: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).mean())


def test_parts_of_the_file_are_served(browser: Browser, tiny_video: Path) -> None:
    whole = tiny_video.read_bytes()
    answer = browser.get("/media/v001", headers={"Range": "bytes=100-299"})
    assert answer.status_code == 206
    assert answer.content == whole[100:300]
    assert answer.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    assert browser.get("/media/v001", headers={"Range": "bytes=-10"}).content == whole[-10:]
    assert browser.get("/media/v001").content == whole
    beyond = browser.get("/media/v001", headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize("place", [0, 1, 57, 56, 12, N_FRAMES - 1])
def test_every_frame_is_the_one_that_was_asked_for(browser: Browser, place: int) -> None:
    answer = browser.get(f"/frames/v001/{place}.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert abs(level(answer.content) - grey(place)) < 3


def test_frames_to_and_fro_in_a_longer_video(tmp_path: Path) -> None:
    """Jumps, steps, and long ways back, from many places."""
    reader = FrameReader(write_tiny(tmp_path / "long.mp4", 700))
    rng = np.random.default_rng(1)
    for place in [699, 698, 697, 0, 350, 351, 340, 420, *rng.integers(0, 700, 25).tolist()]:
        assert abs(level(reader.jpeg(place)) - grey(place)) < 3, place
    first, second = reader.pictures(500, 3)
    assert abs(float(first.mean()) - grey(500)) < 3
    assert abs(float(second.mean()) - grey(3)) < 3
    with pytest.raises(VideoError, match="no frame 700"):
        reader.jpeg(700)
    reader.close()


def test_jumps_are_kept_and_only_save_time(tmp_path: Path) -> None:
    video = write_tiny(tmp_path / "long.mp4", 300)
    save_jumps(tmp_path / "jumps.npz", video)
    assert load_jumps(tmp_path / "jumps.npz") == Keys.of(video)
    reader = FrameReader(video, keys=load_jumps(tmp_path / "jumps.npz"))
    assert abs(level(reader.jpeg(290)) - grey(290)) < 3
    with pytest.raises(VideoError, match="no frame 300"):
        reader.jpeg(300)
    (tmp_path / "jumps.npz").write_bytes(b"damaged")
    assert load_jumps(tmp_path / "jumps.npz") is None
    save_jumps(tmp_path / "none.npz", write_avi(tmp_path / "a.avi"))
    assert not (tmp_path / "none.npz").exists()  # its packets do not tell


def test_images_are_read_and_pictures_turned(tmp_path: Path) -> None:
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, 20:] = 255  # the right half is bright
    folder = tmp_path / "images"
    write_frames(folder, [wide] * 5, start=10)
    picture = cv2.imdecode(np.frombuffer(FrameReader(folder, 1).jpeg(12), np.uint8), 0)
    assert picture.shape == (40, 20)
    assert picture[:20].mean() > 200  # turned left: right is up
    assert picture[20:].mean() < 50


@pytest.mark.parametrize("frame", ["120", "99999999999", "-1", "x"])
def test_frames_that_there_are_not(browser: Browser, frame: str) -> None:
    assert browser.get(f"/frames/v001/{frame}.jpg").status_code in (404, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static/..%5cserver.py",
        "/static//etc/passwd",
        "/media/..%2f..%2fetc%2fpasswd",
        "/media/../project.json",
        "/media/%2e%2e",
        "/media/v001%00",
        "/frames/..%2fv001/3.jpg",
        "/exports/..%2fproject.json",
        "/exports/%2e%2e%2fproject.json",
        "/exports/.tmp-x",
        "/exports/link.csv",
        "/api/videos/..",
        "/api/videos/..%2fv001",
        "/project.json",
        "/queue.json",
    ],
)
def test_no_path_leads_out(browser: Browser, desk: Desk, path: str) -> None:
    (desk.project.folder / "exports").mkdir()
    ((desk.project.folder / "exports") / ".tmp-x").write_text("half written")
    ((desk.project.folder / "exports") / "link.csv").symlink_to("/etc/passwd")
    answer = browser.get(path)
    assert answer.status_code in (404, 405, 422), answer.text[:80]
    assert "root:" not in answer.text
    assert "import" not in answer.text


def test_a_video_that_was_exchanged_for_a_link_is_not_followed_away(
    browser: Browser, desk: Desk, tmp_path: Path
) -> None:
    """Only a file that is still the video that was added is served."""
    sent = write_tiny(tmp_path / "sent.mp4", 33).read_bytes()
    video_id = browser.post("/api/upload?name=s.mp4", content=sent).json()["id"]
    assert browser.get(f"/media/{video_id}").status_code == 200
    kept = desk.project.folder / "recordings" / "s.mp4"
    os.remove(kept)
    kept.symlink_to("/etc/passwd")
    answer = browser.get(f"/media/{video_id}")
    assert answer.status_code in (404, 409, 422)
    assert "root:" not in answer.text


def test_what_browsers_are_asked_about(tiny_video: Path, tmp_path: Path) -> None:
    assert playable_as(tiny_video).startswith('video/mp4; codecs="avc1')
    write_avi(tmp_path / "a.avi")
    try:
        write_avi(tmp_path / "h.mp4", "hevc")
    except FFmpegError:
        pytest.skip("this FFmpeg writes no HEVC")
    assert playable_as(tmp_path / "a.avi") == ""
    assert "hvc1" in playable_as(tmp_path / "h.mp4")  # the browser says whether it can


def test_landmarks_and_motion_of_a_face(tiny_recording: Recording, tmp_path: Path) -> None:
    """Of one frame against itself nothing has moved; against the apex something has."""
    from merkit.app.overlay import Overlay

    event = tiny_recording.events[0]
    assert event.onset_frame is not None
    assert event.apex_frame is not None
    places = [event.onset_frame, event.apex_frame]
    onset, apex = read_frames(tiny_recording.media, places).rgb
    overlay = Overlay()
    told = overlay.of(apex, onset)
    assert len(told["mesh"]) == 478
    still = {a["region"]: a["motion_px"] for a in overlay.of(onset, onset)["arrows"]}
    moved = {a["region"]: a["motion_px"] for a in told["arrows"]}
    assert max(still.values()) < 0.05
    assert max(moved.values()) > 0.8
    assert overlay.of(np.zeros((60, 80, 3), np.uint8))["problem"]


def test_arrows_point_where_the_skin_went_in_the_frame() -> None:
    """A frame that is turned by a quarter turns its arrows too."""
    from merkit.app.overlay import _to_frame
    from merkit.spotting.regions import EYE_CORNERS

    mesh = np.zeros((478, 3), np.float32)
    mesh[list(EYE_CORNERS)] = [(0, 0, 0), (0, 0, 0), (0, 92, 0), (0, 92, 0)]  # eyes down a line
    np.testing.assert_allclose(_to_frame(mesh) @ (3.0, 0.0), (0.0, 3.0), atol=1e-6)
    np.testing.assert_allclose(_to_frame(mesh) @ (0.0, 2.0), (-2.0, 0.0), atol=1e-6)


def test_an_overlay_is_asked_for(browser: Browser) -> None:
    told = browser.get("/api/videos/v001/overlay?frame=4&since=2").json()
    assert told["problem"] == "no face is found in this frame"
    assert browser.get("/api/videos/v001/overlay?frame=4&since=2000").status_code == 422


def test_curves_keep_their_peaks_when_thinned(browser: Browser) -> None:
    from merkit.app.curves import between

    values = np.zeros(10_000, np.float32)
    values[[777, 5001]] = [5.0, -3.0]
    values[9000:9100] = np.nan
    frames, seen = between(np.arange(10_000.0), values, 0, 9_999, 200)
    assert len(frames) == len(seen) <= 220
    assert (np.nanmax(seen), np.nanmin(seen)) == (5.0, -3.0)
    assert np.isnan(seen).any()
    frames, seen = between(np.arange(10_000.0), values, 770, 780, 200)
    assert seen[frames.tolist().index(777.0)] == 5.0
    asked = browser.get("/api/videos/v001/curve?first=0&last=119&points=400").json()
    assert asked["titles"] == [asked["title"]] == ["jaw open"]
    assert len(asked["frame"]) == len(asked["value"]) == N_FRAMES
