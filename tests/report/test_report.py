"""The page of a run: self-contained, complete, safe to open."""

from __future__ import annotations

import copy
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from merkit.cli import main
from merkit.errors import StoreError
from merkit.report.page import MARKS, render, write_report
from merkit.report.published import published_for, published_scores
from merkit.report.result import read_document, read_metrics, read_result

EVIL = "<script>alert('x')</script>\"&"


class Page(HTMLParser):
    """What a browser would load or run, and the text it would show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def document(tiny_run: Path) -> dict[str, Any]:
    return read_document(tiny_run)


@pytest.fixture(scope="module")
def metrics(tiny_run: Path) -> dict[str, Any]:
    return read_metrics(tiny_run)


@pytest.fixture(scope="module")
def page(tiny_run: Path) -> Page:
    return Page((tiny_run / "report.html").read_text(encoding="utf-8"))


def test_it_loads_and_runs_nothing(page: Page, tiny_run: Path) -> None:
    outside = [link for link in page.links if not link.startswith(("#", "data:image/"))]
    assert not outside, outside[:3]
    assert not {"script", "iframe", "link", "object", "embed", "form", "img"} & set(page.tags)
    assert not page.handlers
    source = (tiny_run / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", source)


def test_every_element_is_closed(tiny_run: Path) -> None:
    source = (tiny_run / "report.html").read_text(encoding="utf-8")
    for tag in ("table", "tr", "td", "th", "div", "h2", "p", "details", "svg", "body", "html"):
        opened = len(re.findall(rf"<{tag}[ >]", source))
        assert opened == source.count(f"</{tag}>"), tag


def test_it_says_what_a_reviewer_asks(
    page: Page, document: dict[str, Any], metrics: dict[str, Any]
) -> None:
    for score in metrics["scores"].values():
        assert f"{score['value']:.3f}" in page.text
        assert f"interval {score['low']:.3f} to {score['high']:.3f}" in page.text
    assert document["fold_hash"] in page.text
    assert "negative 4, positive 4, surprise 4" in page.text
    assert "No test subject had any part in training" in page.text
    assert document["method_citation"] in page.text
    for row in metrics["per_subject"]:
        assert row["subject"] in page.text
    for wanted in ("training.epochs", "protocol.val_share", "model.encoder.name", "recipe.frames"):
        assert wanted in page.text
    assert f"torch {document['versions']['torch']}" in page.text
    assert page.tags.count("svg") >= 3  # scores, confusion matrix, learning curves


def test_the_leaked_score_is_shown_beside_ours_and_marked(
    page: Page, metrics: dict[str, Any]
) -> None:
    assert "What leaky scoring would have claimed" in page.text
    assert "leaked: best test epoch of each fold" in page.text
    assert f"{metrics['oracle']['uf1']:.3f}" in page.text
    inflation = metrics["oracle"]["uf1"] - metrics["scores"]["uf1"]["value"]
    assert f"{inflation:+.3f}" in page.text


def test_without_a_record_there_is_no_table_of_leaked_scores(
    document: dict[str, Any], metrics: dict[str, Any]
) -> None:
    text = Page(render(document, {**metrics, "oracle": None})).text
    assert "leaky" not in text


def test_published_numbers_stand_beside_ours_with_source_and_selection(
    document: dict[str, Any], metrics: dict[str, Any]
) -> None:
    found = published_for(["casme2"], 3)
    assert found
    real = copy.deepcopy(document)
    real["settings"]["data"] = ["casme2"]
    text = Page(render(real, metrics)).text
    for score in found:
        assert score.method in text
        assert score.citation in text
        assert score.selection in text
    assert "this run" in text
    assert "None: the synthetic database" in Page(render(document, metrics)).text


@pytest.mark.parametrize("mark", MARKS)
def test_marks_are_explained(mark: str, document: dict[str, Any], metrics: dict[str, Any]) -> None:
    text = Page(render(document, {**metrics, "marks": [mark]})).text
    assert MARKS[mark] in text
    promised = "No test subject had any part in training" in text
    assert promised == (mark != "subject-dependent")


def test_refused_clips_are_told(document: dict[str, Any], metrics: dict[str, Any]) -> None:
    told = {**document, "refused_clips": {f"clip{i}": "no face" for i in range(7)}}
    text = Page(render(told, metrics)).text
    assert "7 clips could not be prepared and were left out: clip0, clip1" in text


def test_hostile_names_are_shown_not_run(document: dict[str, Any], metrics: dict[str, Any]) -> None:
    evil_run, evil = copy.deepcopy(document), copy.deepcopy(metrics)
    evil["per_subject"][0]["subject"] = EVIL
    evil["classes"][0] = evil["per_class"][0]["name"] = EVIL
    evil["per_dataset"] = [{**evil["per_dataset"][0], "name": EVIL}] * 2
    evil["marks"] = [EVIL]
    evil_run["refused_clips"] = {EVIL: EVIL}
    evil_run["clips_per_class"] = {EVIL: 4}
    evil_run["label_map"] = evil_run["method_title"] = evil_run["platform"] = EVIL
    evil_run["settings"]["model"]["note"] = EVIL
    evil_run["settings"]["method"] = EVIL
    html = render(evil_run, evil)
    parsed = Page(html)
    assert "script" not in parsed.tags
    assert "<script" not in html.lower()
    assert "<script>alert('x')</script>" in parsed.text


def test_several_seeds_and_databases_get_their_tables(
    document: dict[str, Any], metrics: dict[str, Any]
) -> None:
    part = {"n": 6, "uf1": 0.1234, "uar": 0.2, "acc": 0.3}
    many = {
        **metrics,
        "seeds": [{"seed": s, **part} for s in (0, 1)],
        "per_dataset": [{"name": n, **part} for n in ("casme2", "samm")],
    }
    text = Page(render(document, many)).text
    assert "Per seed" in text
    assert "Per database" in text
    assert "and 2 seeds" in text
    assert "Per seed" not in Page(render(document, metrics)).text


def test_the_command_writes_the_same_page_again(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    before = Page((run / "report.html").read_text()).text
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    shown = capsys.readouterr().out
    assert "UF1" in shown
    assert "inflation" in shown
    assert Page((run / "report.html").read_text()).text == before


DAMAGE = {
    "not JSON": '{"scores": ',
    "fields lost": json.dumps({"scores": {}}),
    "a number": "3",
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_metrics_are_refused(damage: str, tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "metrics.json").write_text(DAMAGE[damage])
    with pytest.raises(StoreError, match=r"metrics\.json"):
        read_metrics(run)


def test_an_unfinished_run_says_how_to_finish_it(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "metrics.json").unlink()
    with pytest.raises(StoreError, match="goes on where it stopped"):
        read_metrics(run)


def test_writing_replaces_the_page_at_once(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "report.html").write_text("old")
    assert write_report(read_result(run)) == run / "report.html"
    assert (run / "report.html").read_text().startswith("<!doctype html>")
    assert not list(run.glob(".tmp-*"))


# the table of published scores


def test_published_rows_are_percent_with_a_source_and_how_the_epoch_was_chosen() -> None:
    rows = published_scores()
    assert len(rows) > 10
    for row in rows:
        assert row.citation
        assert row.selection
        assert row.classes.isdecimal()
        values = list(row.values.values())
        assert values
        assert all(1 < v <= 100 for v in values), row
    keys = [(r.data, r.classes, r.method, r.citation) for r in rows]
    assert len(set(keys)) == len(keys)


def test_published_databases_are_registered_ones() -> None:
    from merkit.datasets import DATASETS

    assert {row.data.split(":")[0] for row in published_scores()} <= set(DATASETS)


def test_published_rows_come_best_first_and_only_for_one_database() -> None:
    found = published_for(["casme2"], 3)
    ranked = [r.values.get("uf1", 0) for r in found]
    assert ranked == sorted(ranked, reverse=True)
    assert published_for(["casme2", "samm"], 3) == ()
    assert published_for(["casme2"], 99) == ()
