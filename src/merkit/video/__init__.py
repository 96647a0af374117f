"""Video in and out: files through PyAV, folders of numbered images through OpenCV."""

from __future__ import annotations

from merkit.video.images import list_images
from merkit.video.read import frame_numbers, iter_frames, probe, read_frames
from merkit.video.write import write_frames, write_video

__all__ = [
    "frame_numbers",
    "iter_frames",
    "list_images",
    "probe",
    "read_frames",
    "write_frames",
    "write_video",
]
