"""Files of what a coder made of the videos of a project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from merkit.errors import ConfigError, MissingDataError
from merkit.export import EXPORTERS, Exporter, write_events
from merkit.inference.analysis import Analysis
from merkit.review.coders import coder_folder, coder_name
from merkit.review.project import Project


def exporters() -> list[Exporter]:
    """All that can be loaded; one of another package that cannot is in the way of nothing."""
    return [thing for thing in EXPORTERS.load_all()[0].values() if isinstance(thing, Exporter)]


def export(project: Project, coder: str, format_name: str, suffix: str, video_id: str = "") -> Path:
    """Write a coder's events of one video, or of all, into the project's folder ``exports``, in
    place of an earlier such file.

    Raises:
        ConfigError: an unknown format, or nothing is analysed.
    """
    exporter = EXPORTERS[format_name]
    if suffix not in exporter.suffixes:
        raise ConfigError(f"{format_name} as {suffix}", " or ".join(exporter.suffixes))
    analyses = _reviewed(project, coder, video_id)
    name = f"{video_id or 'events'}-{_short(project, coder)}{suffix}"
    path = project.folder / "exports" / name
    write_events(analyses, classes_of(analyses), path, format_name)
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


def classes_of(analyses: Iterable[Analysis]) -> list[str]:
    """The model's classes, in its order; none where nothing was named."""
    named = (event.probabilities for analysis in analyses for event in analysis.events)
    return list(next(filter(None, named), ()))


def _reviewed(project: Project, coder: str, video_id: str) -> list[Analysis]:
    """As the coder left it; what was found, where the coder has done nothing yet."""
    entries = [entry for entry in project.videos() if entry.analysed]
    wanted = [n for n, entry in enumerate(entries) if video_id in ("", entry.id)]
    if not wanted:
        raise ConfigError("no analysed video to export", "one that is ready")
    if coder_folder(coder) in map(coder_folder, project.coders()):
        reviewed = project.reviewed(coder)
        return [reviewed[n] for n in wanted]
    return [project.analysis(entries[n].id) for n in wanted]


def _short(project: Project, coder: str) -> str:
    """A coder's name as a part of a file's, with its digest where others look alike in ASCII."""
    whole = coder_folder(coder_name(coder))
    plain = whole.rpartition("-")[0]
    others = {coder_folder(other) for other in project.coders()} - {whole}
    alike = plain == "coder" or any(other.rpartition("-")[0] == plain for other in others)
    return whole if alike else plain
