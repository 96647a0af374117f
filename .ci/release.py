"""What a release needs of the changelog.

    python .ci/release.py check v0.2.0   # tag, version and the top of the changelog agree
    python .ci/release.py notes 0.2.0    # the section of a version, for the page of the release

Exit code 2 and one message where something does not fit. Nothing but the standard library.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_HEADING = re.compile(r"^## \[?(?P<version>[^\]\s]+)\]?(?: - (?P<when>\S+))?\s*$")
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


class ReleaseError(Exception):
    """What does not fit, and what was wanted."""


@dataclass(frozen=True)
class Section:
    """What changed in one version. ``when``: ISO date, or "unreleased"."""

    version: str
    when: str
    text: str


def sections(changelog: str) -> list[Section]:
    """The sections of a changelog in the form of Keep a Changelog, the newest first."""
    found: list[Section] = []
    for line in changelog.splitlines():
        heading = _HEADING.match(line)
        if heading:
            found.append(Section(heading["version"], heading["when"] or "", ""))
        elif found:
            last = found[-1]
            found[-1] = Section(last.version, last.when, f"{last.text}{line}\n")
    return [Section(one.version, one.when, one.text.strip()) for one in found]


def notes(changelog: str, version: str) -> str:
    """The text of one version."""
    known = {one.version: one.text for one in sections(changelog)}
    if not known.get(version):
        raise ReleaseError(f"CHANGELOG.md says nothing of {version}; it has: {', '.join(known)}")
    return known[version]


def check(changelog: str, package: str, tag: str) -> None:
    """Refuse a tag that is not the package's version and the dated top of the changelog."""
    written = _VERSION.search(package)
    if not written or tag != f"v{written[1]}":
        raise ReleaseError(
            f"tag {tag}, but merkit is {written[1] if written else 'without a version'}"
        )
    top = sections(changelog)[0]
    if top.version != written[1]:
        raise ReleaseError(f"CHANGELOG.md begins with {top.version}, not with {written[1]}")
    try:
        date.fromisoformat(top.when)
    except ValueError:
        raise ReleaseError(f"{top.version} in CHANGELOG.md is '{top.when}'; put its date") from None
    notes(changelog, top.version)


def main(words: Sequence[str]) -> int:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    package = (ROOT / "src/merkit/__init__.py").read_text(encoding="utf-8")
    try:
        match words:
            case ["check", tag]:
                check(changelog, package, tag)
            case ["notes", version]:
                print(notes(changelog, version))
            case _:
                raise ReleaseError((__doc__ or "").strip())
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
