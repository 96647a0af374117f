"""``merkit app`` with 50 videos of an hour each: seconds to start, list, open and seek, in one run.

    python benchmarks/app_many.py [--videos 50] [--minutes 60] [--work FOLDER]

The first video is a synthetic recording of 20 s at 640x480 and 30 frames/s, looped to its length;
the others are plain pictures of the same length. What is found in them is made up: 900 events and
45 curves an hour. A coder has reviewed every one. The server is the real one; times are those of
its answers and, where there is a Chromium, of the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np

from merkit.app.analysing import Found
from merkit.app.curves import save_curves
from merkit.app.jumps import save_jumps
from merkit.inference.analysis import Analysis
from merkit.review.analysis_file import save_analysis
from merkit.review.clock import Clock, save_clock
from merkit.review.edits import Edit
from merkit.review.project import Project
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.write import write_database
from merkit.types import Event, RegionMotion
from merkit.video import write_video

FPS_HZ = 30.0
EVENTS_AN_HOUR, CURVES, EDITS = 900, 45, 60
CODE = "import sys; from merkit.cli import main; sys.exit(main())"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--work", type=Path, help="keep the project here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        project = work / f"project{options.videos}x{options.minutes:g}"
        if not (project / "made").exists():
            shutil.rmtree(project, ignore_errors=True)
            make(work, project, options.videos, options.minutes)
            (project / "made").touch()
        measure(project, round(options.minutes * 60 * FPS_HZ))


# The project -------------------------------------------------------------------------------------


def make(work: Path, folder: Path, n_videos: int, minutes: float) -> None:
    n_frames = round(minutes * 60 * FPS_HZ)
    project = Project.create(folder)
    with project.writing():
        ids = [
            project.add_video(v)
            for v in write_videos(work / f"videos{n_frames}", n_videos, n_frames)
        ]
        out = folder / "found" / "template"
        for video_id in ids:
            found = folder / "found" / video_id
            save_found(found, out, project.video(video_id).path, n_frames)
            if video_id == ids[0]:
                save_jumps(found / "jumps.npz", project.video(video_id).path)
            Found(found).move_to(project, video_id)
        shutil.rmtree(folder / "found")
        for video_id in ids:
            review(project, video_id)


def write_videos(folder: Path, n_videos: int, n_frames: int) -> Iterator[Path]:
    """The files differ in their last bytes, a box of MP4 that means nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    short = folder / "short.mp4"
    face = folder / "hour001.mp4"
    if not face.exists():
        config = SynthConfig(
            subjects=1, clips_per_class=1, size_px=(640, 480), face_width_px=240.0,
            long_videos=1, long_duration_s=20.0, crf=23,
        )  # fmt: skip
        write_database(folder / "synthetic", config)
        loop(next((folder / "synthetic" / "long").glob("*.mp4")), face, n_frames)
    yield face
    plain = folder / "plain.mp4"
    if not plain.exists():
        write_video(short, [np.full((120, 160, 3), 60 + n, np.uint8) for n in range(60)], FPS_HZ)
        loop(short, plain, n_frames)
    for n in range(2, n_videos + 1):
        path = folder / f"hour{n:03d}.mp4"
        free = (16).to_bytes(4) + b"free" + n.to_bytes(8)
        path.write_bytes(plain.read_bytes() + free)
        yield path


def loop(short: Path, long: Path, n_frames: int) -> None:
    """The packets of a file again and again, without encoding them anew."""
    with av.open(str(short)) as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        step = round(Fraction(1, round(FPS_HZ)) / stream.time_base)
        with av.open(str(long), "w", options={"movflags": "faststart"}) as out:
            copy = out.add_stream_from_template(stream)
            done = 0
            while done < n_frames:
                source.seek(0)
                began = done
                for packet in source.demux(stream):
                    if packet.dts is None or done >= n_frames:
                        continue
                    packet.pts = (packet.pts or 0) + began * step
                    packet.dts += began * step
                    packet.stream = copy
                    out.mux(packet)
                    done += 1


def save_found(out: Path, template: Path, video: Path, n_frames: int) -> None:
    out.mkdir(parents=True)
    if not (template / "curves.npz").exists():
        template.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        curves: dict[str, Any] = {"frame": np.arange(n_frames, dtype=np.float64)}
        for n in range(CURVES):
            noise = np.abs(rng.normal(0, 0.2, n_frames)).astype(np.float32)
            curves[f"region {n}, px"] = np.round(noise, 3)
        save_curves(template / "curves.npz", curves)
    shutil.copy(template / "curves.npz", out / "curves.npz")
    save_clock(out / "clock.npz", Clock.constant(FPS_HZ, n_frames))
    n_events = round(EVENTS_AN_HOUR * n_frames / (3600 * FPS_HZ))
    events = tuple(event(n, n_frames // (n_events + 1) * (n + 1)) for n in range(n_events))
    found = Analysis(video, events, (), n_frames / FPS_HZ, 1.0, n_faces=1)
    save_analysis(out / "analysis.json", found)


def event(n: int, onset: int) -> Event:
    kind: Any = ("micro", "macro", "blink")[n % 3]
    frames = (onset, onset + 5, onset + 12)
    moved = (RegionMotion("mouth corner", "left", 1.0, -1.0), RegionMotion("cheek", "left", 0.5, 0))
    return Event(kind, *(f / FPS_HZ for f in frames), *frames, 1.5, 0.016, 0.3, moved)


def review(project: Project, video_id: str) -> None:
    for n in range(EDITS):
        target = f"e{n + 1:03d}"
        project.append(video_id, "anna", Edit(f"{video_id}-{n}", "accept", target))


# The measurement ---------------------------------------------------------------------------------


def measure(project: Path, n_frames: int) -> None:
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-c", CODE, "app", str(project), "--no-browser"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        found = (re.search(r"http://\S+", line) for line in server.stdout)
        address = next(match.group() for match in found if match)
        row("start of the server", time.perf_counter() - began)
        of_the_server(Client(address), n_frames)
        of_the_page(address)
    finally:
        server.terminate()
        server.wait()


class Client:
    """Asks as the page does."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.netloc
        self._cookie = ""
        self.get(f"/?{parts.query}")

    def get(self, path: str, **headers: str) -> bytes:
        connection = HTTPConnection(self._host)
        connection.request("GET", path, headers={"Cookie": self._cookie, **headers})
        answer = connection.getresponse()
        self._cookie = (answer.headers["set-cookie"] or self._cookie).partition(";")[0]
        assert answer.status < 400, (path, answer.status, answer.read())
        return answer.read()


def of_the_server(client: Client, n_frames: int) -> None:
    rng = np.random.default_rng(0)
    row("list, first time", timed(lambda: client.get("/api/videos?coder=anna")))
    row("how much of each is judged is known", timed(lambda: counted(client)))
    row("list again", median(lambda _: client.get("/api/videos?coder=anna")))
    ids = [v["id"] for v in json.loads(client.get("/api/videos?coder=anna"))["videos"]]
    opened = [timed(lambda i=i: client.get(f"/api/videos/{i}?coder=anna")) for i in ids[:5]]
    row("open a video", statistics.median(opened))
    curve = f"/api/videos/{ids[0]}/curve?points=900&first=0&last={n_frames}&title="
    row("a curve of the whole video, first time", timed(lambda: client.get(curve)))
    row("the same again", median(lambda _: client.get(curve)))
    frame = f"/frames/{ids[0]}/"
    row("seek to a frame, first time", timed(lambda: client.get(f"{frame}{n_frames // 2}.jpg")))
    places = rng.integers(0, n_frames, 20).tolist()
    row("seek to another frame", median(lambda n: client.get(f"{frame}{places[n]}.jpg")))
    start = n_frames // 3
    row("step to the next frame", median(lambda n: client.get(f"{frame}{start + n}.jpg")))
    part = {"Range": "bytes=1000000-1100000"}
    row("a part of the file", median(lambda _: client.get(f"/media/{ids[0]}", **part)))


def counted(client: Client) -> None:
    while any(
        v["judged"] is None for v in json.loads(client.get("/api/videos?coder=anna"))["videos"]
    ):
        time.sleep(0.05)


def of_the_page(address: str) -> None:
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser_path:
        print("no Chromium: the page is not measured")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=browser_path, args=flags)
        page = browser.new_page()
        page.goto(address)
        page.fill("#coder-name", "anna")
        began = time.perf_counter()
        page.click("#coder-take")
        page.wait_for_selector("#open-v001")
        row("page: list", time.perf_counter() - began)
        began = time.perf_counter()
        page.click("#open-v001")
        page.wait_for_selector("#event-list .event")
        row("page: open, with its events", time.perf_counter() - began)
        page.wait_for_function("() => document.querySelector('#native').readyState >= 2")
        seeks = [page.evaluate(SEEK, share) for share in (0.9, 0.2, 0.6, 0.1, 0.75)]
        row("page: seek in the browser's player", statistics.median(seeks))
        browser.close()


#: seconds until the browser shows a place, as a share of the video
SEEK = """(share) => new Promise((done) => {
  const [bar, video] = ["#scrub", "#native"].map((name) => document.querySelector(name));
  const began = performance.now();
  video.addEventListener("seeked", () => done((performance.now() - began) / 1000), { once: true });
  bar.value = Math.round(share * bar.max);
  bar.oninput();
})"""


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median(work: Callable[[int], object], times: int = 20) -> float:
    return statistics.median(timed(lambda n=n: work(n)) for n in range(times))


def row(what: str, seconds: float) -> None:
    print(f"| {what} | {seconds:.3f} |", flush=True)


if __name__ == "__main__":
    main()
