"""``project.json``: how the videos of a project are analysed, and what its coders see."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError, MissingDataError, StoreError
from merkit.files import read_json, write_json
from merkit.spotting import SpotConfig

VERSION = 1
_FORMAT = "merkit review project"
_WANTED = f"a review project of version {VERSION}"
_NAME = "project.json"


@dataclass(frozen=True)
class ProjectConfig:
    """How the videos of a project are analysed, and what its coders see.

    ``model``, ``min_score`` and ``face``: as of ``merkit predict``. ``blinded``: coders see the
    ids of videos, not their names, and not what a model said.
    """

    name: str = ""
    model: str = ""
    min_score: float | None = None
    face: str = "largest"
    blinded: bool = False
    spot: SpotConfig = field(default_factory=SpotConfig)


def save_config(folder: Path, config: ProjectConfig) -> None:
    """Write the settings of a project, whole or not at all.

    Raises:
        ConfigError: nothing can be written there.
    """
    content = {"format": _FORMAT, "version": VERSION, "settings": to_mapping(config)}
    write_json(folder / _NAME, content)


def read_config(folder: Path) -> ProjectConfig:
    """The settings of a project.

    Raises:
        MissingDataError: no such project.
        StoreError: damaged, or of a newer merkit.
    """
    path = folder / _NAME
    if not path.is_file():
        raise MissingDataError(f"{folder} holds no {_NAME}", "a review project")
    content = read_json(path, ("format", "version", "settings"), _WANTED)
    if (content["format"], content["version"]) != (_FORMAT, VERSION):
        told = f"'{content['format']}' of version {content['version']!r}"
        raise StoreError(f"{path} is a {told}", _WANTED, "update merkit")
    try:
        return from_mapping(ProjectConfig, content["settings"])
    except (ConfigError, TypeError, ValueError, AttributeError) as error:
        why = error.found if isinstance(error, ConfigError) else error
        raise StoreError(f"{path}: {why}", _WANTED) from None
