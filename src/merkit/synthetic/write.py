"""A synthetic database on disk: media, annotation tables, truth files.

::

    OUT/database.json        what made it: format, version, configuration
    OUT/annotation.csv       one row a clip
    OUT/recordings.csv       one row a long recording, where there are any
    OUT/events.csv           one row an event in a long recording
    OUT/stretches.csv        one row a blink, gaze shift, stretch of talk or head turn in one
    OUT/sub01/EP01/img1.jpg  or OUT/sub01/EP01.mp4
    OUT/long/sub09_L01.mp4   or OUT/long/sub09_L01/img1.jpg
    OUT/truth/sub01_EP01.npz
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from merkit.datasets.synthetic import (
    ANNOTATION_COLUMNS,
    EVENT_COLUMNS,
    FORMAT,
    KIND,
    RECORDING_COLUMNS,
    STRETCH_COLUMNS,
)
from merkit.errors import ConfigError, DatasetError, VideoError
from merkit.files import atomic_folder, sole_writer
from merkit.progress import Progress, silent
from merkit.synthetic.config import LATER_DIALS, SYNTHESIS_VERSION, SynthConfig
from merkit.synthetic.identity import make_identity
from merkit.synthetic.motion import blinks, draw_courses
from merkit.synthetic.plan import (
    PlannedEvent,
    PlannedVideo,
    identity_rng,
    plan_clips,
    video_rng,
)
from merkit.synthetic.recordings import plan_recordings
from merkit.synthetic.render import Renderer
from merkit.types import U8
from merkit.video import write_frames, write_video

Row = Mapping[str, object]
#: What takes a video's frames, passes them on and counts them.
Counted = Callable[[Iterable[U8]], Iterator[U8]]


def write_database(
    out: Path, config: SynthConfig, progress: Progress = silent, workers: int = 0
) -> Path:
    """Generate a database below ``out``; it appears there whole or not at all.

    Args:
        out: a folder that does not exist or is empty. If it holds a database made with the
            same configuration, that one is kept as it is.
        progress: told of each frame, in the stage ``drawing faces``, from any thread.
        workers: threads; 0 is one a processor. They change the time, not the bytes.

    Raises:
        DatasetError: ``out`` holds something else, or is a file.
        ConfigError: ``out`` cannot be written.
    """
    out = Path(out)
    if is_made(out, config):
        return out
    try:
        with sole_writer(out), atomic_folder(out) as folder:
            _write_all(folder, config, progress, workers or os.cpu_count() or 1)
    except (OSError, VideoError) as error:
        raise ConfigError(
            f"cannot write {out}: {error}", "a folder that may be written, on a disk with room"
        ) from error
    return out


def is_made(out: Path, config: SynthConfig) -> bool:
    """Whether ``out`` already holds the database of this very configuration.

    Raises:
        DatasetError: it holds something else, or is a file.
    """
    if not out.exists():
        return False
    if not out.is_dir():
        raise DatasetError(f"{out} is a file", "a new or empty folder")
    if not any(out.iterdir()):
        return False
    try:
        found = json.loads((out / "database.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DatasetError(f"{out} is not empty", "a new or empty folder", "name another folder")
    wanted = json.loads(_record(config))
    if found == wanted:
        return True
    raise DatasetError(
        f"{out} holds a synthetic database made with other settings ({_difference(found, wanted)})",
        "a new or empty folder",
        "name another folder, or remove this one",
    )


def _record(config: SynthConfig) -> str:
    """Content of ``database.json``; a later dial at rest changes nothing, so it is not named."""
    rest, settings = asdict(SynthConfig()), asdict(config)
    told = {k: v for k, v in settings.items() if k not in LATER_DIALS or v != rest[k]}
    record = {"format": FORMAT, "version": SYNTHESIS_VERSION, "config": told}
    return json.dumps(record, indent=2) + "\n"


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    if found.get("version") != wanted["version"]:
        return f"version {found.get('version')}, now {wanted['version']}"
    old, new = found.get("config"), wanted["config"]
    if not isinstance(old, dict):
        return "no settings recorded"
    names = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
    return ", ".join(f"{k}: {old.get(k)}, now {new.get(k)}" for k in names[:4])


def _write_all(folder: Path, config: SynthConfig, progress: Progress, workers: int) -> None:
    clips, recordings = plan_clips(config), plan_recordings(config)
    numbers, total = count(1), sum(v.n_frames for v in (*clips, *recordings))

    def counted(frames: Iterable[U8]) -> Iterator[U8]:
        for frame in frames:
            yield frame
            progress("drawing faces", next(numbers), total)

    (folder / "truth").mkdir()
    jobs = [[r] for r in recordings]
    jobs += [[c for c in clips if c.subject == s] for s in range(config.subjects)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda job: _write_videos(folder, config, job, counted), jobs))
    _write_tables(folder, config, clips, recordings)
    (folder / "database.json").write_text(_record(config), encoding="utf-8")


def _write_videos(
    folder: Path, config: SynthConfig, videos: Sequence[PlannedVideo], counted: Counted
) -> None:
    """All videos of one subject."""
    identity = make_identity(config, identity_rng(config, videos[0].subject))
    for video in videos:
        renderer = Renderer(config, identity, video)
        media, frames = folder / _media(config, video), counted(renderer)
        if _is_file(config, video):
            write_video(media, frames, config.fps_hz, config.crf)
        else:
            write_frames(media, frames, 1, "img{n}." + config.image_format, config.jpeg_quality)
        truth = folder / "truth" / f"{video.subject_name}_{video.name}.npz"
        np.savez_compressed(truth, allow_pickle=False, **renderer.truth())


def _is_file(config: SynthConfig, video: PlannedVideo) -> bool:
    """Images are numbered from 1, frames of a video file from 0."""
    return (config.long_media if video.is_recording else config.media) == "mp4"


def _media(config: SynthConfig, video: PlannedVideo) -> str:
    between = "long/{}_{}" if video.is_recording else "{}/{}"
    stem = between.format(video.subject_name, video.name)
    return stem + (".mp4" if _is_file(config, video) else "")


def _write_tables(
    folder: Path,
    config: SynthConfig,
    clips: Sequence[PlannedVideo],
    recordings: Sequence[PlannedVideo],
) -> None:
    rows = [
        {"clip": c.name, **_video_row(config, c), **_event_row(config, c, c.events[0])}
        for c in clips
    ]
    _write_table(folder / "annotation.csv", ANNOTATION_COLUMNS, rows)
    if not recordings:
        return
    homes, events, stretches = [], [], []
    for recording in recordings:
        name = {"recording": f"{recording.subject_name}_{recording.name}"}
        homes.append({**name, **_video_row(config, recording)})
        stretches += [{**name, **row} for row in _stretch_rows(config, recording)]
        for number, event in enumerate(recording.events, start=1):
            row = {**name, "event": number, **_event_row(config, recording, event)}
            events.append({**row, KIND: event.kind} if config.macro_events else row)
    _write_table(folder / "recordings.csv", RECORDING_COLUMNS, homes)
    columns = (*EVENT_COLUMNS, KIND) if config.macro_events else EVENT_COLUMNS
    _write_table(folder / "events.csv", columns, events)
    _write_table(folder / "stretches.csv", STRETCH_COLUMNS, stretches)


def _video_row(config: SynthConfig, video: PlannedVideo) -> Row:
    first = 0 if _is_file(config, video) else 1
    return {
        "subject": video.subject_name,
        "media": _media(config, video),
        "fps_hz": config.fps_hz,
        "first_frame": first,
        "last_frame": first + video.n_frames - 1,
    }


def _event_row(config: SynthConfig, video: PlannedVideo, event: PlannedEvent) -> Row:
    first = 0 if _is_file(config, video) else 1
    return {
        "onset": event.onset + first,
        "apex": event.apex + first,
        "offset": event.offset + first,
        "emotion": event.emotion,
        "action_units": event.codes,
        "amplitude_px": event.amplitude_px,
    }


def _stretch_rows(config: SynthConfig, video: PlannedVideo) -> list[Row]:
    """Talk, gaze and head turns as planned, blinks as drawn, in order of time."""
    closure = draw_courses(config, video, video_rng(config, video)).blink
    begin = 0 if _is_file(config, video) else 1
    stretches = sorted((*video.stretches, *blinks(closure)), key=lambda s: (s.first, s.kind))
    return [{"kind": s.kind, "first": s.first + begin, "last": s.last + begin} for s in stretches]


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
