"""What every registered database must say of itself, and refuse."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from small_entries import ANNOTATIONS

from merkit.cli import main
from merkit.datasets import DATASETS, label_map, load_dataset
from merkit.datasets.base import Database
from merkit.errors import ConfigError, MerkitError, MissingDataError
from merkit.labels import EMOTIONS, GENERIC_MAPS


@pytest.fixture(params=list(DATASETS))
def database(request: pytest.FixtureRequest) -> Database:
    return DATASETS[request.param]


def test_every_registered_database_has_an_entry() -> None:
    own = {name for name in DATASETS if DATASETS.origin(name) == "merkit"}
    assert set(ANNOTATIONS) == own, "add the annotation's name to small_entries.py"


def test_the_card_is_complete(database: Database) -> None:
    assert DATASETS[database.name] is database
    for text in (database.title, database.citation, database.licence, database.request):
        assert text.strip()
    if DATASETS.origin(database.name) == "merkit":
        assert database.load.__module__.startswith("merkit.datasets")
    assert database.kind in ("clips", "long")


def test_variants_are_named_and_counts_belong_to_them(database: Database) -> None:
    assert database.variants
    assert len(set(database.variants)) == len(database.variants)
    assert set(database.expected) <= set(database.variants)
    for expected in database.expected.values():
        assert expected.source, "a published count needs its source"
        assert set(expected.emotions) <= set(EMOTIONS)
        if expected.clips is not None and expected.emotions:
            assert sum(expected.emotions.values()) <= expected.clips


def test_label_maps_are_consistent(database: Database) -> None:
    names = [task.name for task in database.label_maps]
    assert not [name for name, n in Counter(names).items() if n > 1]
    for task in database.label_maps:
        assert len(task.classes) >= 2
        assert len(set(task.classes)) == len(task.classes)
        assert set(task.mapping.values()) == set(task.classes), "a class that nothing maps to"
        assert len(task.counts) in (0, len(task.classes))
        assert task.citation
        for emotion in task.mapping:
            index = task.index(emotion)
            assert index is not None
            assert task.classes[index] == task.mapping[emotion]
        assert task.index("no such emotion") is None
        assert label_map(database.name, task.name) == task


def test_unknown_classes_are_refused_with_those_there_are(database: Database) -> None:
    with pytest.raises(ConfigError, match="42") as caught:
        label_map(database.name, "42")
    known = [task.name for task in database.label_maps] or list(GENERIC_MAPS)
    assert any(name in str(caught.value) for name in known)


@pytest.mark.parametrize("content", ["empty", "garbage"])
def test_a_folder_that_is_not_it_is_refused(
    database: Database, content: str, tmp_path: Path
) -> None:
    if content == "garbage":
        path = tmp_path / ANNOTATIONS.get(database.name, "annotation.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89 no annotation \x00\xff" * 50)
    for variant in database.variants:
        with pytest.raises(MerkitError) as caught:
            load_dataset(database.name, tmp_path, variant)
        told = str(caught.value)
        assert str(tmp_path) in told or ANNOTATIONS.get(database.name, "annotation.csv") in told
        assert caught.value.exit_code in (2, 3)


def test_missing_root_and_unknown_variant_are_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="nowhere"):
        load_dataset(database.name, tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="sideways"):
        load_dataset(database.name, tmp_path, "sideways")


def test_data_list_prints_it(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", database.name]) == 0
    shown = capsys.readouterr().out
    assert database.citation in shown
    assert all(task.name in shown for task in database.label_maps)
