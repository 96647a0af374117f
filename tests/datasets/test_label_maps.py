from __future__ import annotations

from pathlib import Path

import pytest

from merkit.datasets import DATASETS, label_map
from merkit.datasets.base import Database
from merkit.datasets.label_maps import TaskMap, class_counts, clip_label, label_maps
from merkit.datasets.sheets import shipped_table
from merkit.errors import ConfigError, DatasetError
from merkit.labels import GENERIC_MAPS
from merkit.types import Clip

OWN = ("casme2", "samm", "smic", "smic-e", "casme3", "meview", "4dme")


def clip(emotion: str, name: str = "casme2/sub01/EP99", **raw: str) -> Clip:
    dataset, subject, _ = name.split("/")
    return Clip(name, dataset, subject, Path("x"), 200.0, emotion, raw=raw)


@pytest.mark.parametrize(
    ("database", "name", "total"),
    [
        ("casme2", "casme2-7", 255),
        ("casme2", "casme2-5", 246),
        ("casme2", "casme2-5-all", 255),
        ("casme2", "casme2-4", 246),
        ("casme2", "casme2-3-147", 147),
        ("casme2", "casme2-3-megc2019", 145),
        ("casme2", "casme2-3-156", 156),
        ("casme2", "casme2-3-255", 255),
        ("casme2", "casme2-objective-5", 185),
        ("casme2", "casme2-objective-7", 255),
        ("samm", "samm-8", 159),
        ("samm", "samm-7", 133),
        ("samm", "samm-5", 136),
        ("samm", "samm-5-all", 159),
        ("samm", "samm-3", 133),
        ("samm", "samm-3-merclip", 110),
        ("samm", "samm-4-merclip", 136),
        ("samm", "samm-objective-5", 68),
        ("samm", "samm-objective-7", 159),
        ("smic", "smic-3", 164),
        ("smic-e", "smic-e-3", 157),
        ("casme3", "casme3-7", 860),
        ("casme3", "casme3-4", 860),
        ("casme3", "casme3-3", 699),
        ("casme3", "casme3-3-htnet", 687),
        ("casme3", "casme3-objective-7", 860),
        ("meview", "meview-3", 27),
        ("4dme", "4dme-3-first", 215),
        ("4dme", "4dme-5-first", 267),
        ("mmew", "mmew-7", 300),
        ("mmew", "mmew-6", 234),
        ("mmew", "mmew-4", 263),
        ("dfme", "dfme-7", 2629),
        ("dfme", "dfme-5", 2629),
        ("dfme", "dfme-3", 2629),
        ("name", "name-6", 506),
        ("name", "name-5", 318),
        ("name", "name-3", 506),
        ("megc2019", "megc2019-3", 442),
        ("megc2018", "megc2018-objective-5", 253),
    ],
)
def test_published_totals(database: str, name: str, total: int) -> None:
    found = label_map(database, name)
    assert sum(found.counts) == total
    assert len(found.counts) == len(found.classes)


@pytest.mark.parametrize("name", OWN)
def test_counts_follow_from_the_published_emotions(name: str) -> None:
    """Two tables written apart agree: emotions of the audit and classes of every map."""
    database: Database = DATASETS[name]
    emotions = database.expected[database.variants[0]].emotions
    for task in database.label_maps:
        assert isinstance(task, TaskMap)
        if task.source != "emotion" or not task.counts or not emotions:
            continue
        found = [0] * len(task.classes)
        for emotion, count in emotions.items():
            index = task.index(emotion)
            if index is not None:
                found[index] += count
        left_out = {"casme2-3-megc2019": (2, 0, 0), "casme3-3-htnet": (8, 1, 3)}
        expected = [f - n for f, n in zip(found, left_out.get(task.name, found), strict=False)]
        assert task.counts == tuple(expected if task.name in left_out else found), task.name


def test_composites_are_the_sums_of_their_parts() -> None:
    parts = [label_map(*p).counts for p in (("smic", "3"), ("casme2", "3"), ("samm", "3"))]
    assert label_map("megc2019", "3").counts == tuple(map(sum, zip(*parts, strict=True)))
    parts = [label_map(d, f"{d}-objective-5").counts for d in ("casme2", "samm")]
    assert label_map("megc2018", "5").counts == tuple(map(sum, zip(*parts, strict=True)))


@pytest.mark.parametrize("name", [*OWN, "mmew", "dfme", "name", "megc2019"])
def test_three_classes_have_one_order_everywhere(name: str) -> None:
    assert label_map(name, "3").classes == ("negative", "positive", "surprise")


def test_names_aliases_and_generic_maps() -> None:
    assert label_map("casme2", "3").name == "casme2-3-megc2019"
    assert label_map("samm", "5").name == "samm-5"
    assert label_map("synthetic", "3") is GENERIC_MAPS["3"]
    assert label_maps("synthetic") == ()
    with pytest.raises(ConfigError, match="'casme2' has no label map 'samm-5'"):
        label_map("casme2", "samm-5")


def test_every_name_and_alias_is_unique_and_cited() -> None:
    for database in (*OWN, "mmew", "dfme", "name", "megc2019", "megc2018"):
        own = label_maps(database)
        names = [t.name for t in own] + [t.alias for t in own if t.alias]
        assert own
        assert len(names) == len(set(names))
        assert all(t.citation for t in own)


def test_excluded_clips() -> None:
    task = label_map("casme2", "casme2-3-megc2019")
    assert clip_label(task, clip("disgust", "casme2/sub04/EP12_01f")) is None
    assert clip_label(task, clip("disgust", "casme2/sub04/EP12_02f")) == 0
    htnet = label_map("casme3", "casme3-3-htnet")
    names = ["spNO.9/g_5", "spNO.9/f_5", "spNO.186/a_1", "spNO.18/a_1"]
    labels = [clip_label(htnet, clip("fear", f"casme3/{n}")) for n in names]
    assert labels == [None, 0, None, 0]
    kept = ["spNO.186/c_337", "spNO.186/c_359", "spNO.217/b_920", "spNO.217/e_610"]
    assert all(clip_label(htnet, clip("fear", f"casme3/{n}")) == 0 for n in kept)


def test_every_map_has_published_counts_or_says_that_there_are_none() -> None:
    for row in shipped_table("label_maps"):
        counts = [r["count"] for r in shipped_table("label_classes") if r["map"] == row["map"]]
        assert all(counts) or row["total"] == "none" or int(row["total"]) > 0, row["map"]
        assert not (all(counts) and row["total"]), row["map"]
        (task,) = [t for t in label_maps(row["database"]) if t.name == row["map"]]
        total = sum(map(int, counts)) if all(counts) else row["total"]
        assert (task.total or "none") == (total if total == "none" else int(total)), row["map"]
    assert {t.total for t in label_maps("casme3") if t.name == "casme3-7-merclip"} == {857}


def test_objective_classes_come_from_action_units_not_emotions() -> None:
    task = label_map("samm", "samm-objective-5")
    clips = [clip("anger", objective_class=c) for c in ("I", "III", "VII", "III")]
    assert class_counts(task, clips) == (1, 0, 2, 0, 0)
    with pytest.raises(DatasetError, match="no objective class"):
        clip_label(task, clip("anger"))


def test_rules_for_label_sets() -> None:
    first, single = label_map("4dme", "4dme-3-first"), label_map("4dme", "4dme-3-single")
    both, alone = clip("surprise+positive", "4dme/S/a"), clip("positive", "4dme/S/b")
    assert [clip_label(first, c) for c in (both, alone)] == [2, 1]
    assert [clip_label(single, c) for c in (both, alone)] == [None, 1]


def test_plain_maps_use_the_emotion() -> None:
    assert clip_label(GENERIC_MAPS["3"], clip("fear")) == 0
    assert clip_label(GENERIC_MAPS["3"], clip("others")) is None
