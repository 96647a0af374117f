"""The tiny face model."""

from __future__ import annotations

from pathlib import Path

import pytest

from face_models import write_face


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_face(tmp_path_factory.mktemp("face") / "tiny.npz")
