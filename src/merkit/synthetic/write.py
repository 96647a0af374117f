"""A synthetic database on disk: media, annotation tables, truth files.

::

    OUT/database.json        what made it: format, version, configuration
    OUT/annotation.csv       one row a clip
    OUT/recordings.csv       one row a long recording, where there are any
    OUT/events.csv           one row an event in a long recording
    OUT/sub01/EP01/img1.jpg  or OUT/sub01/EP01.mp4
    OUT/long/sub09_L01.mp4   or OUT/long/sub09_L01/img1.jpg
    OUT/truth/sub01_EP01.npz
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from merkit.datasets.synthetic import (
    ANNOTATION_COLUMNS,
    EVENT_COLUMNS,
    FORMAT,
    RECORDING_COLUMNS,
)
from merkit.errors import ConfigError, DatasetError
from merkit.files import atomic_folder
from merkit.synthetic.config import SYNTHESIS_VERSION, SynthConfig
from merkit.synthetic.identity import Identity, make_identity
from merkit.synthetic.media import write_images, write_mp4
from merkit.synthetic.plan import (
    PlannedEvent,
    PlannedVideo,
    identity_rng,
    plan_clips,
    plan_recordings,
    subject_name,
)
from merkit.synthetic.render import Renderer

Progress = Callable[[int, int], None]
Row = Mapping[str, object]


def write_database(
    out: Path, config: SynthConfig, progress: Progress | None = None, workers: int = 0
) -> Path:
    """Generate a database below ``out``; it appears there whole or not at all.

    Args:
        out: a folder that does not exist or is empty. If it holds a database made with the
            same configuration, that one is kept as it is.
        progress: called with (frames written, frames in all), from any thread.
        workers: threads; 0 is one a processor. They change the time, not the bytes.

    Raises:
        DatasetError: ``out`` holds something else, or is a file.
        ConfigError: ``out`` cannot be written.
    """
    out = Path(out)
    if is_made(out, config):
        return out
    try:
        with atomic_folder(out) as folder:
            _write_all(folder, config, progress or _ignore, workers or os.cpu_count() or 1)
    except OSError as error:
        raise ConfigError(
            f"cannot write {out}: {error}", "a folder that may be written, on a disk with room"
        ) from error
    return out


def database_record(config: SynthConfig) -> dict[str, object]:
    """Content of ``database.json``."""
    return {"format": FORMAT, "version": SYNTHESIS_VERSION, "config": asdict(config)}


def _ignore(done: int, total: int) -> None:
    del done, total


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
    wanted = json.loads(json.dumps(database_record(config)))
    if found == wanted:
        return True
    raise DatasetError(
        f"{out} holds a synthetic database made with other settings ({_difference(found, wanted)})",
        "a new or empty folder",
        "name another folder, or remove this one",
    )


def _difference(found: dict[str, object], wanted: dict[str, object]) -> str:
    if found.get("version") != wanted["version"]:
        return f"version {found.get('version')}, now {wanted['version']}"
    old, new = found.get("config"), wanted["config"]
    if not isinstance(old, dict) or not isinstance(new, dict):
        return "no settings recorded"
    names = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
    return ", ".join(f"{k}: {old.get(k)}, now {new.get(k)}" for k in names[:4])


class _Counter:
    """Counts frames across threads for the progress call."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def count(self, frames: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
        for frame in frames:
            yield frame
            self.done += 1
            self.progress(self.done, self.total)


def _write_all(folder: Path, config: SynthConfig, progress: Progress, workers: int) -> None:
    clips, recordings = plan_clips(config), plan_recordings(config)
    counter = _Counter(sum(v.n_frames for v in (*clips, *recordings)), progress)
    (folder / "truth").mkdir()
    jobs = [[r] for r in recordings]
    jobs += [[c for c in clips if c.subject == s] for s in range(config.subjects)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda job: _write_videos(folder, config, job, counter), jobs))
    _write_table(
        folder / "annotation.csv", ANNOTATION_COLUMNS, [_clip_row(config, c) for c in clips]
    )
    if recordings:
        rows = [_recording_row(config, r) for r in recordings]
        _write_table(folder / "recordings.csv", RECORDING_COLUMNS, rows)
        events = [row for r in recordings for row in _event_rows(config, r)]
        _write_table(folder / "events.csv", EVENT_COLUMNS, events)
    text = json.dumps(database_record(config), indent=2)
    (folder / "database.json").write_text(text + "\n", encoding="utf-8")


def _write_videos(
    folder: Path, config: SynthConfig, videos: Sequence[PlannedVideo], counter: _Counter
) -> None:
    """All videos of one subject."""
    identity = make_identity(config, identity_rng(config, videos[0].subject))
    for video in videos:
        _write_video(folder, config, identity, video, counter)


def _write_video(
    folder: Path, config: SynthConfig, identity: Identity, video: PlannedVideo, counter: _Counter
) -> None:
    renderer = Renderer(config, identity, video)
    write = write_mp4 if _kind(config, video) == "mp4" else write_images
    write(folder / _media(config, video), counter.count(renderer), config)
    truth = folder / "truth" / f"{video.subject_name}_{video.name}.npz"
    np.savez_compressed(truth, allow_pickle=False, **renderer.truth())


def _is_recording(video: PlannedVideo) -> bool:
    return video.name.startswith("L")


def _kind(config: SynthConfig, video: PlannedVideo) -> str:
    return config.long_media if _is_recording(video) else config.media


def _media(config: SynthConfig, video: PlannedVideo) -> str:
    if _is_recording(video):
        stem = f"long/{video.subject_name}_{video.name}"
    else:
        stem = f"{video.subject_name}/{video.name}"
    return stem + (".mp4" if _kind(config, video) == "mp4" else "")


def _first_number(config: SynthConfig, video: PlannedVideo) -> int:
    """Images are numbered from 1, frames of a video file from 0."""
    return 0 if _kind(config, video) == "mp4" else 1


def _event_columns(config: SynthConfig, video: PlannedVideo, event: PlannedEvent) -> Row:
    first = _first_number(config, video)
    return {
        "onset": event.onset + first,
        "apex": event.apex + first,
        "offset": event.offset + first,
        "emotion": event.emotion,
        "action_units": event.codes,
        "amplitude_px": event.amplitude_px,
    }


def _video_columns(config: SynthConfig, video: PlannedVideo) -> Row:
    return {
        "subject": subject_name(video.subject),
        "media": _media(config, video),
        "fps_hz": config.fps_hz,
        "first_frame": _first_number(config, video),
        "last_frame": _first_number(config, video) + video.n_frames - 1,
    }


def _clip_row(config: SynthConfig, clip: PlannedVideo) -> Row:
    event = _event_columns(config, clip, clip.events[0])
    return {"clip": clip.name, **_video_columns(config, clip), **event}


def _recording_row(config: SynthConfig, recording: PlannedVideo) -> Row:
    name = f"{recording.subject_name}_{recording.name}"
    return {"recording": name, **_video_columns(config, recording)}


def _event_rows(config: SynthConfig, recording: PlannedVideo) -> list[Row]:
    name = f"{recording.subject_name}_{recording.name}"
    return [
        {"recording": name, "event": i + 1, **_event_columns(config, recording, event)}
        for i, event in enumerate(recording.events)
    ]


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
