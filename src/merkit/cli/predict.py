"""``merkit predict``: when and what, in one or more videos."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError, MerkitError, VideoError
from merkit.files import sole_writer
from merkit.media import is_video
from merkit.progress import Progress, terminal_progress
from merkit.spotting import SpotConfig

if TYPE_CHECKING:
    from merkit.face.tracker import TrackConfig
    from merkit.inference.recognizer import Analysis, Recognizer


@dataclass(frozen=True)
class Options:
    """Find micro-expressions in videos: when, what, how sure.

    Writes one row an event. Exit code 2 when a video cannot be read or shows no face at all; the
    table of the others is written all the same.
    """

    videos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """video files, folders of videos, folders of numbered images, or quoted patterns such as
    'day1/*.mp4'"""
    model: str = ""
    """a folder that 'merkit train' wrote, or user/name on the Hugging Face Hub"""
    out: Path = Path("events.csv")
    """the file to write; its suffix says what it holds: .csv, .json or another exporter's"""
    format: str = ""
    """name of the exporter; empty: that of the file's suffix"""
    overwrite: bool = False
    """replace an existing table"""
    fps: float = 0.0
    """frames a second of image folders, which carry no rate of their own"""
    face: str = "largest"
    """which face to follow: largest, or its place from the left (0 is the first)"""
    tracker: str = ""
    """face tracker: mesh478, dlib68, precomputed or another package's; empty: the one the
    model was trained with"""
    tracker_model: str = ""
    """another face landmarker file (.task) for mesh478"""
    landmarks: str = ""
    """OpenFace CSV or .npy of tracker precomputed"""
    device: str = "auto"
    """auto, cpu or cuda"""
    spot: SpotConfig = field(default_factory=SpotConfig)


def run(words: Sequence[str]) -> int:
    options = parse(Options, "predict", words)
    from merkit.export import check_target, write_events

    options = replace(options, videos=_videos(options.videos))
    if not options.model:
        raise ConfigError("no model was named", "--model FOLDER, written by 'merkit train'")
    check_target(options.out, options.overwrite, options.format)
    with sole_writer(options.out):
        broken = _check_input(options)
        from merkit.inference.recognizer import Recognizer

        recognizer = Recognizer.from_pretrained(options.model, options.device)
        analyses = _analyse(recognizer, options, broken)
        write_events(analyses, recognizer.classes, options.out, options.format)
    return _tell(analyses, options.out)


def _videos(named: Sequence[Path]) -> tuple[Path, ...]:
    """The videos of files, folders and patterns, each once, in order."""
    found: list[Path] = []
    for path in named:
        # os.path takes a name that is too long for one that is not there, which is told later
        inside = sorted(p for p in path.iterdir() if is_video(p)) if os.path.isdir(path) else []
        if glob.has_magic(str(path)) and not os.path.exists(path):
            inside = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
            if not inside:
                raise ConfigError(
                    f"no file fits '{path}'", "a pattern that fits some videos", "check the folder"
                )
        found += inside or [path]
    if not found:
        raise ConfigError("no video was named", "one or more videos", "merkit predict VIDEO ...")
    return tuple(dict.fromkeys(found))


def _check_input(options: Options) -> dict[Path, VideoError]:
    """Name the tracker and open every video before the first is analysed, which may take long.
    Those of several that cannot be opened are returned with the reason, and said at once."""
    from merkit.face.tracker import TrackConfig
    from merkit.video import probe

    if options.tracker:
        TrackConfig(options.tracker)
    if options.fps < 0:
        raise ConfigError(f"--fps {options.fps}", "frames a second, above 0")
    broken: dict[Path, VideoError] = {}
    for video in options.videos:
        try:
            probe(video, options.fps or None)
        except VideoError as error:  # one that is not there at all stops everything: a slip
            broken[video] = error
    if len(broken) == len(options.videos):
        raise next(iter(broken.values()))
    for told in broken.values():
        print(f"merkit: {told}\n  the other videos are read", file=sys.stderr)
    return broken


def _analyse(
    recognizer: Recognizer, options: Options, broken: Mapping[Path, VideoError]
) -> list[Analysis]:
    changes: dict[str, str | int] = {}
    if options.tracker:
        changes["tracker"] = options.tracker
    if options.tracker_model:
        changes["model_path"] = options.tracker_model
    if options.landmarks:
        changes["landmarks_path"] = options.landmarks
    if options.face != "largest":
        changes["face"] = options.face
    track = replace(recognizer.track, **changes)  # type: ignore[arg-type]
    with terminal_progress() as progress:
        return [
            _one(recognizer, video, track, options, broken.get(video), progress)
            for video in options.videos
        ]


def _one(
    recognizer: Recognizer,
    video: Path,
    track: TrackConfig,
    options: Options,
    error: VideoError | None,
    progress: Progress,
) -> Analysis:
    """The analysis of a video; one of several that cannot be read costs only itself."""
    from merkit.inference.recognizer import Analysis

    if error is not None:
        return Analysis(video, (), 0.0, 0.0, _named(video, error))
    try:
        return recognizer.analyse(video, options.spot, track, options.fps or None, progress)
    except MerkitError as found:
        if len(options.videos) == 1 or isinstance(found, ConfigError):
            raise
        return Analysis(video, (), 0.0, 0.0, _named(video, found))


def _named(video: Path, error: MerkitError) -> str:
    """What was found, with the video's name where it does not say it itself."""
    return error.found if str(video) in error.found else f"{video}: {error.found}"


def _circumstances(analysis: Analysis) -> str:
    told = ""
    if analysis.n_faces > 1:
        told += f"; {analysis.n_faces} faces, followed is number {analysis.face} from the left"
    if analysis.turned_deg:
        told += f"; the picture was turned left by {analysis.turned_deg} degrees to be upright"
    return told


def _tell(analyses: Sequence[Analysis], out: Path) -> int:
    for analysis in analyses:
        if analysis.problem:
            print(f"merkit: {analysis.problem}", file=sys.stderr)
            continue
        print(
            f"{analysis.video}: {len(analysis.events)} events in {analysis.duration_s:.1f} s, "
            f"face found in {analysis.found_share:.0%} of frames{_circumstances(analysis)}"
        )
        for event in analysis.events:
            print(
                f"  {event.onset_s:8.2f} to {event.offset_s:.2f} s  {event.label:<12} "
                f"{event.score:.2f}"
            )
    if any("synthetic" in analysis.trained_on for analysis in analyses):
        print("the model was trained on generated faces: do not rely on its labels of real people")
    print(f"table: {out}")
    return 2 if any(analysis.problem for analysis in analyses) else 0
