"""What MkDocs does with pages that lie outside docs/.

On a code host the pages are read as they lie, so docs/predict.md links to ../benchmarks/README.md.
MkDocs knows docs/ alone. Here the pages below join the site, and each link is written as it must be
seen from its page; no page has a second form, and no link on the disk is changed.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
#: pages outside docs/, and what is shown in place of the README
OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md", "examples/plugin/README.md")
ICON = "src/merkit/app/static/icon.svg"
LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")
#: a pipe in the code of a table, which code hosts want escaped and MkDocs shows as it stands
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
CODE = re.compile(r"`[^`]*`")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, "site/icon.svg", abs_src_path=str(ROOT / ICON)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The links of a page as seen from its place in the site; code stays as it is."""
    here = _place(page.file.src_uri)
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [_moved(markdown[end : fence.start()], here), fence.group()]
        end = fence.end()
    return "".join([*parts, _moved(markdown[end:], here)])


def _place(src_uri: str) -> str:
    """Where a page of the site lies in the repository."""
    return src_uri if src_uri in OUTSIDE else f"docs/{src_uri}"


def _moved(text: str, here: str) -> str:
    def moved(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups(default="")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        in_site = "index.md" if place == "README.md" else place.removeprefix("docs/")
        start = posixpath.dirname(here.removeprefix("docs/"))
        return before + posixpath.relpath(in_site, start or ".") + anchor + after

    return ROW.sub(_pipes, LINK.sub(moved, text))


def _pipes(row: re.Match[str]) -> str:
    return CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0])
