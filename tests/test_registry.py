"""Registries: built-in names, things of other packages, things of a script."""

from __future__ import annotations

import importlib.metadata
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from merkit import registry as module
from merkit.errors import ConfigError, MissingPackageError
from merkit.registry import Registry

GROUP = "merkit.things"


class Thing:
    """Something with a name, as everything that is registered."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def things(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An importable module with ``one``, ``two`` and ``odd``, which calls itself otherwise."""
    found = ModuleType("plugin_things")
    found.one, found.two, found.odd = Thing("one"), Thing("two"), Thing("even")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plugin_things", found)
    return found


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch, things: ModuleType) -> Any:
    """Makes a registry that finds these entry points: name -> what it names, by package."""

    def make(*points: tuple[str, str, str], **built_in: str) -> Registry[Any]:
        found = [_point(package, name, value) for package, name, value in points]

        def entry_points(group: str) -> list[EntryPoint]:
            assert group == GROUP
            return found

        monkeypatch.setattr(module, "entry_points", entry_points)
        return Registry("thing", built_in, GROUP)

    return make


def _point(package: str, name: str, value: str) -> EntryPoint:
    class Package(importlib.metadata.Distribution):
        version = "1.2"
        metadata: ClassVar[Any] = {"Name": package}
        name = package

        def read_text(self, filename: str) -> None:
            return None

        def locate_file(self, path: Any) -> Any:
            return path

    point = EntryPoint(name, value, GROUP)
    vars(point)["dist"] = Package()
    return point


# built-in names


def test_registry_loads_lazily_and_names_the_nearest() -> None:
    registry: Registry[object] = Registry("thing", {"pi": "math:pi", "broken": "no.module:x"})
    assert list(registry) == ["pi", "broken"]
    assert registry["pi"] == pytest.approx(3.14159265)
    with pytest.raises(ConfigError, match=r"unknown thing 'pie'[\s\S]*did you mean 'pi'"):
        registry["pie"]


# a script


def test_things_are_registered_by_a_call_or_a_decorator() -> None:
    registry: Registry[Any] = Registry("thing", {"pi": "math:pi"})
    thing = Thing("own")
    assert registry.register(thing) is thing

    @registry.register
    class Decorated:
        name = "decorated"

    assert list(registry) == ["pi", "own", "decorated"]
    assert (registry["own"], registry["decorated"]) == (thing, Decorated)
    assert len(registry) == 3
    assert "own" in registry
    assert Decorated.__name__ == "Decorated"  # the decorator gives the class back


def test_a_name_of_merkits_own_is_taken() -> None:
    registry: Registry[Any] = Registry("thing", {"pi": "math:pi"})
    with pytest.raises(ConfigError, match="thing 'pi' is there already, from merkit"):
        registry.register(Thing("pi"))
    assert registry["pi"] == pytest.approx(3.14159265)


def test_a_name_of_another_package_is_taken(plugged: Any) -> None:
    registry = plugged(("acme", "one", "plugin_things:one"))
    with pytest.raises(ConfigError, match=r"thing 'one' is there already, from acme 1\.2"):
        registry.register(Thing("one"))


def test_a_cell_that_is_run_again_registers_its_thing_again() -> None:
    registry: Registry[Any] = Registry("thing", {})

    def cell(value: int) -> type:
        class Cell:
            name = "cell"
            number = value

        return registry.register(Cell)

    cell(1)
    second = cell(2)
    assert registry["cell"] is second
    assert list(registry) == ["cell"]

    class Other:
        name = "cell"

    with pytest.raises(ConfigError, match="thing 'cell' is there already, from this script"):
        registry.register(Other)
    assert registry["cell"] is second


# other packages


def test_things_of_other_packages_are_found_and_loaded_when_asked_for(
    plugged: Any, things: ModuleType
) -> None:
    registry = plugged(
        ("acme", "two", "plugin_things:two"), ("acme", "late", "no_such_module:x"), pi="math:pi"
    )
    assert list(registry) == ["pi", "late", "two"]  # what is broken is listed, and nothing loaded
    assert registry["two"] is things.two
    assert registry["two"] is registry["two"]
    assert len(registry) == 3


def test_a_registry_without_a_group_looks_for_no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "entry_points", lambda **_: pytest.fail("was looked up"))
    assert list(Registry("thing", {"pi": "math:pi"})) == ["pi"]


def test_a_name_that_two_packages_claim_is_refused_and_it_alone(
    plugged: Any, things: ModuleType
) -> None:
    registry = plugged(
        ("acme", "one", "plugin_things:one"),
        ("zeta", "one", "plugin_things:two"),
        ("zeta", "two", "plugin_things:two"),
    )
    with pytest.raises(ConfigError, match=r"thing 'one' comes from acme 1\.2 and zeta 1\.2"):
        registry["one"]
    assert registry["two"] is things.two
    found, errors = registry.load_all()
    assert found == {"two": things.two}
    assert [type(error) for error in errors] == [ConfigError]


def test_a_package_that_takes_a_name_of_merkits_own_is_refused_and_named(plugged: Any) -> None:
    registry = plugged(("acme", "pi", "plugin_things:one"), pi="math:pi", e="math:e")
    with pytest.raises(ConfigError, match=r"thing 'pi' comes from merkit and acme 1\.2"):
        registry["pi"]
    assert registry["e"] == pytest.approx(2.71828, abs=1e-5)
    assert list(registry) == ["pi", "e"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module:x", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("plugin_things:three", "AttributeError: "),
        ("plugin_fails:x", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named_and_the_rest_works(
    value: str, reason: str, plugged: Any, things: ModuleType, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "plugin_fails.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = plugged(("acme", "bad", value), ("zeta", "two", "plugin_things:two"), pi="math:pi")
    with pytest.raises(MissingPackageError) as caught:
        registry["bad"]
    assert f"thing 'bad' of acme 1.2 cannot be loaded: {reason}" in caught.value.found
    assert value in caught.value.wanted
    assert caught.value.exit_code == 3
    found, errors = registry.load_all()
    assert set(found) == {"pi", "two"}
    assert [error.found for error in errors] == [caught.value.found]


def test_a_thing_that_calls_itself_otherwise_is_refused(plugged: Any) -> None:
    registry = plugged(("acme", "odd", "plugin_things:odd"), ("acme", "none", "math:pi"))
    with pytest.raises(ConfigError, match=r"thing 'odd' of acme 1\.2 calls itself 'even'"):
        registry["odd"]
    with pytest.raises(ConfigError, match="calls itself None"):
        registry["none"]


def test_origin_says_who_brought_it(plugged: Any) -> None:
    registry = plugged(
        ("acme", "one", "plugin_things:one"),
        ("acme", "pi", "plugin_things:two"),
        ("zeta", "one", "plugin_things:two"),
        pi="math:pi",
        e="math:e",
    )
    registry.register(Thing("own"))
    assert registry.origin("e") == "merkit"
    assert registry.origin("own") == "this script"
    assert registry.origin("one") == "acme 1.2 and zeta 1.2"
    assert registry.origin("pi") == "merkit and acme 1.2"


def test_an_installed_package_is_found_by_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way that ``pip install`` takes, with no entry point made by hand."""
    info = tmp_path / "acme_faces-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-faces\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[merkit.things]\nround = acme_faces_round:ROUND\n")
    (tmp_path / "acme_faces_round.py").write_text(
        "class Round:\n    name = 'round'\n\nROUND = Round()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[Any] = Registry("thing", {}, GROUP)
    assert list(registry) == ["round"]
    assert "acme_faces_round" not in sys.modules
    assert registry["round"].name == "round"
    assert registry.origin("round") == "acme-faces 0.3"
    assert list(Registry("thing", {}, "merkit.others")) == []


def test_two_objects_of_one_name_clash_and_an_equal_one_does_not() -> None:
    from merkit.protocols.splitters import LOSO, Protocol

    registry: Registry[Protocol] = Registry("protocol", {})
    registry.register(Protocol("x", "first", LOSO.divide))
    registry.register(Protocol("x", "first", LOSO.divide))
    with pytest.raises(ConfigError, match="'x' is there already, from this script"):
        registry.register(Protocol("x", "another", LOSO.divide))
    assert registry["x"].title == "first"
