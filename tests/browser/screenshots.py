"""The pictures of docs/studio.md: ``python -m tests.browser.screenshots`` draws them with the embedded models."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import Browser

from scalingar.cli.main import main as scalingar
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.start import Server, ServerSettings
from tests.browser.chromium import MISSING, PHONE, Visit, chromium, started, visit

FOLDER = Path("docs/images")
COLOURS = 128
"""Of a picture's palette, so that it stays small."""
PROMPT = "a photo of a red apple left of a dog"
RUNS = "single,best-of-n,scaling-ar"


@contextmanager
def serving(recipe: dict[str, Any], **settings: Any) -> Iterator[str]:
    """A studio of its own; gives its address."""
    server = Server(Recipe.from_dict(recipe), ServerSettings.from_dict({"port": 0, **settings}))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.service.loaded.wait(120)
        assert server.page_url is not None
        yield server.page_url
    finally:
        server.stop()
        thread.join()


def take(at: Visit, name: str, *, full: bool = True) -> None:
    """Leave a picture of the page."""
    path = FOLDER / f"studio-{name}.png"
    at.page.screenshot(path=path, full_page=full, animations="disabled")
    with Image.open(path) as shot:
        shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"wrote {path}, {path.stat().st_size // 1024} KiB")


def watch(browser: Browser, url: str) -> None:
    """Under way, and at the end with its entropy."""
    with visit(browser, url) as at:
        at.draw(PROMPT, count=8, seed=7)
        at.page.locator(".studio-tile.cut").nth(2).wait_for()
        take(at, "watch")
        at.shows("is handed out")
        at.tab("Compare")
        at.page.locator("#compare-prompt textarea").fill(PROMPT)
        at.page.locator("#compare-seed input").fill("7")
        at.page.get_by_role("button", name="Compare", exact=True).click()
        at.shows("done: 2 strategies")
        take(at, "compare")
        at.tab("Runs")
        at.page.get_by_role("button", name="Read the runs").click()
        at.page.locator(".studio-gallery > figure").first.wait_for()
        at.page.get_by_label("only this one right").check()
        at.page.locator(".studio-gallery .others").first.wait_for()
        take(at, "runs")


def replay(browser: Browser, url: str, trace: Path) -> None:
    """A scale of a next-scale image, on a phone in the dark."""
    with visit(browser, url, PHONE, color_scheme="dark") as at:
        at.tab("Replay")
        at.page.locator("#replay-file input[type=file]").set_input_files(trace)
        at.page.locator("#replay-board .studio-board").wait_for()
        at.page.locator("#replay-step input[type=number]").fill("7")
        at.page.keyboard.press("Tab")
        at.page.locator("#replay-board .studio-counts").filter(has_text="scale 7 of").wait_for()
        take(at, "replay")


def main() -> None:
    """All of them; takes a minute or two."""
    if chromium() is None:
        sys.exit(MISSING)
    with TemporaryDirectory() as place, started() as browser:
        folder = Path(place)
        run = ["bench", "run", "geneval", "--strategy", RUNS, "-n", "4", "--images-per-prompt", "1", "--limit", "5"]
        assert scalingar([*run, "-o", str(folder / "runs")]) == 0
        scales = ["--model", "embedded-next-scale", "-n", "1", "--seed", "3", "-q", "-o", str(folder / "scales")]
        assert scalingar(["generate", "a photo of two bananas", *scales]) == 0
        with serving({"strategy": "scaling-ar"}, runs=folder / "runs") as url:
            watch(browser, url)
        with serving({"model": "embedded-next-scale"}) as url:
            replay(browser, url, folder / "scales" / "trace.json")


if __name__ == "__main__":
    main()
