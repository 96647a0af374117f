"""The classes of what was spotted, each named by a model that never saw its subject.

The folds are those of recognition. A micro-expression that was spotted is a clip of its recording,
and goes the way of any other clip: recipe, store, reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from merkit.errors import ConfigError
from merkit.methods.base import ORACLE_AU, Method
from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, audit_windows, make_folds, window_folds
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import LabelledClips, load_clips, prepare_clips
from merkit.runs.findings import find_doubts
from merkit.runs.folder import RunFolder
from merkit.runs.opened import OpenRun
from merkit.runs.watched import Watched, load_annotations, recordings_hash, watch, watch_facts
from merkit.samples.prepare import default_store, prepare
from merkit.types import Clip


@dataclass(frozen=True)
class SpotRecognition:
    """The method and the annotated clips that it is trained on."""

    config: EvaluateConfig
    method: Method
    data: LabelledClips

    @classmethod
    def of(cls, config: EvaluateConfig) -> SpotRecognition:
        """Open method and clips, and see that they work, before anything is spotted.

        Raises:
            ConfigError: also a method that reads human annotation, which nobody has of what was
                spotted, a protocol without one fold a test subject, and settings of recognition
                alone.
        """
        if config.oracle_epoch or config.metric_pooling != "pooled":
            raise ConfigError(
                f"oracle_epoch {config.oracle_epoch}, metric_pooling {config.metric_pooling}",
                "neither in task spot-recognise, which has one pooled score a seed",
                "leave them out",
            )
        method, data = config.make(), load_clips(config)
        if ORACLE_AU in method.marks():
            raise ConfigError(
                f"'{method.name}' reads action units that a human coded",
                "a method that reads pixels alone, since nobody coded what is spotted",
                "see 'merkit models', or turn its action units off",
            )
        window_folds(make_folds(data.rows, config.protocol), data.rows, (), config.protocol)
        method = method.for_classes(data.classes)
        method.build(len(data.classes))
        return cls(config, method, data)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.data.classes

    def opened(
        self, watched: Sequence[Watched], facts: Mapping[str, Any], progress: Progress = silent
    ) -> OpenRun[LabelledClips]:
        """The run whose folds train on annotated clips and test each micro-expression that was
        spotted, but for those that the recipe cannot read.

        Raises:
            FaceError, LeakError: as ``evaluate_spotting``.
        """
        config, recipe = self.config, self.method.recipe
        data, samples = prepare_clips(self.data, recipe, config, progress)
        clips = window_clips(watched)
        store = config.store or default_store()
        windows = prepare(clips, recipe, store, config.workers, partial(_of_windows, progress))
        rows = [_row(clip) for clip in clips if clip.clip_id in windows.keys]
        annotated = make_folds(data.rows, config.protocol)
        folds = window_folds(annotated, data.rows, rows, config.protocol)
        audit_windows(folds, data.rows, rows, _contents(data, clips, watched))
        facts = {
            **facts,
            **data.facts(),
            "refused_clips": dict(samples.refused),
            "refused_windows": dict(windows.refused),
            "findings": [*facts["findings"], *map(asdict, find_doubts(data, annotated, {}))],
        }
        contents = data.hashes() | samples.hashes() | self.method.hashes()
        contents |= {"recordings": recordings_hash(watched)}
        run = RunFolder(config.out)
        run.begin(config, self.method, folds, facts, contents)
        both = replace(samples, keys={**samples.keys, **windows.keys})
        return OpenRun(config, run, self.method, data, both, folds, tuple(rows))

    def named(self, run: OpenRun[LabelledClips]) -> dict[int, dict[str, str]]:
        """Class of each micro-expression that was tested, by training seed and window id."""
        return {seed: self._of_seed(run, seed) for seed in self.config.seeds}

    def _of_seed(self, run: OpenRun[LabelledClips], seed: int) -> dict[str, str]:
        tables = [run.folder.read_fold(seed, fold.name).predictions for fold in run.folds.folds]
        return {
            clip_id: self.classes[chosen]
            for table in tables
            for clip_id, chosen in zip(table.clip_id, table.y_pred, strict=True)
        }


def open_spot_recognition(
    config: EvaluateConfig, progress: Progress = silent
) -> OpenRun[LabelledClips]:
    """The run of these settings, ready to train; recordings that were not spotted yet are.

    Raises:
        MerkitError: as ``evaluate_spotting``.
    """
    recognition = SpotRecognition.of(config)
    watched, refused = watch(load_annotations(config), config, progress)
    return recognition.opened(watched, watch_facts(watched, refused, config), progress)


def _of_windows(progress: Progress, stage: str, done: float, total: float) -> None:
    progress(f"{stage} of what was spotted", done, total)


def window_clips(watched: Iterable[Watched]) -> tuple[Clip, ...]:
    """Every micro-expression that was spotted, as the clip of its recording that it is. Others have
    no part in recognition."""
    return tuple(
        _clip(one, place)
        for one in watched
        for place, kind in enumerate(one.spots.events.kind)
        if kind == "micro"
    )


def _clip(one: Watched, place: int) -> Clip:
    event, recording = one.spots.events.iloc[place], one.annotation.recording
    onset, apex, offset = (int(event[f"{name}_frame"]) for name in ("onset", "apex", "offset"))
    return Clip(
        clip_id=one.window_id(place),
        dataset=recording.dataset,
        subject=recording.subject,
        media=recording.media,
        fps_hz=one.spots.facts.fps_hz,
        emotion="",
        first_frame=onset,
        last_frame=offset,
        onset_frame=onset,
        apex_frame=apex,
        offset_frame=offset,
    )


def _row(clip: Clip) -> ClipRow:
    """For the folds and their audit; its class, which nobody knows, is never read."""
    return ClipRow(clip.clip_id, clip.dataset, clip.subject_key, 0)


def _contents(
    data: LabelledClips, windows: Iterable[Clip], watched: Iterable[Watched]
) -> dict[str, str]:
    """Clip id -> hash of its recording where it lies in one, else of its own frames: a recording
    under two names on two sides of a fold is then seen, whichever part of it is used."""
    keys = {one.annotation.recording.media: one.spots.key for one in watched}
    inside = (clip for clip in (*data.clips, *windows) if clip.media in keys)
    return data.contents() | {clip.clip_id: keys[clip.media] for clip in inside}
