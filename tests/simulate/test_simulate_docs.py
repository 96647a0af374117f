"""The documentation of the simulator says what the code does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from face_models import face_arrays
from merkit.config import flat, to_mapping
from merkit.simulate.dials import OFF, Dials
from merkit.simulate.face_model import FaceModel

PAGE = (Path(__file__).resolve().parents[2] / "docs/simulate.md").read_text(encoding="utf-8")


def rows() -> Iterator[tuple[str, object]]:
    for name, default in re.findall(r"^\| `([\w.]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE):
        yield name, yaml.safe_load(default)


def test_every_dial_is_listed_with_its_default() -> None:
    assert dict(rows()) == flat(to_mapping(Dials()))


def test_named_groups_can_be_off() -> None:
    groups = re.findall(r"--without ((?:\w+ )+)", PAGE)
    assert {name for words in groups for name in words.split()} <= set(OFF)


def test_the_recipe_of_the_face_model_makes_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run on the tiny model, written as the folder that the page names."""
    arrays, folder = face_arrays(), tmp_path / "ICT-FaceKit/FaceXModel"
    folder.mkdir(parents=True)

    def write(name: str, moved: np.ndarray) -> None:
        lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in arrays["neutral"] + moved]
        lines += ["f " + " ".join(f"{v + 1}/{v + 1}" for v in quad) for quad in arrays["quads"]]
        (folder / f"{name}.obj").write_text("vt 0 0\n" + "\n".join(lines) + "\nf 1/1 2/2 3/3\n")

    write("generic_neutral_mesh", np.zeros(3))
    for number, moved in enumerate(arrays["identity"].astype(float)):
        write(f"identity{number:03}", moved)
    names = list(map(str, arrays["expression_names"]))
    for name, moved in zip(names, arrays["expression"].astype(float), strict=True):
        write(name, moved)
    (recipe,) = [
        code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "obj" in code
    ]
    monkeypatch.chdir(tmp_path)
    exec(compile(recipe, "docs/simulate.md", "exec"), {"__name__": "recipe"})
    listed = {"idx_to_landmark_verts": arrays["landmarks"].tolist()}
    (tmp_path / "vertex_indices.json").write_text(json.dumps(listed))
    face = FaceModel.load(tmp_path / "face.npz")
    assert sorted(face.names) == sorted(names)
    np.testing.assert_allclose(face.neutral, arrays["neutral"], atol=1e-5)
    np.testing.assert_array_equal(face.quads, arrays["quads"])
    for name, moved in zip(names, arrays["expression"], strict=True):
        np.testing.assert_allclose(face.shapes[face.index[name]], moved, atol=2e-3)
