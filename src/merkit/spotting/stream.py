"""What moves in frames that come one after another, without an end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from merkit.face import TrackConfig
from merkit.face.behaviour import STILL_S, ActionConfig
from merkit.face.occlusion import EVERY_S, REACH_S
from merkit.face.stretches import stretches
from merkit.face.tracker import DetectedFace
from merkit.spotting.config import SpotConfig
from merkit.spotting.naming import SPEECH_AROUND_S, Behaviour
from merkit.spotting.tracked import TrackedVideo, Watch
from merkit.spotting.video import SpottedVideo, events_of, no_face
from merkit.types import Event, FacePart, Frame, Stretch, StretchKind, VideoInfo

#: What is known is looked at anew this often.
SETTLE_S = 1.0


@dataclass(frozen=True)
class Reach:
    """How far around an event what is said of it depends on, in seconds.

    ``spotter_s``: a movement is told so long after its apex (``Spotter.late``). ``behaviour_s``:
    what a face does at a time is known so long after it: a hand before the face by ``REACH_S``
    around, and speech by some openings of the lips, with the time around it that counts as speech.
    ``neighbour_s``: an event of the other half of the face that may be one with it
    (``video.whole_faces``) ends so long after it at most.
    """

    spotter_s: float
    behaviour_s: float
    neighbour_s: float

    @classmethod
    def of(cls, spot: SpotConfig, acting: ActionConfig, spotter_s: float) -> Reach:
        speech_s = 2 * acting.lip_swings * acting.lip_pause_s + STILL_S + SPEECH_AROUND_S
        lids_s = 2 * acting.rest_s + acting.blink_s
        behaviour_s = REACH_S + EVERY_S + max(speech_s, lids_s)
        longest_s = spot.macro_max_s if spot.long_lags_s else 2 * spot.micro_max_s
        return cls(spotter_s, behaviour_s, longest_s)

    @property
    def late_s(self) -> float:
        """An event is certain so long after its end."""
        return self.neighbour_s + max(self.spotter_s, self.behaviour_s)

    @property
    def back_s(self) -> float:
        """What ends from a time on depends on so much before it."""
        return 2 * self.neighbour_s + self.behaviour_s


class StreamSpotter:
    """Says of frames what ``spot_video`` says of the same frames in a file, each event once, as
    soon as it is certain and ``delay_s`` after its end at the latest.

    Memory is bounded: nothing is kept but some fifty seconds. Frames are looked at in step, about
    ``SpotConfig.rate_hz`` a second of them; pictures are taken to be upright.

    Args:
        info: of the frames; ``fps_hz``: how many come in a second, about.
        turns: what the ``TrackedVideo`` says of how they were turned.

    Raises:
        ConfigError: a rate that is not above 0.
    """

    def __init__(
        self,
        info: VideoInfo,
        config: SpotConfig | None = None,
        track: TrackConfig | None = None,
        actions: ActionConfig | None = None,
        turns: int = 0,
    ) -> None:
        self._info, self._turns = info, turns
        self._spot, self._acting = config or SpotConfig(), actions or ActionConfig()
        self._step = self._spot.step(info.fps_hz)
        self._rate_hz = info.fps_hz / self._step
        self._watch = Watch(self._rate_hz, track or TrackConfig(), self._spot)
        self._late = self._watch.late
        self.reach = Reach.of(self._spot, self._acting, self._late / self._rate_hz)
        self._pushed = 0  # frames
        self._untold = UntoldStretches()
        self._settled_s = -np.inf
        self.told_s = -np.inf  # what ended before was told
        self.began_s = self._ended_s = np.nan
        self.looks = self.looks_found = 0  # up to what was told, at the end all
        self.face: DetectedFace | None = None  # in the last look

    @property
    def delay_s(self) -> float:
        """Seconds of frames from the end of an event to when it is told, at the most."""
        return self.reach.late_s + SETTLE_S + 2 / self._rate_hz

    @property
    def duration_s(self) -> float:
        """From the first look to the end of the last one."""
        return self._ended_s - self.began_s + 1 / self._rate_hz

    def push(self, frame: Frame) -> SpottedVideo | None:
        """Take the next frame, later than the one before.

        Returns:
            What is certain now and was not told before: its events and stretches, and what is
            known of the face around them. None where nothing is told yet.

        Raises:
            FaceError: no colour picture; the face asked for is not there.
        """
        self._pushed += 1
        if (self._pushed - 1) % self._step:
            return None
        self.face = self._watch.push(frame)
        self._ended_s = frame.time_s
        if np.isnan(self.began_s):
            self.began_s = self._settled_s = frame.time_s
        if frame.time_s - self._settled_s < SETTLE_S:
            return None
        self._settled_s = frame.time_s
        known_s = min(frame.time_s - self.reach.behaviour_s, self._watch.time_before(self._late))
        # the time of a look, so that what goes on over a pause of the camera is not cut in it
        until_s = self._watch.last_before(known_s - self.reach.neighbour_s)
        return self._settle(until_s) if until_s > self.began_s else None

    def finish(self) -> SpottedVideo | None:
        """After the last frame: all that is left; None where there was no frame.

        Raises:
            FaceError: precomputed rows and frames differ in number.
        """
        if not self._pushed:
            return None
        self._watch.finish()
        return self._settle(np.inf)

    def _settle(self, until_s: float) -> SpottedVideo:
        """Tell what ends before a time, and forget what nothing later depends on."""
        seen = replace(self._watch.seen(self._info), turns=self._turns)
        new = (seen.time_s >= self.told_s) & (seen.time_s < until_s)
        self.looks += int(new.sum())
        self.looks_found += int(seen.face.found[new].sum())
        untold = self._untold.settle(stretches(seen.actions, self._acting), self.told_s, until_s)
        told = SpottedVideo(seen, self.duration_s, self._events(seen, until_s), untold)
        if until_s == np.inf and not self.looks_found:
            told = replace(told, problem=no_face(self._info.path, self.looks))
        self.told_s = until_s
        self._watch.forget(until_s - self.reach.back_s)
        return told

    def _events(self, seen: TrackedVideo, until_s: float) -> tuple[Event, ...]:
        if not seen.face.found.any():
            return ()
        events = events_of(seen, Behaviour.of(seen.actions, self._acting), self._spot)
        return tuple(event for event in events if self.told_s <= event.offset_s < until_s)


class UntoldStretches:
    """Tells every stretch once, when it has ended, however long ago it began."""

    def __init__(self) -> None:
        #: kind and part -> since when and which frame it goes on
        self._open: dict[tuple[StretchKind, FacePart], tuple[float, int]] = {}

    def settle(self, seen: Iterable[Stretch], told_s: float, until_s: float) -> tuple[Stretch, ...]:
        """Those that end from one time on and before another, by what is seen of them now."""
        going_on = [self._whole(s, told_s) for s in seen if s.end_s >= told_s]
        told = [s for s in going_on if s.end_s < until_s]
        self._open = {
            (s.kind, s.part): (s.start_s, s.first_frame)
            for s in going_on
            if s.start_s < until_s <= s.end_s
        }
        return tuple(told)

    def _whole(self, seen: Stretch, told_s: float) -> Stretch:
        """A stretch from its true begin on, which may be forgotten."""
        name = seen.kind, seen.part
        if seen.start_s > told_s or name not in self._open:
            return seen
        start_s, first_frame = self._open[name]
        return replace(seen, start_s=start_s, first_frame=first_frame)
