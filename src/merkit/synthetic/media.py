"""Writing frames: image folders through OpenCV, mp4 through PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2

from merkit.synthetic.config import SynthConfig
from merkit.types import U8


def write_images(folder: Path, frames: Iterable[U8], config: SynthConfig) -> None:
    """``img1.jpg`` (or png) and on."""
    folder.mkdir(parents=True)
    png = config.image_format == "png"
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if png else []
    if not png:
        options = [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality]
        # full colour resolution, as motion is also read from colour
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    for number, frame in enumerate(frames, start=1):
        _, data = cv2.imencode(
            f".{config.image_format}", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options
        )
        (folder / f"img{number}.{config.image_format}").write_bytes(data.tobytes())


def write_mp4(path: Path, frames: Iterable[U8], config: SynthConfig) -> None:
    """H.264, constant frame rate, one encoder thread so that bytes do not depend on timing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(config.fps_hz).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(config.crf)})
        stream.width, stream.height = config.size_px
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
