"""The site: what its hooks do with the pages. That no link leads nowhere is the build's own check
(``make docs``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isclass, isroutine
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from docs_blocks import CHECKED, PAGES, ROOT, name_of

from dotted_names import resolve

#: a slip in the name of a host leads people elsewhere: look at a new one twice, then add it
HOSTS = {
    "astral.sh", "download.pytorch.org", "github.com", "keepachangelog.com", "pytorch.org",
    "semver.org", "www.videoanalysis.net",
}  # fmt: skip


def site_module(name: str) -> ModuleType:
    """A module of docs/site, which is no package."""
    spec = spec_from_file_location(f"docs_site_{name}", ROOT / "docs" / "site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    return site_module("hooks")


@pytest.mark.parametrize(
    ("page", "text", "seen"),
    [
        ("docs/predict.md", "[x](exports.md#elan)", "[x](exports.md#elan)"),
        ("docs/page.md", "[x](../benchmarks/README.md#a)", "[x](benchmarks/README.md#a)"),
        ("docs/methods/stag.md", "[x](../../CONTRIBUTING.md)", "[x](../CONTRIBUTING.md)"),
        ("docs/methods/stag.md", "![x](../img/fig.png)", "![x](../img/fig.png)"),
        ("docs/start.md", "[x](../README.md)", "[x](index.md)"),
        ("benchmarks/README.md", "[x](../docs/app.md#in-numbers)", "[x](../app.md#in-numbers)"),
        ("CONTRIBUTING.md", "[x](docs/app.md)", "[x](app.md)"),
        ("docs/app.md", "[x](#keys) [y](https://a.b/c.md)", "[x](#keys) [y](https://a.b/c.md)"),
    ],
)  # fmt: skip
def test_links_are_written_as_seen_from_the_site(
    hooks: ModuleType, page: str, text: str, seen: str
) -> None:
    assert hooks._moved(text, page) == seen


def test_a_pipe_in_the_code_of_a_table_is_a_pipe(hooks: ModuleType) -> None:
    shown = hooks._moved("| a | `b \\| c` | d \\| e |\nx `f \\| g`", "docs/start.md")
    assert shown == "| a | `b | c` | d \\| e |\nx `f \\| g`"


def test_code_is_shown_as_it_stands(hooks: ModuleType) -> None:
    class Page:
        class file:
            src_uri = "benchmarks/README.md"

    text = "[x](../docs/app.md)\n```python\nf[0](../docs/app.md)\n```\n"
    shown = hooks.on_page_markdown(text, Page)
    assert shown == "[x](../app.md)\n```python\nf[0](../docs/app.md)\n```\n"


@pytest.mark.parametrize(
    "loading",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<img src="http://pictures.example/a.png">',
        '<p style="background: url(https://a.example/b.png)">x</p>',
        "<style>@import 'https://a.example/b.css';</style>",
        '<iframe src="HTTPS://a.example"></iframe>',
        '<pre class="mermaid"><code>graph</code></pre>',
    ],
)
def test_what_is_loaded_from_another_host_is_found(loading: str) -> None:
    assert len(site_module("private").loaded_from_elsewhere(f"<html>{loading}</html>")) == 1


def test_links_and_own_files_are_no_loading() -> None:
    page = """<link rel="canonical" href="https://a.example/"><a href="https://a.example">x</a>
    <script src="../assets/x.js"></script><img src="data:image/png;base64,AA==">
    <style>a { background: url(a.png) }</style><code>url(https://a.example)</code>"""
    private = site_module("private")
    assert private.loaded_from_elsewhere(page) == []
    assert private.loaded_from_elsewhere("a { b: url( 'https://x.example/y' ) }", ".css") == [
        "https://x.example/y"
    ]


def test_a_line_for_several_names_is_one_for_each() -> None:
    docstrings = site_module("docstrings")
    text = (
        "Args:\n    a, b: of both,\n        on two lines.\n    c: alone.\n\nRaises:\n    X, Y: why."
    )
    assert docstrings.SEVERAL.sub(docstrings._one_each, text) == (
        "Args:\n    a: of both,\n        on two lines.\n    b: of both,\n        on two lines.\n"
        "    c: alone.\n\nRaises:\n    X: why.\n    Y: why."
    )


def test_the_navigation_names_pages_that_are_there() -> None:
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(_pages(yaml.safe_load(config)["nav"]))
    outside = set(site_module("hooks").OUTSIDE)
    docs = ROOT / "docs"
    there = {path.relative_to(docs).as_posix() for path in docs.glob("**/*.md")}
    assert there == named - outside


def _pages(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for below in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _pages(below)


PACKAGES = ("", ".export", ".face", ".flow", ".protocols", ".review", ".simulate", ".spotting")


@pytest.mark.parametrize("package", [f"merkit{name}" for name in (*PACKAGES, ".video", ".viewing")])
def test_the_reference_has_every_public_name(package: str) -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/api").glob("*.md"))
    module, names = import_module(package), re.findall(r"^::: (\S+)$", pages, re.MULTILINE)
    listed = [resolve(name) for name in names]
    public = {name: getattr(module, name) for name in module.__all__}
    spoken = {name: thing for name, thing in public.items() if isroutine(thing) or isclass(thing)}
    assert spoken
    assert [name for name, thing in spoken.items() if thing not in listed] == []


@pytest.mark.parametrize("page", [*PAGES, *(ROOT / page for page in CHECKED)], ids=name_of)
def test_links_elsewhere_are_well_formed(page: Path) -> None:
    for url in re.findall(r"https?://[^\s)>`\"'|\\]+", page.read_text(encoding="utf-8")):
        parts = urlsplit(url.rstrip(".,;:"))
        if parts.hostname in ("127.0.0.1", "localhost"):
            continue
        assert parts.scheme == "https", url
        assert parts.hostname in HOSTS, f"{url}: a host that no page names yet; see HOSTS"
