"""``predict`` on a generated recording, stage by stage, against the face and flow of every frame.

Every stage is measured from the file on and holds those before it: decoding, following the face,
spotting what moves, everything that is told of a video, and naming the micro-expressions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from merkit.bench.config import BenchPredictConfig
from merkit.bench.cost import Cost, measured
from merkit.bench.searched import SearchingTracker
from merkit.datasets.synthetic import load, load_recordings
from merkit.errors import MissingPackageError, MissingWeightsError
from merkit.face import FaceFollower, TrackConfig
from merkit.face.dlib68 import model_file
from merkit.flow import estimate_flow
from merkit.flow.estimate import dominant_motion
from merkit.flow.gray import to_gray
from merkit.inference.analysis import Namer, analyse
from merkit.progress import Progress, silent
from merkit.runs.truth import annotated
from merkit.scoring.spotting import Counts, Span, match_spans
from merkit.spotting import SpotConfig, Spotter, spot_video
from merkit.spotting.look import look_at
from merkit.synthetic.write import write_database
from merkit.types import F32, U8, Event, Frame, Recording
from merkit.video import iter_frames

#: regions of the face whose motion is pooled, and the side of one, as in the public extractor
_REGIONS, _REGION_PX = 18, 20

R = TypeVar("R")


@dataclass(frozen=True)
class Stage:
    """One way of going through the recording. ``video_s``: the part that it was measured on."""

    name: str
    video_s: float
    cost: Cost

    @property
    def minute_s(self) -> float:
        """Seconds that a minute of video takes."""
        return 60 * self.cost.seconds / self.video_s

    @property
    def cpu_minute_s(self) -> float:
        """Processor seconds that a minute of video takes."""
        return 60 * self.cost.cpu_seconds / self.video_s

    def row(self, plain: Stage | None = None) -> str:
        """What the terminal tells of it, against the conventional way."""
        row = f"  {self.name}: {self.minute_s:.1f} s ({self.cpu_minute_s:.1f} s of processors)"
        if plain is not None:
            row += f": {self._times(plain)}"
        return f"{row}; {self.cost.memory}"

    def _times(self, plain: Stage) -> str:
        times, cpu_times = plain.minute_s / self.minute_s, plain.cpu_minute_s / self.cpu_minute_s
        return f"{times:.1f} times as fast ({cpu_times:.1f} by processor time)"


@dataclass(frozen=True)
class PredictBench:
    """``stages``: decoding first, naming last. ``micro`` and ``macro``: what the last one found of
    what there is; ``named``: micro-expressions that it gave a class."""

    plain: Stage
    stages: tuple[Stage, ...]
    micro: Counts
    macro: Counts
    named: int

    def lines(self) -> list[str]:
        """What the terminal tells."""
        first, last = self.stages[0], self.stages[-1]
        bound = first.cpu_minute_s / last.cpu_minute_s
        return [
            "a minute of video:",
            self.plain.row(),
            first.row(),
            *(stage.row(self.plain) for stage in self.stages[1:]),
            f"decoding alone is {bound:.0%} of all (processor time)",
            *(
                f"{kind}-expressions: {counts.tp} of {counts.n_truth} found, {counts.fp} false"
                for kind, counts in (("micro", self.micro), ("macro", self.macro))
            ),
            f"named: {self.named}",
        ]


def bench_predict(config: BenchPredictConfig, progress: Progress = silent) -> PredictBench:
    """Measure; each stage in a process of its own, which went through a short clip before.

    Raises:
        ConfigError: a device that is not there.
    """
    from merkit.training.device import choose_device  # torch, which only naming holds

    choose_device(config.device)  # before anything is generated
    ways: dict[str, Callable[[Recording], Any]] = {
        "decoding": _decode,
        "following": _follow,
        "spotting": _spot,
        "everything": _see,
        "naming": partial(_name, device=config.device),
    }
    with TemporaryDirectory() as folder:
        root = write_database(Path(folder) / "data", config.database(), progress)
        recording, clip = load_recordings(root)[0], load(root, "clips")[0]
        short = replace(recording, media=clip.media)
        progress("measuring", 0, 1 + len(ways))
        plain = _conventional(short, recording, config.plain_frames)
        stages = []
        events: Any = ()
        for done, (name, way) in enumerate(ways.items(), 1):
            progress("measuring", done, 1 + len(ways))
            events, cost = measured(_warm, way, short, recording)  # the last stage gives them
            stages.append(Stage(name, config.long_duration_s, cost))
        progress("measuring", 1 + len(ways), 1 + len(ways))
    micro, macro = agreement(recording, events)
    named = sum(bool(event.label) for event in events)
    return PredictBench(plain, tuple(stages), micro, macro, named)


def _conventional(short: Recording, recording: Recording, n_frames: int) -> Stage:
    way = partial(_search_all, n_frames=n_frames)
    (searched, looks), cost = measured(_warm, way, short, recording)
    video_s = looks * SpotConfig().step(recording.fps_hz) / recording.fps_hz
    return Stage(f"{searched} and Farneback on every frame", video_s, cost)


def _warm(way: Callable[[Recording], R], short: Recording, recording: Recording) -> Callable[[], R]:
    """The work, after a short video: what is imported and loaded at first is not part of it."""
    way(short)
    return lambda: way(recording)


def agreement(recording: Recording, events: Iterable[Event]) -> tuple[Counts, Counts]:
    """Micro- and macro-expressions found, false and missed, by the rule of the MEGC challenges."""
    truth = [one.span for one in annotated(recording.events)[0]]
    spotted = [
        Span(e.onset_frame, e.offset_frame, e.kind, e.apex_frame)
        for e in events
        if e.kind in ("micro", "macro")
    ]
    matching = match_spans(truth, spotted)
    return matching.counts("micro"), matching.counts("macro")


def _looked_at(recording: Recording) -> Iterator[Frame]:
    """The frames of which ``predict`` looks at the face."""
    return iter_frames(recording.media, step=SpotConfig().step(recording.fps_hz))


def _exhaust(things: Iterable[object]) -> None:
    deque(things, maxlen=0)


def _decode(recording: Recording) -> None:
    _exhaust(iter_frames(recording.media))


def _follow(recording: Recording) -> None:
    _exhaust(FaceFollower(TrackConfig()).follow(_looked_at(recording)))


def _spot(recording: Recording) -> None:
    config = SpotConfig()
    spotter = Spotter(config, recording.fps_hz / config.step(recording.fps_hz))
    for frame, face in FaceFollower(TrackConfig()).follow(_looked_at(recording)):
        mesh = None if face is None else face.mesh_px
        spotter.push(None if mesh is None else look_at(frame, mesh))
    spotter.finish()


def _see(recording: Recording) -> None:
    spot_video(recording.media)


def _name(recording: Recording, device: str) -> tuple[Event, ...]:
    """All of ``predict`` but the table."""
    return analyse(recording.media, _recogniser(device)).events


@lru_cache(maxsize=1)
def _recogniser(device: str) -> Namer | None:
    """As ``predict`` has it: without the weights nothing is named."""
    from merkit.inference.bundled import bundled

    try:
        return bundled(device)
    except MissingWeightsError:
        return None


def _search_all(recording: Recording, n_frames: int) -> tuple[str, int]:
    """In each frame the face anew, Farneback over all of it, and the motion of as many places as a
    face has regions. Gives what the face was searched with, and how many frames there were."""
    (name, search), before, done = _search(), None, 0
    for frame in islice(_looked_at(recording), n_frames):
        gray = to_gray(frame.rgb)
        search(frame, gray)
        if before is not None:
            _pool(estimate_flow(before, gray, "farneback"))
        before, done = gray, done + 1
    return name, done


@lru_cache(maxsize=1)
def _search() -> tuple[str, Callable[[Frame, U8], object]]:
    """What finds the face in a frame, given in colour and grey, and its name: dlib's detector and
    landmark predictor, or the mesh where they are not installed."""
    try:
        import dlib

        predict = dlib.shape_predictor(str(model_file()))
    except (ImportError, MissingPackageError):
        tracker = SearchingTracker(TrackConfig())
        return "mesh478", lambda frame, gray: tracker.landmarks(frame)
    detect = dlib.get_frontal_face_detector()
    return "dlib68", lambda frame, gray: [predict(gray, face) for face in detect(gray, 0)]


def _pool(flow: F32) -> None:
    middle = np.array(flow.shape[1::-1]) // 2  # x, y
    box = np.concatenate([middle - _REGION_PX // 2, middle + _REGION_PX // 2])
    for _ in range(_REGIONS):
        dominant_motion(flow, box, 0.2)
