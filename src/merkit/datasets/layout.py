"""Folders of a database: found by what they hold, read by name only, never left.

Only file and folder names are looked at. Nothing outside the root is reached: links that lead
out are passed over (inside a clip's own folder: refused), and names from a sheet may not carry a
path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from merkit.datasets.sheets import columns_seen, fingerprint
from merkit.errors import DatasetError, MissingDataError
from merkit.media import frame_number, is_image

#: Suffixes of annotation files.
TABLES = frozenset({".xlsx", ".xls", ".csv"})
#: Tables that a message lists with their columns.
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder and the sorted names in it (hidden names and links that lead out left away)."""

    path: Path
    folders: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """Which of a database's trees is meant, told by the names of folders.

    Args:
        default: path below the root where the tree is expected when there is none.
        wanted: expression found in the tree's path below the root (in its name if it is the
            root).
        unwanted: expression that a tree of another variant has in its path.
        strict: take no tree whose path does not say ``wanted``; otherwise the nearest whose
            path does not say ``unwanted`` will do.
        depth: how many levels below the root it may lie.
    """

    default: str
    wanted: str
    unwanted: str = ""
    strict: bool = False
    depth: int = 4


def _real(path: Path | str) -> Path:
    """The path without links. A link that leads in a circle stays as it is; nothing is there."""
    return Path(os.path.realpath(path))


def inside(root: Path, *parts: str, folder: Path | None = None) -> Path:
    """``root``, or a folder below it, joined with names that come from a sheet.

    Raises:
        DatasetError: a name that is empty, holds a path separator, ``..``, a control character
            or a formula, or a link that leads out of ``root``.
    """
    for part in parts:
        if not _plain_name(part):
            raise DatasetError(
                f"{part!r} cannot be the name of a subject or clip",
                "a plain file or folder name, without separators, '..' or formulas",
                "correct the cell in the sheet, or get the sheet again from the owner",
            )
    path = (folder or root).joinpath(*parts)
    base = _real(root)
    if not _real(path).is_relative_to(base):
        raise _link_out(path, base)
    return path


def _link_out(path: Path, base: Path) -> DatasetError:
    return DatasetError(
        f"{path} is a link that leads to {_real(path)}",
        f"data inside {base}",
        "give the folder that really holds the data as root",
    )


def refuse_links_out(media: Iterable[Path], root: Path) -> None:
    """See that nothing in the clips' image folders is a link that leads out of ``root``.

    A folder that lies elsewhere itself (only the roots.csv of MEGC2019 names such) is not
    looked at; one that is missing is for a check to report.

    Raises:
        DatasetError: such a link, with the root.
    """
    base = _real(root)
    for folder in sorted(set(media)):
        if not folder.is_dir() or not _real(folder).is_relative_to(base):
            continue
        for entry in _entries(folder):
            if entry.is_symlink() and not _leads_inside(entry.path, base):
                raise _link_out(Path(entry.path), base)


def _plain_name(text: str) -> bool:
    if not text.strip() or text in {".", ".."} or text[0] in "=+@-":
        return False
    return text.isprintable() and not set(text) & set('/\\:*?"<>|')


def scan(folder: Path, root: Path) -> Folder:
    """The names in one folder; links that lead out of ``root`` are passed over."""
    folders: list[str] = []
    files: list[str] = []
    base = _real(root)
    for entry in _entries(folder):
        hidden = entry.name.startswith((".", "~$"))
        if hidden or (entry.is_symlink() and not _leads_inside(entry.path, base)):
            continue
        with suppress(OSError):  # a link in a circle is neither
            if entry.is_dir():
                folders.append(entry.name)
            elif entry.is_file():  # no pipe or device, which reading would wait for
                files.append(entry.name)
    return Folder(folder, tuple(sorted(folders)), tuple(sorted(files)))


def _leads_inside(path: str, base: Path) -> bool:
    return _real(path).is_relative_to(base)


def walk(
    root: Path, depth: int, stop: Callable[[Folder], bool] = lambda folder: False
) -> Iterator[Folder]:
    """Folders from ``root`` down, level by level; folders of images, and what is below a
    folder that ``stop`` accepts, are not gone into."""
    level, seen = [root], {_real(root)}
    for step in range(depth + 1):
        below: list[Path] = []
        for path in level:
            if step and holds_images(path):
                continue
            folder = scan(path, root)
            yield folder
            for name in () if stop(folder) else folder.folders:
                target = _real(path / name)
                if target not in seen:  # a link back up would go round for ever
                    seen.add(target)
                    below.append(path / name)
        level = below


def holds_images(path: Path) -> bool:
    """Whether an image is among the first names; enough to tell, cheap for huge folders."""
    first = islice(_entries(path), 16)
    return any(is_image(entry.name) for entry in first)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be listed: {error.strerror}",
            "a readable folder",
            "check that it exists and that you may read it",
        ) from error


def tables_below(root: Path, depth: int = 3) -> list[Path]:
    """The workbooks and CSV files below the root, level by level."""
    found = (folder.path / name for folder in walk(root, depth) for name in folder.files)
    return [path for path in found if path.suffix.lower() in TABLES]


def find_sheet(root: Path, patterns: Sequence[str], columns: Sequence[str], depth: int = 3) -> Path:
    """The one file below ``root`` whose name fits the first pattern that fits any.

    Patterns are as in a shell, without regard to case. Copies with equal bytes count as one.
    ``columns``: those that the sheet must have, for the message.

    Raises:
        MissingDataError: no such file; the tables that are there are listed with their columns.
        DatasetError: several that differ.
    """
    path = _fitting(root, patterns, depth)
    if path is None:
        raise no_sheet(root, patterns, columns, depth)
    return path


def no_sheet(
    root: Path, patterns: Sequence[str], columns: Sequence[str], depth: int = 3, fix: str = ""
) -> MissingDataError:
    """No file is named so: the tables that are there, and what is wanted."""
    tables = tables_below(root, depth)
    listed = "; ".join(columns_seen(table, columns) for table in tables[:_LISTED])
    more = f" and {len(tables) - _LISTED} more" if len(tables) > _LISTED else ""
    there = f"its tables are {listed}{more}" if tables else "there is no table at all"
    named = f"a file named like {' or '.join(patterns)}"
    give = "give the folder that holds both the sheet and the images"
    return MissingDataError(
        f"no annotation file below {root}; {there}",
        f"{named}, with the columns {list(columns)}",
        fix or (give + ", or rename the sheet if it is one of these" if tables else give),
    )


def set_aside(root: Path, patterns: Sequence[str], chosen: Path, depth: int = 3) -> list[Path]:
    """Tables that a later pattern fits, and that are no copy of the chosen one."""
    mark = fingerprint(chosen)
    return [
        path
        for path in tables_below(root, depth)
        if any(fnmatchcase(path.name.lower(), pattern.lower()) for pattern in patterns)
        and fingerprint(path) != mark
    ]


def _fitting(root: Path, patterns: Sequence[str], depth: int) -> Path | None:
    found = [folder.path / name for folder in walk(root, depth) for name in folder.files]
    for pattern in patterns:
        fits = [path for path in found if fnmatchcase(path.name.lower(), pattern.lower())]
        versions = {fingerprint(path): path for path in reversed(fits)}
        if len(versions) > 1:
            listed = ", ".join(str(p.relative_to(root)) for p in versions.values())
            raise DatasetError(
                f"{len(versions)} different annotation files fit '{pattern}': {listed}",
                "exactly one, so that the score names its sheet",
                "keep the one you want below this root and move the others away",
            )
        if versions:
            return next(iter(versions.values()))
    return None


def optional_sheet(root: Path, patterns: Sequence[str]) -> Path | None:
    """As :func:`find_sheet`, None where there is no such file."""
    return _fitting(root, patterns, depth=3)


def find_tree(root: Path, child: str, tree: Tree) -> Path:
    """The folder whose sub-folders' whole names match the expression ``child``."""
    name = re.compile(child, re.IGNORECASE)

    def holds_children(folder: Folder) -> bool:
        return any(name.fullmatch(n) for n in folder.folders)

    found = [f.path for f in walk(root, tree.depth, holds_children) if holds_children(f)]
    fit = [path for path in found if not _says(tree.unwanted, path, root)]
    said = [path for path in fit if _says(tree.wanted, path, root)]
    if said or (fit and not tree.strict):
        return (said or fit)[0]
    return root / tree.default


def _says(expression: str, tree: Path, root: Path) -> bool:
    path = root.name if tree == root else tree.relative_to(root).as_posix()
    return bool(expression) and re.search(expression, path, re.IGNORECASE) is not None


def child_folder(folder: Path, root: Path, *names: str) -> Path:
    """The first of several spellings that exists, then any without regard to case; else the
    first spelling, which a check then reports as missing."""
    paths = [inside(root, name, folder=folder) for name in names]
    for path in paths:
        if path.is_dir():
            return path
    if folder.is_dir():
        wanted = {name.casefold() for name in names}
        for found in scan(folder, root).folders:
            if found.casefold() in wanted:
                return inside(root, found, folder=folder)
    return paths[0]


def frame_numbers(folder: Path) -> list[int]:
    """Frame numbers of the images in a folder, ascending; [] where there is no such folder."""
    if not folder.is_dir():
        return []
    names = [n for n in os.listdir(folder) if not n.startswith(".")]
    images = [n for n in names if is_image(n)]
    return sorted(n for n in map(frame_number, images) if n is not None)
