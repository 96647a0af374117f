"""The sample store: whole or absent, never stale, never half-read."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.errors import ConfigError, StoreError
from merkit.files import TEMPORARY_PREFIX
from merkit.samples.recipe import Recipe
from merkit.samples.store import SampleStore
from merkit.types import Sample

RECIPE = Recipe()


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


def test_arrays_are_mapped_not_loaded(store: SampleStore) -> None:
    store.write("k", sample())
    assert isinstance(store.read("k").arrays["rgb"], np.memmap)


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


def test_what_is_missing_is_listed_in_order(store: SampleStore) -> None:
    store.write("b", sample())
    assert store.missing(["c", "b", "a"]) == ["c", "a"]


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


def test_a_store_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        SampleStore(tmp_path / "file" / "store", RECIPE)


# recipes


def test_equal_recipes_have_equal_keys_and_every_field_counts() -> None:
    assert Recipe().key() == Recipe().key()
    changes = {
        "kind": "roi_flow",
        "frames": 9,
        "sampling": "floor",
        "stride_hz": 10.0,
        "max_frames": 7,
        "min_found_share": 0.6,
        "track": replace(RECIPE.track, detect_every=1),
        "align": replace(RECIPE.align, policy="onset" if RECIPE.align.policy != "onset" else
                         "per_frame"),
    }  # fmt: skip
    keys = {replace(RECIPE, **{name: value}).key() for name, value in changes.items()}
    assert len(keys | {RECIPE.key()}) == len(changes) + 1


def test_flow_settings_count_only_where_flow_is_measured() -> None:
    flow = replace(RECIPE.flow, estimator="tvl1")
    assert replace(RECIPE, flow=flow).key() == RECIPE.key()
    motion = replace(RECIPE, kind="roi_flow")
    assert replace(motion, flow=flow).key() != motion.key()


def test_the_key_is_the_same_in_another_process() -> None:
    program = "from merkit.samples.recipe import Recipe; print(Recipe().key())"
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
    assert found == {Recipe().key()}


@given(
    st.sampled_from(["frames", "stride_hz", "max_frames", "min_found_share"]),
    st.floats(max_value=-0.01) | st.just(math.nan),
)
def test_impossible_recipes_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"recipe.{name}"):
        replace(RECIPE, **{name: value})
