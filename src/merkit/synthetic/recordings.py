"""What happens in each long recording: expressions apart from each other and from both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

import numpy as np

from merkit.labels import GENERIC_MAPS
from merkit.synthetic.config import GAZE_S, NEUTRAL_S, TALK_STRETCH_S, TURN_S, SynthConfig
from merkit.synthetic.plan import (
    RECORDING,
    PlannedEvent,
    PlannedStretch,
    PlannedVideo,
    TurnKind,
    draw_event,
    draw_macro,
    emotions_of_class,
    keyed_rng,
)


def plan_recordings(config: SynthConfig) -> tuple[PlannedVideo, ...]:
    """Every long recording."""
    return tuple(_plan_recording(config, number) for number in range(config.long_videos))


def _plan_recording(config: SynthConfig, number: int) -> PlannedVideo:
    key = (RECORDING, number)
    new = config.long_subjects == "new"
    subject = config.subjects + number if new else number % config.subjects
    n_frames = round(config.long_duration_s * config.fps_hz)
    micro = _micro_events(config, keyed_rng(config, (*key, 0)), n_frames)
    video = PlannedVideo(f"L{number + 1:02d}", subject, n_frames, tuple(micro), key)
    if config.is_eventful:
        video = _among_others(config, keyed_rng(config, (*key, 2)), video)
    return _with_gaze_shifts(config, keyed_rng(config, (*key, 5)), video)


def _draw_emotions(config: SynthConfig, rng: np.random.Generator, n: int) -> list[str]:
    """Classes evenly, in random order."""
    label_map = GENERIC_MAPS[config.classes]
    classes = [label_map.classes[i % len(label_map.classes)] for i in range(n)]
    rng.shuffle(classes)
    return [str(rng.choice(emotions_of_class(label_map, c))) for c in classes]


def _micro_events(
    config: SynthConfig, rng: np.random.Generator, n_frames: int
) -> list[PlannedEvent]:
    """Each within its own equal share of the recording."""
    slot, neutral = n_frames / max(config.events_per_video, 1), NEUTRAL_S / 2 * config.fps_hz
    events = []
    for i, emotion in enumerate(_draw_emotions(config, rng, config.events_per_video)):
        event = draw_event(config, rng, emotion)
        room = slot - 2 * neutral - event.offset
        events.append(event.moved_to(round(i * slot + neutral + rng.uniform(0.0, max(room, 0.0)))))
    return events


def _among_others(
    config: SynthConfig, rng: np.random.Generator, video: PlannedVideo
) -> PlannedVideo:
    """The micro-expressions and what else happens, each at a new time."""
    emotions = _draw_emotions(config, rng, config.macro_events)
    events = [*video.events, *(draw_macro(config, rng, emotion) for emotion in emotions)]
    talk = [PlannedStretch("talk", 0, n - 1) for n in _talk_lengths(config, rng)]
    stretches = [*_draw_turns(config, rng), *talk]
    lengths = [*(e.length for e in events), *(s.length for s in stretches)]
    if config.events_in_talk:
        apart = len(lengths) - len(talk)
        starts = _starts(config, rng, lengths[:apart]) + _starts(config, rng, lengths[apart:])
    else:
        starts = _starts(config, rng, lengths)
    onsets, firsts = starts[: len(events)], starts[len(events) :]
    events = [e.moved_to(onset) for e, onset in zip(events, onsets, strict=True)]
    stretches = [s.moved_to(first) for s, first in zip(stretches, firsts, strict=True)]
    events.sort(key=attrgetter("onset"))
    stretches.sort(key=attrgetter("first"))
    return replace(video, events=tuple(events), stretches=tuple(stretches))


def _draw_turns(config: SynthConfig, rng: np.random.Generator) -> list[PlannedStretch]:
    """Nods, shakes and tilts in turn, each of its own length."""
    kinds: tuple[TurnKind, ...] = ("nod", "shake", "tilt")
    lengths = rng.uniform(*TURN_S, config.head_turns) * config.fps_hz
    return [PlannedStretch(kinds[i % 3], 0, round(n)) for i, n in enumerate(lengths)]


def _with_gaze_shifts(
    config: SynthConfig, rng: np.random.Generator, video: PlannedVideo
) -> PlannedVideo:
    """The same with its gaze shifts, which fall on whatever else happens, as blinks do."""
    lengths = [1 + round(s * config.fps_hz) for s in rng.uniform(*GAZE_S, config.gaze_shifts)]
    shifts = [
        PlannedStretch("gaze", first, first + length - 1)
        for first, length in zip(_starts(config, rng, lengths), lengths, strict=True)
    ]
    stretches = sorted((*video.stretches, *shifts), key=attrgetter("first"))
    return replace(video, stretches=tuple(stretches))


def _talk_lengths(config: SynthConfig, rng: np.random.Generator) -> list[int]:
    """Frames of each stretch of talk: unequal, and together the share that was asked for."""
    if not (count := config.talk_stretches):
        return []
    (least, most), mean = TALK_STRETCH_S, config.talk_share * config.long_duration_s / count
    around = rng.uniform(-1.0, 1.0, count)
    around -= around.mean()
    room = min((mean - least) / max(-around.min(), 1e-9), (most - mean) / max(around.max(), 1e-9))
    return [round(s * config.fps_hz) for s in mean + min(room, 1.5) * around]


def _starts(config: SynthConfig, rng: np.random.Generator, lengths: Sequence[int]) -> list[int]:
    n_frames = round(config.long_duration_s * config.fps_hz)
    return spread(rng, lengths, n_frames, int(NEUTRAL_S * config.fps_hz))


def spread(rng: np.random.Generator, lengths: Sequence[int], n_frames: int, gap: int) -> list[int]:
    """The first frame of each of several stretches that follow one another in random order,
    at least ``gap`` frames apart and from both ends; spare time falls between them at random.

    Raises:
        ValueError: they do not fit.
    """
    spare = n_frames - sum(lengths) - gap * (len(lengths) + 1)
    if spare < 0:
        raise ValueError(f"{len(lengths)} stretches need {-spare} frames more than {n_frames}")
    starts, used = [0] * len(lengths), gap
    extra = np.sort(rng.integers(0, spare + 1, len(lengths)))
    for i, late in zip(rng.permutation(len(lengths)), extra, strict=True):
        starts[i] = used + int(late)
        used += lengths[i] + gap
    return starts
