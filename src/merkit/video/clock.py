"""Time of a frame, in seconds from frame 0."""

from __future__ import annotations

from av.container import InputContainer
from av.video.stream import VideoStream

#: Used where a container says nothing of its rate.
FALLBACK_FPS_HZ = 25.0


def fps_of(stream: VideoStream) -> float:
    """Mean frame rate in Hz; for a variable rate that is frames over duration."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else FALLBACK_FPS_HZ


def duration_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Duration in seconds as the header has it, or None."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def has_own_times(container: InputContainer, stream: VideoStream) -> bool:
    """Whether frames carry times of presentation.

    AVI stores none; with B-frames its packet times are those of decoding, in another order.
    """
    return not (container.format.name == "avi" and stream.codec_context.has_b_frames)


class Clock:
    """Turns presentation timestamps into seconds from the first frame.

    Without times of its own a file has a constant rate. A timestamp that is missing or does
    not advance is replaced by one frame after the previous.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, first_pts: int | None = None
    ) -> None:
        self._trust = has_own_times(container, stream)
        self._unit_s = stream.time_base
        self._step_s = 1.0 / fps_of(stream)
        self._first = first_pts  # else that of the first frame seen
        self._previous_s = -self._step_s

    def time_s(self, pts: int | None) -> float:
        """Seconds from the first frame; strictly increasing from call to call."""
        now_s = self._previous_s + self._step_s
        if self._trust and pts is not None and self._unit_s is not None:
            if self._first is None:
                self._first = pts
            own_s = float((pts - self._first) * self._unit_s)
            if own_s > self._previous_s:
                now_s = own_s
        self._previous_s = now_s
        return now_s
