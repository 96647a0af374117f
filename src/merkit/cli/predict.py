"""``merkit predict``: what moved and when, in one or more videos, and as which class."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from merkit.cli.frames_out import frame_tables, page_pictures, video_pages
from merkit.cli.options import parse
from merkit.cli.told import tell
from merkit.errors import ConfigError, MerkitError, MissingWeightsError, VideoError
from merkit.progress import Progress, terminal_progress
from merkit.spotting import SpotConfig

if TYPE_CHECKING:
    from merkit.face.tracker import TrackConfig
    from merkit.inference.analysis import Analysis, Namer
    from merkit.spotting import SpottedVideo
    from merkit.viewing import PictureConfig


@dataclass(frozen=True)
class Options:
    """Find brief facial movements in videos: when, where in the face, how strong.

    Writes one row a movement, and one row a stretch of which nothing can be told; and beside the
    table, in .made.json, how it came about, which 'merkit cite' makes a methods paragraph of.
    Micro-expressions are also given a class and action units, where the recogniser is sure enough.
    Exit code 2 when a video cannot be read or shows no face at all; the table of the others is
    written all the same.
    """

    videos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """video files, folders of videos, folders of numbered images, or quoted patterns such as
    'day1/*.mp4'"""
    model: str = ""
    """what names the micro-expressions: a folder that 'merkit train' wrote, user/name on the
    Hugging Face Hub, or sim-flow; empty: the recognisers that come with merkit; none: nothing,
    movements are spotted and measured"""
    min_score: float | None = None
    """micro-expressions whose best class has a smaller probability get no label; by default the
    limit of the recogniser that comes with merkit, and none for another model"""
    out: Annotated[tuple[tuple[Path, ...], ...], tyro.conf.UseAppendAction] = ()
    """the files to write (events.csv); suffixes say what they hold: .csv .json .xlsx .eaf (ELAN)
    .boris .tsv (BORIS) .TextGrid (Praat). ELAN and Praat have a file a video: name a folder for
    several videos, and --format"""
    format: Annotated[tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction] = ()
    """names of the exporters, one for each file of --out; left out: those of the suffixes"""
    overwrite: bool = False
    """replace files that exist"""
    frames_out: Path | None = None
    """also write what the face does in every frame, in OpenFace's columns where they mean the same:
    a .csv file for one video, a folder for several"""
    html: Path | None = None
    """also write a page to look at, which holds everything and opens from disk: a .html file for
    one video, a folder for several"""
    faces: Literal["shown", "blurred", "none"] = "shown"
    """pictures of faces on the page: shown, blurred (8 x 8 grey blocks), or none"""
    no_faces: bool = False
    """the same as --faces none: a page without any picture of a face"""
    magnify: float = 0.0
    """on the page, also the apex with its motion so many times as large, such as 5; 0: not"""
    fps: float = 0.0
    """frames a second of image folders, which carry no rate of their own"""
    face: str = "largest"
    """which face to follow: largest, or its place from the left (0 is the first)"""
    tracker: str = ""
    """face tracker: mesh478, dlib68, precomputed or another package's; empty: the one the
    model was trained with, or mesh478"""
    tracker_model: str = ""
    """another face landmarker file (.task) for mesh478"""
    landmarks: str = ""
    """OpenFace CSV or .npy of tracker precomputed"""
    device: str = "auto"
    """auto, cpu or cuda, for the model"""
    spot: SpotConfig = field(default_factory=SpotConfig)


@dataclass(frozen=True)
class _Files:
    """What is written of each video, beside the table of all: per-frame tables and pages by video,
    none where none were asked for. ``pictures``: of the pages."""

    tables: Mapping[Path, Path]
    pages: Mapping[Path, Path]
    pictures: PictureConfig | None

    def write_table(self, video: Path, spotted: SpottedVideo) -> None:
        from merkit.face.frames_table import write_frames

        if video in self.tables:
            seen = spotted.seen
            write_frames(self.tables[video], seen.face, seen.actions, face_id=seen.place)

    def write_page(
        self,
        analysis: Analysis,
        spotted: SpottedVideo | None,
        settings: Mapping[str, object],
        options: Options,
        progress: Progress,
    ) -> None:
        from merkit.viewing import write_video_page
        from merkit.viewing.model_cards import model_cards

        page, cards = self.pages[analysis.video], {}
        if options.model != "none" and (options.model or analysis.trained_on):
            cards = model_cards(options.model)
        fps_hz = options.fps or None
        write_video_page(page, analysis, spotted, self.pictures, settings, cards, fps_hz, progress)


def run(words: Sequence[str]) -> int:
    options = parse(Options, "predict", words)
    from merkit.cli.outputs import outputs, sole_writer_of, write_outputs
    from merkit.inference.made import UsedModel, write_made
    from merkit.inference.many import videos_in

    options = replace(options, videos=videos_in(options.videos))
    files = _Files(
        frame_tables(options.frames_out, options.videos, options.overwrite),
        video_pages(options.html, options.videos, options.overwrite),
        page_pictures(options.html, options.faces, options.no_faces, options.magnify),
    )
    others = (*files.tables.values(), *files.pages.values())
    outs = outputs(options.out, options.format, options.videos, options.overwrite, others)
    with sole_writer_of(outs):
        broken = _check_input(options)
        recognizer, unnamed = _recognizer(options)
        analyses = _analyse(recognizer, options, broken, files)
        classes = () if recognizer is None else recognizer.vocabulary.classes
        track, fps_hz = _track(recognizer, options), options.fps or None
        model = None if recognizer is None else UsedModel.of(recognizer)

        def note(file: Path, held: Sequence[Analysis]) -> None:
            write_made(file, held, model, options.spot, track, fps_hz)

        lines = write_outputs(outs, analyses, classes, note)
    tell(analyses, unnamed)
    print("\n".join([*lines, *([f"written: {options.html}"] if options.html else [])]))
    return 2 if any(analysis.problem for analysis in analyses) else 0


def _recognizer(options: Options) -> tuple[Namer | None, str]:
    """What names the movements, or why nothing does. torch, which takes seconds, is imported for a
    model that was named, or else once there is something to name."""
    if options.min_score is not None and not 0 <= options.min_score <= 1:
        raise ConfigError(f"--min-score {options.min_score}", "a probability from 0 to 1")
    if options.model == "none":
        return None, "--model none"
    from merkit.inference.namer import namer_of

    try:
        return namer_of(options.model, options.device, options.min_score), ""
    except MissingWeightsError as error:
        if options.model:
            raise
        return None, f"{error.found}; --model FOLDER classifies the micro-expressions"


def _check_input(options: Options) -> dict[Path, VideoError]:
    """Name the tracker and open every video before the first is analysed, which may take long.
    Those of several that cannot be opened are returned with the reason, and said at once."""
    from merkit.face.tracker import TrackConfig
    from merkit.inference.many import unreadable

    if options.tracker:
        TrackConfig(options.tracker)
    if options.fps < 0:
        raise ConfigError(f"--fps {options.fps}", "frames a second, above 0")
    broken = unreadable(options.videos, options.fps or None)
    if len(broken) == len(options.videos):
        raise next(iter(broken.values()))
    for told in broken.values():
        print(f"merkit: {told}\n  the other videos are read", file=sys.stderr)
    return broken


def _analyse(
    recognizer: Namer | None,
    options: Options,
    broken: Mapping[Path, VideoError],
    files: _Files,
) -> list[Analysis]:
    track = _track(recognizer, options)
    with terminal_progress() as progress:
        return [
            _one(recognizer, video, track, options, broken.get(video), files, progress)
            for video in options.videos
        ]


def _track(recognizer: Namer | None, options: Options) -> TrackConfig:
    """The model's tracker settings, or the default ones, with those that were named."""
    from merkit.face.tracker import TrackConfig

    changes: dict[str, str | int] = {}
    if options.tracker:
        changes["tracker"] = options.tracker
    if options.tracker_model:
        changes["model_path"] = options.tracker_model
    if options.landmarks:
        changes["landmarks_path"] = options.landmarks
    if options.face != "largest":
        changes["face"] = options.face
    track = TrackConfig() if recognizer is None else recognizer.track
    return replace(track, **changes)  # type: ignore[arg-type]


def _one(
    recognizer: Namer | None,
    video: Path,
    track: TrackConfig,
    options: Options,
    error: VideoError | None,
    files: _Files,
    progress: Progress,
) -> Analysis:
    """The analysis of a video; one of several that cannot be read costs only itself."""
    from merkit.inference.analysis import Analysis, analysis_of
    from merkit.spotting import spot_video

    spotted: SpottedVideo | None = None
    fps_hz = options.fps or None
    try:
        if error is not None:
            raise error
        spotted = spot_video(video, options.spot, track, fps_hz, progress)
        files.write_table(video, spotted)
        analysis = analysis_of(video, spotted, recognizer, fps_hz, progress)
    except MerkitError as found:
        if len(options.videos) == 1:
            raise
        analysis = Analysis.of_error(video, found)
    if files.pages:
        whole = spotted if analysis.readable else None
        files.write_page(analysis, whole, _settings(options, track), options, progress)
    return analysis


def _settings(options: Options, track: TrackConfig) -> dict[str, object]:
    """What a page shows as settings."""
    from merkit.config import to_mapping

    return {
        "model": options.model or "the recognisers that come with merkit",
        "min_score": "that of the model" if options.min_score is None else options.min_score,
        "track": to_mapping(track),
        "spot": to_mapping(options.spot),
    }
