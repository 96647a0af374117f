"""What happens in each long recording: expressions apart from each other and from both ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merkit.labels import GENERIC_MAPS
from merkit.synthetic.config import NEUTRAL_S, SynthConfig
from merkit.synthetic.plan import (
    RECORDING,
    PlannedEvent,
    PlannedVideo,
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
    events = _micro_events(config, keyed_rng(config, (*key, 0)), n_frames)
    if config.is_eventful:
        events = _among_others(config, keyed_rng(config, (*key, 2)), events, n_frames)
    return PlannedVideo(f"L{number + 1:02d}", subject, n_frames, tuple(events), key)


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
    config: SynthConfig, rng: np.random.Generator, micro: list[PlannedEvent], n_frames: int
) -> list[PlannedEvent]:
    """The micro-expressions and what else happens, each at a new time."""
    emotions = _draw_emotions(config, rng, config.macro_events)
    events = micro + [draw_macro(config, rng, emotion) for emotion in emotions]
    lengths = [event.offset - event.onset + 1 for event in events]
    starts = spread(rng, lengths, n_frames, int(NEUTRAL_S * config.fps_hz))
    placed = [event.moved_to(start) for event, start in zip(events, starts, strict=True)]
    return sorted(placed, key=lambda event: event.onset)


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
