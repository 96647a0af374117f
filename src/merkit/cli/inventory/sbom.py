"""A software bill of materials: CycloneDX 1.6 in JSON (ECMA-424), of what is installed here.

Models and databases from elsewhere are no part of an installation and stand in no bill.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from merkit.cli.inventory.enclosed import inside_merkit, inside_packages
from merkit.cli.inventory.installed import installed_packages
from merkit.cli.inventory.part import UNKNOWN, Part

#: how CycloneDX calls a part; anything else is a library
_TYPES = {"sim-flow", "sim-seq", "face-landmarker", "dlib 68-point model"}


def bill_of_materials(now: datetime | None = None) -> dict[str, Any]:
    """The bill of this installation. The same installation has the same serial number."""
    packages = installed_packages()
    parts = [*packages, *inside_merkit(), *inside_packages(packages)]
    merkit = next(part for part in parts if part.name == "merkit")
    names = sorted(f"{part.needed_by} {part.title}" for part in parts)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(names))}",
        "version": 1,
        "metadata": {
            "timestamp": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
            "component": _component(merkit) | {"type": "application"},
        },
        "components": [_component(part) for part in parts if part is not merkit],
        "dependencies": _dependencies(parts),
    }


def _component(part: Part) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model" if part.name in _TYPES else "library",
        "bom-ref": _reference(part),
        "name": part.name,
    }
    if part.version:
        component["version"] = part.version
    if part.note:
        component["description"] = part.note
    if part.kind == "package":
        component["purl"] = _reference(part)
        component["scope"] = "optional" if part.needed_by.startswith("extra ") else "required"
    if part.licence != UNKNOWN:
        component["licenses"] = [_licence(part.licence)]
    return component


def _licence(words: str) -> Mapping[str, Any]:
    """An SPDX expression where it is one, else a licence by name."""
    try:
        return {"expression": canonicalize_license_expression(words)}
    except InvalidLicenseExpression:
        return {"license": {"name": words}}


def _reference(part: Part) -> str:
    """The package URL of a package; what lies inside another is named after it."""
    if part.kind == "package":
        return f"pkg:pypi/{part.name}@{part.version}"
    return f"{part.needed_by}/{part.title}".replace(" ", "-")


def _dependencies(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """What needs what; a part inside another is needed by it."""
    references = {part.name: _reference(part) for part in parts if part.kind == "package"}
    holders = {part.title: part.name for part in parts if part.kind == "package"}
    needs = {part.name: [references[name] for name in part.needs] for part in parts}
    for part in parts:
        if part.kind == "inside":
            needs[holders.get(part.needed_by, "merkit")].append(_reference(part))
    return [{"ref": _reference(part), "dependsOn": sorted(needs[part.name])} for part in parts]
