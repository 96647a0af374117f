"""What an exported file says of itself, so that it can be used where merkit is not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from merkit.config import to_mapping
from merkit.inference.modelfolder import LoadedModel
from merkit.inference.programs.program import Program, Tensors
from merkit.inference.recognizer import video_recipe
from merkit.inference.sharing.places import without_files
from merkit.inference.sharing.terms import NOT_FOR, terms_of
from merkit.references import merkit_itself
from merkit.runs.provenance import versions

FORMAT = 1


def description(loaded: LoadedModel, program: Program) -> dict[str, Any]:
    """Plain values, ready for JSON: classes, inputs and outputs with shapes and units, the recipe
    that makes the inputs, versions, data and its licence, and what the model is not for. Nothing of
    this machine, and no clip by its name."""
    method, recipe = loaded.method, video_recipe(loaded)
    made = loaded.telling[0] if loaded.telling else None
    settings = {} if recipe is None else {"kind": type(recipe).__name__, **to_mapping(recipe)}
    return {
        "format": FORMAT,
        "method": method.name,
        "title": method.title,
        "classes": list(loaded.classes),
        "units": list(program.units),
        "limits": asdict(made.limits) if made and loaded.recogniser else {},
        "inputs": [_described(one) for one in program.inputs],
        "outputs": [_described(one) for one in program.outputs],
        "recipe": without_files(settings),
        "trained_on": list(loaded.data),
        "licence": terms_of(loaded.data),
        "not_for": NOT_FOR,
        "cite": [merkit_itself(versions()), f"{method.citation}."],
        "versions": versions(),
    }


def _described(one: Tensors) -> dict[str, Any]:
    return {**asdict(one), "shape": ["batch", *one.shape]}
