"""Faces to test with: skimage's astronaut anywhere, real clips where the assets folder is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from merkit.types import U8, Frame

ASSETS = Path(__file__).resolve().parents[2] / ".." / "shared" / "assets"


@pytest.fixture(scope="session")
def assets() -> Path:
    if not ASSETS.is_dir():
        pytest.skip("the folder shared/assets is not beside the checkout")
    return ASSETS


@pytest.fixture(scope="session")
def read_clip(assets: Path) -> Callable[..., list[Frame]]:
    """(name, start, stop) -> frames of a real video."""
    import av

    def read(name: str, start: int = 0, stop: int = 10_000, step: int = 1) -> list[Frame]:
        with av.open(str(assets / "videos" / name)) as container:
            decoded = container.decode(video=0)
            return [
                Frame(start + step * i, float(f.time or 0), f.to_ndarray(format="rgb24"))
                for i, f in enumerate(islice(decoded, start, stop, step))
            ]

    return read


@pytest.fixture(scope="session")
def read_image(assets: Path) -> Callable[[str], U8]:
    from PIL import Image

    return lambda name: np.array(Image.open(assets / "images" / name).convert("RGB"))


@pytest.fixture(scope="session")
def astronaut() -> U8:
    """u8 (300,300,3): a face about 170 px wide in the middle."""
    import cv2
    from skimage import data

    part = data.astronaut()[20:220, 120:320]
    return np.asarray(cv2.resize(part, (300, 300), interpolation=cv2.INTER_CUBIC), np.uint8)


def frames_of(*pictures: U8) -> list[Frame]:
    return [Frame(i, i / 30, picture) for i, picture in enumerate(pictures)]


@pytest.fixture(scope="session")
def as_frames() -> Callable[..., list[Frame]]:
    return frames_of
