"""A tracker that looks for the face anew in every frame, as scripts without memory do."""

from __future__ import annotations

from merkit.face.tracker import TRACKERS, DetectedFace, FaceTracker, TrackConfig
from merkit.types import Frame


class SearchingTracker(FaceTracker):
    """Asks the tracker of the settings for the faces of each frame, whatever was seen before: an
    ordinary look, and a thorough one where that finds nothing. Networks are loaded once."""

    name = "searching"
    title = "the face looked for in every frame"

    def __init__(self, config: TrackConfig) -> None:
        self._tracker = TRACKERS[config.tracker](config)

    def landmarks(self, frame: Frame, quick: bool = False) -> tuple[DetectedFace, ...]:
        """Every face in the frame."""
        return self._tracker.landmarks(frame, quick=True) or self._tracker.landmarks(frame)

    def finish(self) -> None:
        """Nothing is left over."""
