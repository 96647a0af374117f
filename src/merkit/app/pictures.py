"""What is seen of a project's videos: the files themselves, single frames, what is drawn over them,
and the curves below."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

from merkit.app import shown
from merkit.app.curves import curve_between
from merkit.app.frames import FrameReader, Recent
from merkit.app.jumps import load_jumps
from merkit.app.overlay import Overlay
from merkit.app.places import clock_of, found, there
from merkit.app.playable import playable_as
from merkit.errors import MissingDataError, VideoError
from merkit.review.project import Project

#: videos whose decoders stay open
_OPEN_VIDEOS = 4
#: points of a curve, whatever is asked
_LEAST_POINTS, _MOST_POINTS = 10, 4000
#: of a video of a single frame
_FALLBACK_FPS_HZ = 25.0


class Pictures:
    """See the module."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._readers = Recent(_OPEN_VIDEOS, self._reader, FrameReader.close)
        self._overlay = Overlay()

    def close(self) -> None:
        self._readers.close()

    def video(self, video_id: str) -> dict[str, Any]:
        """What the page needs to show one video.

        Raises:
            ConfigError: no such video, or not analysed yet.
        """
        entry, clock = self._project.video(video_id), self._project.clock(video_id)
        analysis = self._project.analysis(video_id)
        place, state = self._project.located(video_id)
        plain = not analysis.turned_deg and state == "there"
        return {
            "id": entry.id,
            "name": entry.id if self._project.config.blinded else entry.name,
            "native": _native(place) if plain else "",
            "fps_hz": clock.fps_hz if isfinite(clock.fps_hz) else _FALLBACK_FPS_HZ,
            "width": entry.width_px if analysis.turned_deg % 180 == 0 else entry.height_px,
            "height": entry.height_px if analysis.turned_deg % 180 == 0 else entry.width_px,
            "duration_s": analysis.duration_s,
            "found_share": analysis.found_share,
            "place": state,
            "clock": shown.shown_clock(clock),
            "stretches": [shown.shown_stretch(stretch) for stretch in analysis.stretches],
        }

    def curve(
        self, video_id: str, title: str, first: float, last: float, points: int
    ) -> dict[str, Any]:
        """One curve between two frames, and the titles of all; see ``curve_between``."""
        points = min(max(points, _LEAST_POINTS), _MOST_POINTS)
        return curve_between(
            found(self._project, video_id, "curves.npz"), title, first, last, points
        )

    def file(self, video_id: str) -> Path:
        """Where a video lies.

        Raises:
            ConfigError: no such video.
            MissingDataError: it is no file, not there any more, or another one by now.
        """
        place = there(self._project, video_id)
        if place.is_dir():
            raise MissingDataError(f"{place} is a folder of images", "a video file")
        return place

    def jpeg(self, video_id: str, frame: int) -> bytes:
        """One frame.

        Raises:
            ConfigError: no such video, or not analysed.
            VideoError: no such frame, or it cannot be decoded.
        """
        self._check_frame(video_id, frame)
        return self._readers[video_id].jpeg(frame)

    def overlay(self, video_id: str, frame: int, since: int | None) -> dict[str, Any]:
        """Landmarks of a frame, and motion since another one.

        Raises:
            As ``jpeg``.
        """
        numbers = (frame,) if since is None else (frame, since)
        for number in numbers:
            self._check_frame(video_id, number)
        return self._overlay.of(*self._readers[video_id].pictures(*numbers))

    def _check_frame(self, video_id: str, frame: int) -> None:
        clock = clock_of(self._project, video_id)
        if not clock.holds(frame):
            raise VideoError(f"frame {frame}", f"{clock.first_frame} to {clock.last_frame}")

    def _reader(self, video_id: str) -> FrameReader:
        project, entry = self._project, self._project.video(video_id)
        fps_hz = entry.fps_hz if entry.folder else None
        keys = load_jumps(found(project, video_id, "jumps.npz"))
        turned_deg = project.analysis(video_id).turned_deg
        return FrameReader(there(project, video_id), turned_deg // 90, fps_hz, keys)


@lru_cache(maxsize=256)
def _native(place: Path) -> str:
    return playable_as(place)
