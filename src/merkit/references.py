"""What every methods paragraph of merkit ends with: software and references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: what every card of a model says
NOT_ABOUT_A_PERSON = (
    "A movement of the face is not an emotion. Do not decide anything about a person by this "
    "model: not honesty, not intent, not health, not fitness for work. It knows nothing of "
    "culture, context or what a person feels."
)


def merkit_itself(versions: Mapping[str, str]) -> str:
    """How this program is cited, in the version that did the work."""
    return (
        f"merkit {versions.get('merkit', '')}: facial micro-expression recognition in Python "
        "(Apache-2.0)."
    )


def in_words(versions: Mapping[str, str]) -> str:
    """Names and versions of what is installed, one behind the other."""
    return ", ".join(f"{name} {v}" for name, v in versions.items() if v != "absent")


def listed(references: Sequence[str]) -> str:
    """Each reference once, numbered."""
    once = dict.fromkeys(references)
    return "\n".join(["References:", *(f"[{n}] {text}" for n, text in enumerate(once, 1))])
