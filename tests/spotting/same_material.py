"""One recording, and the forms in which people come by the same movements: cut, looped, joined,
re-encoded, in overlapping parts and at other frame rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from merkit.synthetic.config import SynthConfig
from merkit.synthetic.identity import make_identity
from merkit.synthetic.plan import PlannedVideo, identity_rng
from merkit.synthetic.recordings import plan_recordings
from merkit.synthetic.render import Renderer
from merkit.types import U8

FULL_HZ, HZ = 60, 30
LENGTH_S, OTHER_S = 12, 3
#: of the recording, in copies of which the whole is not needed: its micro-expressions
PART_S = 9
CRF = 15
#: a key frame every second: a stream copy begins at one
KEY_S = 1
CONFIG = SynthConfig(
    seed=26,
    fps_hz=FULL_HZ,
    size_px=(320, 240),
    face_width_px=160.0,
    duration_s=(0.25, 0.4),
    amplitude_px=(3.0, 4.0),
    head_motion_px=1.0,
    blink_rate_hz=0.2,
    long_videos=2,
    long_duration_s=LENGTH_S,
    events_per_video=3,
    macro_events=1,
    macro_duration_s=(0.8, 1.5),
)


@dataclass(frozen=True)
class Copy:
    """A file that shows the recording from ``first_s`` to ``last_s`` of the recording's time, of
    which ``first_s`` lies at ``at_s`` of the file's."""

    path: Path
    fps_hz: float = HZ
    first_s: float = 0.0
    last_s: float = LENGTH_S
    at_s: float = 0.0

    @property
    def shift_s(self) -> float:
        """From the recording's time to the file's."""
        return self.at_s - self.first_s


def draw(folder: Path) -> None:
    """The frames, and the recordings made of them, that ``Material`` reads."""
    folder.mkdir()
    plan, other = plan_recordings(CONFIG)
    full = np.stack(list(_frames(plan)))
    np.save(folder / "full.npy", full)
    encode(folder / "recording.mp4", full[::2], HZ, CRF)
    others = list(islice(_frames(other), 0, OTHER_S * FULL_HZ, 2))
    encode(folder / "other.mp4", others, HZ, CRF)


class Material:
    """The recording and its copies; ``drawn``: by ``draw``."""

    def __init__(self, drawn: Path, folder: Path) -> None:
        self.folder = folder
        self.plan = plan_recordings(CONFIG)[0]
        self._full = np.load(drawn / "full.npy", mmap_mode="r")
        self.recording = Copy(drawn / "recording.mp4")
        self._other = drawn / "other.mp4"

    def part(self, first_s: int, last_s: int) -> Copy:
        """Stream copy of a part, as ``ffmpeg -ss ... -to ... -c copy`` cuts it."""
        path = self.folder / f"part{first_s}-{last_s}.mp4"
        join(path, [(self.recording.path, first_s, last_s)])
        return Copy(path, HZ, first_s, last_s)

    def looped_after_another(self) -> tuple[Copy, Copy]:
        """Another recording and twice this one in one file: both times."""
        path = self.folder / "joined.mp4"
        join(path, [(self._other, 0, OTHER_S), *[(self.recording.path, 0, LENGTH_S)] * 2])
        return Copy(path, at_s=OTHER_S), Copy(path, at_s=OTHER_S + LENGTH_S)

    def in_other_quality(self) -> Copy:
        return self._written("quality", self._full[: PART_S * FULL_HZ : 2], crf=28)

    def at_rate(self, fps_hz: int) -> Copy:
        """The frames nearest in time, as ``ffmpeg -r`` takes them."""
        places = (round(i * FULL_HZ / fps_hz) for i in range(PART_S * fps_hz))
        return self._written(f"rate{fps_hz}", [self._full[i] for i in places], fps_hz)

    def _written(self, name: str, frames: Sequence[U8], fps_hz: int = HZ, crf: int = CRF) -> Copy:
        path = self.folder / f"{name}.mp4"
        encode(path, frames, fps_hz, crf)
        return Copy(path, fps_hz, last_s=len(frames) / fps_hz)


def _frames(video: PlannedVideo) -> Iterable[U8]:
    return Renderer(CONFIG, make_identity(CONFIG, identity_rng(CONFIG, video.subject)), video)


def encode(path: Path, frames: Sequence[U8], fps_hz: int, crf: int) -> None:
    """H.264 with closed groups of pictures of ``KEY_S``."""
    options = {"crf": str(crf), "g": str(KEY_S * fps_hz), "sc_threshold": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps_hz, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for i, rgb in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, fps_hz)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def join(path: Path, parts: Iterable[tuple[Path, int, int]]) -> None:
    """Packets of files of one encoding from key frame to key frame (s), one after another."""
    at_s, out = Fraction(0), None
    with av.open(str(path), "w") as container:
        for source_path, first_s, last_s in parts:
            with av.open(str(source_path)) as source:
                video = source.streams.video[0]
                out = out or container.add_stream_from_template(video)
                for packet in source.demux(video):
                    if packet.pts is None or packet.dts is None:
                        continue
                    unit = packet.time_base
                    if first_s <= packet.pts * unit < last_s:
                        by = int((at_s - first_s) / unit)
                        packet.pts, packet.dts, packet.stream = (
                            packet.pts + by,
                            packet.dts + by,
                            out,
                        )
                        container.mux(packet)
            at_s += last_s - first_s
