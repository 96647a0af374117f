"""What a project knows of one video, which stays where it is."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from merkit.config import validated
from merkit.errors import ConfigError, MerkitError, StoreError
from merkit.files import once_a_version, read_json, relative_path, write_json
from merkit.inference.analysis import Analysis
from merkit.types import Number, VideoInfo, nan_equal

VERSION = 1
#: bytes that are read at the begin, in the middle and at the end of a file
_PIECE = 2**20

#: characters that a name of a person may not hold, since folders and sheets are named by it
_REFUSED = frozenset('/\\:*?"<>|')

State = Literal["there", "missing", "changed"]


@nan_equal
@dataclass(frozen=True)
class VideoEntry:
    """One video of a project.

    ``path``: absolute, where it was when it was added or last found; ``relative``: the same from
    the project's folder, so that both may be moved together. ``size`` (bytes), ``modified_ns`` and
    ``content`` (a hash of the size and three pieces of a file, of names and sizes of a folder's
    images) tell whether it is the same. ``fps_hz``: of the header, or as given for a folder of
    images. ``subject``: the person, where several videos show one; "" is a person of its own.
    ``found``: number of events by kind, once it is analysed; ``problem`` as in ``Analysis``.
    """

    id: str
    path: Path
    relative: str
    size: int
    modified_ns: int
    content: str
    width_px: int
    height_px: int
    fps_hz: float
    n_frames: int | None
    duration_s: float | None
    folder: bool = False
    subject: str = ""
    analysed: bool = False
    found: Mapping[str, int] = field(default_factory=dict)
    found_share: Number = float("nan")
    problem: str = ""
    removed: bool = False

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    def places(self, project: Path) -> tuple[Path, ...]:
        """Where the video may be: beside the project as before, then where it was."""
        relative = [project / self.relative] if self.relative else []
        return tuple(dict.fromkeys([*(Path(os.path.normpath(p)) for p in relative), self.path]))

    def located(self, project: Path) -> tuple[Path, State]:
        """Where the video is, and whether it is the one that was added. A path of a video that is
        not there is where it was."""
        there = [path for path in self.places(project) if os.path.exists(path)]
        for path in there:
            if self._is_same(path):
                return path, "there"
        return (there[0], "changed") if there else (self.path, "missing")

    def _is_same(self, path: Path) -> bool:
        try:
            stat = path.stat()
            seen = (stat.st_size, stat.st_mtime_ns)
            if not self.folder and seen == (self.size, self.modified_ns):
                return True
            return content_of(path) == self.content
        except (OSError, MerkitError):
            return False

    def with_analysis(self, analysis: Analysis) -> dict[str, object]:
        """What changes of the entry once its video is analysed."""
        return {
            "analysed": True,
            "found": dict(Counter(event.kind for event in analysis.events)),
            "found_share": analysis.found_share,
            "problem": analysis.problem,
        }


def entry_of(video_id: str, path: Path, project: Path, info: VideoInfo) -> VideoEntry:
    """The entry of a video that can be read."""
    stat = path.stat()
    return VideoEntry(
        id=video_id,
        path=path,
        relative=relative_path(path, project),
        size=stat.st_size,
        modified_ns=stat.st_mtime_ns,
        content=content_of(path),
        width_px=info.width_px,
        height_px=info.height_px,
        fps_hz=info.fps_hz,
        n_frames=info.n_frames,
        duration_s=info.duration_s,
        folder=path.is_dir(),
    )


def subject_name(text: str) -> str:
    """A person's name or number as databases take it; "" for none.

    Raises:
        ConfigError: it holds what no file name may hold.
    """
    name = text.strip()
    plain = name.isprintable() and not set(name) & _REFUSED and name not in (".", "..")
    if len(name) > 80 or not plain or name[:1] in tuple("=+@-"):
        raise ConfigError(f"{text[:100]!r} as a subject", "a plain name or number, such as p01")
    return name


@once_a_version
def content_of(path: Path) -> str:
    """Hash that tells videos apart without reading an hour of one, 24 hex digits.

    Raises:
        VideoError: a folder without images.
    """
    if path.is_dir():
        from merkit.video import list_images

        images = [(image.name, image.stat().st_size) for image in list_images(path).values()]
        return hashlib.sha256(repr(images).encode()).hexdigest()[:24]
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in sorted({0, max(0, size // 2 - _PIECE // 2), max(0, size - _PIECE)}):
            file.seek(start)
            digest.update(file.read(_PIECE))
    return digest.hexdigest()[:24]


def save_entry(path: Path, entry: VideoEntry) -> None:
    write_json(path, {"version": VERSION, **asdict(entry)})


def load_entry(path: Path) -> VideoEntry:
    """An entry as it was saved.

    Raises:
        StoreError: damaged, or of a newer merkit.
    """
    wanted = f"a video of a project, version {VERSION}"
    content = read_json(path, ("version", "id", "path"), wanted)
    if content["version"] != VERSION:
        raise StoreError(f"{path} has version {content['version']!r}", wanted, "update merkit")
    return validated(VideoEntry, content, path, wanted)
