"""One recording that was spotted, for all tests of what is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from merkit.inference.analysis import Analysis, analysis_of
from merkit.spotting import SpottedVideo, spot_video
from merkit.types import Recording


@pytest.fixture(scope="session")
def spotted(tiny_recording: Recording) -> SpottedVideo:
    return spot_video(tiny_recording.media)


@pytest.fixture(scope="session")
def analysis(spotted: SpottedVideo) -> Analysis:
    return analysis_of(Path(spotted.seen.info.path), spotted)
