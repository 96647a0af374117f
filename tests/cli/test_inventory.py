"""``merkit doctor --licences`` and ``--sbom``: what an installation consists of, on what terms."""

from __future__ import annotations

import json
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest

from merkit.cli import main
from merkit.cli.inventory.enclosed import ENCLOSED, ROOT, inside_packages
from merkit.cli.inventory.installed import installed_packages, licence_of
from merkit.cli.inventory.part import UNKNOWN, Part, terms_of
from merkit.errors import MissingPackageError


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        (["License-Expression: MIT", "Classifier: License :: OSI Approved :: BSD License"], "MIT"),
        (["License: Apache 2.0", "Classifier: License :: OSI Approved"], "Apache 2.0"),
        (["Classifier: License :: OSI Approved :: BSD License"], "BSD License"),
        (["License: UNKNOWN", "Classifier: License :: OSI Approved :: X"], "X"),
        (["License: The MIT License", "  Permission is", "Classifier: A :: B"], "The MIT License"),
        (["Classifier: Topic :: Text"], UNKNOWN),
    ],
)
def test_licences_come_from_the_metadata(fields: list[str], licence: str, tmp_path: Path) -> None:
    folder = tmp_path / "some-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("\n".join(["Name: some", "Version: 1.0", *fields, ""]))
    assert licence_of(PathDistribution(folder)) == licence


@pytest.mark.parametrize(
    ("licence", "terms"),
    [
        ("Apache-2.0 AND BSL-1.0 AND MIT", "any use"),
        ("Python Software Foundation License", "any use"),
        ("MPL-2.0 AND MIT", "duties"),
        ("MPL-2.0 OR MIT", "any use"),
        ("GNU General Public License v3 (GPLv3)", "duties"),
        ("LGPL-2.1-or-later", "duties"),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", "any use"),
        ("(MIT OR GPL-2.0-only) AND BSD-3-Clause", "duties"),  # not taken apart: the strictest
        ("CC-BY-NC-4.0", "limited"),
        ("MIT AND CC-BY-NC-SA-4.0", "limited"),
        ("NVIDIA Proprietary Software", "limited"),
        ("research only, signed agreement", "limited"),
        ("Some licence of our own", "unknown"),
        (UNKNOWN, "unknown"),
    ],
)
def test_terms_follow_the_licence(licence: str, terms: str) -> None:
    assert terms_of(licence) == terms


def package(site: Path, name: str, *fields: str, files: tuple[str, ...] = ()) -> None:
    """An installed package, as its metadata tell of it."""
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    text = "\n".join([f"Name: {name}", "Version: 1.0", *fields, ""])
    (folder / "METADATA").write_text(text)
    (folder / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in files:
        (site / file).parent.mkdir(exist_ok=True)
        (site / file).touch()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``top`` needs ``dep`` with its extra; it may have ``more`` and, for developers, ``tool``."""
    package(
        tmp_path,
        "top_of_ours",
        "Provides-Extra: more",
        "Provides-Extra: lacking",
        "Provides-Extra: dev",
        "Requires-Dist: dep_of_ours[fast]>=1",
        "Requires-Dist: none_of_ours; sys_platform == 'no such'",
        "Requires-Dist: more_of_ours; extra == 'more'",
        "Requires-Dist: absent_of_ours; extra == 'lacking'",
        "Requires-Dist: tool_of_ours; extra == 'dev'",
    )
    package(
        tmp_path,
        "dep_of_ours",
        "License-Expression: MIT",
        "Requires-Dist: fast_of_ours; extra == 'fast'",
        "Requires-Dist: tool_of_ours; extra == 'test'",
        "Requires-Dist: top_of_ours",  # a circle
        files=("dep.libs/libx264-d65.so.165", "dep.libs/libz-1.so", "dep/avcodec-62.dll"),
    )
    for name in ("more", "fast", "tool"):
        package(tmp_path, f"{name}_of_ours")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("site")
def test_packages_are_those_that_are_needed_and_installed_extras() -> None:
    found = {part.name: part for part in installed_packages("top-of-ours")}
    assert {name: part.needed_by for name, part in found.items()} == {
        "dep-of-ours": "top-of-ours",
        "fast-of-ours": "top-of-ours",
        "more-of-ours": "extra more",
        "top-of-ours": "top-of-ours",
    }
    assert found["top-of-ours"].needs == ("dep-of-ours", "more-of-ours")
    assert found["dep-of-ours"].needs == ("fast-of-ours", "top-of-ours")


@pytest.mark.usefixtures("site")
def test_libraries_with_duties_are_seen_by_their_files() -> None:
    found = inside_packages(installed_packages("top-of-ours"))
    assert [(part.name, part.terms, part.needed_by) for part in found] == [
        ("x264", "duties", "dep-of-ours 1.0"),
        ("avcodec", "duties", "dep-of-ours 1.0"),
    ]


def test_what_lies_inside_is_there_with_its_licence() -> None:
    for part in ENCLOSED:
        assert (ROOT / part.place).exists()
        if part.licence_file:
            assert len((ROOT / part.licence_file).read_text(encoding="utf-8")) > 1000
    told = {part.place for part in ENCLOSED}
    brought = {*(ROOT / "weights").iterdir(), ROOT / "app" / "static" / "vendor"}
    assert {path.relative_to(ROOT).as_posix() for path in brought} <= told
    plot = next(part for part in ENCLOSED if part.name == "uPlot")
    source = (ROOT / plot.place / "uPlot.iife.min.js").read_text(encoding="utf-8")
    assert f"(v{plot.version})" in source[:100]


def test_doctor_lists_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--licences"]) == 0
    text = capsys.readouterr().out
    assert main(["doctor", "--licences", "--json"]) == 0
    parts = {part["name"]: part for part in json.loads(capsys.readouterr().out)}
    assert {"merkit", "torch", "numpy", "ai-edge-litert", "uPlot", "casme2", "DINOv2"} <= set(parts)
    assert "pytest" not in parts
    assert all(name in text and part["licence"] in text for name, part in parts.items())
    base = [part for part in parts.values() if part["needed_by"] == "merkit"]
    assert len(base) > 50
    limited = [part["name"] for part in base if part["terms"] == "limited"]
    assert [name for name in limited if not name.startswith("nvidia-")] == []  # those of CUDA
    assert parts["casme2"]["terms"] == "limited"


def test_doctor_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["face landmarker"]["level"] == "ok"


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("bill") / "merkit.cdx.json"
    assert main(["doctor", "--sbom", str(path)]) == 0
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def test_the_bill_of_materials_is_cyclonedx(bill: dict[str, Any]) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    broken = json.dumps(bill | {"components": [{"name": "no type"}]})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_the_bill_names_every_installed_part_and_what_needs_it(bill: dict[str, Any]) -> None:
    parts = {c["bom-ref"]: c for c in [bill["metadata"]["component"], *bill["components"]]}
    assert len(parts) == 1 + len(bill["components"])  # no reference twice
    packages = {part.name: part for part in installed_packages()}
    purls = {f"pkg:pypi/{part.name}@{part.version}" for part in packages.values()}
    assert {c["purl"] for c in parts.values() if "purl" in c} == purls
    assert {part.name for part in ENCLOSED} <= {c["name"] for c in parts.values()}
    needs = {row["ref"]: row["dependsOn"] for row in bill["dependencies"]}
    assert set(needs) == set(parts)
    assert {ref for refs in needs.values() for ref in refs} <= set(parts)
    av = f"pkg:pypi/av@{packages['av'].version}"
    assert av in needs[bill["metadata"]["component"]["bom-ref"]]
    assert "casme2" not in json.dumps(bill)


def test_a_bill_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "bill.json"
    kept.write_text("mine")
    assert main(["doctor", "--sbom", str(kept)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert kept.read_text() == "mine"
    assert main(["doctor", "--sbom", str(kept), "--overwrite"]) == 0
    assert json.loads(kept.read_text())["bomFormat"] == "CycloneDX"
    assert main(["doctor", "--sbom", str(tmp_path)]) == 2


def test_what_is_not_installed_has_no_inventory() -> None:
    with pytest.raises(MissingPackageError, match="runs from a folder"):
        installed_packages("no-package-of-ours")


def test_a_part_without_a_version_has_a_title() -> None:
    assert Part("x264", "", "inside", "GPL-2.0-or-later", "av 18.1.0").title == "x264"
