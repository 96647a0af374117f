"""Errors, configuration, files, lazy import."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit import errors
from merkit.config import from_mapping, to_mapping
from merkit.errors import ConfigError, MerkitError, MissingDataError
from merkit.files import TEMPORARY_PREFIX, atomic_file, atomic_folder, write_json
from merkit.labels import EMOTIONS, GENERIC_MAPS, LabelMap, canonical_emotion
from merkit.overrides import apply_overrides, read_yaml


def test_an_error_says_what_came_what_was_wanted_and_what_to_do():
    error = ConfigError("7 folds", "at most 5", "lower --folds")
    assert str(error) == "7 folds\n  wanted: at most 5\n  do: lower --folds"
    again = pickle.loads(pickle.dumps(error))  # workers send errors between processes
    assert (type(again), str(again)) == (ConfigError, str(error))


def test_every_error_of_the_family_exits_with_2_or_3():
    family = [
        e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, MerkitError)
    ]
    assert len(family) > 8
    for kind in family:
        assert kind.exit_code == (3 if issubclass(kind, errors.MissingError) else 2)


@dataclass(frozen=True)
class Inner:
    rank: int = 16
    names: tuple[str, ...] = ("q", "v")


@dataclass(frozen=True)
class Outer:
    rate: float = 0.1
    root: Path = Path("x")
    inner: Inner = field(default_factory=Inner)


@given(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text(), max_size=3),
)
def test_configuration_round_trip(rank: int, rate: float, names: list[str]):
    config = Outer(rate, Path("a/b"), Inner(rank, tuple(names)))
    assert from_mapping(Outer, to_mapping(config)) == config


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused(value: float):
    with pytest.raises(ConfigError, match=f"setting 'rate' is {value}"):
        from_mapping(Outer, {"rate": value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rte": 1}, r"unknown setting 'rte'[\s\S]*did you mean 'rate'"),
        ({"inner": {"rnk": 1}}, r"unknown setting 'inner.rnk'[\s\S]*did you mean 'rank'"),
        ({"inner": {"rank": "many"}}, r"setting 'inner.rank' is 'many'"),
        ({"rate": [1]}, r"setting 'rate' is \[1\]"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        from_mapping(Outer, values)


def test_overrides_are_laid_over_and_leave_the_source_alone():
    source = {"inner": {"rank": 8}}
    assert apply_overrides(source, ["inner.rank=4", "rate=1e-3", "inner.names=[k]"]) == {
        "inner": {"rank": 4, "names": ["k"]},
        "rate": "1e-3",  # YAML reads this as text; the configuration makes it a number
    }
    assert source == {"inner": {"rank": 8}}
    assert from_mapping(Outer, {"rate": "1e-3"}).rate == 1e-3


@pytest.mark.parametrize("text", ["rank", "=3", "inner.rank.deep=1"])
def test_malformed_overrides(text: str):
    with pytest.raises(ConfigError, match="override"):
        apply_overrides({"inner": {"rank": 1}}, [text])


def test_yaml_problems_are_named(tmp_path: Path):
    with pytest.raises(MissingDataError, match=r"no configuration file .*nothing.yaml"):
        read_yaml(tmp_path / "nothing.yaml")
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [1,")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_yaml(bad)
    bad.write_text("- a\n- b")
    with pytest.raises(ConfigError, match="holds a list"):
        read_yaml(bad)
    bad.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_yaml(bad)


def test_a_failing_writer_leaves_the_old_file_and_no_leftovers(tmp_path: Path):
    target = tmp_path / "a.json"
    write_json(target, {"old": 1})
    with pytest.raises(ZeroDivisionError), atomic_file(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        _ = 1 / 0
    assert target.read_text() == '{\n  "old": 1\n}\n'
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "f") as temporary:  # noqa: PT012
        (temporary / "half").write_text("half")
        _ = 1 / 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json"]


def test_atomic_folder_keeps_the_first_of_two_writers(tmp_path: Path):
    for text in ("first", "second"):
        with atomic_folder(tmp_path / "folder") as temporary:
            (temporary / "file").write_text(text)
    assert (tmp_path / "folder" / "file").read_text() == "first"
    assert not list(tmp_path.glob(TEMPORARY_PREFIX + "*"))


def test_importing_merkit_loads_nothing_heavy():
    code = (
        "import sys, merkit, merkit.cli; "
        "print([m for m in ('torch','numpy','cv2','pandas','tyro','av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_attribute_of_the_package():
    import merkit

    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        _ = merkit.Recogniser


def test_label_maps_use_known_emotions_and_index_them():
    for label_map in GENERIC_MAPS.values():
        assert set(label_map.mapping) <= set(EMOTIONS)
        assert {label_map.index(e) for e in label_map.mapping} == set(range(len(label_map.classes)))
    assert GENERIC_MAPS["3"].index("repression") == 0
    assert GENERIC_MAPS["3"].index("others") is None
    with pytest.raises(ConfigError, match="maps to"):
        LabelMap("x", ("a",), {"fear": "b"})


@pytest.mark.parametrize(
    ("text", "emotion"),
    [(" Happy ", "happiness"), ("comtempt", "contempt"), ("Other", "others"), ("fear?", "fear?")],
)
def test_emotion_spellings(text: str, emotion: str):
    assert canonical_emotion(text) == emotion
