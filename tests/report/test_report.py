"""The page of a run: self-contained, complete, safe to open."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merkit.cli import main
from merkit.datasets import label_map
from merkit.errors import StoreError
from merkit.report.page import MARKS, render, write_report
from merkit.report.published import published_for, published_scores
from merkit.report.result import Result, read_result, read_scores
from merkit.report.text import score_lines
from merkit.scoring.scores import PartScore, score_run

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
def result(tiny_run: Path) -> Result:
    return read_result(tiny_run)


def shown(result: Result, document: Mapping[str, Any] | None = None, **scores: Any) -> str:
    """The page of a run of which this is changed."""
    changed = replace(result.scores, **scores)
    return render(replace(result, document=document or result.document, scores=changed))


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


def test_it_says_what_a_reviewer_asks(page: Page, result: Result) -> None:
    document = result.document
    for score in result.scores.scores.values():
        assert f"{score.value:.3f}" in page.text
        assert f"{score.low:.3f} to {score.high:.3f}" in page.text
    assert document["fold_hash"] in page.text
    assert "negative 4, positive 4, surprise 4" in page.text
    assert "No test subject had any part in training" in page.text
    assert document["method_citation"] in page.text
    for row in result.scores.per_subject:
        assert row.subject in page.text
    for wanted in ("training.epochs", "protocol.val_share", "model.encoder.name", "recipe.frames"):
        assert wanted in page.text
    assert f"torch {document['versions']['torch']}" in page.text
    assert page.tags.count("svg") >= 3  # scores, confusion matrix, learning curves


def test_the_leaked_score_is_shown_beside_ours_and_marked(page: Page, result: Result) -> None:
    assert "What leaky scoring would have claimed" in page.text
    assert "leaked: best test epoch of each fold" in page.text
    assert result.scores.oracle is not None
    leaked = result.scores.oracle["uf1"]
    assert f"{leaked:.3f}" in page.text
    assert f"{leaked - result.scores['uf1'].value:+.3f}" in page.text


def test_without_a_record_there_is_no_table_of_leaked_scores(result: Result) -> None:
    assert "leaky" not in Page(shown(result, oracle=None)).text


def test_published_numbers_stand_beside_ours_with_source_and_selection(result: Result) -> None:
    found = published_for(["casme2"], 3)
    assert found
    real = copy.deepcopy(dict(result.document))
    real["settings"]["data"] = ["casme2"]
    text = Page(shown(result, real)).text
    for score in found:
        assert score.method in text
        assert score.citation in text
        assert score.selection in text
    assert "this run" in text
    assert "None: the synthetic database" in Page(shown(result)).text


@pytest.mark.parametrize("mark", MARKS)
def test_marks_are_explained(mark: str, result: Result) -> None:
    text = Page(shown(result, marks=(mark,))).text
    assert MARKS[mark] in text
    promised = "No test subject had any part in training" in text
    assert promised == (mark != "subject-dependent")


def test_refused_clips_are_told(result: Result) -> None:
    told = {**result.document, "refused_clips": {f"clip{i}": "no face" for i in range(7)}}
    text = Page(shown(result, told)).text
    assert "7 clips could not be prepared and were left out: clip0, clip1" in text


def test_each_printed_score_stands_under_the_set_that_it_is_of(result: Result) -> None:
    """Three papers, three sets of CASME II in three classes: equal counts are asked of each row."""
    run = copy.deepcopy(dict(result.document))
    run["settings"]["data"] = ["casme2"]
    stag = {"negative": 198, "positive": 32, "surprise": 25}
    run["clips_per_class"] = stag
    text = Page(shown(result, run)).text
    same = "Published for the same set: 255 clips (negative 198, positive 32, surprise 25)"
    another, unknown = "Published for another set than ours", "Published for a set whose counts"
    assert text.index(same) < text.index("87.42") < text.index(another)  # STAG's
    assert text.index(another) < text.index("90.94") < text.index(unknown)  # HLoRA-MER's
    assert "156 clips (negative 96, positive 32, surprise 28)" in text
    assert text.index(unknown) < text.index("84.79")  # Sensors 2026: its table 1 is lost
    run["clips_per_class"] = {**stag, "negative": 197, "positive": 33}
    assert "Published for the same set" not in Page(shown(result, run)).text


def test_a_part_of_the_published_set_is_said(result: Result) -> None:
    run = copy.deepcopy(dict(result.document))
    scored = run["clips_per_class"]
    run["published_per_class"] = dict(scored)
    assert "Not the published set" not in Page(shown(result, run)).text
    run["published_per_class"] = {**scored, "negative": 247}
    text = Page(shown(result, run)).text
    assert "Not the published set: 12 of 255 clips (negative 4 of 247, positive 4 of 4" in text


def test_few_subjects_and_a_single_seed_are_said(result: Result) -> None:
    text = Page(shown(result)).text
    assert "4 test subjects: intervals over fewer than 20" in text
    assert "One training seed" in text
    two = (PartScore("0", 6, {"uf1": 1.0, "uar": 1.0, "acc": 1.0}),) * 2
    text = Page(shown(result, per_seed=two, n_subjects=20)).text
    assert "test subjects:" not in text
    assert "One training seed" not in text
    assert "2 training seeds: UF1 1.000 to 1.000, standard deviation 0.000" in text
    assert "One training seed" in "\n".join(score_lines(result.scores))


def test_clips_that_the_label_map_leaves_out_are_said(result: Result) -> None:
    run = copy.deepcopy(dict(result.document))
    assert run["left_out"] == {}
    run["left_out"] = {"fear": 2, "sadness": 7}
    assert "The label map leaves out 9 clips: fear 2, sadness 7." in Page(shown(result, run)).text


@pytest.mark.parametrize("change", [{"clips_per_class": 3}, {"versions": []}, {"settings": {}}])
def test_a_run_that_somebody_changed_is_refused_in_one_message(
    tiny_run: Path, tmp_path: Path, change: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    document = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(document | change))
    assert main(["report", str(run)]) == 2
    assert "not as merkit wrote it" in capsys.readouterr().err


def test_scores_that_lack_a_class_are_refused_in_one_message(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    scores = json.loads((run / "metrics.json").read_text())
    del scores["scores"]["f1_surprise"]
    (run / "metrics.json").write_text(json.dumps(scores))
    assert main(["report", str(run)]) == 2
    assert "not as merkit wrote it" in capsys.readouterr().err


def test_hostile_names_are_shown_not_run(result: Result) -> None:
    run, scores = copy.deepcopy(dict(result.document)), result.scores
    run["refused_clips"] = {EVIL: EVIL}
    run["clips_per_class"] = {EVIL: 4}
    run["label_map"] = run["method_title"] = run["platform"] = EVIL
    run["settings"]["model"]["note"] = EVIL
    run["settings"]["method"] = EVIL
    html = shown(
        result,
        run,
        classes=(EVIL, *scores.classes[1:]),
        scores={**scores.scores, f"f1_{EVIL}": scores["f1_negative"]},
        chance={**scores.chance, f"f1_{EVIL}": 0.5},
        per_subject=(replace(scores.per_subject[0], subject=EVIL), *scores.per_subject[1:]),
        per_class=(replace(scores.per_class[0], name=EVIL), *scores.per_class[1:]),
        per_dataset=(replace(scores.per_dataset[0], name=EVIL),) * 2,
        marks=(EVIL,),
    )
    parsed = Page(html)
    assert "script" not in parsed.tags
    assert "<script" not in html.lower()
    assert "<script>alert('x')</script>" in parsed.text


def test_several_seeds_and_databases_get_their_tables(result: Result) -> None:
    values = {"uf1": 0.1234, "uar": 0.2, "acc": 0.3}
    many = {
        "per_seed": tuple(PartScore(seed, 6, values) for seed in ("0", "1")),
        "per_dataset": tuple(PartScore(name, 6, values) for name in ("casme2", "samm")),
    }
    text = Page(shown(result, **many)).text
    assert "Per seed" in text
    assert "Per database" in text
    assert "and 2 seeds" in text
    assert "Per seed" not in Page(shown(result)).text


def test_what_is_not_a_number_is_told_as_such(result: Result, tmp_path: Path) -> None:
    """One test subject has no interval, an absent class no F1: null in the file, a dash to see."""
    table = result.predictions.assign(subject="only/one")
    table = table[table.y_true != 1].assign(y_pred=lambda rows: rows.y_true)
    classes = result.scores.classes
    scores = score_run(table, classes, result.scores.folds, pooling="fold_mean", resamples=50)
    Result(tmp_path, result.document, scores, table).write()
    text = (tmp_path / "metrics.json").read_text()
    assert "NaN" not in text
    found = json.loads(text)
    assert found["scores"]["uf1"]["low"] is None
    assert found["chance"]["f1_positive"] is None
    np.testing.assert_equal(asdict(read_scores(tmp_path)), asdict(scores))
    page = Page(render(replace(result, scores=scores))).text
    assert "not known over 1 subject" in page
    assert "nan" not in page.lower()


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
    "a field of another kind": "[]",
    "a number": "3",
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_metrics_are_refused(damage: str, tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "metrics.json").write_text(DAMAGE[damage])
    with pytest.raises(StoreError, match=r"metrics\.json"):
        read_scores(run)


def test_an_unfinished_run_says_how_to_finish_it(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "metrics.json").unlink()
    with pytest.raises(StoreError, match="goes on where it stopped"):
        read_scores(run)


def test_writing_replaces_the_page_at_once(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "report.html").write_text("old")
    assert write_report(read_result(run)) == run / "report.html"
    assert (run / "report.html").read_text().startswith("<!doctype html>")
    assert not list(run.glob(".tmp-*"))


def test_flow_images_stand_beside_the_scores_of_their_clips(result: Result) -> None:
    """Their counts are those of the composite, so a run of all of them is of the same set."""
    run = copy.deepcopy(dict(result.document))
    run["settings"]["data"] = ["flow-maps"]
    printed = label_map("flow-maps", "3").counts
    assert printed == label_map("megc2019", "3").counts == (250, 109, 83)
    names = list(run["clips_per_class"])
    run["published_per_class"] = dict(zip(names, printed, strict=True))
    run["clips_per_class"] = dict(zip(names, printed, strict=True))
    text = Page(shown(result, run)).text
    assert "Published for the same set: 442 clips" in text
    for row in ("73.53", "76.05", "released PyTorch weights score 72.09"):
        assert row in text
    run["clips_per_class"] = {**run["clips_per_class"], names[0]: 247}
    text = Page(shown(result, run)).text
    assert "Published for the same set" not in text
    assert "442 clips (negative 250, positive 109, surprise 83)" in text


# the table of published scores


def test_flow_images_have_the_scores_of_the_composite() -> None:
    found = published_for(["flow-maps"], 3)
    assert found == published_for(["megc2019"], 3)
    by = {row.method: (row.values["uf1"], row.values["uar"]) for row in found}
    assert by["ststnet"] == (73.53, 76.05)
    assert len(by) > 6
    for row in found:  # a number that is not from the cited text says so
        assert any(word in row.note for word in ("quoted", "memory", "confirmed", "repository"))


def test_printed_sets_are_sets_of_that_database() -> None:
    """Classes are those of a label map, and clips no more than the largest printed set has."""
    for row in published_scores():
        names = set(row.clips) - {""}
        if names:
            name = row.data.split(":")[0]
            assert names == set(label_map(name, row.classes).classes), row
            assert len(names) == int(row.classes)
    rows = {(r.data, r.classes, r.method): r.clips for r in published_scores()}
    assert sum(rows["dfme:testA", "7", "evodyn"].values()) == 474
    assert rows["dfme:testB", "7", "evodyn"] == {"": 299}
    assert sum(rows["casme3", "7", "hlora-mer"].values()) == 943
    assert rows["samm", "5", "sfa-dgat"] == {}


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
