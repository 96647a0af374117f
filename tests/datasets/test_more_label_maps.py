from __future__ import annotations

from pathlib import Path

import pytest

from merkit.datasets import DATASETS, label_map
from merkit.datasets.label_maps import TaskMap

WITH_EMOTIONS = ("dfme", "mmew", "name", "casme-squared", "samm-long", "megc2019", "flow-maps")


@pytest.mark.parametrize("name", WITH_EMOTIONS)
def test_counts_follow_from_the_published_emotions(name: str) -> None:
    """Two tables written apart agree: emotions of the audit and classes of every map."""
    database = DATASETS[name]
    emotions = database.expected[database.variants[0]].emotions
    assert database.label_maps
    for task in database.label_maps:
        assert isinstance(task, TaskMap)
        if task.source != "emotion" or not task.counts:
            continue
        found = [0] * len(task.classes)
        for emotion, count in emotions.items():
            index = task.index(emotion)
            if index is not None:
                found[index] += count
        assert task.counts == tuple(found), task.name


@pytest.mark.parametrize(
    ("database", "name", "total"),
    [
        ("casme-squared", "4", 57),
        ("casme-squared", "3", 38),
        ("casme-squared", "casme-squared-self-8", 57),
        ("samm-long", "8", 159),
        ("samm-long", "5", 136),
        ("samm-long", "3", 133),
        ("flow-maps", "3", 442),
    ],
)
def test_published_totals(database: str, name: str, total: int) -> None:
    assert sum(label_map(database, name).counts) == total


def test_samm_long_counts_are_those_of_samm() -> None:
    for classes in ("8", "5", "3"):
        assert label_map("samm-long", classes).counts == label_map("samm", classes).counts
    assert label_map("flow-maps", "3").counts == label_map("megc2019", "3").counts


def test_the_page_of_databases_is_up_to_date() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text("utf-8")
    for name, database in DATASETS.items():
        assert f"| `{name}` | {database.title} |" in page
        assert database.request in page
        for task in database.label_maps:
            if not isinstance(task, TaskMap):
                continue  # generic maps belong to no database
            counts = zip(task.classes, task.counts, strict=True) if task.counts else ()
            told = ", ".join(f"{c} {n}" for c, n in counts) or ", ".join(task.classes)
            alias = f" ({task.alias})" if task.alias else ""
            total = task.total or "none published"
            assert f"| `{task.name}`{alias} | {told} | {total} |" in page
