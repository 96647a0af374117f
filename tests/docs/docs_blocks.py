"""The code blocks of the documentation, page by page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: figures of this page take minutes to hours, so its commands are only checked
CHECKED = ("benchmarks/README.md",)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]

_FENCE = re.compile(
    r"(?:^ *<!-- not run: (?P<why>[^>]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """One fenced block. ``title``: the file that it is written to. ``not_run``: why it is only
    checked; "" where it runs."""

    page: Path
    line: int
    language: str
    code: str
    title: str = ""
    not_run: str = ""

    @property
    def place(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def blocks(page: Path) -> list[Block]:
    """The blocks of a page from top to bottom."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in _FENCE.finditer(text):
        language, _, more = match["info"].strip().partition(" ")
        title = _TITLE.search(more)
        why = match["why"] or ("its figures take long" if name_of(page) in CHECKED else "")
        line = text.count("\n", 0, match.start("info")) + 1
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        found.append(Block(page, line, language, code, title[1] if title else "", why))
    return found


def without_blocks(text: str) -> str:
    """What people read beside the code."""
    return _FENCE.sub("", text)
