"""Where those files of ``merkit predict`` go that each video has of its own: per-frame tables,
pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from merkit.errors import ConfigError
from merkit.files import check_new_file

if TYPE_CHECKING:
    from merkit.viewing.pictures import Faces, PictureConfig


def frame_tables(named: Path | None, videos: Sequence[Path], overwrite: bool) -> dict[Path, Path]:
    """The table of each video; see :func:`video_files`."""
    return video_files(named, videos, overwrite, "--frames-out", "table", (".csv",))


def video_pages(named: Path | None, videos: Sequence[Path], overwrite: bool) -> dict[Path, Path]:
    """The page of each video; see :func:`video_files`."""
    return video_files(named, videos, overwrite, "--html", "page", (".html", ".htm"))


def page_pictures(
    pages: Path | None, faces: Faces, no_faces: bool, magnify: float
) -> PictureConfig | None:
    """What pictures the pages have; None where there are no pages.

    Raises:
        ConfigError: pictures of no page, wanted and not wanted, or a number out of range.
    """
    if pages is None:
        if no_faces or faces != "shown" or magnify:
            raise ConfigError("pictures without a page", "--html FILE beside --faces or --magnify")
        return None
    from merkit.viewing import PictureConfig

    if no_faces and faces == "blurred":
        raise ConfigError("--no-faces and --faces blurred", "one of them")
    return PictureConfig("none" if no_faces else faces, magnify)


def video_files(
    named: Path | None,
    videos: Sequence[Path],
    overwrite: bool,
    option: str,
    what: str,
    suffixes: Sequence[str],
) -> dict[Path, Path]:
    """The file of each video; none where none were asked for.

    Args:
        named: a file with one of ``suffixes`` where there is one video, otherwise a folder.
        option, what: of the command line, and what a file is, for messages.

    Raises:
        ConfigError: one file for several videos, two videos of one name, a file that exists, or
            a folder that is a file.
    """
    if named is None:
        return {}
    if named.suffix.lower() in suffixes and not named.is_dir():
        if len(videos) > 1:
            raise ConfigError(
                f"{option} {named} is one file, for {len(videos)} videos",
                f"a folder, in which each video gets a {what} of its own name",
            )
        files = {videos[0]: named}
    else:
        files = {video: named / f"{video.name}{suffixes[0]}" for video in videos}
    from merkit.export.exporter import refuse_twice  # exporters, which help does not need

    refuse_twice([*files.values()], option)
    for path in files.values():
        check_new_file(path, overwrite, option)
    return files
