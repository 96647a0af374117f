"""Which file is written, and by whom.

An exporter of another package is an entry point of the group ``merkit.exporters``; a script adds
one with ``EXPORTERS.register``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from merkit.errors import ConfigError, VideoError
from merkit.files import atomic_file, check_new_file
from merkit.media import is_video
from merkit.registry import Registry

if TYPE_CHECKING:
    from merkit.inference.analysis import Analysis

#: writes videos' analyses, with the model's classes in its own order (none without one), to a path
Write: TypeAlias = "Callable[[Sequence[Analysis], Sequence[str], Path], None]"


def _nothing() -> None:
    """Nothing is in the way."""


@dataclass(frozen=True)
class Exporter:
    """One kind of file.

    ``title`` says what it is, for messages; ``suffixes`` are those of its files, in lower case
    and with the dot. ``write`` gets a temporary path with the suffix that was asked for; the file
    is put in its place when ``write`` returns. ``one_video``: such a file holds one video, so that
    several have a folder, in which their suffix is ``spelled``. ``check`` raises what would stand
    in the way of writing, such as a package that is not installed; it is called before any work.

    Raises:
        ConfigError: suffixes of another form.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    write: Write
    one_video: bool = False
    spelled: str = ""
    check: Callable[[], None] = _nothing

    def __post_init__(self) -> None:
        if not all(s.startswith(".") and s == s.lower() for s in self.suffixes):
            raise ConfigError(
                f"exporter '{self.name}' has the suffixes {self.suffixes!r}",
                "a tuple of suffixes in lower case with the dot, such as ('.csv',)",
            )


EXPORTERS: Registry[Exporter] = Registry(
    "exporter",
    {
        "csv": "merkit.export.table:CSV",
        "json": "merkit.export.document:JSON",
        "xlsx": "merkit.export.workbook:XLSX",
        "elan": "merkit.export.elan:ELAN",
        "boris": "merkit.export.boris:BORIS",
        "boris-table": "merkit.export.boris_table:BORIS_TABLE",
        "textgrid": "merkit.export.textgrid:TEXTGRID",
    },
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
        "for a folder with a file a video, say which kind by --format",
    )


def video_name(video: Path) -> str:
    """What a video is called: without its suffix, which a folder of images has none of."""
    return video.stem if is_video(video) else video.name


def files_of(exporter: Exporter, path: Path, videos: Sequence[Path]) -> list[Path]:
    """The files that are written for videos: one for all of them; of an exporter whose file holds
    one video, one each.

    Args:
        path: the file; where each video has one, a folder, in which they get the videos' names.

    Raises:
        ConfigError: one file for several videos that can hold one, or two videos of one name.
    """
    if not exporter.one_video:
        return [path]
    if path.suffix.lower() in exporter.suffixes and not path.is_dir():
        if len(videos) > 1:
            raise ConfigError(
                f"--out {path} holds one video, and there are {len(videos)}",
                "a folder, in which each video gets a file of its own name",
                f"--out {path.with_suffix('')} --format {exporter.name}",
            )
        return [path]
    suffix = exporter.spelled or exporter.suffixes[0]
    files = [path / f"{video_name(video)}{suffix}" for video in videos]
    refuse_twice(files, "an --out")
    return files


def refuse_twice(files: Sequence[Path], option: str) -> None:
    """Refuse files of several videos among which two are one.

    Raises:
        ConfigError: names the first.
    """
    twice = [file for file, n in Counter(files).items() if n > 1]
    if twice:
        raise ConfigError(
            f"two videos would write {twice[0]}",
            "names that differ",
            f"read the folders one after another, each with {option} of its own",
        )


def check_target(
    path: Path, overwrite: bool, name: str = "", videos: Sequence[Path] = ()
) -> list[Path]:
    """Refuse what cannot be written, before any work is done.

    Returns:
        the files that will be written.

    Raises:
        ConfigError: as ``check_new_file``, ``choose_exporter`` and ``files_of``.
        MissingPackageError: the exporter needs a package that is not installed.
    """
    exporter = choose_exporter(path, name)
    exporter.check()
    files = files_of(exporter, path, videos)
    for file in files:
        check_new_file(file, overwrite, "--out")
    return files


def write_events(
    analyses: Sequence[Analysis], classes: Sequence[str], path: Path, name: str = ""
) -> list[Path]:
    """Write what was found in videos, each file whole or not at all.

    Where each video has a file of its own, one that could not be read has none: a file without
    annotation would say that nothing moved.

    Args:
        classes: of the model, in its order; none without a model.
        path: the file; for several videos in a format that holds one, a folder.
        name: of the exporter; by default the suffix chooses it.

    Returns:
        the files that were written.

    Raises:
        ConfigError: nothing can be written there, and as ``choose_exporter`` and ``files_of``.
        MissingPackageError: the exporter needs a package that is not installed.
        VideoError: a file of one video, which could not be read.
    """
    exporter = choose_exporter(path, name)
    exporter.check()
    files = files_of(exporter, path, [analysis.video for analysis in analyses])
    if not exporter.one_video:
        return [_written(exporter, analyses, classes, path)]
    if files == [path] and not analyses[0].readable:
        raise VideoError(analyses[0].problem, f"a video that was read, for {path}")
    return [
        _written(exporter, [analysis], classes, file)
        for analysis, file in zip(analyses, files, strict=True)
        if analysis.readable
    ]


def held_by(
    files: Sequence[Path], asked: Path, analyses: Sequence[Analysis]
) -> list[tuple[Path, list[int]]]:
    """Each file that ``write_events`` wrote, with the places of the analyses that it holds:
    everything, or in a folder one video that was read.

    Args:
        files: what it gave back.
        asked: the path that it was asked for.
    """
    if [*files] == [asked]:
        return [(asked, [*range(len(analyses))])]
    read = [place for place, analysis in enumerate(analyses) if analysis.readable]
    return [(file, [place]) for file, place in zip(files, read, strict=True)]


def _written(
    exporter: Exporter, analyses: Sequence[Analysis], classes: Sequence[str], path: Path
) -> Path:
    with atomic_file(path) as temporary:
        exporter.write(analyses, classes, temporary)
    return path
