"""Exported files: what stands in them, what is refused, and that a file is never half there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from merkit.errors import ConfigError, MissingPackageError
from merkit.inference.modelfolder import LoadedModel, load_model
from merkit.inference.programs import export_model, onnx_file, write
from merkit.inference.programs.run_onnx import Model
from merkit.methods import make_method
from merkit.methods.lbp_top import LbpTop, lbp_top
from merkit.methods.lbp_top_graph import LbpTopGraph
from merkit.methods.ststnet import Ststnet, StstnetNetwork
from merkit.samples.batch import Inputs
from merkit.training.network import Output

CLASSES = ("negative", "positive", "surprise")


def loaded(name: str = "majority", **settings: object) -> LoadedModel:
    method = make_method(name, settings)
    return LoadedModel(method, method.build(3).eval(), CLASSES, ("casme2",))


def flow_maps(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 3, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def sim_flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled recogniser as ONNX."""
    out = tmp_path_factory.mktemp("exported") / "model.onnx"
    return export_model(load_model("sim-flow"), out).files[0]


def test_the_runner_needs_neither_merkit_nor_torch(sim_flow: Path, tmp_path: Path) -> None:
    maps = flow_maps(2)
    for i, flow_map in enumerate(maps):
        np.savez(tmp_path / f"{i}.npz", flow_map=flow_map)
    words = [str(sim_flow), str(tmp_path / "0.npz"), str(tmp_path / "1.npz")]
    program = (
        f"import runpy, sys; sys.argv = {['run_onnx.py', *words]!r}\n"
        f"try: runpy.run_path({str(sim_flow.with_name('run_onnx.py'))!r}, run_name='__main__')\n"
        "except SystemExit as end: print(end.code, {'torch', 'merkit'} & set(sys.modules))"
    )
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *lines, end = done.stdout.splitlines()
    assert end == "0 set()", done.stderr
    method = load_model("sim-flow").method
    model = load_model("sim-flow").model
    best = method.probabilities(model, {"flow_map": torch.from_numpy(maps)}).argmax(1)
    assert [line.split(": ")[1].split()[0] for line in lines] == [CLASSES[i] for i in best]


def test_action_units_come_with_the_classes_of_a_recogniser(sim_flow: Path) -> None:
    from merkit.inference.recognizer import Recognizer
    from merkit.types import Sample

    maps = flow_maps(3)
    answers = Model(sim_flow)([{"flow_map": flow_map} for flow_map in maps])
    recognizer = Recognizer.from_pretrained("sim-flow", "cpu")
    for i, flow_map in enumerate(maps):
        said = recognizer.answer(Sample("c", {"flow_map": flow_map}, 1.0))
        np.testing.assert_allclose(answers["units"][i], said.units, rtol=0, atol=1e-4)
        np.testing.assert_allclose(answers["nothing_moved"][i], said.nothing, rtol=0, atol=1e-4)


def test_the_file_says_what_it_is(sim_flow: Path) -> None:
    about = Model(sim_flow).about
    assert about["classes"] == list(CLASSES)
    assert about["inputs"][0]["name"] == "flow_map"
    assert about["inputs"][0]["shape"] == ["batch", 3, 28, 28]
    assert "0 to 255" in about["inputs"][0]["holds"]
    assert about["recipe"]["kind"] == "FlowMapRecipe"
    assert about["licence"] == {"simulation": "free: no picture of a person had a part in it"}
    assert "no lie detector" in about["not_for"]
    assert about["versions"]["merkit"]


def names_a_place(octets: bytes) -> bool:
    """Whether a file of this checkout, or of the packages beside it, is named."""
    places = (Path(write.__file__).parents[4], Path(torch.__file__).parents[1])
    return any(str(place).encode() in octets for place in places)


def test_no_file_of_this_machine_is_named(sim_flow: Path, tmp_path: Path) -> None:
    """Which torch does of every step, unless it is taken out."""
    program = export_model(loaded("ststnet"), tmp_path / "model.pt2", "torch").files[0]
    with ZipFile(program) as archive:
        parts = [archive.read(name) for name in archive.namelist()]
    assert not [part for part in (*parts, sim_flow.read_bytes()) if names_a_place(part)]


def test_a_torch_program_runs_without_merkits_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = loaded("hoof")
    torch.nn.init.normal_(model.model.coef)  # type: ignore[arg-type]
    written = export_model(model, tmp_path / "hoof.pt2", "torch")
    assert [path.name for path in written.files] == ["hoof.pt2"]
    extra = {"merkit.json": ""}
    flow = torch.randn(5, 16, 18, 2)
    with written.files[0].open("rb") as file:
        program = torch.export.load(file, extra_files=extra)
    [probabilities] = program.module()(flow)
    expected = model.method.probabilities(model.model, {"flow": flow})
    np.testing.assert_allclose(probabilities.detach().numpy(), expected, rtol=0, atol=1e-6)
    assert json.loads(extra["merkit.json"])["licence"]["casme2"].startswith("research only")


@pytest.mark.parametrize("mapping", ["u2", "riu2"])
def test_patterns_are_those_of_scikit_image(mapping: str) -> None:
    """Also where neighbours are equal, and for circles between the pixels."""
    config = LbpTop(
        frames=7,
        size_px=14,
        points=6,
        radius=2,
        blocks=(2, 3, 2),
        mapping=mapping,  # type: ignore[arg-type]
    )
    random = np.random.default_rng(0)
    clips = np.stack([random.integers(0, top, (7, 3, 14, 14)) for top in (3, 256)]).astype(np.uint8)
    expected = np.stack([lbp_top(clip, config) for clip in clips]).astype(np.float16)
    found = LbpTopGraph(config)(torch.from_numpy(clips)).numpy()
    np.testing.assert_array_equal(found, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("stag", {"au": {"source": "oracle"}}, "action units of a human coder"),
        ("lbp-top", {"points": 17, "radius": 3}, "points is 17"),
    ],
)
def test_what_cannot_be_written_says_why(
    name: str, settings: dict[str, object], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=reason):
        export_model(loaded(name, **settings), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_clips_of_any_length_are_refused(tmp_path: Path) -> None:
    method = make_method("hoof", {}, {}, {"frames": 0})
    model = LoadedModel(method, method.build(3).eval(), CLASSES)
    with pytest.raises(ConfigError, match=r"recipe\.frames is 0"):
        export_model(model, tmp_path / "model.onnx")


class ByClip(StstnetNetwork):
    def forward(self, inputs: Inputs) -> Output:
        found = super().forward(inputs)
        return found if float(found.logits.sum()) > 0 else super().forward(inputs)


@dataclass(frozen=True, kw_only=True)
class Deciding(Ststnet):
    name: ClassVar[str] = "deciding"

    def build(self, n_classes: int) -> StstnetNetwork:
        return ByClip(self, n_classes)


@dataclass(frozen=True, kw_only=True)
class OwnAnswer(Ststnet):
    """As a method of another package may: its answer is not what its network says."""

    name: ClassVar[str] = "own-answer"

    def probabilities(self, model: object, inputs: Inputs) -> np.ndarray:
        return np.tile(np.float32([0, 0.5, 0.5]), (len(inputs["flow_map"]), 1))


@pytest.mark.parametrize(
    ("method", "reason"),
    [(Deciding(), "cannot be written as a file"), (OwnAnswer(), "differs from the model")],
)
def test_methods_of_others_are_written_right_or_not_at_all(
    method: Ststnet, reason: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = LoadedModel(method, method.build(3).eval(), CLASSES)
    with pytest.raises(ConfigError, match=reason):
        export_model(model, tmp_path / "model.pt2", "torch")
    assert not list(tmp_path.iterdir())


def test_files_that_are_there_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    out.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="exists"):
        export_model(loaded(), out)
    (tmp_path / "run_onnx.py").write_text("mine too")
    with pytest.raises(ConfigError, match=r"run_onnx\.py exists"):
        export_model(loaded(), tmp_path / "other.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "run_onnx.py"]
    export_model(loaded(), out, overwrite=True)
    assert Model(out)([{}, {}])["probabilities"].shape == (2, 3)


def test_large_weights_lie_in_a_file_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_MOST_BYTES", 100)
    model = loaded("ststnet")
    written = export_model(model, tmp_path / "model.onnx")
    assert [p.name for p in written.files] == ["model.onnx", "model.onnx.data", "run_onnx.py"]
    maps = flow_maps(2)
    expected = model.method.probabilities(model.model, {"flow_map": torch.from_numpy(maps)})
    found = Model(written.files[0])([{"flow_map": one} for one in maps])["probabilities"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if "script" in name else name)
    with pytest.raises(MissingPackageError, match="onnxscript not installed"):
        export_model(loaded(), tmp_path / "model.onnx")


def test_a_file_that_answers_otherwise_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(path: Path, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.full((len(arrays[0]), 3), 0.25, np.float32)]

    broken = write.Format("ONNX", ".onnx", onnx_file.check, onnx_file.write, other)
    monkeypatch.setitem(write.FORMATS, "onnx", broken)
    with pytest.raises(ConfigError, match=r"differs from the model by 0\.083"):
        export_model(loaded(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        (lambda: {"flow": np.zeros((3, 18, 2))}, "has no array 'flow_map'"),
        (lambda: {"flow_map": np.zeros((3, 24, 24))}, "is (3, 24, 24), and the model reads"),
    ],
)
def test_wrong_clips_are_named_by_the_runner(
    sim_flow: Path, clip: Callable[[], dict[str, np.ndarray]], said: str
) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        Model(sim_flow)([clip()])
