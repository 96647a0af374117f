"""The long recordings of a run, with what is annotated in them and what was spotted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from merkit.config import from_mapping, hash_of, to_mapping
from merkit.datasets import label_map, load_recordings
from merkit.datasets.label_maps import clip_label
from merkit.errors import DatasetError, VideoError
from merkit.face.tracker import TrackConfig
from merkit.progress import Progress, silent
from merkit.runs.config import EvaluateConfig
from merkit.runs.spots import Spots, SpotStore, spot_recordings
from merkit.runs.truth import Annotated, annotated, no_label, outside
from merkit.samples.prepare import default_store
from merkit.scoring.spotting import Span
from merkit.scoring.spotting_scores import VideoEvents
from merkit.spotting import SpotConfig
from merkit.types import Clip, Finding, Recording


@dataclass(frozen=True)
class Annotation:
    """A recording and its events that can be scored. ``findings``: what was decided of others."""

    recording: Recording
    truth: tuple[Annotated, ...]
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        return self.recording.recording_id

    @property
    def subject_key(self) -> str:
        return f"{self.recording.dataset}/{self.recording.subject}"


@dataclass(frozen=True)
class Watched:
    """A recording that was spotted."""

    annotation: Annotation
    spots: Spots

    @property
    def unwatched_s(self) -> tuple[tuple[float, float], ...]:
        """From when to when nothing can be told of the whole face; the last frame of a stretch
        belongs to it."""
        facts, table = self.spots.facts, self.spots.stretches
        if facts.problem:
            return ((0.0, facts.duration_s),)
        whole = table[table.part == "face"]
        return tuple(zip(whole.start_s, whole.end_s + 1 / facts.fps_hz, strict=True))

    def window_id(self, place: int) -> str:
        """Name of the event in a row of ``spots.events``, as a clip of its recording."""
        event = self.spots.events.iloc[place]
        return f"{self.annotation.name}: frames {event.onset_frame} to {event.offset_frame}"

    def events(self, labels: Mapping[str, str] | None = None) -> VideoEvents:
        """What is scored: micro- and macro-expressions.

        Args:
            labels: class of what was spotted, by window id.
        """
        spotted = tuple(
            Span(
                event["onset_frame"],
                event["offset_frame"],
                event["kind"],
                event["apex_frame"],
                (labels or {}).get(self.window_id(place), ""),
            )
            for place, event in enumerate(self.spots.events.to_dict("records"))
            if event["kind"] in ("micro", "macro")
        )
        facts, one = self.spots.facts, self.annotation
        truth = tuple(event.span for event in one.truth)
        return VideoEvents(
            one.name,
            one.subject_key,
            facts.fps_hz,
            facts.duration_s,
            truth,
            spotted,
            self.unwatched_s,
        )

    def doubts(self) -> tuple[Finding, ...]:
        """What a reader must doubt about the annotation, now that the frames are known."""
        facts, one = self.spots.facts, self.annotation
        beyond = outside(one.truth, facts.first_frame, facts.last_frame)
        return (*one.findings, *beyond)


def load_annotations(config: EvaluateConfig) -> tuple[Annotation, ...]:
    """Every recording of every named database, sorted by id.

    Raises:
        ConfigError: unknown names, or a database without long recordings.
        DatasetError: no recordings there.
    """
    found: list[Annotation] = []
    for name, root, variant in config.sources():
        loaded = load_recordings(name, root, variant, alias=config.alias(name, root))
        if not loaded:
            raise DatasetError(
                f"'{name}' has no long recordings below {root}",
                "one or more",
                "merkit synth --long-videos makes some" if name == "synthetic" else "",
            )
        named = _namer(name, config)
        for recording in loaded:
            truth, told = annotated(recording.events, config.missing_offset, named)
            found.append(Annotation(recording, truth, told))
    return tuple(sorted(found, key=lambda one: one.name))


def _namer(name: str, config: EvaluateConfig) -> Callable[[Clip], str]:
    """What names the class of an event, where classes are scored."""
    if config.task == "spotting":
        return no_label
    task_map = label_map(name, config.classes)

    def named(event: Clip) -> str:
        index = clip_label(task_map, event)
        return "" if index is None else task_map.classes[index]

    return named


def watch(
    every: Sequence[Annotation], config: EvaluateConfig, progress: Progress = silent
) -> tuple[tuple[Watched, ...], dict[str, str]]:
    """Spot every recording that was not yet; and why, by id, where one cannot be read.

    Raises:
        VideoError: recordings that cannot be read, unless ``bad_clips="skip"``; or none can.
        ConfigError: settings of spotting or of the tracker that do not exist.
    """
    recordings = [one.recording for one in every]
    found, refused = spot_recordings(recordings, spot_store(config), config.workers, progress)
    if refused and (config.bad_clips == "refuse" or not found):
        raise _refused(refused, len(every))
    return tuple(Watched(one, found[one.name]) for one in every if one.name in found), refused


def spot_settings(config: EvaluateConfig) -> tuple[SpotConfig, TrackConfig]:
    """Settings of spotting and of the tracker in full.

    Raises:
        ConfigError: an unknown setting or value.
    """
    return from_mapping(SpotConfig, config.spot, "spot"), from_mapping(
        TrackConfig, config.track, "track"
    )


def spot_store(config: EvaluateConfig) -> SpotStore:
    """Where recordings that are spotted with these settings are kept.

    Raises:
        ConfigError: as ``spot_settings``.
    """
    return SpotStore(config.store or default_store(), *spot_settings(config))


def watch_facts(
    watched: Sequence[Watched], refused: Mapping[str, str], config: EvaluateConfig
) -> dict[str, Any]:
    """What a reader of the run wants to know of its recordings: the settings of spotting in full,
    which recordings are not in it, and what is doubtful of the others."""
    spot, track = spot_settings(config)
    return {
        "refused_recordings": dict(refused),
        "findings": [asdict(doubt) for one in watched for doubt in one.doubts()],
        "spotting": {"spot": to_mapping(spot), "track": to_mapping(track)},
    }


def recordings_hash(watched: Sequence[Watched]) -> str:
    """Identity of what is scored: the recordings and their annotation."""
    return hash_of([(w.annotation.name, w.spots.key, str(w.events().truth)) for w in watched])


def _refused(refused: Mapping[str, str], total: int) -> VideoError:
    lines = [f"{name}: {text.splitlines()[0]}" for name, text in sorted(refused.items())]
    shown = "\n  ".join(lines[:20]) + ("\n  ..." if len(lines) > 20 else "")
    return VideoError(
        f"{len(lines)} of {total} recordings cannot be spotted:\n  {shown}",
        "every recording usable",
        "mend those recordings, or leave them out and record it: --bad-clips skip",
    )
