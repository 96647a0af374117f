"""Which files a browser may be able to play by itself: its container, codec and pixels in the
words of ``canPlayType``. All others are shown frame by frame."""

from __future__ import annotations

from pathlib import Path

from merkit.errors import MerkitError
from merkit.video.container import open_video

#: codec -> what canPlayType calls it, by kind of container
_MP4 = {
    "h264": "avc1.640028",
    "hevc": "hvc1.1.6.L93.B0",
    "av1": "av01.0.05M.08",
    "libdav1d": "av01.0.05M.08",
    "vp9": "vp09.00.10.08",
}
_WEBM = {"vp8": "vp8", "vp9": "vp9", "av1": "av01.0.05M.08", "libdav1d": "av01.0.05M.08"}
#: other pixels are decoded by no browser, or not by every one
_PIXELS = ("yuv420p", "yuvj420p")


def playable_as(video: Path) -> str:
    """The type that a browser is asked about; "" where none could play it."""
    if video.is_dir():
        return ""
    try:
        with open_video(video) as opened:
            formats = opened.container.format.name.split(",")
            context = opened.stream.codec_context
            codec, pixels = context.name, context.pix_fmt
    except MerkitError:
        return ""
    if pixels not in _PIXELS:
        return ""
    if "mp4" in formats and codec in _MP4:
        return f'video/mp4; codecs="{_MP4[codec]}"'
    if video.suffix.lower() == ".webm" and codec in _WEBM:
        return f'video/webm; codecs="{_WEBM[codec]}"'
    return ""
