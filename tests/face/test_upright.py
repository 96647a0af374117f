from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from merkit.face.upright import APART_S, FRAMES, WITHIN_S, quarter_turns, turned
from merkit.types import U8, Frame


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("name", ["single_face.mp4", "WolfgangLanger_Pexels.mp4"])
def test_a_turned_video_is_turned_back(
    quarters: int, name: str, read_clip: Callable[..., list[Frame]]
) -> None:
    frames = read_clip(name, 0, 72, 12)
    given = [Frame(f.number, f.time_s, turned(f.rgb, quarters)) for f in frames]
    assert quarter_turns(given) == -quarters % 4


@pytest.mark.parametrize("quarters", range(4))
def test_a_group_of_small_faces_is_turned_back(
    quarters: int, read_image: Callable[[str], U8]
) -> None:
    """The detector sees few of them in the whole picture, and something upside down."""
    picture = turned(read_image("multi_face.jpg"), quarters)
    assert quarter_turns([Frame(0, 0.0, picture)]) == -quarters % 4


def test_turning_is_to_the_left(astronaut: U8) -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 2] = 255  # right top
    assert turned(picture, 1)[0, 0].tolist() == [255] * 3
    assert turned(picture, 1).shape == (3, 2, 3)
    assert turned(astronaut, 0) is astronaut


def test_without_a_face_nothing_is_turned(read_clip: Callable[..., list[Frame]]) -> None:
    assert quarter_turns(read_clip("no_face.mp4", step=12)) == 0
    assert quarter_turns([]) == 0


def test_no_more_is_read_than_is_asked(astronaut: U8) -> None:
    read: list[float] = []

    def frames(picture: U8) -> Iterator[Frame]:
        for i in range(1000):
            read.append(i / 10)
            yield Frame(i, i / 10, picture)

    assert quarter_turns(frames(astronaut)) == 0
    assert read[-1] <= FRAMES * APART_S
    read.clear()
    assert quarter_turns(frames(np.zeros((64, 64, 3), np.uint8))) == 0
    assert WITHIN_S <= read[-1] < WITHIN_S + 1
