"""The tiny face model, and the real one where it is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from face_models import REAL_MODELS, write_face
from merkit.simulate.face_model import FaceModel


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_face(tmp_path_factory.mktemp("face") / "tiny.npz")


@pytest.fixture(scope="session")
def tiny_face(tiny_file: Path) -> FaceModel:
    return FaceModel.load(tiny_file)


@pytest.fixture(scope="session")
def real_face() -> FaceModel:
    for path in REAL_MODELS:
        if path.is_file():
            return FaceModel.load(path)
    pytest.skip("no face model at shared/assets/ict_facekit")
