"""Which file is written, and by whom.

An exporter of another package is an entry point of the group ``merkit.exporters``; a script adds
one with ``EXPORTERS.register``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from merkit.errors import ConfigError
from merkit.files import atomic_file, check_new_file
from merkit.registry import Registry

if TYPE_CHECKING:
    from merkit.inference.analysis import Analysis

#: writes videos' analyses, with the model's classes in its own order (none without one), to a path
Write: TypeAlias = "Callable[[Sequence[Analysis], Sequence[str], Path], None]"


@dataclass(frozen=True)
class Exporter:
    """One kind of file.

    ``title`` says what it is, for messages; ``suffixes`` are those of its files, in lower case
    and with the dot. ``write`` gets a temporary path with the suffix that was asked for; the file
    is put in its place when ``write`` returns.

    Raises:
        ConfigError: suffixes of another form.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    write: Write

    def __post_init__(self) -> None:
        if not all(s.startswith(".") and s == s.lower() for s in self.suffixes):
            raise ConfigError(
                f"exporter '{self.name}' has the suffixes {self.suffixes!r}",
                "a tuple of suffixes in lower case with the dot, such as ('.csv',)",
            )


EXPORTERS: Registry[Exporter] = Registry(
    "exporter",
    {"csv": "merkit.export.table:CSV", "json": "merkit.export.document:JSON"},
    group="merkit.exporters",
)


def choose_exporter(path: Path, name: str = "") -> Exporter:
    """The exporter of that name; without one, the exporter of the path's suffix.

    One of another package that cannot be loaded is in the way of nothing else.

    Raises:
        ConfigError: an unknown name, a suffix of no exporter or of several.
        MissingPackageError: the named exporter cannot be loaded.
    """
    if name:
        return EXPORTERS[name]
    loaded, errors = EXPORTERS.load_all()
    exporters = [thing for thing in loaded.values() if isinstance(thing, Exporter)]
    fitting = [e for e in exporters if path.suffix.lower() in e.suffixes]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(f"'{e.name}' of {EXPORTERS.origin(e.name)}" for e in fitting)
        raise ConfigError(
            f"--out {path}: {path.suffix} is written by the exporters {names}",
            "one exporter",
            "choose with --format " + " or ".join(e.name for e in fitting),
        )
    known = (f"{' or '.join(e.suffixes)} ({e.title})" for e in exporters)
    raise ConfigError(
        "; ".join([f"--out {path}", *(error.found for error in errors)]),
        f"a file name ending in {', '.join(known)}",
    )


def check_target(path: Path, overwrite: bool, name: str = "") -> None:
    """Refuse a file that cannot be written, before any work is done.

    Raises:
        ConfigError: as ``check_new_file`` and ``choose_exporter``.
    """
    choose_exporter(path, name)
    check_new_file(path, overwrite, "--out")


def write_events(
    analyses: Sequence[Analysis], classes: Sequence[str], path: Path, name: str = ""
) -> None:
    """Write what was found in videos, whole or not at all.

    Args:
        classes: of the model, in its order; none without a model.
        name: of the exporter; by default the suffix chooses it.

    Raises:
        ConfigError: nothing can be written there, and as ``choose_exporter``.
    """
    exporter = choose_exporter(path, name)
    with atomic_file(path) as temporary:
        exporter.write(analyses, classes, temporary)
