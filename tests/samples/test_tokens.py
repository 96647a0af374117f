"""Cached tokens held in memory are those of the files, batch by batch."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from merkit.samples import tokens
from merkit.samples.batch import MIRRORED
from merkit.samples.tokens import TokenFiles

CPU = torch.device("cpu")
IDS = ("a", "b", "c")


def write(folder: Path, frames: tuple[int, ...] = (2, 2, 2)) -> dict[str, Path]:
    """Three views of two frames of three clips."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    paths = {clip_id: folder / f"{clip_id}.npy" for clip_id in IDS}
    for path, n in zip(paths.values(), frames, strict=True):
        np.save(path, random.normal(size=(3, n, 5)).astype(np.float16))
    return paths


def refuse(*_: object) -> None:
    raise AssertionError("a batch was put together from arrays")


@pytest.mark.parametrize("mirrored", [False, True])
def test_held_tokens_are_those_of_the_files(
    mirrored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(tmp_path)
    size = 3 * 3 * 2 * 5 * 2
    mapped, held = (TokenFiles(paths, mirrored, n) for n in (size - 1, size))
    asked = [(["b", "a", "b"], [1, 0, 2]), (["c"], None), (list(IDS), None)]
    wanted = [mapped.batch(ids, views, CPU) for ids, views in asked]
    np.testing.assert_array_equal(wanted[0]["tokens"][2], np.load(paths["b"])[2])
    assert (MIRRORED in wanted[1]) == mirrored
    if mirrored:
        np.testing.assert_array_equal(wanted[1][MIRRORED][0], np.load(paths["c"])[2])
    assert mapped.n_views == held.n_views == 3 - mirrored
    monkeypatch.setattr(tokens, "collate", refuse)
    for (ids, views), batch in zip(asked, wanted, strict=True):
        found = held.batch(ids, views, CPU)
        assert found.keys() == batch.keys()
        for name, tensor in batch.items():
            assert found[name].dtype == torch.float16
            assert torch.equal(found[name], tensor)


def test_runs_of_different_length_are_read_and_padded(tmp_path: Path) -> None:
    files = TokenFiles(write(tmp_path, (2, 3, 2)), memory_bytes=10**9)
    batch = files.batch(["a", "b"], None, CPU)
    assert batch["tokens"].shape == (2, 3, 5)
    assert batch["mask"].tolist() == [[True, True, False], [True, True, True]]


def test_only_one_set_of_tokens_is_held(tmp_path: Path) -> None:
    """Each seed of a run has tokens of its own; a process keeps those that it trains on."""
    first = TokenFiles(write(tmp_path / "1"), memory_bytes=10**9)
    second = TokenFiles(write(tmp_path / "2"), memory_bytes=10**9)
    first.batch(["a"], None, CPU)
    held = tokens._held(first, CPU)
    assert held is not None
    same = TokenFiles(dict(first.paths), memory_bytes=10**9)  # as another fold's reader has it
    assert tokens._held(same, CPU) is held
    gone = weakref.ref(held)
    del held
    second.batch(["a"], None, CPU)
    gc.collect()
    assert gone() is None
