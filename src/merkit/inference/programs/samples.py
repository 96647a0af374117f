"""Samples of one's own videos for an exported model to read, as ``merkit predict`` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merkit.errors import ConfigError
from merkit.face.tracker import TrackConfig
from merkit.files import atomic_folder
from merkit.inference.modelfolder import LoadedModel
from merkit.inference.recognizer import video_recipe
from merkit.inference.windows import event_clip, to_name, window_samples
from merkit.progress import Progress, silent
from merkit.spotting import spot_video
from merkit.types import Sample
from merkit.video.source import VideoSource


def write_samples(
    loaded: LoadedModel, videos: Sequence[Path], folder: Path, progress: Progress = silent
) -> tuple[list[Path], dict[str, str]]:
    """A file ``VIDEO-ONSET.npz`` of every micro-expression that is found, ONSET being its first
    frame; arrays are those of a sample, and times in seconds (``time_s``).

    Returns:
        the files, and why nothing could be made of others, by their name.

    Raises:
        ConfigError: the folder exists.
        VideoError, MissingDataError: a video cannot be read.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists", "a new folder for the samples", "remove it first")
    recipe = video_recipe(loaded)
    names, left_out = [], {}
    with atomic_folder(folder) as temporary:
        for video in videos:
            spotted = spot_video(
                video, track=TrackConfig() if recipe is None else recipe.track, progress=progress
            )
            events, named = to_name(spotted)
            clips = [event_clip(events[i], spotted.seen) for i in named]
            wanted = [(recipe, clip) for clip in clips]
            made = window_samples(wanted, spotted.seen, VideoSource(video))
            for clip, sample in zip(clips, made, strict=True):
                name = f"{video.stem}-{clip.onset_frame}.npz"
                if isinstance(sample, Sample):
                    np.savez(temporary / name, allow_pickle=False, **sample.arrays)
                    names.append(name)
                else:
                    left_out[name] = sample.found
    return [folder / name for name in names], left_out
