"""Edits through the server: kept at once, merged or refused, and what is exported of them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pandas as pd
import pytest
from made_desk import Browser, ready_project
from made_work import EVENTS, made_up, until, write_tiny

from merkit.app.desk import Desk
from merkit.export import EXPORTERS
from merkit.inference.made import Judgement, read_made
from merkit.review.project import Project, ProjectConfig


def only(review: Any, event_id: str) -> Any:
    return next(event for event in review["events"] if event["id"] == event_id)


def test_the_page_gets_what_it_shows(browser: Browser) -> None:
    told = browser.get("/api/videos/v001?coder=anna").json()
    assert told["video"]["clock"] == {
        "first": 0, "last": 119, "frames": [0.0, 120.0], "times": [0.0, 4.0],
    }  # fmt: skip
    assert told["video"]["stretches"][0]["kind"] == "occluded"
    frames = [
        (e["kind"], e["onset_frame"], e["apex_frame"], e["offset_frame"])
        for e in told["review"]["events"]
    ]
    assert frames == list(EVENTS)
    about = browser.get("/api/about").json()
    assert [f["name"] for f in about["formats"]] == [e for e in EXPORTERS]
    listed = browser.get("/api/videos?coder=anna").json()["videos"]
    assert [(v["id"], v["state"], v["events"], v["judged"]) for v in listed] == [
        ("v001", "done", 3, 0)
    ]


def test_an_edit_is_on_the_disk_when_it_is_answered(browser: Browser, desk: Desk) -> None:
    answer = browser.edit("v001", "1", kind="move", target="e001", onset_frame=22)
    assert answer.status_code == 200
    assert answer.json()["thing"]["onset_frame"] == 22
    again = Project.open(desk.project.folder).review("v001", "anna")  # as after a kill
    assert again.events[0].event.onset_frame == 22
    browser.edit("v001", "2", kind="reject", target="e002")
    until(lambda: browser.get("/api/videos?coder=anna").json()["videos"][0]["judged"] == 1)
    assert only(browser.review("v001", "ben"), "e001")["onset_frame"] == 20  # another coder


def test_the_same_request_twice_is_one_edit(browser: Browser) -> None:
    for _ in range(2):
        answer = browser.edit(
            "v001", "same", kind="add", event_kind="micro", onset_frame=5, offset_frame=9
        )
        assert answer.status_code == 200
        assert answer.json()["thing"]["id"] == "a001"
    assert len(browser.review("v001")["events"]) == 4


def test_two_tabs_on_different_things_are_merged(browser: Browser) -> None:
    browser.edit("v001", "1", kind="move", target="e001", revision=0, onset_frame=22)
    answer = browser.edit("v001", "2", kind="relabel", target="e001", revision=0, label="joy")
    assert answer.status_code == 200
    event = only(browser.review("v001"), "e001")
    assert (event["onset_frame"], event["label"]) == (22, "joy")


def test_two_tabs_on_the_same_thing_are_told(browser: Browser) -> None:
    """The second is refused, sees what is there now, and may say it again on purpose."""
    browser.edit("v001", "1", kind="move", target="e001", revision=0, onset_frame=22)
    refused = browser.edit("v001", "2", kind="move", target="e001", revision=0, onset_frame=18)
    assert refused.status_code == 409
    now = refused.json()["thing"]
    assert now["onset_frame"] == 22
    assert refused.json()["count"] == 1
    repeated = browser.edit(
        "v001", "3", kind="move", target="e001", revision=now["revision"], onset_frame=18
    )
    assert repeated.json()["thing"]["onset_frame"] == 18


def test_a_tab_hears_of_the_other(browser: Browser) -> None:
    ask = "/api/news?coder=anna&video=v001&count="
    assert "review" not in browser.get(ask + "0").json()
    browser.edit("v001", "1", kind="accept", target="e001")
    news = browser.get(ask + "0").json()
    assert only(news["review"], "e001")["verdict"] == "accepted"
    assert "review" not in browser.get(ask + "1").json()


def test_undo_says_what_it_took_back(browser: Browser) -> None:
    browser.edit("v001", "1", kind="accept", target="e001")
    browser.edit("v001", "2", kind="exclude", first_frame=1, last_frame=9)
    first = browser.edit("v001", "3", kind="undo").json()
    assert first["thing"]["removed"]
    assert first["undone"] == "exclude of x001"
    second = browser.edit("v001", "4", kind="undo").json()
    assert second["thing"]["verdict"] == ""
    assert browser.edit("v001", "5", kind="undo").status_code == 422
    assert browser.review("v001")["exclusions"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"coder": "anna"}',
        b'{"coder": "anna", "edit": []}',
        b'{"coder": "anna", "edit": {"id": "1", "kind": "shell"}}',
        b'{"coder": "anna", "edit": {"id": "1", "kind": "accept", "target": "e999"}}',
        b'{"coder": "anna", "edit": {"id": "1", "kind": "accept", "target": "e001", "x": 1}}',
        b'{"coder": "", "edit": {"id": "1", "kind": "accept", "target": "e001"}}',
        b'{"coder": 5, "edit": {"id": "1", "kind": "accept", "target": "e001"}}',
        b'{"coder": "a", "edit": {"id": "1", "kind": "move", "target": "e001", "apex_frame": 1e9}}',
        b'{"coder": "a", "edit": {"id": "1", "kind": "move", "target": "e001", "onset_frame": 99}}',
        b"[" * 100_000,
        b'{"coder": "' + b"a" * 300_000 + b'"}',
    ],
)
def test_what_is_no_edit_is_refused_and_changes_nothing(
    browser: Browser, desk: Desk, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = browser.post("/api/videos/v001/edits", content=body, headers=headers)
    assert answer.status_code in (413, 422)
    assert answer.json()["problem"]
    assert list((desk.project.folder / "reviews").iterdir()) == []


def test_a_form_of_another_page_is_no_edit(browser: Browser) -> None:
    """What a form can send without asking first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = browser.post(
            "/api/videos/v001/edits", content=b'{"edit":{}}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 422
        assert "application/json" in answer.json()["problem"]


@pytest.mark.parametrize("video", ["v002", "V001", "v001%20", "..", "%2e%2e%2fv001"])
def test_videos_that_there_are_not(browser: Browser, video: str) -> None:
    assert browser.edit(video, "1", kind="accept", target="e001").status_code in (404, 405, 422)


def test_coders_cannot_reach_beyond_their_folders(browser: Browser, desk: Desk) -> None:
    for n, coder in enumerate(["../../x", "..", "/etc", "a/b", "con", "Ä ü", "<script>"]):
        assert browser.edit("v001", f"{n}", coder, kind="accept", target="e001").status_code == 200
    folders = [path.name for path in (desk.project.folder / "reviews").iterdir()]
    assert len(folders) == 7
    assert all(name.replace("-", "").isalnum() for name in folders)
    assert {p.name for p in desk.project.folder.parent.iterdir()} == {"project"}


def test_two_hundred_requests_at_once_lose_nothing(browser: Browser, desk: Desk) -> None:
    """Edits of different events and coders, frames, lists and files, all at the same time."""

    def one(n: int) -> int:
        if n % 4 == 0:
            return int(
                browser.edit(
                    "v001", f"n{n}", kind="add", onset_frame=n % 60, offset_frame=60 + n % 50
                ).status_code
            )
        path = ["/api/videos?coder=anna", f"/frames/v001/{n % 120}.jpg", "/media/v001"][n % 4 - 1]
        return int(browser.get(path).status_code)

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(one, range(200))) == {200}
    added = [e for e in browser.review("v001")["events"] if e["origin"] == "added"]
    assert len(added) == 50
    assert len({e["id"] for e in added}) == 50
    lines = next((desk.project.folder / "reviews").glob("*/v001.jsonl")).read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 51


def test_the_exported_file_holds_what_the_page_shows(browser: Browser, desk: Desk) -> None:
    browser.edit("v001", "1", kind="move", target="e001", onset_frame=22)
    browser.edit("v001", "2", kind="reject", target="e002")
    browser.edit("v001", "3", kind="relabel", target="e003", label="joy")
    browser.edit("v001", "4", kind="add", event_kind="macro", onset_frame=5, offset_frame=15)
    body = {"coder": "anna", "format": "csv", "suffix": ".csv", "video": ""}
    written = browser.post("/api/export", json=body).json()
    table = pd.read_csv(written["path"], keep_default_na=False, dtype=str)
    events = table[table.kind.isin(["micro", "macro"])]
    shown = [e for e in browser.review("v001")["events"] if e["verdict"] != "rejected"]
    edges = ("onset_frame", "apex_frame", "offset_frame")
    assert [tuple(map(int, row)) for row in events[list(edges)].to_numpy()] == [
        tuple(e[edge] for edge in edges) for e in shown
    ]
    assert events.label.tolist() == [e["label"] for e in shown] == ["", "", "joy"]
    download = browser.get(f"/exports/{written['name']}")
    assert download.content == Path(written["path"]).read_bytes()
    assert "attachment" in download.headers["content-disposition"]


def test_files_of_one_video_each_come_in_one(tmp_path: Path, tiny_video: Path) -> None:
    """Two videos for a program whose files hold one; and how it came about is told beside each."""
    other = write_tiny(tmp_path / "other.mp4", 60)
    desk = Desk(ready_project(tmp_path / "project", tiny_video, other), work=made_up)
    with desk.project.writing():
        browser = Browser(desk)
        browser.edit("v002", "1", kind="reject", target="e002")
        body = {"coder": "anna", "format": "elan", "suffix": ".eaf", "video": ""}
        written = browser.post("/api/export", json=body).json()
    with ZipFile(written["path"]) as packed:
        names = packed.namelist()
        assert names == [f"{tiny_video.stem}.eaf", "other.eaf"]
        held = [b"<ANNOTATION_VALUE>macro<" in packed.read(name) for name in names]
        assert held == [True, False]
    made = read_made(desk.project.folder / "exports" / "events-anna-elan" / "other.eaf")
    assert made.judgement == Judgement("anna", rejected=1, open=2)


@pytest.mark.parametrize(
    "change", [{"format": "../x"}, {"suffix": ".exe"}, {"suffix": "/../x.csv"}, {"video": "v9"}]
)
def test_other_exports_are_refused(browser: Browser, desk: Desk, change: dict[str, str]) -> None:
    body = {"coder": "anna", "format": "csv", "suffix": ".csv", "video": ""} | change
    assert browser.post("/api/export", json=body).status_code in (404, 422)
    assert not (desk.project.folder / "exports").exists()


def test_a_coder_is_known_by_any_spelling_and_files_do_not_collide(
    browser: Browser, desk: Desk
) -> None:
    browser.edit("v001", "1", "Anna", kind="reject", target="e001")
    browser.edit("v001", "2", "李", kind="reject", target="e002")
    browser.edit("v001", "3", "王", kind="reject", target="e003")
    onsets, names = {}, set()
    for coder in ("anna", "ANNA", "李", "王", "nobody"):
        body = {"coder": coder, "format": "csv", "suffix": ".csv", "video": "v001"}
        written = browser.post("/api/export", json=body).json()
        names.add(written["name"])
        table = pd.read_csv(written["path"], dtype=str)
        onsets[coder] = table.onset_frame[table.kind.isin(["micro", "macro"])].tolist()
    assert onsets == {
        "anna": ["50", "100"],
        "ANNA": ["50", "100"],
        "李": ["20", "100"],
        "王": ["20", "50"],
        "nobody": ["20", "50", "100"],  # as it was found
    }
    assert len(names) == 4


def test_blinded_coders_see_neither_names_nor_the_model(desk: Desk) -> None:
    desk.project.configure(ProjectConfig(blinded=True))
    browser = Browser(desk)
    for path in ("/api/videos?coder=anna", "/api/videos/v001?coder=anna", "/api/about"):
        assert "tiny" not in browser.get(path).text
    event = browser.review("v001")["events"][0]
    assert (event["label"], event["score"], event["reasons"]) == ("", None, [])
    browser.edit("v001", "1", kind="relabel", target="e001", label="joy")
    assert browser.review("v001")["events"][0]["label"] == "joy"
    refused = browser.edit("v001", "2", kind="relabel", target="e001", label="fear").json()
    assert refused["thing"]["label"] == "joy"
    assert refused["thing"]["score"] is None  # nor where an edit is refused


def test_two_coders_and_where_they_differ(browser: Browser) -> None:
    """By hand: of e001, e002 (accepted by both, one moved), e003 (rejected by one), and an event
    that one alone added."""
    alone = browser.get("/api/agreement?first=anna&second=ben")
    assert alone.status_code == 422
    for coder in ("anna", "ben"):
        for event_id in ("e001", "e002"):
            browser.edit("v001", f"{coder}{event_id}", coder, kind="accept", target=event_id)
    browser.edit("v001", "a3", "anna", kind="accept", target="e003")
    browser.edit("v001", "b3", "ben", kind="reject", target="e003")
    browser.edit("v001", "b4", "ben", kind="add", onset_frame=2, offset_frame=8)
    moved = {"kind": "move", "target": "e001", "revision": 1, "offset_frame": 36}
    browser.edit("v001", "b5", "ben", **moved)
    told = browser.get("/api/agreement?first=anna&second=ben").json()
    numbers = {n["name"]: n["value"] for n in told["numbers"]}
    assert (numbers["videos"], numbers["events of both"]) == ("1", "2")
    assert (numbers["of anna alone"], numbers["of ben alone"]) == ("1", "1")
    assert numbers["IoU of times"] == pytest.approx((13 / 17 + 1) / 2)
    assert numbers["offset"] == 2.0  # 4 frames and 0
    # Cohen: observed 2/3, by chance 1 * 2/3 + 0 * 1/3
    assert numbers["kappa of verdicts"] == pytest.approx(0.0)
    assert [(d["event"], d["first"], d["second"]) for d in told["differences"]] == [
        ("", "nothing", "added, 2, 5, 8"),
        ("e001", "accepted, 20, 25, 32", "accepted, 20, 25, 36"),
        ("e003", "accepted", "rejected"),
    ]


def test_a_project_is_one_pages_alone(desk: Desk) -> None:
    from merkit.errors import ConfigError

    other = Desk(Project.open(desk.project.folder), work=made_up)
    with pytest.raises(ConfigError, match="another merkit"), other.project.writing():
        raise AssertionError("two servers wrote one project")
