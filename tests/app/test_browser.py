"""The page in a real browser, from a dropped video to the exported file, with a kill in between."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from made_desk import ready_project
from made_work import grey, write_avi
from real_server import CHROMIUM_ARGS, RealServer, chromium, start

from merkit.types import Recording

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install 'merkit[dev]'"
)
pytestmark = pytest.mark.skipif(not chromium(), reason="no Chromium on this machine")


#: a name that is markup wherever it is taken for it
AVI = "<img src=x onerror=alert(1)>.avi"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


@pytest.fixture
def started() -> Iterator[Callable[..., RealServer]]:
    """Starts servers; none of them outlives its test."""
    servers: list[RealServer] = []

    def begin(folder: Path, *options: str) -> RealServer:
        servers.append(start(folder, *options))
        return servers[-1]

    yield begin
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def ready(tiny_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server with two analysed videos."""
    folder = tmp_path_factory.mktemp("ready")
    ready_project(folder / "project", tiny_video, write_avi(folder / AVI))
    server = start(folder / "project")
    yield server
    server.kill()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(accept_downloads=True, viewport={"width": 1400, "height": 900})
    context.set_default_timeout(40_000)
    yield context
    context.close()


def opened(context: BrowserContext, address: str, troubles: list[str], coder: str = "anna") -> Page:
    """The page at an address, with its coder; what the browser complains of is kept."""
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("request", lambda r: own(r.url, address) or troubles.append(f"asked {r.url}"))
    page.goto(address)
    page.fill("#coder-name", coder)
    page.click("#coder-take")
    return page


def own(url: str, address: str) -> bool:
    return url.startswith((address.partition("/?")[0], "blob:", "data:"))


def drop(page: Page, video: Path) -> None:
    """Drop a file on the page, as from a folder's window."""
    page.evaluate(
        """([name, text]) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name, { type: "video/mp4" }));
          const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
          document.querySelector("#drop").dispatchEvent(event);
        }""",
        [video.name, base64.b64encode(video.read_bytes()).decode()],
    )


def shown(page: Page) -> list[dict[str, Any]]:
    """The events of the list as the screen has them."""
    return page.eval_on_selector_all(
        "#event-list .event",
        """(rows) => rows.map((row) => ({
          id: row.dataset.id,
          what: row.querySelector(".what").textContent,
          when: row.querySelector(".when").textContent,
          verdict: row.querySelector(".verdict").textContent,
        }))""",
    )


def saved(page: Page) -> None:
    """Wait until the page says so."""
    page.wait_for_function("() => document.querySelector('#saved').textContent === 'saved'")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    saved(page)


def seek(page: Page, frame: int) -> None:
    page.eval_on_selector(
        "#scrub", "(bar, frame) => { bar.value = frame; bar.oninput(); }", str(frame)
    )


def correct(page: Page) -> None:
    """By keys alone: move the first onset by two frames, reject the second event, add and name one,
    accept another and take that back."""
    press(page, "ArrowDown", ".", ".")
    press(page, "ArrowDown", "r")
    seek(page, 100)
    press(page, "+")
    page.keyboard.press("l")
    page.keyboard.type("surprise")
    press(page, "Enter")
    press(page, "ArrowUp", "a", "z")


def written(table: Path) -> list[tuple[str, str]]:
    """The expressions of an exported table, in the words of the screen."""
    rows = pd.read_csv(table, keep_default_na=False, dtype=str)
    rows = rows[rows.kind.isin(["micro", "macro"])]
    what = rows.kind + rows.label.map(lambda label: f": {label}" if label else "")
    return list(zip(what, rows.onset_frame + "–" + rows.offset_frame, strict=True))


def test_from_a_dropped_video_to_the_file(
    context: BrowserContext,
    tiny_recording: Recording,
    started: Callable[..., RealServer],
    tmp_path: Path,
) -> None:
    """One event is moved by two frames, one rejected, one added, one change undone; the server is
    killed and started again; the file that is exported holds what the screen showed."""
    project, troubles = tmp_path / "project", list[str]()
    server = started(project)
    page = opened(context, server.address, troubles)
    assert "token" not in page.url
    drop(page, tiny_recording.media)
    page.click(".video.done .open")
    page.wait_for_selector("#event-list .event")
    found = shown(page)
    assert len(found) >= len(tiny_recording.events)
    page.wait_for_function("() => document.querySelector('#native').readyState >= 2")  # it is shown

    correct(page)
    onset, offset = map(int, found[0]["when"].split("–"))
    by_id = {event["id"]: event for event in shown(page)}
    moved = by_id[found[0]["id"]]
    assert moved["when"] == f"{onset + 2}–{max(offset, onset + 2)}"
    assert "rejected" in by_id[found[1]["id"]]["verdict"]
    assert by_id["a001"]["what"] == "micro: surprise"
    assert len(by_id) == len(found) + 1
    screen = shown(page)

    server.kill()
    page.wait_for_selector("#banner.gone")  # it is told
    page.keyboard.press("a")
    page.wait_for_selector("#saved.problem")  # this one was not saved, and the page says so
    server = started(project, "--coder", "anna")
    page.close()
    page = context.new_page()
    page.goto(server.address)
    page.click(".video.done .open")
    page.wait_for_selector("#event-list .event")
    assert shown(page) == screen

    page.click("#open-export")
    page.select_option("#export-format", "csv .csv")
    page.click("#export-go")
    with page.expect_download() as download:
        page.click("#export-link")
    assert download.value.suggested_filename == "events-anna.csv"
    kept = [(e["what"], e["when"]) for e in screen if "rejected" not in e["verdict"]]
    assert sorted(written(download.value.path())) == sorted(kept)
    assert sorted(written(project / "exports/events-anna.csv")) == sorted(kept)
    page.close()
    assert server.interrupt() == 0
    assert troubles == []  # no error, and nothing was asked of another place


def click(page: Page, what: str) -> None:
    """At once, also on a page that lies behind another, which is drawn rarely."""
    page.dispatch_event(what, "click")


def test_two_tabs_stay_in_step_and_a_conflict_is_told(
    context: BrowserContext, ready: RealServer
) -> None:
    """The second tab is told what the first did; where both changed the same, it may choose."""
    troubles = list[str]()
    first = opened(context, ready.address, troubles)
    first.click("#open-v001")
    second = context.new_page()
    second.goto(first.url)  # the cookie is the browser's
    second.fill("#coder-name", "anna")
    second.click("#coder-take")
    second.click("#open-v001")
    for page in (first, second):
        page.wait_for_selector("#event-e001")
        click(page, "#event-e001")
    click(first, "#do-reject")
    second.wait_for_selector("#event-e001.rejected")

    second.route("**/api/news*", lambda route: route.abort())  # it hears nothing any more
    second.wait_for_selector("#banner.gone")
    click(first, "#event-e001")
    click(first, "#onset-on")
    saved(first)
    click(second, "#onset-back")
    second.wait_for_selector("#banner.conflict")
    assert second.inner_text("#onset-frame") == "21"  # what the first made of it
    click(second, "#apply-mine")
    saved(second)
    assert second.inner_text("#onset-frame") == "20"
    first.wait_for_function("() => document.querySelector('#onset-frame').textContent === '20'")
    assert troubles == []


@pytest.mark.parametrize("video", ["v001", "v002"])
def test_a_click_on_an_event_plays_it_slowed_and_looped(
    context: BrowserContext, ready: RealServer, video: str
) -> None:
    """By the browser's own player and by frames: not beyond the event, and from its begin again."""
    troubles = list[str]()
    page = opened(context, ready.address, troubles)
    page.click(f"#open-{video}")
    assert page.input_value("#event-speed") == "0.25"
    page.select_option("#event-speed", "1")  # for a test that is quick
    page.click("#event-e003")
    frames = page.evaluate(
        """async () => {
          const seen = [];
          for (let n = 0; n < 60; n += 1) {
            seen.push(Number(document.querySelector("#scrub").value));
            await new Promise((resolve) => setTimeout(resolve, 30));
          }
          return seen;
        }"""
    )
    assert 96 <= min(frames) < 100  # it begins a tenth of a second before the onset, frame 100
    assert 110 < max(frames) <= 114
    assert any(later < earlier for earlier, later in pairwise(frames))
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Play"
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"
    seek(page, 12)  # the bar is taken while it plays
    assert page.inner_text("#play") == "Play"
    assert page.input_value("#scrub") == "12"
    assert troubles == []


def test_a_video_that_browsers_cannot_play_is_shown_by_frames(
    context: BrowserContext, ready: RealServer
) -> None:
    """The frame that is drawn is the one that the page names; names of files stay text."""
    troubles = list[str]()
    page = opened(context, ready.address, troubles)
    assert page.inner_text("#open-v002 .name") == AVI
    page.click("#open-v002")
    page.wait_for_selector("#exact:disabled")
    for frame in (7, 90):
        seek(page, frame)
        page.wait_for_function(
            """(grey) => {
              const canvas = document.querySelector("#picture");
              const [red] = canvas.getContext("2d").getImageData(5, 5, 1, 1).data;
              return !canvas.hidden && Math.abs(red - grey) < 4;
            }""",
            arg=grey(frame),
        )
        assert f"frame {frame} of 119" in page.inner_text("#place")
    assert troubles == []
