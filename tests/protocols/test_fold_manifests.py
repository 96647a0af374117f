"""Fold manifests: written whole, checked on reading, usable as a protocol; and tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from protocol_tables import grid

from merkit.errors import ConfigError, DatasetError, LeakError, MissingDataError, StoreError
from merkit.labels import GENERIC_MAPS
from merkit.protocols import (
    ClipRow,
    ProtocolConfig,
    fold_set,
    load_folds,
    make_folds,
    rows,
    save_folds,
)
from merkit.types import Clip, Fold


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "run" / "folds.json"
    save_folds(make_folds(grid(5, 2), ProtocolConfig("loso", seed=4)), path)
    return path


def test_round_trip(manifest):
    foldset = make_folds(grid(5, 2), ProtocolConfig("loso", seed=4))
    loaded = load_folds(manifest)
    assert loaded == foldset
    assert loaded.hash == foldset.hash
    assert loaded.config == ProtocolConfig("loso", seed=4)
    assert [p.name for p in manifest.parent.iterdir()] == ["folds.json"]


def test_saved_file_is_the_same_bytes_each_time(manifest):
    before = manifest.read_bytes()
    save_folds(make_folds(reversed(grid(5, 2)), ProtocolConfig("loso", seed=4)), manifest)
    assert manifest.read_bytes() == before


def test_frozen_protocol_gives_the_same_folds_and_hash(manifest):
    again = make_folds(grid(5, 2), ProtocolConfig("frozen", manifest=manifest))
    assert again == load_folds(manifest)


def test_frozen_manifest_of_other_clips_is_refused(manifest):
    with pytest.raises(StoreError, match="d/s04/0-0"):
        make_folds(grid(4, 2), ProtocolConfig("frozen", manifest=manifest))
    with pytest.raises(LeakError, match="tested in 0 folds"):
        make_folds(grid(6, 2), ProtocolConfig("frozen", manifest=manifest))


def test_folds_made_by_hand_are_a_protocol(tmp_path):
    table = grid(4, 1)
    ids = [row.clip_id for row in table]
    foldset = fold_set([Fold("published", tuple(ids[:6]), tuple(ids[6:9]), tuple(ids[9:]))])
    save_folds(foldset, tmp_path / "published.json")
    made = make_folds(table, ProtocolConfig("frozen", manifest=tmp_path / "published.json"))
    assert made.protocol == "custom"
    assert made.folds[0].test == tuple(ids[9:])


def _edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["folds"][0]["train"].append(c["folds"][0]["test"][0]),
        lambda c: c["folds"][0]["val"].pop(),
        lambda c: c["folds"].pop(),
        lambda c: c.update(marks=["subject-dependent"]),
        lambda c: c.update(protocol="group_kfold"),
        lambda c: c.update(hash="0" * 64),
        lambda c: c.update(format=2),
        lambda c: c.pop("hash"),
        lambda c: c.update(folds=[]),
        lambda c: c["folds"][0].update(train="d/s00/0-0"),
        lambda c: c["folds"][0].update(name=3),
        lambda c: c["config"].update(n_splits=0),
        lambda c: c["config"].update(unheard_of=1),
    ],
)
def test_edited_manifest_is_refused(manifest, change):
    _edit(manifest, change)
    with pytest.raises(StoreError, match=r"folds\.json"):
        load_folds(manifest)


@pytest.mark.parametrize("content", [b"", b"not json", b"[1, 2]", b"\xff\xfe\x00"])
def test_file_that_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "folds.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"folds\.json"):
        load_folds(path)


def test_missing_manifest(tmp_path):
    with pytest.raises(MissingDataError, match=r"nowhere\.json"):
        load_folds(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("folds", "marks"),
    [
        ([], ()),
        ([Fold("a", ("x",), (), ())], ()),
        ([Fold("a", (), (), ("x",))], ()),
        ([Fold("a", ("x",), (), ("y",)), Fold("a", ("y",), (), ("x",))], ()),
        ([Fold("a", ("x",), (), ("y",))], ("fair",)),
    ],
)
def test_impossible_fold_sets_are_refused(folds, marks):
    with pytest.raises(ConfigError):
        fold_set(folds, "custom", marks)


def _clip(name: str, emotion: str, **raw: str) -> Clip:
    return Clip(name, "db", name[:2], Path("nowhere"), 100.0, emotion, raw=raw)


def test_rows_take_classes_and_splits_from_clips():
    def label_of(clip: Clip) -> int | None:
        return GENERIC_MAPS["3"].index(clip.emotion)

    clips = [
        _clip("s2-b", "disgust", split="testA"),
        _clip("s1-a", "happiness", split="train"),
        _clip("s1-c", "others"),
    ]
    assert rows(clips, label_of) == (
        ClipRow("s1-a", "db", "db/s1", 1, "train"),
        ClipRow("s2-b", "db", "db/s2", 0, "testA"),
    )
    with pytest.raises(DatasetError, match="s1-a"):
        rows([clips[1], clips[1]], label_of)
