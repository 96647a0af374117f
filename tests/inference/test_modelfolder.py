"""Model folders: two files, no pickle, refused by name when damaged."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_pipeline as tiny
from merkit.errors import ConfigError, MissingDataError, MissingWeightsError, StoreError
from merkit.inference.final import train_model
from merkit.inference.modelfolder import load_model, save_model


def test_the_folder_says_what_it_is(tiny_model: Path) -> None:
    names = sorted(p.name for p in tiny_model.iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((tiny_model / "config.json").read_text())
    assert config["method"] == "sfa-dgat"
    assert config["classes"] == ["negative", "positive", "surprise"]
    assert (config["clips"], config["subjects"], config["data"]) == (12, 4, ["synthetic"])
    assert config["chosen_epoch"] in (1, 2)
    assert "torch" in config["versions"]


def test_only_what_was_trained_is_stored(tiny_model: Path) -> None:
    loaded = load_model(tiny_model)
    assert not loaded.model.training
    stored = load_file(tiny_model / "model.safetensors")
    expected = loaded.model.trainable_state()
    assert stored.keys() == expected.keys()
    assert all(torch.equal(stored[name], expected[name]) for name in stored)


def test_the_same_seed_trains_the_same_model(
    tiny_model: Path, tiny_database: Path, tiny_store: Path, tmp_path: Path
) -> None:
    train_model(tiny.final(tiny_database, tiny_store, tmp_path / "again"))
    train_model(tiny.final(tiny_database, tiny_store, tmp_path / "other", seed=1))
    first, again, other = (
        load_file(folder / "model.safetensors")
        for folder in (tiny_model, tmp_path / "again", tmp_path / "other")
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_an_existing_folder_is_left_alone(
    tiny_model: Path, tiny_database: Path, tiny_store: Path
) -> None:
    before = (tiny_model / "config.json").stat().st_mtime_ns
    with pytest.raises(ConfigError, match="exists"):
        train_model(tiny.final(tiny_database, tiny_store, tiny_model))
    loaded = load_model(tiny_model)
    with pytest.raises(ConfigError, match="exists"):
        save_model(tiny_model, loaded.method, loaded.model, loaded.classes, {})
    assert (tiny_model / "config.json").stat().st_mtime_ns == before


def test_no_validation_share_keeps_the_last_epoch(
    tiny_database: Path, tiny_store: Path, tmp_path: Path
) -> None:
    config = tiny.final(tiny_database, tiny_store, tmp_path / "model", val_share=0.0)
    summary = train_model(config)
    assert summary.chosen_epoch == 2
    assert summary.history[0].val_uf1 is None
    assert len(summary.served["fit"]) == 12


def edit(name: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config[name] = value
        path.write_text(json.dumps(config))

    return change


def _drop_field(folder: Path) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["recipe"]
    path.write_text(json.dumps(config))


def _other_shapes(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file({n: torch.zeros(3) for n in state}, folder / "model.safetensors")


def _flip_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[:8] = b"\xff" * 8
    path.write_bytes(bytes(content))


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _pickled(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("a pickle was loaded",)

    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb()))


DAMAGE: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "weights truncated": (_truncate, StoreError),
    "weights with a broken header": (_flip_header, StoreError),
    "weights are a pickle": (_pickled, StoreError),
    "weights of another model": (_other_shapes, StoreError),
    "weights lost": (lambda f: (f / "model.safetensors").unlink(), MissingDataError),
    "weights are a folder": (
        lambda f: ((f / "model.safetensors").unlink(), (f / "model.safetensors").mkdir()),
        MissingDataError,
    ),
    "no config": (lambda f: (f / "config.json").unlink(), MissingDataError),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), StoreError),
    "config is a list": (lambda f: (f / "config.json").write_text("[1]"), StoreError),
    "config is a number": (lambda f: (f / "config.json").write_text("1"), StoreError),
    "config is binary": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"), StoreError),
    "config lacks a field": (_drop_field, StoreError),
    "another format": (edit("format", 1), StoreError),
    "unknown method": (edit("method", "magic"), StoreError),
    "unknown setting": (edit("model", {"no": 1}), StoreError),
    "setting of another kind": (edit("model", [1]), StoreError),
    "settings of another size": (edit("model", {"encoder": {"name": "tiny"}}), StoreError),
    "classes are text": (edit("classes", "abc"), StoreError),
    "another number of classes": (edit("classes", ["a", "b"]), StoreError),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_refused(damage: str, tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    change, error = DAMAGE[damage]
    change(folder)
    with pytest.raises(error, match="model") as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "./some/where/deep", "a/b/c", "../model", "/x"])
def test_a_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(MissingDataError, match="no model folder"):
        load_model(name)


def test_a_hub_name_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingWeightsError, match="someone/model"):
        load_model("someone/model")
