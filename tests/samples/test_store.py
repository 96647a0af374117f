"""The sample store: whole or absent, never stale, never half-read."""

from __future__ import annotations

import copy
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError, StoreError
from merkit.files import TEMPORARY_PREFIX
from merkit.samples.recipes import FILE_SETTINGS, FlowMapRecipe, Recipe, RegionFlowRecipe, RgbRecipe
from merkit.samples.store import SampleStore
from merkit.types import Sample

RECIPE = RgbRecipe()
KINDS = (RgbRecipe, RegionFlowRecipe, FlowMapRecipe)


def sample(value: int = 3) -> Sample:
    rgb = np.full((4, 3, 8, 8), value, np.uint8)
    return Sample("clip", {"rgb": rgb, "time_s": np.arange(4) / 30}, 0.75)


@pytest.fixture
def store(tmp_path: Path) -> SampleStore:
    return SampleStore(tmp_path, RECIPE)


def test_a_sample_comes_back_as_it_was_written(store: SampleStore) -> None:
    assert "k" not in store
    store.write("k", sample())
    assert "k" in store
    found = store.read("k")
    assert (found.clip_id, found.found_share) == ("clip", 0.75)
    assert set(found.arrays) == {"rgb", "time_s"}
    np.testing.assert_array_equal(found.arrays["rgb"], sample().arrays["rgb"])
    assert found.arrays["rgb"].dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        found.arrays["rgb"][0] = 0


def large(clip: str) -> Sample:
    return Sample(clip, {"rgb": np.full((4, 3, 400, 400), 7, np.uint8)})


def test_only_large_arrays_are_mapped(store: SampleStore) -> None:
    store.write("small", sample())
    store.write("large", large("clip"))
    assert not isinstance(store.read("small").arrays["rgb"], np.memmap)
    assert isinstance(store.read("large").arrays["rgb"], np.memmap)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list them")
def test_no_more_files_stay_open_than_there_are_large_arrays(
    store: SampleStore, tmp_path: Path
) -> None:
    """However many readers there are: one a fold and seed."""
    for i in range(3):
        store.write(f"small {i}", sample())
        store.write(f"large {i}", large(f"clip {i}"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    readers = [SampleStore(tmp_path, RECIPE) for _ in range(20)]
    kept = [r.read(f"{size} {i}") for r in readers for size in ("small", "large") for i in range(3)]
    assert len(kept) == 120
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3


def test_writing_again_changes_nothing(store: SampleStore) -> None:
    store.write("k", sample(3))
    store.write("k", sample(9))
    assert store.read("k").arrays["rgb"].max() == 3


def test_another_recipe_reads_nothing_of_it(store: SampleStore, tmp_path: Path) -> None:
    store.write("k", sample())
    other = SampleStore(tmp_path, replace(RECIPE, frames=9))
    assert "k" not in other
    assert other.folder != store.folder
    assert json.loads((other.folder / "recipe.json").read_text())["frames"] == 9


def test_the_index_has_one_row_a_sample(store: SampleStore) -> None:
    store.write("k1", sample())
    store.write("k2", sample())
    table = pd.read_parquet(store.write_index({"y": "k2", "x": "k1"}))
    assert table.to_dict("list") == {
        "clip_id": ["x", "y"],
        "key": ["k1", "k2"],
        "found_share": [0.75, 0.75],
    }
    assert list(pd.read_parquet(store.write_index({})).columns) == ["clip_id", "key", "found_share"]


def _truncate(folder: Path) -> None:
    path = folder / "rgb.npy"
    path.write_bytes(path.read_bytes()[:-100])


def _swap_shape(folder: Path) -> None:
    np.save(folder / "rgb.npy", np.zeros((1, 3, 8, 8), np.uint8))


def _pickled(folder: Path) -> None:
    np.save(folder / "rgb.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


DAMAGE = {
    "array truncated": _truncate,
    "array of another shape": _swap_shape,
    "array lost": lambda folder: (folder / "rgb.npy").unlink(),
    "array is no array": lambda folder: (folder / "rgb.npy").write_text("text"),
    "array has a damaged header": lambda folder: (folder / "rgb.npy").write_bytes(
        (folder / "rgb.npy").read_bytes().replace(b"'shape'", b"'sha\n(")
    ),
    "array is empty": lambda folder: (folder / "rgb.npy").write_bytes(b""),
    "array is a pickle": _pickled,
    "meta is no JSON": lambda folder: (folder / "sample.json").write_text("{"),
    "meta lacks a field": lambda folder: (folder / "sample.json").write_text('{"clip_id": "c"}'),
    "meta is a list": lambda folder: (folder / "sample.json").write_text("[]"),
    "meta lost": lambda folder: (folder / "sample.json").unlink(),
    "all lost": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_sample_is_refused_by_name(damage: str, store: SampleStore) -> None:
    store.write("k", sample())
    DAMAGE[damage](store.folder / "k")
    with pytest.raises(StoreError, match="k cannot be read") as caught:
        store.read("k")
    assert "delete that folder" in str(caught.value)


def test_an_interrupted_write_leaves_no_sample(store: SampleStore) -> None:
    class Broken(dict):  # type: ignore[type-arg]
        def items(self):  # type: ignore[no-untyped-def]
            yield "rgb", np.zeros((2, 3, 4, 4), np.uint8)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write("k", Sample("clip", Broken()))
    assert "k" not in store
    assert [p.name for p in store.folder.iterdir()] == ["recipe.json"]


def test_old_leftovers_go_and_fresh_ones_stay(store: SampleStore, tmp_path: Path) -> None:
    import os

    old = store.folder / f"{TEMPORARY_PREFIX}old"
    fresh = store.folder / f"{TEMPORARY_PREFIX}fresh"
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "rgb.npy").write_bytes(b"half")
    os.utime(old, (0, 0))
    SampleStore(tmp_path, RECIPE)
    assert not old.exists()
    assert fresh.exists()
    assert fresh.name not in store


def test_the_index_keeps_the_clips_of_another_database(store: SampleStore) -> None:
    for key in "abc":
        store.write(key, Sample(f"clip {key}", {"rgb": np.zeros((1, 3, 4, 4), np.uint8)}))
    store.write_index({"clip a": "a", "clip b": "b"})
    shutil.rmtree(store.folder / "b")
    table = pd.read_parquet(store.write_index({"clip c": "c"}))
    assert list(table.clip_id) == ["clip a", "clip c"]


def test_a_store_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        SampleStore(tmp_path / "file" / "store", RECIPE)


# another default than that of the version that filled the store


def edit_description(store: SampleStore, **changes: Any) -> None:
    path = store.folder / "recipe.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_samples_of_another_default_are_refused_by_its_name(
    store: SampleStore, tmp_path: Path
) -> None:
    """The key holds what is not the default, so a default that changes leaves it as it is."""
    store.write("k", sample())
    SampleStore(tmp_path, RECIPE)  # the same settings: no objection
    align = json.loads((store.folder / "recipe.json").read_text())["align"]
    edit_description(store, frames=7, align=align | {"size_px": 96})
    with pytest.raises(StoreError, match=r"another default of align.size_px, frames") as caught:
        SampleStore(tmp_path, RECIPE)
    assert "delete that folder, or name another --store" in str(caught.value)
    assert (store.folder / "k" / "sample.json").is_file()  # nothing was touched
    assert json.loads((store.folder / "recipe.json").read_text())["frames"] == 7


def test_a_setting_that_only_one_side_knows_is_no_objection(
    store: SampleStore, tmp_path: Path
) -> None:
    described = json.loads((store.folder / "recipe.json").read_text())
    del described["sampling"]
    (store.folder / "recipe.json").write_text(json.dumps(described | {"new_setting": 1}))
    assert SampleStore(tmp_path, RECIPE).folder == store.folder


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_damaged_description_is_written_again(
    text: str, store: SampleStore, tmp_path: Path
) -> None:
    before = (store.folder / "recipe.json").read_text()
    (store.folder / "recipe.json").write_text(text)
    SampleStore(tmp_path, RECIPE)
    assert (store.folder / "recipe.json").read_text() == before


# recipes


def with_value(settings: Any, name: str, value: Any) -> Any:
    """A copy with one setting changed, whether or not it could be so."""
    changed = copy.copy(settings)
    object.__setattr__(changed, name, value)
    return changed


def every_change(settings: Any) -> Iterator[Any]:
    """The settings with each one of them changed, those of groups too."""
    of_files = {name.rpartition(".")[2] for name in FILE_SETTINGS}  # their content counts
    for setting in (f for f in fields(settings) if f.name not in of_files):
        value = getattr(settings, setting.name)
        others = every_change(value) if is_dataclass(value) else ["something else"]
        for other in others:
            yield with_value(settings, setting.name, other)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_recipes_have_equal_keys_and_every_setting_counts(kind: type[Recipe]) -> None:
    assert kind().key() == kind().key()
    assert from_mapping(kind, to_mapping(kind())).key() == kind().key()
    changed = list(every_change(kind()))
    assert len(changed) > 10
    assert len({recipe.key() for recipe in changed} | {kind().key()}) == len(changed) + 1


def test_the_value_of_a_setting_counts() -> None:
    recipes = [replace(RECIPE, frames=n, stride_hz=hz) for n in (4, 16) for hz in (0.0, 25.0)]
    assert len({recipe.key() for recipe in [RECIPE, *recipes]}) == 5


def test_kinds_with_equal_settings_differ() -> None:
    assert len({kind().key() for kind in KINDS}) == len(KINDS)
    assert len({kind(min_found_share=0.9).key() for kind in KINDS}) == len(KINDS)
    assert len({kind(frames=4).key() for kind in (RgbRecipe, RegionFlowRecipe)}) == 2


def test_a_recipe_has_the_settings_that_it_reads_and_no_others() -> None:
    own = {kind: {setting.name for setting in fields(kind)} for kind in KINDS}
    assert {kind for kind in KINDS if "align" in own[kind]} == {RgbRecipe}
    assert {kind for kind in KINDS if "flow" in own[kind]} == {RegionFlowRecipe, FlowMapRecipe}
    assert "frames" not in own[FlowMapRecipe]
    with pytest.raises(ConfigError, match=r"unknown setting 'recipe\.align'"):
        from_mapping(RegionFlowRecipe, {"align": {"size_px": 64}}, "recipe")


def test_the_key_is_the_same_in_another_process() -> None:
    program = "from merkit.samples.recipes import RgbRecipe; print(RgbRecipe(frames=5).key())"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {RgbRecipe(frames=5).key()}


@given(
    st.sampled_from(["frames", "stride_hz", "max_frames", "min_found_share"]),
    st.floats(max_value=-0.01) | st.just(math.nan),
)
def test_impossible_recipes_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"recipe.{name}"):
        replace(RECIPE, **{name: value})
