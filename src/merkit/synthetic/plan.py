"""What happens in each clip and recording, drawn from the seed before any pixel is made.

Every identity, clip and recording has its own random stream, keyed by its numbers, so that
none depends on how many others there are.

Which action units (AU) show an emotion follows the prototypes of the FACS Investigator's Guide
(Ekman, Friesen & Hager 2002) and EMFACS, with the partial and one-sided forms that
micro-expression databases report (Davison et al. 2018, SAMM; Yan et al. 2014, CASME II).
``repression`` and ``others`` have no prototype; theirs are lip controls and chin or brow movements
that are not used above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from merkit.labels import GENERIC_MAPS, LabelMap
from merkit.synthetic.action_units import Side
from merkit.synthetic.config import SynthConfig

#: emotion -> ((probability, codes), ...). The first code of each carries the full amplitude; "U"
#: before a number: on one side only (unilateral), drawn at random.
PROTOTYPES: Mapping[str, tuple[tuple[float, tuple[str, ...]], ...]] = {
    "happiness": ((0.5, ("12", "6")), (0.3, ("12",)), (0.2, ("U12",))),
    "surprise": ((0.5, ("1", "2", "5")), (0.35, ("1", "2")), (0.15, ("2", "5"))),
    "disgust": ((0.35, ("9",)), (0.25, ("10",)), (0.25, ("9", "4")), (0.15, ("10", "17"))),
    "anger": ((0.4, ("4", "7")), (0.3, ("4", "5", "7", "23")), (0.3, ("4", "24"))),
    "fear": ((0.4, ("20", "1", "2", "4", "5")), (0.3, ("20",)), (0.3, ("20", "1", "4"))),
    "sadness": ((0.4, ("15", "1", "4")), (0.35, ("15", "17")), (0.25, ("15",))),
    "contempt": ((0.7, ("U14",)), (0.3, ("14",))),
    "repression": ((0.5, ("24", "17")), (0.5, ("17", "15"))),
    "others": ((0.4, ("18",)), (0.3, ("17",)), (0.3, ("18", "17"))),
}
#: Largest displacement of units whose windows are narrow, in pixels at 256 px face width: lids and
#: lips give no more, and beyond it skin would fold over itself.
_NARROW_PX = {5: 4.0, 7: 3.0, 23: 4.0, 24: 3.0}
_IDENTITY, _CLIP, RECORDING = 1, 2, 3
TurnKind = Literal["nod", "shake", "tilt"]
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
    """One expression; frames are 0-based positions in its clip or recording. From the apex it
    is held for ``plateau`` frames."""

    emotion: str
    onset: int
    apex: int
    offset: int
    amplitude_px: float
    units: tuple[PlannedUnit, ...]
    kind: Literal["micro", "macro"] = "micro"
    plateau: int = 0

    @property
    def length(self) -> int:
        """Frames from onset to offset, both counted."""
        return self.offset - self.onset + 1

    def moved_to(self, onset: int) -> PlannedEvent:
        """The same expression at another time."""
        by = onset - self.onset
        return replace(self, onset=onset, apex=self.apex + by, offset=self.offset + by)

    @property
    def codes(self) -> str:
        """Action units in ascending order, as in an annotation sheet: ``6B+L12C``."""
        ordered = sorted(self.units, key=lambda unit: unit.number)
        return "+".join(unit.code(self.amplitude_px) for unit in ordered)


@dataclass(frozen=True, slots=True)
class PlannedStretch:
    """Something else that goes on, from its first frame to its last (0-based positions)."""

    kind: Literal["talk", "blink", "gaze"] | TurnKind
    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.last - self.first + 1

    def moved_to(self, first: int) -> PlannedStretch:
        """The same at another time."""
        return replace(self, first=first, last=self.last + first - self.first)


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A clip or a recording: who, how many frames, what happens, and its random stream."""

    name: str
    subject: int
    n_frames: int
    events: tuple[PlannedEvent, ...]
    key: tuple[int, ...]
    stretches: tuple[PlannedStretch, ...] = ()

    @property
    def subject_name(self) -> str:
        """``sub01`` for subject 0."""
        return f"sub{self.subject + 1:02d}"

    @property
    def is_recording(self) -> bool:
        return self.key[0] == RECORDING


def identity_rng(config: SynthConfig, subject: int) -> np.random.Generator:
    """Random stream of a subject's face."""
    return keyed_rng(config, (_IDENTITY, subject))


def video_rng(config: SynthConfig, video: PlannedVideo) -> np.random.Generator:
    """Random stream of a video's nuisances, apart from the one that planned it."""
    return keyed_rng(config, (*video.key, 1))


def keyed_rng(config: SynthConfig, key: tuple[int, ...]) -> np.random.Generator:
    """Random stream of a key, which begins with what it is for."""
    return np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=key))


def emotions_of_class(label_map: LabelMap, name: str) -> tuple[str, ...]:
    """The emotions with a prototype that a label map counts to one class, in our order."""
    return tuple(e for e in PROTOTYPES if label_map.mapping.get(e) == name)


def plan_clips(config: SynthConfig) -> tuple[PlannedVideo, ...]:
    """Every clip, subject by subject: ``clips_per_class`` in each class, in mixed order."""
    return tuple(clip for s in range(config.subjects) for clip in _plan_subject(config, s))


def _plan_subject(config: SynthConfig, subject: int) -> list[PlannedVideo]:
    emotions = _subject_emotions(config, subject)
    order = keyed_rng(config, (_CLIP, subject)).permutation(len(emotions))
    clips = []
    for position, which in enumerate(order):
        # keyed by emotion slot, so that a clip does not change with its place in the order
        key = (_CLIP, subject, int(which))
        rng = keyed_rng(config, (*key, 0))
        event = draw_event(config, rng, emotions[which])
        event = event.moved_to(round(config.lead_s * config.fps_hz))
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


def draw_event(config: SynthConfig, rng: np.random.Generator, emotion: str) -> PlannedEvent:
    """A micro-expression within the dials, with its onset at frame 0."""
    length = max(round(rng.uniform(*config.duration_s) * config.fps_hz), 3)
    rise = int(np.clip(round(length * rng.uniform(0.35, 0.55)), 1, length - 1))
    amplitude = float(np.round(rng.uniform(*config.amplitude_px), 3))
    return PlannedEvent(emotion, 0, rise, length, amplitude, _draw_units(rng, PROTOTYPES[emotion]))


def draw_macro(config: SynthConfig, rng: np.random.Generator, emotion: str) -> PlannedEvent:
    """A macro-expression within the dials, with its onset at frame 0."""
    length = max(round(rng.uniform(*config.macro_duration_s) * config.fps_hz), 4)
    plateau = int(length * rng.uniform(0.2, 0.5))
    rise = int(np.clip(round((length - plateau) * rng.uniform(0.35, 0.55)), 1, length - 1))
    amplitude = float(np.round(rng.uniform(*config.macro_amplitude_px), 3))
    # lids and lips do not lead: they could not reach the amplitude
    wide = [a for a in PROTOTYPES[emotion] if int(a[1][0].lstrip("U")) not in _NARROW_PX]
    units = tuple(
        replace(u, weight=min(u.weight, _NARROW_PX.get(u.number, amplitude) / amplitude))
        for u in _draw_units(rng, wide)
    )
    return PlannedEvent(emotion, 0, rise, length, amplitude, units, "macro", plateau)


def _draw_units(
    rng: np.random.Generator, alternatives: Sequence[tuple[float, tuple[str, ...]]]
) -> tuple[PlannedUnit, ...]:
    share = np.array([p for p, _ in alternatives])
    choice = int(rng.choice(len(alternatives), p=share / share.sum()))
    one_side: Side = "L" if rng.random() < 0.5 else "R"
    units = []
    for place, code in enumerate(alternatives[choice][1]):
        number, side = int(code.lstrip("U")), one_side if code.startswith("U") else ""
        weight = 1.0 if place == 0 else float(np.round(rng.uniform(0.6, 1.0), 3))
        lag = 0.0 if place == 0 else float(np.round(rng.uniform(0.0, 0.2), 3))
        units.append(PlannedUnit(number, side, weight, lag))
    return tuple(units)
