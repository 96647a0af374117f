"""Make every picture of docs/app.md again: ``python docs/make_app_pictures.py [WORK]``.

Writes two generated recordings, lets ``merkit app`` analyse them, and drives the machine's own
Chromium through the page. No real face is in the pictures. About two minutes on two cores; a second
run with the same WORK folder uses the recordings that are there.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from merkit.synthetic.config import SynthConfig
from merkit.synthetic.write import write_database

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "app"))
from real_server import CHROMIUM_ARGS, RealServer, chromium, start

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = Path(__file__).parent / "img"
#: bytes of a picture
MOST = 250_000
RECORDINGS = SynthConfig(
    subjects=1,
    clips_per_class=1,
    size_px=(480, 360),
    face_width_px=200.0,
    amplitude_px=(3.0, 4.0),
    seed=5,
    long_videos=2,
    long_duration_s=16.0,
    events_per_video=3,
    macro_events=1,
    head_turns=1,
)


def main(work: Path) -> None:
    if not (work / "data").exists():
        write_database(work / "data", RECORDINGS)
    project = work / "study"
    shutil.rmtree(project, ignore_errors=True)
    server = start(project)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=list(CHROMIUM_ARGS)
            )
            page = browser.new_page(viewport={"width": 1440, "height": 940})
            page.set_default_timeout(120_000)
            show(page, server, sorted((work / "data" / "long").glob("*.mp4")))
            browser.close()
    finally:
        server.kill()


def show(page: Page, server: RealServer, videos: list[Path]) -> None:
    page.goto(server.address)
    begin(page, "anna")
    page.set_input_files("#files", videos)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.running progress')].some((bar) => bar.value > 0.3)"
    )
    picture(page, "app-queue")
    page.wait_for_selector("#video-list:not(:has(.running, .waiting))")
    page.click("#open-v001")
    page.click("#event-list .event >> nth=0")
    page.check("#marks")
    page.check("#arrows")
    page.click("#apex-frame")
    page.wait_for_function("() => document.querySelector('#screen-told').textContent !== ''")
    picture(page, "app-review")
    page.uncheck("#marks")
    judge(page)
    picture(page, "app-moved")
    begin(page, "ben")
    second_opinion(page)
    page.click("#open-agreement")
    page.wait_for_selector(".differences")
    picture(page, "app-agreement")
    page.click("#close")
    page.click("#open-export")
    page.click("#export-go")
    page.wait_for_selector("#export-link")
    page.eval_on_selector(  # where it lies is of no interest to a reader
        "#export-told", "(told) => { told.firstChild.textContent = 'Written. '; }"
    )
    picture(page, "app-export")


def begin(page: Page, coder: str) -> None:
    if not page.is_visible("#coder-name"):
        page.click("#open-coder")
    page.fill("#coder-name", coder)
    page.click("#coder-take")
    page.wait_for_timeout(500)


def judge(page: Page) -> None:
    """The first event: two frames later, named, noted, accepted; the second rejected; one added."""
    page.click("#onset-on")
    page.click("#onset-on")
    page.fill("#label", "surprise")
    page.fill("#note", "brow first, then the mouth")
    page.press("#note", "Escape")
    page.click("#go-on")
    page.click("#do-accept")
    page.click("#event-list .event >> nth=1")
    page.click("#do-reject")
    page.eval_on_selector("#scrub", "(bar) => { bar.value = 60; bar.oninput(); }")
    page.click("#add")
    page.eval_on_selector("#scrub", "(bar) => { bar.value = 400; bar.oninput(); }")
    page.click("#exclude")
    page.eval_on_selector("#scrub", "(bar) => { bar.value = 440; bar.oninput(); }")
    page.click("#exclude")
    page.click("#event-e001")
    page.click("#zoom-all")
    page.click("#apex-frame")
    page.wait_for_timeout(2500)


def second_opinion(page: Page) -> None:
    for n, verdict in enumerate(("accept", "accept", "reject")):
        page.click(f"#event-list .event >> nth={n}")
        page.click(f"#do-{verdict}")
    page.click("#event-list .event >> nth=0")
    page.click("#offset-on")
    page.wait_for_function("() => document.querySelector('#saved').textContent === 'saved'")


def picture(page: Page, name: str) -> None:
    """As PNG, with fewer colours where it would be too large."""
    page.wait_for_timeout(400)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = IMAGES / f"{name}.png"
    shot.save(path, optimize=True)
    for colours in (256, 128, 64):
        if path.stat().st_size <= MOST:
            return
        few = shot.quantize(colours, Image.Quantize.MAXCOVERAGE)  # keeps what is small and bright
        few.save(path, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
