"""Protocols as splitters: scikit-learn's own folds where it has them, and within its tools."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    check_cv,
    cross_val_predict,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier

from merkit.errors import ConfigError, LeakError
from merkit.protocols import PROTOCOLS, splitter
from merkit.protocols.splitters import LOSO, Division

RANDOM = np.random.default_rng(0)
PEOPLE = np.array([f"{db}/{n}" for db in ("one", "two") for n in range(4) for _ in range(3)])
X = RANDOM.normal(size=(len(PEOPLE), 2))
Y = np.array(["negative", "positive", "surprise"] * 8)

#: settings that a protocol needs
SETTINGS = {
    "group_kfold": {"n_splits": 3, "seed": 4},
    "cross_database": {"train_databases": ("one",), "test_databases": ("two",)},
}


def folds(cv, groups=PEOPLE) -> list[tuple[list[int], list[int]]]:
    return [(train.tolist(), test.tolist()) for train, test in cv.split(X, Y, groups)]


def usable() -> list[str]:
    found = []
    for name in PROTOCOLS:
        try:
            splitter(name, **SETTINGS.get(name, {}))
        except (ConfigError, LeakError):
            continue
        found.append(name)
    return found


def test_only_what_cannot_be_is_refused() -> None:
    assert set(PROTOCOLS) - set(usable()) == {"stratified_kfold", "official", "frozen"}


@pytest.mark.parametrize("name", usable())
def test_nobody_is_on_both_sides_and_scikit_learn_takes_it(name: str) -> None:
    cv = splitter(name, **SETTINGS.get(name, {}))
    assert check_cv(cv, Y, classifier=True) is cv
    for train, test in folds(cv):
        assert not set(PEOPLE[train]) & set(PEOPLE[test])
        assert train
        assert test
    assert cv.get_n_splits(X, Y, PEOPLE) == len(folds(cv))
    scores = cross_validate(DummyClassifier(), X, Y, groups=PEOPLE, cv=cv)["test_score"]
    assert len(scores) == cv.get_n_splits(groups=PEOPLE)
    if PROTOCOLS[name].tested_once:
        assert len(cross_val_predict(DummyClassifier(), X, Y, groups=PEOPLE, cv=cv)) == len(Y)


@pytest.mark.parametrize("name", ["loso", "composite"])
def test_leave_one_subject_out_is_leave_one_group_out(name: str) -> None:
    assert folds(splitter(name)) == folds(LeaveOneGroupOut())


def test_leave_one_database_out_is_leave_one_group_out_of_databases() -> None:
    databases = [person.split("/")[0] for person in PEOPLE]
    assert folds(splitter("leave_one_database_out")) == folds(LeaveOneGroupOut(), databases)


def test_folds_of_subjects_are_scikit_learns_over_the_people() -> None:
    cv = splitter("group_kfold", n_splits=3, balance="subjects", seed=4)
    people = np.unique(PEOPLE)
    wanted = [
        np.isin(PEOPLE, people[chosen]).nonzero()[0].tolist()
        for _, chosen in KFold(3, shuffle=True, random_state=4).split(people)
    ]
    assert [test for _, test in folds(cv)] == wanted


def test_a_search_within_and_processes_of_its_own() -> None:
    cv = pickle.loads(pickle.dumps(splitter("loso")))
    assert "loso" in repr(cv)
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=cv)
    search.fit(X, Y, groups=PEOPLE)
    assert search.n_splits_ == 8
    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(DummyClassifier(), X, Y, params={"groups": PEOPLE}, cv=cv)
    assert len(found["test_score"]) == 8


def test_two_spellings_are_one_person_and_two_people_are_enough() -> None:
    people = ["S01", "s1", "s2", "S 02"]
    found = [test.tolist() for _, test in splitter("loso").split(X[:4], None, people)]
    assert sorted(found) == [[0, 1], [2, 3]]
    by_number = [t.tolist() for _, t in splitter().split(X[:4], Y[:4], np.array([10, 9, 9, 10]))]
    assert sorted(by_number) == [[0, 3], [1, 2]]


def test_a_protocol_that_leaks_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(table, config):
        return [Division("all", table, table[:3])]

    monkeypatch.setattr(PROTOCOLS, "_scripts", {})
    PROTOCOLS.register(replace(LOSO, name="leaking", divide=leaking))
    with pytest.raises(LeakError, match="one side only"):
        folds(splitter("leaking"))


@pytest.mark.parametrize(
    ("name", "settings", "error", "told"),
    [
        ("stratified_kfold", {}, LeakError, "the same people on both sides"),
        ("official", {}, ConfigError, "official split of each clip"),
        ("frozen", {}, ConfigError, "clip ids of a manifest"),
        ("lose", {}, ConfigError, "did you mean 'loso'"),
        ("group_kfold", {"splits": 3}, ConfigError, "splits"),
        ("loso", {"val_share": 0.2}, ConfigError, "a training and a test side"),
    ],
)
def test_protocols_and_settings_that_cannot_be_say_why(name, settings, error, told) -> None:
    with pytest.raises(error, match=told):
        splitter(name, **settings)


@pytest.mark.parametrize(
    ("name", "groups", "told"),
    [
        ("loso", None, "no groups"),
        ("loso", ["a"] * 24, "at least 2 subjects"),
        ("loso", ["a", "b"], "inconsistent numbers of samples"),
        ("loso", [*["a", "b"] * 11, "a", None], "sample 23 has no person"),
        ("loso", np.zeros((24, 2)), "groups of shape"),
        ("composite", ["a", "b", "c"] * 8, "not 'database/person'"),
    ],
)
def test_groups_that_cannot_be_are_refused(name, groups, told) -> None:
    with pytest.raises(ConfigError, match=told):
        folds(splitter(name), groups)
