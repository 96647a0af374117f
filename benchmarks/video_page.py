"""Size of a video's page, and what it costs to write and to open, in one run.

    python benchmarks/video_page.py [--minutes 10] [--work FOLDER] [--chromium PROGRAM]

The video is generated: a synthetic recording of 40 s at 640x480 and 30 frames/s, with expressions,
blinks and talk, looped. It is spotted once, without a model; then its page is written with
pictures, with blurred ones, and without. The page is opened in a headless Chromium, if there is
one, from disk to the end of its layout; what the same program needs for an empty page is taken off.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import psutil
from predict_memory import looped

FPS_HZ, LOOP_S = 30.0, 40.0
KINDS = {
    "pictures": {},
    "pictures, magnified": {"magnify": 5.0},
    "blurred": {"faces": "blurred"},
    "no faces": {"faces": "none"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--work", type=Path, help="keep video and pages here")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        run(work, options.minutes, options.chromium)


def run(work: Path, minutes: float, chromium: str) -> None:
    video = make(work, minutes)
    # in a process of its own, so that the memory is that of spotting and writing
    worker = [sys.executable, __file__, "--write", str(video), str(work)]
    found = json.loads(subprocess.run(worker, check=True, capture_output=True, text=True).stdout)
    print(f"{minutes:g} min of 640x480 at {FPS_HZ:g} frames/s, {found['events']} events")
    print(f"spotted in {found['spot_s']:.0f} s, memory {found['spot_mb']:.0f} MB at most\n")
    print(f"{'page':24}{'MB':>8}{'write s':>10}{'memory MB':>12}{'open s':>9}{'opened MB':>11}")
    empty = work / "empty.html"
    empty.write_text("<!doctype html><title>empty</title>")
    empty_s, empty_mb = opened(chromium, empty) if chromium else (0.0, 0.0)
    for name, (path, write_s, peak_mb) in found["pages"].items():
        size = Path(path).stat().st_size / 1e6
        print(f"{name:24}{size:8.2f}{write_s:10.1f}{peak_mb:12.0f}", end="")
        if chromium:
            open_s, open_mb = opened(chromium, Path(path))
            print(f"{open_s - empty_s:9.2f}{open_mb - empty_mb:11.0f}", end="")
        print()


def make(work: Path, minutes: float) -> Path:
    """The looped video, unless it is there."""
    from merkit.datasets.synthetic import load_recordings
    from merkit.synthetic.config import SynthConfig
    from merkit.synthetic.write import write_database
    from merkit.video import write_video

    video, database = work / f"loop{minutes:g}.mp4", work / "database"
    config = SynthConfig(
        seed=7,
        subjects=1,
        clips_per_class=1,
        duration_s=(0.2, 0.5),
        amplitude_px=(1.5, 3.0),
        head_motion_px=1.5,
        blink_rate_hz=0.2,
        talk_share=0.2,
        size_px=(640, 480),
        face_width_px=200,
        fps_hz=FPS_HZ,
        long_videos=1,
        long_duration_s=LOOP_S,
        events_per_video=5,
        macro_events=2,
    )
    if not video.exists():
        write_database(database, config)
        source = load_recordings(database)[0].media
        frames = islice(looped(source), round(minutes * 60 * FPS_HZ))
        write_video(video, frames, FPS_HZ, crf=23, preset="ultrafast")
    return video


def write(video: Path, work: Path) -> None:
    """Spot the video and write its pages; what that took, as JSON."""
    from merkit.inference.analysis import analysis_of
    from merkit.spotting import spot_video
    from merkit.viewing import PictureConfig, write_video_page

    began = time.perf_counter()
    spotted = spot_video(video)
    found = analysis_of(video, spotted)
    told = {
        "events": len(found.events),
        "spot_s": time.perf_counter() - began,
        "spot_mb": peak_mb(),
    }
    pages = {}
    for name, settings in KINDS.items():
        path, began = work / f"{name}.html".replace(" ", "-"), time.perf_counter()
        write_video_page(path, found, spotted, PictureConfig(**settings))
        pages[name] = (str(path), time.perf_counter() - began, peak_mb())
    print(json.dumps(told | {"pages": pages}))


def peak_mb() -> float:
    """Most resident memory so far (Linux)."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def opened(chromium: str, page: Path) -> tuple[float, float]:
    """Seconds to load and lay out a page, and the peak of the summed memory of the processes."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", "--window-size=1200,1000"]
    command = [chromium, *flags, "--dump-dom", page.resolve().as_uri()]
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(p.memory_info().rss for p in family))
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    process.wait()
    return time.perf_counter() - began, peak / 1e6


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
