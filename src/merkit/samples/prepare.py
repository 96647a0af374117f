"""Fill the sample store: every clip under one recipe, side by side, resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from merkit.errors import FaceError, MerkitError
from merkit.progress import Progress, silent
from merkit.samples.build import build_sample
from merkit.samples.recipe import Recipe
from merkit.samples.store import SampleStore
from merkit.types import Clip, Sample
from merkit.video.fingerprint import clip_key
from merkit.workers import run_jobs


@dataclass(frozen=True)
class Prepared:
    """The outcome of a preparation: clip id -> store key, and what could not be prepared."""

    store: SampleStore
    keys: Mapping[str, str]
    refused: Mapping[str, str]  # clip id -> the message
    made: int  # samples that were not in the store before

    def read(self, clip_id: str) -> Sample:
        return self.store.read(self.keys[clip_id])

    def check(self) -> None:
        """Raise one error that lists every clip that could not be prepared.

        Raises:
            FaceError: at least one was refused.
        """
        if not self.refused:
            return
        lines = [
            f"{clip_id}: {message.splitlines()[0]}"
            for clip_id, message in sorted(self.refused.items())
        ]
        shown = "\n  ".join(lines[:20]) + ("\n  ..." if len(lines) > 20 else "")
        raise FaceError(
            f"{len(lines)} of {len(lines) + len(self.keys)} clips cannot be prepared:\n  {shown}",
            "every clip usable",
            "mend those clips, or leave them out and record it: --bad-clips skip",
        )


def prepare(
    clips: Sequence[Clip],
    recipe: Recipe,
    root: Path,
    workers: int = 0,
    progress: Progress = silent,
) -> Prepared:
    """Make each clip's sample unless it is stored already.

    Killed half-way it goes on where it stopped: a sample is stored whole or not at all.
    """
    store = SampleStore(root, recipe)
    keys: dict[str, str] = {}
    refused: dict[str, str] = {}
    for clip in clips:
        try:
            keys[clip.clip_id] = clip_key(clip)
        except MerkitError as error:
            refused[clip.clip_id] = str(error)
    todo = [c for c in clips if c.clip_id in keys and keys[c.clip_id] not in store]
    progress("preparing clips", len(clips) - len(todo), len(clips))
    jobs = [(clip, keys[clip.clip_id]) for clip in todo]
    outcomes = run_jobs(partial(_prepare_one, store=store), jobs, workers)
    made = len(todo)
    for done, (clip_id, message) in enumerate(outcomes, start=1):
        if message:
            refused[clip_id] = message
            del keys[clip_id]
            made -= 1
        progress("preparing clips", len(clips) - len(todo) + done, len(clips))
    store.write_index(keys)
    return Prepared(store, keys, refused, made)


def _prepare_one(job: tuple[Clip, str], store: SampleStore) -> tuple[str, str]:
    """Store one sample; returns the clip id, and the message if it was refused."""
    clip, key = job
    try:
        store.write(key, build_sample(clip, store.recipe))
    except MerkitError as error:
        return clip.clip_id, str(error)
    return clip.clip_id, ""


def default_store() -> Path:
    """Where samples are kept unless the user says otherwise."""
    return Path.home() / ".cache" / "merkit"
