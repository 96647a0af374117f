"""Whoever reads the site tells nobody: a page that loads anything from another host is no page.

Links may lead elsewhere; what a browser fetches by itself may not.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

ELSEWHERE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
#: what Material asks another host for, where a page has it
FETCHING = ("mermaid",)
#: relations of a <link> that fetch nothing
TOLD = {"canonical", "next", "prev", "license", "author"}


def on_post_build(config: MkDocsConfig) -> None:
    found = [
        f"{path.relative_to(config.site_dir)}: {url}"
        for path in sorted(Path(config.site_dir).rglob("*"))
        if path.suffix in (".html", ".css", ".svg")
        for url in loaded_from_elsewhere(path.read_text(encoding="utf-8"), path.suffix)
    ]
    if found:
        raise PluginError("loaded from another host:\n" + "\n".join(found))


def loaded_from_elsewhere(text: str, suffix: str = ".html") -> list[str]:
    """What a browser would fetch from another host to show a page, picture or style sheet."""
    if suffix == ".css":
        return IN_STYLE.findall(text)
    page = _Page()
    page.feed(text)
    return page.found


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        urls = [given.get("src", ""), given.get("srcset", ""), given.get("data", "")]
        urls += [given.get("poster", ""), given.get("xlink:href", "")]
        if tag in ("link", "image", "use") and not set(given.get("rel", "").split()) & TOLD:
            urls.append(given.get("href", ""))
        self.found += [url for url in urls if ELSEWHERE.match(url)]
        self.found += IN_STYLE.findall(given.get("style", ""))
        self.found += [name for name in FETCHING if name in given.get("class", "").split()]

    def handle_data(self, data: str) -> None:
        if self._style:
            self.found += IN_STYLE.findall(data)
