"""The documentation says what the code does: links, settings, examples. Its commands and its code
blocks are tried in ``tests/docs``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import torch
import yaml

from dotted_names import resolve
from merkit.cli import COMMANDS
from merkit.config import flat
from merkit.datasets import DATASETS
from merkit.errors import DatasetError
from merkit.inference.columns import COLUMNS
from merkit.methods import METHODS, make_method
from merkit.overrides import apply_overrides
from merkit.types import EventKind, StretchKind

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
METHOD_PAGES = ("sfa-dgat", "hlora-mer", "stag", "evodyn", "sim-flow", "sim-seq")
#: groups whose table stands on one page and serves every method that has the group
SHARED = ("model.encoder.", "model.flow.")
#: of the tiny encoder, which no paper has; described in words
TINY = tuple(f"model.encoder.{n}" for n in ("input", "difference_gain", "motion.", "tiny."))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", text_of(page))
    local = [t.partition("#")[0] for t in targets if not t.startswith("http")]
    missing = [t for t in local if t and not (page.parent / t).exists()]
    assert not missing


def test_named_files_exist() -> None:
    named = {
        word
        for page in PAGES
        for word in re.findall(r"\b(?:configs|benchmarks|tests)/[\w./-]+\w", text_of(page))
    }
    named = {name.replace("configs/", "src/merkit/configs/") for name in named}
    assert named
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


def test_the_journeys_are_functions_that_exist() -> None:
    page = text_of(ROOT / "docs/architecture.md")
    journeys = page.partition("## Three journeys")[2].partition("## Layers")[0].split("### ")[1:]
    assert len(journeys) == 3
    for journey in journeys:
        steps = re.findall(r"^\d+\. ", journey, flags=re.MULTILINE)
        assert 5 <= len(steps) <= 12
        for name in re.findall(r"`(merkit\.[\w.]+)`", journey):
            assert callable(resolve(name)), name


def test_commands_are_listed() -> None:
    readme = text_of(ROOT / "README.md")
    assert [name for name in COMMANDS if f"`merkit {name}" not in readme] == []


def test_readme_lists_every_method_and_database() -> None:
    readme = text_of(ROOT / "README.md")
    methods, databases = readme.split("## Methods")[1].split("## Databases")
    named = re.findall(r"^\| \[`([\w-]+)`\]", methods, re.MULTILINE)
    assert named == list(METHODS)
    assert re.findall(r"^\| `([\w-]+)`", databases, re.MULTILINE) == list(DATASETS)


def test_the_table_of_movements_is_explained() -> None:
    """Every column, in order, and every kind of row."""
    page = text_of(ROOT / "docs/predict.md")
    kinds, columns = page.partition("## Rows")[2].partition("## Columns")[::2]
    columns = columns.partition("**Left and right.**")[0]
    listed = [
        name
        for cell in re.findall(r"^\| (`[^|]+) \|", columns, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", cell)
    ]
    sides = ["au<number>_left", "au<number>_right"]
    assert listed == [*COLUMNS, "p_<class>", *sides]
    whole = {"nothing found", "no face", "too short", "unreadable"}
    named = {" ".join(name.split()) for name in re.findall(r"`([^`]+)`", kinds)} - {
        "kind", "part", "face", "lower face", "--model",
    }  # fmt: skip
    assert named == {*get_args(EventKind), *get_args(StretchKind), *whole}


def rows(markdown: str) -> Iterator[tuple[str, Any, list[Any]]]:
    """Setting, default and alternatives of every row of the settings tables."""
    for line in markdown.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 4 and re.fullmatch(r"`(model|training|recipe)\.[\w.]+`", cells[0]):
            alternatives = [yaml.safe_load(a) for a in re.findall(r"`([^`]+)`", cells[2])]
            yield cells[0].strip("`"), yaml.safe_load(cells[1].strip("`")), alternatives


def tables() -> Iterator[tuple[str, str]]:
    """Method and the part of the documentation with its settings."""
    for name in METHOD_PAGES:
        yield name, text_of(ROOT / f"docs/methods/{name}.md")
    sections = re.split(r"^## ", text_of(ROOT / "docs/methods/baselines.md"), flags=re.MULTILINE)
    for section in sections[1:]:
        yield section.split("\n")[0].strip(), section


TABLES = dict(tables())


@cache
def defaults(method: str) -> Mapping[str, Any]:
    return flat(make_method(method).settings())


@pytest.mark.parametrize("method", TABLES)
def test_printed_defaults_are_the_defaults(method: str) -> None:
    known = defaults(method)
    printed = {name: default for name, default, _ in rows(TABLES[method])}
    assert printed or method == "majority"  # which has nothing to set
    assert {name: known.get(name, "no such setting") for name in printed} == printed


@pytest.mark.parametrize("method", TABLES)
def test_printed_alternatives_are_accepted(method: str) -> None:
    for name, default, alternatives in rows(TABLES[method]):
        for value in alternatives:
            assert value != default
            given = apply_overrides(
                {}, [f"{name}={yaml.safe_dump(value, default_flow_style=True)}"]
            )
            groups = [given.get(group, {}) for group in ("model", "training", "recipe")]
            make_method(method, *groups)  # raises ConfigError on what it does not take


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_of_a_method_is_documented(method: str) -> None:
    shared = {name for page in ("sfa-dgat", "stag") for name, *_ in rows(TABLES[page])}
    documented = {name for name, *_ in rows(TABLES[method])}
    documented |= {name for name in shared if name.startswith(SHARED)}
    wanted = [n for n in defaults(method) if n.startswith("model.") and not n.startswith(TINY)]
    missing = [name for name in wanted if name not in documented]
    if method == "linear-probe":  # it says that its augmentation is that of sfa-dgat
        missing = [name for name in missing if not name.startswith("model.augment.")]
    assert missing == []


def example(heading: str, folder: Path) -> ModuleType:
    """The module printed under a heading of CONTRIBUTING."""
    section = text_of(ROOT / "CONTRIBUTING.md").split(f"## {heading}")[1]
    file = folder / f"{heading.replace(' ', '_').lower()}.py"
    file.write_text(re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0], encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        return import_module(file.stem)
    finally:
        sys.path.remove(str(folder))


def test_the_example_database_reads_its_sheet(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = example("Add a database", tmp_path_factory.mktemp("example")).DATABASE
    sheet = tmp_path / "mylab.csv"
    header = "Subject,Clip,Onset,Apex,Offset,AU,Emotion\n"
    sheet.write_text(f"{header}02,b,5,9,14,L12+6,Happy\n01,a,3,,12,4?,Disgust\n", encoding="utf-8")
    first, second = database.load(tmp_path, "default")
    assert (first.clip_id, first.apex_frame, first.emotion) == ("mylab/01/a", None, "disgust")
    assert second.media == tmp_path / "02" / "b"
    assert second.action_units is not None
    assert [unit.number for unit in second.action_units] == [12, 6]
    assert database.expected["default"].clips == 2
    sheet.write_text(f"{header}../..,b,5,9,14,12,Happy\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"\.\."):
        database.load(tmp_path, "default")


def test_the_example_method_learns(tmp_path: Path) -> None:
    method = example("Add a method", tmp_path).FlowMean()
    torch.manual_seed(0)
    model = method.build(3)
    assert method.recipe.frames == 16
    labels = torch.arange(12) % 3
    flow = torch.randn(12, 16, 18, 2) + labels[:, None, None, None]
    targets = torch.nn.functional.one_hot(labels, 3).float()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        loss = model.loss(model({"flow": flow}), targets, None)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    mask = torch.arange(16)[None] < torch.full((12, 1), 9)
    cut = model({"flow": flow[:, :9]}).logits
    torch.testing.assert_close(model({"flow": flow, "mask": mask}).logits, cut)
