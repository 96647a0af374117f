"""Folders of recognisers: written whole, read again, and refused where they are not whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from merkit.errors import ConfigError, MissingWeightsError, StoreError
from merkit.inference.modelfolder import load_model
from merkit.methods.bundled import BUNDLED, CLASSES, UNITS, read_recogniser, save_bundled
from merkit.methods.limits import Limits
from merkit.methods.sim_flow import SimFlow
from placeholder_recogniser import sim_flow_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sim_flow_folder(tmp_path / "mine")


def changed(folder: Path, **values: Any) -> Path:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


def test_a_folder_gives_the_network_that_was_written(tmp_path: Path) -> None:
    torch.manual_seed(3)
    method = SimFlow(start="random")
    network = method.build(3).eval()
    save_bundled(tmp_path / "a", method, network, {"seed": 3}, "# What it is\n")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "CARD.md",
        "config.json",
        "model.safetensors",
    ]
    found = read_recogniser(tmp_path / "a")
    assert (found.name, found.classes, found.units) == ("sim-flow", CLASSES, UNITS)
    assert (found.facts, found.is_bundled) == ({"seed": 3}, False)
    assert found.recipe == method.recipe
    inputs = {"flow_map": torch.randint(0, 256, (4, 3, 28, 28), dtype=torch.uint8)}
    with torch.no_grad():
        wanted, said = network(inputs), found.network()(inputs)
    torch.testing.assert_close(said.logits, wanted.logits, rtol=0, atol=0)
    torch.testing.assert_close(said.aux["units"], wanted.aux["units"], rtol=0, atol=0)


def test_what_is_not_there_is_said(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="no recogniser 'sim-flaw'"):
        read_recogniser("sim-flaw")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingWeightsError, match="is not made"):
        read_recogniser(tmp_path / "empty")
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingWeightsError, match=r"no model\.safetensors"):
        read_recogniser(folder).check()


def test_weights_that_changed_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not as it was written"):
        read_recogniser(folder).network()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 99}, "format 99"),
        ({"units": None}, "lacks"),
        ({"classes": "three"}, "classes is 'three'"),
    ],
)
def test_a_config_of_another_form_is_refused(
    folder: Path, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        read_recogniser(changed(folder, **values))


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    found = read_recogniser(changed(folder, classes=["a", "b", "c", "d"]))
    with pytest.raises(StoreError, match="does not fit"):
        found.network()
    unknown = read_recogniser(changed(folder, model={"depth": 3}))
    with pytest.raises(StoreError, match=r"unknown setting 'model\.depth'"):
        _ = unknown.method


def test_limits_are_kept_and_have_a_number_a_unit(tmp_path: Path, folder: Path) -> None:
    assert read_recogniser(folder).limits == Limits(unit_min=(0.5,) * len(UNITS))
    limits = Limits(0.6, 0.4, tuple(0.3 + 0.01 * i for i in range(len(UNITS))), 0.1)
    method = SimFlow(start="random")
    save_bundled(tmp_path / "b", method, method.build(3), {}, "", limits=limits)  # type: ignore[arg-type]
    assert read_recogniser(tmp_path / "b").limits == limits
    assert read_recogniser(changed(folder, limits=None)).limits.class_min == 0.5
    for wrong, message in (({"unit_min": [0.5]}, "1 numbers for 12"), ({"class_min": 2}, "is 2")):
        with pytest.raises(StoreError, match=message):
            read_recogniser(changed(folder, limits=wrong))


def test_a_folder_is_never_written_over(folder: Path) -> None:
    method = SimFlow(start="random")
    with pytest.raises(ConfigError, match="exists"):
        save_bundled(folder, method, method.build(3), {}, "")  # type: ignore[arg-type]


def test_what_comes_with_merkit_is_whole_and_small() -> None:
    made = [name for name, folder in BUNDLED.items() if folder.is_dir()]
    for name in made:
        found = read_recogniser(name)
        found.check()
        assert (found.name, found.is_bundled) == (name, True)
        assert (found.classes, found.units) == (CLASSES, UNITS)  # so that they can be averaged
        assert len((found.folder / "CARD.md").read_text()) > 500
    files = [path for name in made for path in BUNDLED[name].iterdir()]
    assert sum(path.stat().st_size for path in files) <= 2_000_000


def test_a_bundled_one_is_loaded_by_its_name_as_a_model_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUNDLED, "sim-flow", folder)  # type: ignore[arg-type]
    loaded = load_model("sim-flow")
    assert (loaded.classes, loaded.data) == (CLASSES, ("simulation",))
    assert loaded.method.marks() == ("bundled-weights",)
    assert loaded.recogniser == read_recogniser("sim-flow")
    inputs = {"flow_map": torch.randint(0, 256, (2, 3, 28, 28), dtype=torch.uint8)}
    wanted = read_recogniser(folder).network()(inputs).logits
    torch.testing.assert_close(loaded.model(inputs).logits, wanted, rtol=0, atol=0)


def test_one_of_ones_own_is_a_model_by_its_folder(folder: Path) -> None:
    loaded = load_model(folder)
    assert (loaded.classes, loaded.data) == (CLASSES, ())  # nobody knows what it was trained on
    assert loaded.method.marks() == ("given-weights",)
    inputs = {"flow_map": torch.randint(0, 256, (2, 3, 28, 28), dtype=torch.uint8)}
    wanted = read_recogniser(folder).network()(inputs).logits
    torch.testing.assert_close(loaded.model(inputs).logits, wanted, rtol=0, atol=0)


def test_a_list_of_them_needs_no_torch() -> None:
    code = "import sys, merkit.methods.bundled as b; print(*b.BUNDLED, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*BUNDLED, "False"]
