"""Events of frames as they come, from a camera, a microscope or a socket, without an end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, Literal, Self

from merkit.errors import ConfigError, VideoError
from merkit.face import TrackConfig
from merkit.face.upright import WayUp, turned
from merkit.inference.analysis import Analysis, Namer, analysis_of, namer_or_bundled
from merkit.inference.given import warn_if_bgr
from merkit.progress import Progress, silent
from merkit.spotting import SpotConfig, SpottedVideo, StreamSpotter
from merkit.types import Event, Frame, Stretch, VideoInfo
from merkit.video.given import Given, Intake
from merkit.video.kept import KeptFrames

#: Stretches that are kept until ``Stream.stretches`` asks for them.
_MOST_STRETCHES = 1000
#: An event may begin a look or two before its first frame.
_ROUND_S = 0.1
_NAME = Path("frames")


class Stream:
    """Takes frames one after another, and gives each event once, when it is certain.

    The events are those that ``analyse`` finds in the same frames as a file: times, kinds, labels
    and probabilities. An event is given ``delay_s`` after it ended at the latest, and never changed
    afterwards: what explains it, such as a hand before the face, lies up to twenty seconds around.
    Leaving the ``with`` block does not give what is left; ``finish`` does.

    Memory is bounded, however long the stream: what is known of the face in the last fifty seconds
    stays in memory, and the frames that may have to be named, the last twenty-five seconds, in a
    temporary file without a name that is gone with the process. Without a recogniser no
    frame is kept once it is known which way is up, which takes twelve seconds at the most.

    Times are those of the camera's clock, in seconds, and need not be steady. As in a file, a time
    that is missing or does not advance is taken for one frame (1/``rate_hz``) after the one before.
    A frame that was dropped is a longer step between two times; while less than twenty come in a
    second, ``stretches`` says so. ``delay_s`` is in frames at ``rate_hz``: with fewer, it takes
    longer.

    A stream does its work in a thread of its own, so ``push`` may be called from any, one at a
    time: ``await asyncio.to_thread(stream.push, frame)``. Streams side by side do not know of each
    other.

    Args:
        rate_hz: frames that come in a second, about.
        recognizer: names the micro-expressions; None: nothing is named.
        spot: settings of spotting.
        track: tracker settings; by default those the model was trained with.
        folder: for the frames that are kept; by default that of temporary files.

    Raises:
        ConfigError: no rate above 0.

    Example:
        >>> with merkit.stream(30) as stream:  # doctest: +SKIP
        ...     for frame in camera:  # u8 (H,W,3) RGB
        ...         for event in stream.push(frame):
        ...             print(event.kind, event.onset_s, event.label)
        ...     last = stream.finish()
    """

    def __init__(
        self,
        rate_hz: float | None,
        recognizer: Namer | None = None,
        spot: SpotConfig | None = None,
        track: TrackConfig | None = None,
        folder: Path | str | None = None,
    ) -> None:
        self._intake = Intake(rate_hz)
        self.rate_hz = self._intake.rate_hz
        self._namer, self._spot, self._folder = recognizer, spot or SpotConfig(), folder
        self._track = track or (TrackConfig() if recognizer is None else recognizer.track)
        recipes = () if recognizer is None else recognizer.recipes
        self._lead = max((recipe.lead(self.rate_hz) for recipe in recipes), default=0)
        self._turns = 0
        self._spotter = self._new_spotter()
        self._way: WayUp | None = WayUp()
        self._kept: KeptFrames | None = None
        self._stretches: deque[Stretch] = deque(maxlen=_MOST_STRETCHES)
        self._state = Analysis(_NAME)
        self._coloured = self._finished = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="merkit stream")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def delay_s(self) -> float:
        """An event is given so many seconds of frames after it ended, at the latest."""
        return self._spotter.delay_s

    def push(self, frame: Given, time_s: float | None = None) -> tuple[Event, ...]:
        """Take the next frame.

        Args:
            frame: u8 (H,W,3) RGB or grey (H,W), or a ``merkit.types.Frame``.
            time_s: by the camera's clock.

        Returns:
            The events that are certain now and were not before, in order of time.

        Raises:
            VideoError: no picture of the kind or size of those before, or no time; the stream can
                go on with the next one.
            FaceError: the face that ``track`` asks for is not there.
            ConfigError: no room for the frames, or the stream is finished.
        """
        if self._finished:
            raise ConfigError("the stream is finished", "a frame before that", "begin a new one")
        return self._thread.submit(self._push, frame, time_s).result()

    def finish(self) -> tuple[Event, ...]:
        """After the last frame: the events that are left. The stream is closed then."""
        if self._finished:
            return ()
        try:
            return self._thread.submit(self._finish).result()
        finally:
            self.close()

    def through(self, frames: Iterable[Given]) -> Iterator[Event]:
        """The events of frames to their end, each as ``push`` and ``finish`` give it."""
        for frame in frames:
            yield from self.push(frame)
        yield from self.finish()

    def stretches(self) -> tuple[Stretch, ...]:
        """From when to when nothing could be told, and why: those that ended since this was asked
        last, at most the last thousand. Of one that lasts longer than a minute the reason may name
        the greatest number of its last minute alone."""
        told = tuple(self._stretches.popleft() for _ in range(len(self._stretches)))
        return told

    def so_far(self) -> Analysis:
        """What is known of the whole up to what was told, without its events and stretches."""
        return self._state

    def close(self) -> None:
        """End without the events that are left, and give back thread and file."""
        self._finished = True
        self._thread.shutdown(wait=True)
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def analysis(self, frames: Any, progress: Progress = silent) -> Analysis:
        """What ``analyse`` says of frames that come but once.

        Raises:
            VideoError: there are none; or as ``push``.
        """
        events: list[Event] = []
        stretches: list[Stretch] = []
        done = 0
        for done, frame in enumerate(frames, 1):
            events += self.push(frame)
            stretches += self.stretches()
            progress("reading frames", done, 0)
        if not done:
            raise VideoError("0 frames", "at least 1")
        events += self.finish()
        stretches += self.stretches()
        if self._state.problem:
            stretches.clear()
        return replace(
            self._state,
            events=tuple(sorted(events, key=lambda e: (e.onset_s, e.offset_s, e.kind))),
            stretches=tuple(sorted(stretches, key=lambda s: (s.start_s, s.end_s))),
        )

    # what follows is done in the stream's own thread: an interpreter of the face landmarker belongs
    # to the thread that made it

    def _push(self, given: Given, time_s: float | None) -> tuple[Event, ...]:
        frame = self._intake.frame(given, time_s)
        self._keep(frame)
        if self._way is not None and self._way.ask(frame):
            self._decide_way(self._way, frame.number - 1)
        return self._look(frame)

    def _finish(self) -> tuple[Event, ...]:
        if self._way is not None:
            self._decide_way(self._way, None)
        told = self._spotter.finish()
        return () if told is None else self._told(told)

    def _keep(self, frame: Frame) -> None:
        if self._way is None and self._namer is None:
            return
        if self._kept is None:
            height, width = frame.rgb.shape[:2]
            info = VideoInfo(_NAME, width, height, self.rate_hz, None, None)
            expected = self._lead + ceil(self.rate_hz * (self.delay_s + self._before_s))
            self._kept = KeptFrames(info, expected, self._folder)
        self._kept.add(frame)

    @property
    def _before_s(self) -> float:
        """From the first frame of an event that may be named to its last one, at the most."""
        return self._spot.micro_max_s + _ROUND_S

    def _decide_way(self, way: WayUp, last: int | None) -> None:
        """Until now the pictures were taken to be upright. Where they are not, look anew at those
        up to frame ``last``, of so little time that nothing was told of them."""
        self._way, self._turns = None, way.quarters
        if self._turns and self._kept is not None:
            self._spotter = self._new_spotter()
            for frame in self._kept.frames(last=last):
                self._look(frame)
        if self._namer is None and self._kept is not None:
            self._kept.close()
            self._kept = None

    def _new_spotter(self) -> StreamSpotter:
        info = VideoInfo(_NAME, 0, 0, self.rate_hz, None, None)
        return StreamSpotter(info, self._spot, self._track, turns=self._turns)

    def _look(self, frame: Frame) -> tuple[Event, ...]:
        upright = replace(frame, rgb=turned(frame.rgb, self._turns))
        told = self._spotter.push(upright)
        if self._spotter.face is not None and not self._coloured:
            self._coloured = True
            warn_if_bgr(upright.rgb, self._spotter.face.box_px)
        return () if told is None else self._told(told)

    def _told(self, spotted: SpottedVideo) -> tuple[Event, ...]:
        found = analysis_of(_NAME, spotted, self._namer, source=self._kept)
        self._stretches.extend(spotted.stretches)
        share = self._spotter.looks_found / max(self._spotter.looks, 1)
        self._state = replace(found, events=(), stretches=(), found_share=share)
        if self._kept is not None:
            self._kept.forget(self._spotter.told_s - self._before_s, self._lead)
        return found.events


def stream(
    rate_hz: float,
    recognizer: Namer | Literal["bundled"] | None = "bundled",
    spot: SpotConfig | None = None,
    track: TrackConfig | None = None,
    folder: Path | str | None = None,
) -> Stream:
    """Events of frames as they come; see :class:`Stream`.

    Args:
        recognizer: names the micro-expressions; by default the recognisers that come with merkit,
            where they are made. None: nothing is named.

    Raises:
        ConfigError: no rate above 0.
    """
    return Stream(rate_hz, namer_or_bundled(recognizer), spot, track, folder)
