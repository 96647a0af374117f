"""What was spotted in long recordings, kept in the sample store: a recording is spotted once.

``<store>/spotting-<settings and code>/<recording>/``: events.parquet, stretches.parquet and
spotted.json. A folder appears whole or not at all, so an interrupted run goes on by recording, and
every run with the same settings, whatever its method, reads the same ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from merkit.config import hash_of, to_mapping
from merkit.errors import MerkitError, StoreError
from merkit.face.tracker import TrackConfig
from merkit.files import atomic_folder, file_hash, read_json, remove_leftovers, write_json
from merkit.progress import Progress, silent
from merkit.runs.provenance import code_hash
from merkit.spotting import SpotConfig, SpottedVideo, spot_video
from merkit.tables import read_parquet, write_parquet
from merkit.types import Event, Recording, Stretch
from merkit.video import frame_numbers
from merkit.video.fingerprint import file_digest, recording_key
from merkit.workers import run_jobs

#: the packages whose code decides what is spotted
_CODE = ("spotting", "face", "flow", "video")
_OF_A_MODEL = {"label", "score", "probabilities", "units"}
#: columns of the tables; ``regions`` and ``reasons`` are words, several joined by "; "
EVENT_COLUMNS = tuple(f.name for f in fields(Event) if f.name not in _OF_A_MODEL)
STRETCH_COLUMNS = tuple(f.name for f in fields(Stretch))


@dataclass(frozen=True)
class RecordingFacts:
    """Of a recording that was spotted. ``problem``: why there can be no events, such as no face in
    all of it, else ""."""

    fps_hz: float
    duration_s: float
    first_frame: int
    last_frame: int
    problem: str


@dataclass(frozen=True)
class Spots:
    """What was found in one recording: a row an event, and a row a stretch of which nothing can be
    told. ``key``: identity of the recording."""

    key: str
    facts: RecordingFacts
    events: pd.DataFrame
    stretches: pd.DataFrame


@dataclass(frozen=True)
class SpotStore:
    """Recordings that were spotted with these settings."""

    root: Path
    spot: SpotConfig
    track: TrackConfig

    @property
    def folder(self) -> Path:
        given = (self.track.model_path, self.track.landmarks_path)
        files = [file_digest(Path(name)) for name in given if name and Path(name).is_file()]
        settings = to_mapping(self.spot), to_mapping(self.track), files, code_hash(*_CODE)
        return self.root / f"spotting-{hash_of(settings)}"

    def key(self, recording: Recording) -> str:
        """Identity of a recording: its frames, and the rate at which they are taken to be.

        Raises:
            MissingDataError, VideoError: it is not there.
        """
        return hash_of([recording_key(recording.media), recording.fps_hz])

    def read(self, key: str) -> Spots:
        """What is stored of a recording.

        Raises:
            StoreError: nothing, or not as it was written.
        """
        folder = self.folder / key
        content = read_json(folder / "spotted.json", ("facts", "hashes"), "a spotted recording")
        try:
            facts = TypeAdapter(RecordingFacts).validate_python(content["facts"])
            tables = {name: _table(folder / name, content["hashes"][name]) for name in _TABLES}
        except (OSError, ValidationError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{folder} cannot be read: {error}", "a spotted recording") from None
        return Spots(key, facts, *tables.values())

    def has(self, key: str) -> bool:
        """Whether a recording is stored as it was written; one that is not is dropped."""
        try:
            self.read(key)
        except StoreError:
            shutil.rmtree(self.folder / key, ignore_errors=True)
            return False
        return True

    def write(self, spots: Spots) -> None:
        """Store a recording at once."""
        with atomic_folder(self.folder / spots.key) as temporary:
            for name, table in zip(_TABLES, (spots.events, spots.stretches), strict=True):
                write_parquet(temporary / name, table)
            hashes = {name: file_hash(temporary / name) for name in _TABLES}
            content = {"facts": asdict(spots.facts), "hashes": hashes}
            write_json(temporary / "spotted.json", content)


_TABLES = ("events.parquet", "stretches.parquet")
#: a recording and its key
Keyed: TypeAlias = tuple[Recording, str]


def spot_recordings(
    recordings: Sequence[Recording], store: SpotStore, workers: int = 0, progress: Progress = silent
) -> tuple[dict[str, Spots], dict[str, str]]:
    """Spot every recording that the store lacks, side by side.

    Returns:
        what was found by recording id, and why by recording id where one cannot be read.
    """
    if store.folder.is_dir():
        remove_leftovers(store.folder)
    keyed, refused = keys_of(recordings, store, progress)
    refused |= spot_missing(missing(keyed, store), store, workers, progress, len(recordings))
    found = {recording.recording_id: key for recording, key in keyed}
    return {name: store.read(found[name]) for name in sorted(found.keys() - refused)}, refused


def keys_of(
    recordings: Sequence[Recording], store: SpotStore, progress: Progress = silent
) -> tuple[list[Keyed], dict[str, str]]:
    """Recordings that are there, with their keys, and why by recording id where one is not."""
    keyed: list[Keyed] = []
    refused: dict[str, str] = {}
    for done, recording in enumerate(recordings, start=1):
        try:
            keyed.append((recording, store.key(recording)))
        except MerkitError as error:
            refused[recording.recording_id] = str(error)
        progress("looking at recordings", done, len(recordings))
    return keyed, refused


def missing(keyed: Sequence[Keyed], store: SpotStore) -> list[Keyed]:
    """Those that the store lacks."""
    return [(recording, key) for recording, key in keyed if not store.has(key)]


def spot_missing(
    todo: Sequence[Keyed], store: SpotStore, workers: int, progress: Progress, total: int
) -> dict[str, str]:
    """Spot and store these, side by side; why by recording id where one cannot be read. ``total``:
    how many there are with those that need no spotting."""
    refused = {}
    done = total - len(todo)
    progress("spotting recordings", done, total)
    for name, problem in run_jobs(partial(_spot_one, store=store), todo, workers):
        if problem:
            refused[name] = problem
        done += 1
        progress("spotting recordings", done, total)
    return refused


def _spot_one(job: Keyed, store: SpotStore) -> tuple[str, str]:
    """Spot and store one recording; its id, and why it was refused or ""."""
    recording, key = job
    try:
        video = spot_video(recording.media, store.spot, store.track, recording.fps_hz)
        store.write(spots_of(video, recording, key))
    except MerkitError as error:
        return recording.recording_id, str(error)
    return recording.recording_id, ""


def spots_of(video: SpottedVideo, recording: Recording, key: str) -> Spots:
    """The tables of a video."""
    numbers = frame_numbers(recording.media)
    facts = RecordingFacts(
        video.seen.info.fps_hz,
        video.duration_s,
        int(numbers[0]),
        int(numbers[-1]),
        video.problem,
    )
    events = pd.DataFrame([_event_row(event) for event in video.events], columns=[*EVENT_COLUMNS])
    stretches = pd.DataFrame([asdict(s) for s in video.stretches], columns=[*STRETCH_COLUMNS])
    return Spots(key, facts, events, stretches)


def _event_row(event: Event) -> dict[str, Any]:
    row = {name: getattr(event, name) for name in EVENT_COLUMNS}
    moved = [
        f"{f'{r.side} {r.region}'.strip()} {r.right_px:+.2f} {r.down_px:+.2f}"
        for r in event.regions
    ]
    return row | {"regions": "; ".join(moved), "reasons": "; ".join(event.reasons)}


def _table(path: Path, wanted: str) -> pd.DataFrame:
    if file_hash(path) != wanted:
        raise ValueError(f"{path.name} is not as it was written")
    return read_parquet(path)
