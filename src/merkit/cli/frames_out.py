"""Where the per-frame tables of ``merkit predict --frames-out`` go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from merkit.errors import ConfigError
from merkit.files import check_new_file


def frame_tables(named: Path | None, videos: Sequence[Path], overwrite: bool) -> dict[Path, Path]:
    """The table of each video; none where none were asked for.

    Args:
        named: a ``.csv`` file where there is one video, otherwise a folder.

    Raises:
        ConfigError: one file for several videos, two videos of one name, a table that exists, or
            a folder that is a file.
    """
    if named is None:
        return {}
    if named.suffix.lower() == ".csv" and not named.is_dir():
        if len(videos) > 1:
            raise ConfigError(
                f"--frames-out {named} is one file, for {len(videos)} videos",
                "a folder, in which each video gets a table of its own name",
            )
        tables = {videos[0]: named}
    else:
        tables = {video: named / f"{video.name}.csv" for video in videos}
    twice = [path for path, n in Counter(tables.values()).items() if n > 1]
    if twice:
        raise ConfigError(
            f"two videos would write {twice[0]}",
            "names that differ",
            "read the folders one after another, each with a --frames-out of its own",
        )
    for path in tables.values():
        check_new_file(path, overwrite, "--frames-out")
    return tables
