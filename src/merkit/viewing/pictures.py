"""Pictures of events: the face at onset, apex and offset, upright, level and of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from merkit.config import check_settings
from merkit.face.align import warp
from merkit.face.landmarker import FaceLandmarker
from merkit.face.upright import turned
from merkit.flow.gray import to_gray
from merkit.progress import Progress, silent
from merkit.spotting.tracked import TrackedVideo, mesh_of
from merkit.types import F64, U8, Bool, Event, Frame
from merkit.video import iter_frames
from merkit.viewing.face import region_centres, view_of
from merkit.viewing.magnify import magnified_apex

Faces: TypeAlias = Literal["shown", "blurred", "none"]
#: Side of the mosaic, in blocks, that a blurred picture is made of.
BLOCKS = 8
#: Grey of what lies beyond the frame.
_BEYOND = 225


@dataclass(frozen=True)
class PictureConfig:
    """Which pictures of events are made.

    ``faces``: ``shown``; ``blurred``, of which nothing is kept but ``BLOCKS`` x ``BLOCKS`` grey
    blocks; ``none``. ``magnify``: also the apex with its motion so many times as large (0: not);
    only where faces are shown. ``size_px``: side of a picture. ``quality``: of its JPEG, 1 to 100.
    """

    faces: Faces = "shown"
    magnify: float = 0.0
    size_px: int = 224
    quality: int = 80

    def __post_init__(self) -> None:
        wanted = {
            "faces": (self.faces in get_args(Faces), "shown, blurred or none"),
            "magnify": (
                self.magnify == 0 or (1 < self.magnify <= 30 and self.faces == "shown"),
                "0 (not at all), or above 1 and at most 30 where faces are shown",
            ),
            "size_px": (32 <= self.size_px <= 1024, "32 to 1024"),
            "quality": (1 <= self.quality <= 100, "1 to 100"),
        }
        check_settings(self, "pictures", wanted)


@dataclass(frozen=True, eq=False)
class EventPictures:
    """JPEG files of ``PictureConfig.size_px`` squared. ``found``: whether the face was found at
    onset, apex and offset. ``magnified``: b"" where it was not asked for. ``ground``: the apex in
    pale grey, to draw upon, and ``centres`` (R,2) where the regions lie on it, in its pixels; b""
    and None where faces are not shown."""

    onset: bytes
    apex: bytes
    offset: bytes
    found: tuple[bool, bool, bool]
    magnified: bytes = b""
    ground: bytes = b""
    centres: F64 | None = None


def event_pictures(
    seen: TrackedVideo,
    events: Sequence[Event],
    config: PictureConfig | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> tuple[EventPictures, ...]:
    """The pictures of each event, from one more pass over the video; none where no faces are
    wanted.

    In memory are one frame, the small pictures of events that are under way, and the files made.

    Args:
        events: of this video, in any order.
        fps_hz: frame rate of an image folder.

    Raises:
        VideoError, MissingDataError: the video cannot be read again.
    """
    config = config or PictureConfig()
    if config.faces == "none" or not events:
        return ()
    made: dict[int, EventPictures] = {}
    order = sorted(range(len(events)), key=lambda i: events[i].offset_frame)
    views = _views(seen, events, config.size_px, fps_hz)
    stage = f"pictures of {seen.info.path.name}"
    kept: dict[int, _View] = {}
    for i in order:
        wanted = _frames_of(events[i])
        while not kept.keys() >= set(wanted):
            number, view = next(views)
            kept[number] = view
        made[i] = _pictures_of([kept[number] for number in wanted], config)
        later = {n for j in order if j not in made for n in _frames_of(events[j])}
        kept = {number: view for number, view in kept.items() if number in later}
        progress(stage, len(made), len(order))
    return tuple(made[i] for i in range(len(events)))


@dataclass(frozen=True, eq=False)
class _View:
    """A face, cut out of its frame, and where its regions lie."""

    rgb: U8  # (S, S, 3)
    centres: F64  # (R, 2)
    found: bool


def _frames_of(event: Event) -> tuple[int, int, int]:
    return event.onset_frame, event.apex_frame, event.offset_frame


def _views(
    seen: TrackedVideo, events: Sequence[Event], size_px: int, fps_hz: float | None
) -> Iterator[tuple[int, _View]]:
    """The views of all frames of events, in order of time."""
    landmarker = FaceLandmarker()
    numbers = sorted({number for event in events for number in _frames_of(event)})
    # an image folder may lack a number; what was looked at is there
    first = seen.numbers[seen.numbers <= numbers[0]].max()
    last = seen.numbers[seen.numbers >= numbers[-1]].min()
    for frame in iter_frames(seen.info.path, int(first), int(last), fps_hz=fps_hz):
        if not numbers or frame.number < numbers[0]:
            continue
        upright = replace(frame, rgb=turned(frame.rgb, seen.turns))
        view = _view(upright, seen, size_px, landmarker)
        while numbers and frame.number >= numbers[0]:
            yield numbers.pop(0), view


def _view(frame: Frame, seen: TrackedVideo, size_px: int, landmarker: FaceLandmarker) -> _View:
    face = seen.face_at(np.array([frame.number]))
    mesh = mesh_of(frame.rgb, face.landmarks_px[0], landmarker)
    view = view_of(mesh, size_px)
    rgb = warp(frame.rgb, view, size_px)
    rgb[~_inside(frame.rgb, view, size_px)] = _BEYOND
    return _View(rgb, region_centres(mesh, view), bool(face.found[0]))


def _inside(rgb: U8, view: F64, size_px: int) -> Bool:
    """Where in a view (S,S) the frame has something to show."""
    import cv2

    all_of_it = np.ones(rgb.shape[:2], np.uint8)
    return np.asarray(cv2.warpAffine(all_of_it, view, (size_px, size_px)) > 0)


def _pictures_of(views: Sequence[_View], config: PictureConfig) -> EventPictures:
    onset, apex, offset = (view.rgb for view in views)
    found = views[0].found, views[1].found, views[2].found
    if config.faces == "blurred":
        onset, apex, offset = (blurred(rgb) for rgb in (onset, apex, offset))
    shots = [_jpeg(rgb, config.quality) for rgb in (onset, apex, offset)]
    plain = EventPictures(shots[0], shots[1], shots[2], found)
    if config.faces == "blurred":
        return plain
    magnified = b""
    if config.magnify:
        magnified = _jpeg(magnified_apex(onset, apex, config.magnify), config.quality)
    ground = _jpeg(_pale(apex), config.quality)
    return replace(plain, magnified=magnified, ground=ground, centres=views[1].centres)


def blurred(rgb: U8) -> U8:
    """A picture (S,S,3) of which nothing is left but ``BLOCKS`` x ``BLOCKS`` grey blocks."""
    import cv2

    blocks = cv2.resize(to_gray(rgb), (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
    size = rgb.shape[1], rgb.shape[0]
    grey = cv2.resize(blocks, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.repeat(grey[..., None], 3, axis=2), np.uint8)


def _pale(rgb: U8) -> U8:
    """Grey, and half way to white."""
    grey = to_gray(rgb)
    return np.asarray(255 - (255 - grey.astype(np.int16)) // 2, np.uint8)


def _jpeg(picture: U8, quality: int) -> bytes:
    """A JPEG file without any note of where it came from."""
    import cv2

    shown = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done  # it is in memory and of a kind that JPEG has
    return bytes(data)
