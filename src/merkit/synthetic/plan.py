"""What happens in each clip and recording, drawn from the seed before any pixel is made.

Every identity, clip and recording has its own random stream, keyed by its numbers, so that
none depends on how many others there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.labels import GENERIC_MAPS
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.emotions import PROTOTYPES, emotions_of_class
from merkit.synthetic.fields import Side

_IDENTITY, _CLIP, _RECORDING = 1, 2, 3
_LETTERS = "ABCDE"


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """One action unit of an event: ``weight`` relative to the event's amplitude; ``lag`` as in
    ``motion.intensity_curve``."""

    number: int
    side: Side
    weight: float
    lag: float

    def code(self, amplitude_px: float) -> str:
        """FACS code such as ``L12B``. The letter grades weight x amplitude, in pixels at 256 px
        face width: A below 1 px, B below 2, C below 3, D below 4, E from 4 px on."""
        letter = _LETTERS[min(int(self.weight * amplitude_px), 4)]
        return f"{self.side}{self.number}{letter}"


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """One expression; frames are 0-based positions in its clip or recording."""

    emotion: str
    onset: int
    apex: int
    offset: int
    amplitude_px: float
    units: tuple[PlannedUnit, ...]

    @property
    def codes(self) -> str:
        """Action units in ascending order, as in an annotation sheet: ``6B+L12C``."""
        ordered = sorted(self.units, key=lambda unit: unit.number)
        return "+".join(unit.code(self.amplitude_px) for unit in ordered)


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A clip or a recording: who, how many frames, which events, and its random stream."""

    name: str
    subject: int
    n_frames: int
    events: tuple[PlannedEvent, ...]
    key: tuple[int, ...]

    @property
    def subject_name(self) -> str:
        return subject_name(self.subject)


def subject_name(subject: int) -> str:
    """``sub01`` for subject 0."""
    return f"sub{subject + 1:02d}"


def identity_rng(config: SynthConfig, subject: int) -> np.random.Generator:
    """Random stream of a subject's face."""
    return _rng(config, (_IDENTITY, subject))


def video_rng(config: SynthConfig, video: PlannedVideo) -> np.random.Generator:
    """Random stream of a video's nuisances, apart from the one that planned it."""
    return _rng(config, (*video.key, 1))


def _rng(config: SynthConfig, key: tuple[int, ...]) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=key))


def plan_clips(config: SynthConfig) -> tuple[PlannedVideo, ...]:
    """Every clip, subject by subject: ``clips_per_class`` in each class, in mixed order."""
    return tuple(clip for s in range(config.subjects) for clip in _plan_subject(config, s))


def _plan_subject(config: SynthConfig, subject: int) -> list[PlannedVideo]:
    emotions = _subject_emotions(config, subject)
    order = _rng(config, (_CLIP, subject)).permutation(len(emotions))
    clips = []
    for position, which in enumerate(order):
        # keyed by emotion slot, so that a clip does not change with its place in the order
        key = (_CLIP, subject, int(which))
        rng = _rng(config, (*key, 0))
        event = _draw_event(config, rng, emotions[which], round(config.lead_s * config.fps_hz))
        n_frames = event.offset + 1 + event.onset
        name = f"EP{position + 1:02d}"
        clips.append(PlannedVideo(name, subject, n_frames, (event,), key))
    return clips


def _subject_emotions(config: SynthConfig, subject: int) -> list[str]:
    """The emotions of a class take turns, across clips and subjects."""
    label_map, n = GENERIC_MAPS[config.classes], config.clips_per_class
    emotions = []
    for name in label_map.classes:
        within = emotions_of_class(label_map, name)
        emotions += [within[(subject * n + i) % len(within)] for i in range(n)]
    return emotions


def plan_recordings(config: SynthConfig) -> tuple[PlannedVideo, ...]:
    """Every long recording: events apart from each other and from both ends."""
    return tuple(_plan_recording(config, number) for number in range(config.long_videos))


def _plan_recording(config: SynthConfig, number: int) -> PlannedVideo:
    key = (_RECORDING, number)
    rng = _rng(config, (*key, 0))
    new = config.long_subjects == "new"
    subject = config.subjects + number if new else number % config.subjects
    label_map, n = GENERIC_MAPS[config.classes], config.events_per_video
    classes = [label_map.classes[i % len(label_map.classes)] for i in range(n)]
    rng.shuffle(classes)
    emotions = [str(rng.choice(emotions_of_class(label_map, c))) for c in classes]
    n_frames = round(config.long_duration_s * config.fps_hz)
    slot = n_frames / max(n, 1)
    events = []
    for i, emotion in enumerate(emotions):
        event = _draw_event(config, rng, emotion, 0)
        neutral = 0.25 * config.fps_hz
        room = slot - 2 * neutral - event.offset
        start = round(i * slot + neutral + rng.uniform(0.0, max(room, 0.0)))
        events.append(_moved(event, start))
    name = f"L{number + 1:02d}"
    return PlannedVideo(name, subject, n_frames, tuple(events), key)


def _moved(event: PlannedEvent, frames: int) -> PlannedEvent:
    onset, apex, offset = (f + frames for f in (event.onset, event.apex, event.offset))
    return PlannedEvent(event.emotion, onset, apex, offset, event.amplitude_px, event.units)


def _draw_event(
    config: SynthConfig, rng: np.random.Generator, emotion: str, onset: int
) -> PlannedEvent:
    length = max(round(rng.uniform(*config.duration_s) * config.fps_hz), 3)
    rise = int(np.clip(round(length * rng.uniform(0.35, 0.55)), 1, length - 1))
    amplitude = float(np.round(rng.uniform(*config.amplitude_px), 3))
    alternatives = PROTOTYPES[emotion]
    choice = int(rng.choice(len(alternatives), p=[p for p, _ in alternatives]))
    one_side: Side = "L" if rng.random() < 0.5 else "R"
    units = []
    for place, code in enumerate(alternatives[choice][1]):
        number, side = int(code.lstrip("U")), one_side if code.startswith("U") else ""
        weight = 1.0 if place == 0 else float(np.round(rng.uniform(0.6, 1.0), 3))
        lag = 0.0 if place == 0 else float(np.round(rng.uniform(0.0, 0.2), 3))
        units.append(PlannedUnit(number, side, weight, lag))
    return PlannedEvent(emotion, onset, onset + rise, onset + length, amplitude, tuple(units))
