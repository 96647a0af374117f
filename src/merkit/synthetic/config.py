"""Every dial of the synthetic database."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from merkit.errors import ConfigError
from merkit.labels import GENERIC_MAPS

#: Raised when the same configuration would give other pixels or tables than before.
SYNTHESIS_VERSION = 1
#: Motion is stated at this face width (jaw edge to jaw edge), as in the literature.
REFERENCE_FACE_PX = 256.0

_NUISANCES = ("pose_jitter_px", "head_motion_px", "blink_rate_hz", "flicker", "noise_std")
#: dials of version 1's later days: named in a database's record where they are not at rest
LATER_DIALS = (
    *("macro_events", "macro_duration_s", "macro_amplitude_px"),
    *("talk_share", "talk_opening_px", "events_in_talk"),
    *("head_turns", "head_turn_px"),
    "gaze_shifts",
)
#: neutral time between what happens in a recording
NEUTRAL_S = 0.5
#: shortest and longest stretch of talk
TALK_STRETCH_S = 1.0, 4.0
#: shortest and longest head turn
TURN_S = 0.3, 1.0
#: shortest and longest gaze shift, the ways there and back included
GAZE_S = 0.4, 2.1
_RANGES = {
    **dict.fromkeys(("subjects", "clips_per_class"), (1, math.inf)),
    **dict.fromkeys(("seed", "long_videos", "events_per_video", "macro_events"), (0, math.inf)),
    **dict.fromkeys((*_NUISANCES, "fold_strength", "lead_s"), (0, math.inf)),
    "crf": (0, 51),
    "jpeg_quality": (1, 100),
    "talk_share": (0, 0.9),
    **dict.fromkeys(("head_turns", "gaze_shifts"), (0, math.inf)),
    "fps_hz": (1, 1000),
}


@dataclass(frozen=True)
class SynthConfig:
    """What to generate. Every nuisance is off at 0.

    Args:
        subjects: number of identities with clips.
        classes: label map of ``merkit.labels.GENERIC_MAPS`` whose classes are filled evenly;
            the emotions within a class take turns.
        clips_per_class: clips of each subject in each class.
        seed: same seed, same bytes.
        fps_hz: frame rate; 30, 100 and 200 are those of common databases.
        duration_s: shortest and longest onset-to-offset time.
        amplitude_px: smallest and largest peak skin displacement, in pixels at 256 px face
            width (0.3 to 4 is the range of micro-expressions); equal values fix it.
        fold_strength: depth of wrinkles and folds; 1 as designed, 0 motion only.
        size_px: frame width and height.
        face_width_px: face width in the frame.
        media: clips as image folders or as mp4 files.
        image_format: of the image folders.
        jpeg_quality: 1 to 100.
        crf: quality of mp4, 0 (lossless) to 51.
        lead_s: neutral time before onset and after offset; 0 is a pre-cut database.
        pose_jitter_px: still offset of the head from clip to clip, at 256 px face width.
        head_motion_px: largest head shift within a clip, at 256 px face width; rotation and
            scale go with it.
        blink_rate_hz: mean number of blinks a second.
        flicker: relative change of illumination from frame to frame (standard deviation).
        noise_std: sensor noise, in grey levels of 255.
        long_videos: number of long recordings.
        long_duration_s: length of each.
        events_per_video: micro-expressions in each, between neutral stretches.
        long_media: as ``media``, for the recordings.
        long_subjects: identities that have no clips, or the same ones as the clips.
        macro_events: macro-expressions in each recording, held for a while at their peak.
        macro_duration_s: shortest and longest onset-to-offset time of a macro-expression.
        macro_amplitude_px: smallest and largest peak of one, as ``amplitude_px``.
        talk_share: share of each recording in which the person talks, 1 to 4 s at a time.
        talk_opening_px: smallest and largest opening of the lips in a syllable, in pixels at
            256 px face width.
        events_in_talk: whether expressions may fall into talk.
        head_turns: brisk head movements in each recording: nod, shake or tilt.
        head_turn_px: smallest and largest shift in one, in pixels at 256 px face width.
        gaze_shifts: in each recording: the eyes jump aside, rest there and jump back.
    """

    subjects: int = 8
    classes: str = "3"
    clips_per_class: int = 4
    seed: int = 0
    fps_hz: float = 30.0
    duration_s: tuple[float, float] = (0.25, 0.5)
    amplitude_px: tuple[float, float] = (1.5, 3.0)
    fold_strength: float = 1.0
    size_px: tuple[int, int] = (320, 320)
    face_width_px: float = 200.0
    media: Literal["frames", "mp4"] = "frames"
    image_format: Literal["jpg", "png"] = "jpg"
    jpeg_quality: int = 95
    crf: int = 15
    lead_s: float = 0.0
    pose_jitter_px: float = 4.0
    head_motion_px: float = 0.5
    blink_rate_hz: float = 0.1
    flicker: float = 0.005
    noise_std: float = 1.5
    long_videos: int = 0
    long_duration_s: float = 20.0
    events_per_video: int = 4
    long_media: Literal["frames", "mp4"] = "mp4"
    long_subjects: Literal["new", "same"] = "new"
    macro_events: int = 0
    macro_duration_s: tuple[float, float] = (0.6, 4.0)
    macro_amplitude_px: tuple[float, float] = (4.0, 8.0)
    talk_share: float = 0.0
    talk_opening_px: tuple[float, float] = (3.0, 14.0)
    events_in_talk: bool = False
    head_turns: int = 0
    head_turn_px: tuple[float, float] = (8.0, 24.0)
    gaze_shifts: int = 0

    def __post_init__(self) -> None:
        known = f"one of {list(GENERIC_MAPS)}"
        _require(self.classes in GENERIC_MAPS, "classes", f"'{self.classes}'", known)
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            wanted = f"at least {least}" if most == math.inf else f"{least} to {most}"
            _require(least <= value <= most and value < math.inf, name, value, wanted)
        _check_motion(self)
        _check_frame(self)
        if self.is_eventful:
            _require(self.long_videos > 0, "long_videos", 0, "recordings for all this to lie in")
            _check_macro(self)
            _check_talk(self)
            _check_turns(self)
        _check_gaze(self)
        if self.long_videos:
            _check_recordings(self)

    @property
    def is_eventful(self) -> bool:
        """Whether recordings hold more than micro-expressions and nuisances."""
        return self.macro_events > 0 or self.talk_share > 0 or self.head_turns > 0

    @property
    def talk_stretches(self) -> int:
        """Stretches of talk in each recording."""
        talk_s = self.talk_share * self.long_duration_s
        return max(round(talk_s / sum(TALK_STRETCH_S) * 2), 1) if talk_s else 0


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise ConfigError(f"{name} is {value}", wanted)


def _check_motion(config: SynthConfig) -> None:
    short, long = config.duration_s
    _require(0 < short <= long < 60, "duration_s", (short, long), "0 < shortest <= longest < 60")
    intervals = "at least 3 frame intervals (onset, apex and offset between neutral frames)"
    shortest = f"{short} s at {config.fps_hz} frames/s"
    _require(short * config.fps_hz >= 3, "the shortest clip", shortest, intervals)
    low, high = config.amplitude_px
    _require(0 < low <= high <= 8, "amplitude_px", (low, high), "0 < smallest <= largest, up to 8")


def _check_frame(config: SynthConfig) -> None:
    face, (width, height) = config.face_width_px, config.size_px
    even = all(64 <= side <= 4096 and side % 2 == 0 for side in config.size_px)
    _require(even, "size_px", config.size_px, "even width and height from 64 to 4096")
    # the source photograph is 5.5 face widths wide and high
    smallest, largest = max(width / 5.4, height / 5.4, 40.0), min(width, height) / 1.2
    wanted = f"from {smallest:.0f} to {largest:.0f} in a frame of {width} x {height}"
    _require(smallest <= face <= largest, "face_width_px", face, wanted)


def _check_macro(config: SynthConfig) -> None:
    short, long = config.macro_duration_s
    wanted = "0.5 < shortest <= longest < 60 (what is shorter is a micro-expression)"
    _require(0.5 < short <= long < 60, "macro_duration_s", (short, long), wanted)
    intervals, shortest = "at least 4 frame intervals", f"{short} s at {config.fps_hz} frames/s"
    _require(short * config.fps_hz >= 4, "the shortest macro_duration_s", shortest, intervals)
    low, high = config.macro_amplitude_px
    wanted = "0 < smallest <= largest, up to 12 (skin would fold over itself)"
    _require(0 < low <= high <= 12, "macro_amplitude_px", (low, high), wanted)


def _check_talk(config: SynthConfig) -> None:
    talk_s, least = config.talk_share * config.long_duration_s, TALK_STRETCH_S[0]
    wanted = f"0, or at least {least} s of talk in {config.long_duration_s} s"
    _require(talk_s == 0 or talk_s >= least, "talk_share", config.talk_share, wanted)
    low, high = config.talk_opening_px
    wanted = "0 < smallest <= largest, up to 24"
    _require(0 < low <= high <= 24, "talk_opening_px", (low, high), wanted)


def _check_turns(config: SynthConfig) -> None:
    low, high = config.head_turn_px
    # the face stays within the picture, wherever pose and small motion put it before
    room = (min(config.size_px) / config.face_width_px / 2 - 0.6) * REFERENCE_FACE_PX
    room = min(math.floor(room - config.pose_jitter_px - config.head_motion_px), 64)
    wanted = f"0 < smallest <= largest, up to {room} (so that the face stays in the picture)"
    _require(0 < low <= high <= room or not config.head_turns, "head_turn_px", (low, high), wanted)
    shortest = f"{TURN_S[0]} s at {config.fps_hz} frames/s"
    fits = TURN_S[0] * config.fps_hz >= 4 or not config.head_turns
    _require(fits, "the shortest of head_turns", shortest, "at least 4 frame intervals")


def _check_gaze(config: SynthConfig) -> None:
    if not (count := config.gaze_shifts):
        return
    _require(config.long_videos > 0, "long_videos", 0, "recordings for gaze_shifts to lie in")
    shortest = f"{GAZE_S[0]} s at {config.fps_hz} frames/s"
    fits = GAZE_S[0] * config.fps_hz >= 4
    _require(fits, "the shortest of gaze_shifts", shortest, "at least 4 frame intervals")
    needed = round(count * (GAZE_S[1] + NEUTRAL_S + 1.5 / config.fps_hz) + NEUTRAL_S, 9)
    found, wanted = config.long_duration_s, f"at least {needed:.1f} s for {count} gaze_shifts"
    _require(found >= needed, "long_duration_s", found, wanted)


def _check_recordings(config: SynthConfig) -> None:
    talk_s = config.talk_share * config.long_duration_s
    events = [
        (config.events_per_video, config.events_per_video * config.duration_s[1]),
        (config.macro_events, config.macro_events * config.macro_duration_s[1]),
        (config.head_turns, config.head_turns * TURN_S[1]),
    ]
    talk = [(config.talk_stretches, talk_s)]
    for together in (events, talk) if config.events_in_talk else ([*events, *talk],):
        count, busy_s = (sum(column) for column in zip(*together, strict=True))
        needed = round(busy_s + (count + 2) * NEUTRAL_S, 9)
        if config.is_eventful:  # frames are whole
            needed += 1.5 * count / config.fps_hz
        what = f"{count} events" + (" and stretches" if config.is_eventful else "")
        wanted = f"at least {needed:.1f} s for {what} with neutral time between"
        _require(
            config.long_duration_s >= needed, "long_duration_s", config.long_duration_s, wanted
        )
