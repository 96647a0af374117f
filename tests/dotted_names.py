"""The things that documentation names."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def resolve(name: str) -> Any:
    """The object of a dotted name."""
    module, *parts = name.split(".")
    found: Any = import_module(module)
    for part in parts:
        if not hasattr(found, part):
            import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    return found
