"""What ``merkit predict --out`` writes, and that it can be: known before any work begins."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merkit.errors import ConfigError
from merkit.export import check_target, held_by, write_events
from merkit.files import sole_writer
from merkit.media import is_video

if TYPE_CHECKING:
    from merkit.inference.analysis import Analysis

#: what is written where nothing is named
DEFAULT = Path("events.csv")


@dataclass(frozen=True)
class Output:
    """A file, or the folder of a format that has a file a video; ``format``: name of the exporter,
    "" for that of the suffix."""

    path: Path
    format: str = ""


def outputs(
    named: Sequence[Sequence[Path]],
    formats: Sequence[Sequence[str]],
    videos: Sequence[Path],
    overwrite: bool,
    others: Iterable[Path] = (),
) -> tuple[Output, ...]:
    """The outputs of a run, each checked.

    Args:
        named: paths by each ``--out``.
        formats: exporters by each ``--format``: none, or one for each path.
        others: files that the run writes otherwise.

    Raises:
        ConfigError: formats that do not count as many as the paths, a video in place of a file,
            two outputs of one file, and as ``check_target``.
        MissingPackageError: an output needs a package that is not installed.
    """
    paths = [path for group in named for path in group] or [DEFAULT]
    names = [name for group in formats for name in group]
    if not all(named) or not all(formats):
        raise ConfigError("--out or --format stands without a value", "--out FILE, --format NAME")
    if names and len(names) != len(paths):
        raise ConfigError(
            f"{len(names)} names after --format, for {len(paths)} files after --out",
            "one for each, in the same order, or none",
            "leave --format out: suffixes choose",
        )
    found = tuple(map(Output, paths, names)) if names else tuple(map(Output, paths))
    written = [os.path.abspath(path) for path in others]
    for one in found:
        if is_video(one.path) or one.path in videos:
            raise ConfigError(
                f"--out {one.path} is a video", "a file to write", "name the videos before --out"
            )
        files = check_target(one.path, overwrite, one.format, videos)
        written += [os.path.abspath(file) for file in files]
    twice = [file for file, n in Counter(written).items() if n > 1]
    if twice:
        raise ConfigError(f"{twice[0]} would be written twice", "outputs that differ")
    return found


@contextmanager
def sole_writer_of(outputs: Sequence[Output]) -> Iterator[None]:
    """Let no other merkit on this machine write any of them meanwhile.

    Raises:
        ConfigError: another process is writing one.
    """
    with ExitStack() as held:
        for path in dict.fromkeys(one.path for one in outputs):
            held.enter_context(sole_writer(path))
        yield


def write_outputs(
    outputs: Sequence[Output],
    analyses: Sequence[Analysis],
    classes: Sequence[str],
    note: Callable[[Path, Sequence[Analysis]], None],
) -> list[str]:
    """Write every output, also after one of them failed; returns a line about each.

    Args:
        note: called with each file that was written and what it holds.

    Raises:
        MerkitError: the first failure, when the others are written; of another package's exporter
            whatever it raises.
    """
    failures: list[Exception] = []
    lines: list[str] = []
    for one in outputs:
        try:
            files = write_events(analyses, classes, one.path, one.format)
            for file, places in held_by(files, one.path, analyses):
                note(file, [analyses[place] for place in places])
        except Exception as error:  # the analysis took long, and the others can have it
            failures.append(error)
            continue
        several = "" if files == [one.path] else f" ({len(files)} of {len(analyses)} videos)"
        lines.append(f"written: {one.path}{several}")
    if failures:
        raise failures[0]
    return lines
