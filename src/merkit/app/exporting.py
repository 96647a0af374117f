"""Files of what a coder made of the videos of a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from merkit.errors import ConfigError, MissingDataError
from merkit.export import EXPORTERS, Exporter
from merkit.files import atomic_file
from merkit.review.coders import coder_folder, coder_name
from merkit.review.export import write_reviewed
from merkit.review.project import Project


def exporters() -> list[Exporter]:
    """All that can be loaded; one of another package that cannot is in the way of nothing."""
    return [thing for thing in EXPORTERS.load_all()[0].values() if isinstance(thing, Exporter)]


def export(project: Project, coder: str, format_name: str, suffix: str, video_id: str = "") -> Path:
    """Write a coder's events of one video, or of all, into the project's folder ``exports``, in
    place of an earlier such file. Of a format whose files hold one video, those of several go into
    a folder, and all of it into a .zip file beside it, which is what is given back.

    Raises:
        ConfigError: an unknown format, or nothing is analysed.
    """
    exporter = EXPORTERS[format_name]
    if suffix not in exporter.suffixes:
        raise ConfigError(f"{format_name} as {suffix}", " or ".join(exporter.suffixes))
    stem = f"{video_id or 'events'}-{_short(project, coder)}"
    several = not video_id and sum(entry.analysed for entry in project.videos()) > 1
    apart = exporter.one_video and several
    path = project.folder / "exports" / (f"{stem}-{format_name}" if apart else f"{stem}{suffix}")
    files, _ = write_reviewed(project, coder, path, format_name, [video_id] if video_id else [])
    return _zipped(files, path.with_name(f"{path.name}.zip")) if apart else path


def _zipped(files: Sequence[Path], path: Path) -> Path:
    with atomic_file(path) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, file.name)
    return path


def exported(project: Project, name: str) -> Path:
    """A file that was exported.

    Raises:
        MissingDataError: there is none of that name.
    """
    path = project.folder / "exports" / name
    hidden = path.name != name or name.startswith(".") or path.is_symlink()
    if hidden or not path.is_file():
        raise MissingDataError(f"no exported file '{name}'")
    return path


def _short(project: Project, coder: str) -> str:
    """A coder's name as a part of a file's, with its digest where others look alike in ASCII."""
    whole = coder_folder(coder_name(coder))
    plain = whole.rpartition("-")[0]
    others = {coder_folder(other) for other in project.coders()} - {whole}
    alike = plain == "coder" or any(other.rpartition("-")[0] == plain for other in others)
    return whole if alike else plain
