"""How a table was made, in a file beside it: what a methods section must say of it.

``events.csv.made.json`` beside ``events.csv``: versions, settings, model, and what each video was.
Without it nobody can tell in a year what stands in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError, MerkitError, MissingDataError, StoreError
from merkit.face import TrackConfig
from merkit.files import check_kinds, file_hash, read_json, write_json
from merkit.runs.provenance import versions
from merkit.spotting import SpotConfig

if TYPE_CHECKING:
    from merkit.inference.analysis import Analysis, Namer

FORMAT = 1
_FIELDS = {
    "format": int,
    "table": str,
    "sha256": str,
    "made": str,
    "versions": dict,
    "spot": dict,
    "track": dict,
    "model": dict,
    "judgement": dict,
    "videos": list,
}
_AGAIN = "run merkit predict again, which writes it"


@dataclass(frozen=True)
class UsedModel:
    """What named the micro-expressions: ``names`` of recognisers or of a method, ``sha256`` of the
    bundled ones' weights, databases it was ``trained_on``, and the probability of the best class
    below which it says none."""

    names: tuple[str, ...]
    sha256: tuple[str, ...]
    trained_on: tuple[str, ...]
    classes: tuple[str, ...]
    units: tuple[int, ...]
    class_min: float

    @classmethod
    def of(cls, namer: Namer) -> UsedModel:
        bundled = getattr(namer, "recognisers", ())
        method = getattr(namer, "method", None)
        names = tuple(one.name for one in bundled) or ((method.name,) if method else ("a model",))
        words = namer.vocabulary
        return cls(
            names,
            tuple(one.sha256 for one in bundled),
            tuple(namer.trained_on),
            words.classes,
            words.units,
            words.limits.class_min,
        )


@dataclass(frozen=True)
class Judgement:
    """What a coder made of the events that were found: how many were ``accepted`` as they are,
    ``corrected`` in times or names, ``rejected``, ``added``, and left ``open``; and how many
    stretches were ``excluded``."""

    coder: str
    accepted: int = 0
    corrected: int = 0
    rejected: int = 0
    added: int = 0
    open: int = 0
    excluded: int = 0


@dataclass(frozen=True)
class ReadVideo:
    """A video that was asked for. Seconds, shares 0 to 1 and Hz; None where not known.
    ``judged_share``: of its time, what is in no stretch of which nothing can be told."""

    name: str
    readable: bool
    duration_s: float | None = None
    face_found_share: float | None = None
    judged_share: float | None = None
    fps_hz: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    micro: int = 0
    macro: int = 0
    named: int = 0


@dataclass(frozen=True)
class Made:
    """``table``: name of the file; ``sha256`` of it as it was written; ``made``: UTC, ISO 8601.
    ``model``: None where nothing was named. ``judgement``: of the coder whose review it is; None of
    what was found."""

    table: str
    sha256: str
    made: str
    versions: Mapping[str, str]
    spot: SpotConfig
    track: TrackConfig
    model: UsedModel | None
    videos: tuple[ReadVideo, ...]
    judgement: Judgement | None = None

    def changed(self, table: Path) -> bool:
        """Whether the table is not as it was written."""
        return file_hash(table) != self.sha256


def beside(table: Path) -> Path:
    """Where it is told how a table was made."""
    return table.with_name(f"{table.name}.made.json")


def write_made(
    table: Path,
    analyses: Sequence[Analysis],
    model: UsedModel | None,
    spot: SpotConfig,
    track: TrackConfig,
    fps_hz: float | None = None,
    judgement: Judgement | None = None,
) -> Path:
    """Say how a table that was just written came about; whole or not at all.

    Args:
        fps_hz: frame rate that was given for image folders.

    Returns:
        Path of the file.
    """
    document: dict[str, Any] = {
        "format": FORMAT,
        "table": table.name,
        "sha256": file_hash(table),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "spot": to_mapping(spot),
        # of files that were named, the name is enough: where they lie is the user's affair
        "track": {
            name: Path(value).name if name.endswith("_path") and value else value
            for name, value in to_mapping(track).items()
        },
        "model": {} if model is None else asdict(model),
        "judgement": {} if judgement is None else asdict(judgement),
        "videos": [asdict(_read_video(analysis, fps_hz)) for analysis in analyses],
    }
    write_json(beside(table), document)
    return beside(table)


def read_made(table: Path) -> Made:
    """How a table was made.

    Raises:
        MissingDataError: no such table, or nothing is told of it.
        StoreError: what is told of it is damaged, or of another version.
    """
    if not table.is_file():
        raise MissingDataError(f"there is no {table}", "a table that merkit predict wrote")
    path = beside(table)
    if not path.is_file():
        raise MissingDataError(
            f"{table} has no {path.name} beside it",
            "the file that merkit predict writes with a table",
            f"keep both together, or {_AGAIN}",
        )
    stored = read_json(path, _FIELDS, "what merkit predict writes beside a table", _AGAIN)
    if stored["format"] != FORMAT:
        raise StoreError(f"{path} has format {stored['format']}", f"format {FORMAT}", _AGAIN)
    check_kinds(path, stored, _FIELDS, _AGAIN)
    try:
        return Made(
            **{name: stored[name] for name in ("table", "sha256", "made", "versions")},
            spot=from_mapping(SpotConfig, stored["spot"], "spot"),
            track=from_mapping(TrackConfig, {**stored["track"], "model_path": ""}, "track"),
            model=from_mapping(UsedModel, stored["model"], "model") if stored["model"] else None,
            judgement=from_mapping(Judgement, stored["judgement"], "judgement")
            if stored["judgement"]
            else None,
            videos=tuple(from_mapping(ReadVideo, v, "videos") for v in stored["videos"]),
        )
    except ConfigError as error:
        raise StoreError(f"{path}: {error.found}", error.wanted, _AGAIN) from None


def _read_video(analysis: Analysis, fps_hz: float | None) -> ReadVideo:
    from merkit.video import probe

    if not analysis.readable:
        return ReadVideo(analysis.video.name, readable=False)
    info = None
    with suppress(MerkitError):  # moved since it was read
        info = probe(analysis.video, fps_hz)
    kinds = [event.kind for event in analysis.events]
    return ReadVideo(
        analysis.video.name,
        True,
        _known(analysis.duration_s),
        _known(analysis.found_share),
        _judged_share(analysis),
        None if info is None else info.fps_hz,
        None if info is None else info.width_px,
        None if info is None else info.height_px,
        micro=kinds.count("micro"),
        macro=kinds.count("macro"),
        named=sum(bool(event.label) for event in analysis.events),
    )


def _judged_share(analysis: Analysis) -> float | None:
    """Of the time of a video, what is in no stretch of the whole face."""
    if analysis.problem:
        return 0.0
    if not analysis.duration_s > 0:
        return None
    return max(0.0, 1 - analysis.untold_s("face") / analysis.duration_s)


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None
