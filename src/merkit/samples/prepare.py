"""Fill the sample store: every clip under one recipe, side by side, resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from merkit.config import hash_of
from merkit.errors import LeftOutError, MerkitError
from merkit.progress import Progress, silent
from merkit.samples.recipes import Recipe
from merkit.samples.remembered import forget_leftovers, remembered
from merkit.samples.store import SampleStore
from merkit.types import Clip, Sample
from merkit.workers import cores, run_jobs

if TYPE_CHECKING:
    from merkit.samples.tokens import TokenFiles  # torch, which preparing clips does not need


@dataclass(frozen=True)
class SampleSet:
    """Samples of the clips of a run, wherever they are stored.

    ``store`` is None for a method that reads nothing of a clip. ``keys``: clip id -> store key.
    ``refused``: clip id -> why it could not be prepared. ``made``: samples that were not in the
    store before. ``tokens``: what the frozen part of a model makes of the clips. ``left_out``:
    those of ``refused`` that the recipe leaves out on purpose.
    """

    store: SampleStore | None
    keys: Mapping[str, str]
    refused: Mapping[str, str]
    made: int = 0
    tokens: TokenFiles | None = None
    left_out: frozenset[str] = frozenset()

    def hashes(self) -> dict[str, str]:
        """Identity of the samples: the content of the clips that they were made of."""
        return {"samples": hash_of(sorted(self.keys.items()))}

    @property
    def array_names(self) -> tuple[str, ...]:
        """What a model reads of each sample."""
        if self.store is None or self.tokens is not None:
            return ()
        return (self.store.recipe.makes,)

    def read(self, clip_id: str) -> Sample:
        """The sample of a clip, its arrays memory-mapped.

        Raises:
            StoreError: damaged since it was stored.
        """
        if self.store is None:
            return Sample(clip_id, {})
        return self.store.read(self.keys[clip_id])


def prepare(
    clips: Sequence[Clip],
    recipe: Recipe | None,
    root: Path,
    workers: int = 0,
    progress: Progress = silent,
) -> SampleSet:
    """Make each clip's sample unless it is stored already.

    Killed half-way it goes on where it stopped: a sample is stored whole or not at all, and one
    that was damaged since is made again. Without
    a recipe nothing is read, so every clip serves.
    """
    if recipe is None:
        return SampleSet(None, {clip.clip_id: "" for clip in clips}, {})
    store = SampleStore(root, recipe)
    forget_leftovers(root)
    keys: dict[str, str] = {}
    refused: dict[str, str] = {}
    todo: list[Clip] = []
    with ThreadPoolExecutor(cores()) as pool:  # reading and hashing set Python free
        looked = pool.map(partial(_look_up, store=store), clips)
        for clip, found in zip(clips, looked, strict=True):
            if isinstance(found, MerkitError):
                refused[clip.clip_id] = str(found)
                continue
            keys[clip.clip_id], is_stored = found
            todo += [] if is_stored else [clip]
    progress("preparing clips", len(clips) - len(todo), len(clips))
    jobs = [(clip, keys[clip.clip_id]) for clip in todo]
    outcomes = run_jobs(partial(_prepare_one, store=store), jobs, workers)
    made = len(todo)
    left_out: set[str] = set()
    for done, (clip_id, reason) in enumerate(outcomes, start=1):
        if reason is not None:
            refused[clip_id] = str(reason)
            del keys[clip_id]
            made -= 1
        if isinstance(reason, LeftOutError):
            left_out.add(clip_id)
        progress("preparing clips", len(clips) - len(todo) + done, len(clips))
    store.write_index(keys)
    return SampleSet(store, keys, refused, made, left_out=frozenset(left_out))


def _look_up(clip: Clip, store: SampleStore) -> tuple[str, bool] | MerkitError:
    """The key of a clip's sample and whether it is stored, or why it cannot be made."""
    try:
        key = store.recipe.sample_key(clip)
        return key, store.keep_whole(key)
    except MerkitError as error:
        return error


def _prepare_one(job: tuple[Clip, str], store: SampleStore) -> tuple[str, MerkitError | None]:
    """Store one sample; returns the clip id, and the error if it was refused."""
    clip, key = job
    try:
        with remembered(store.root, store.recipe.track, clip) as tracker:
            sample = store.recipe.sample(clip, tracker)
        store.write(key, sample)
    except MerkitError as error:
        return clip.clip_id, error
    return clip.clip_id, None


def default_store() -> Path:
    """Where samples are kept unless the user says otherwise."""
    return Path.home() / ".cache" / "merkit"
