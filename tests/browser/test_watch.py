"""Watch: drawing, stopping, the entropy, what is kept, and how it is told what is wrong."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from scalingar.strategies.engine.open_engine import OpenEngine
from tests.browser.chromium import PATIENCE, Visit, visit
from tests.serve.running import USUAL, Running
from tests.tiny.pipes import tiny_pipe

pytestmark = pytest.mark.browser
PROMPT = "a red cat"


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """The live batch stands still after its third step until the event is set."""
    go_on, step, steps = threading.Event(), OpenEngine.step, [0]

    def held_step(engine: OpenEngine) -> Any:
        steps[0] += 1
        if steps[0] > 3:
            assert go_on.wait(60)
        return step(engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OpenEngine, "step", held_step)
        yield go_on
        go_on.set()


def kept(at: Visit, name: str) -> bytes:
    with at.page.expect_download() as download:
        at.page.get_by_role("link", name=name).click()
    return download.value.path().read_bytes()


def test_eight_trajectories_and_their_files(at: Visit) -> None:
    at.draw(PROMPT, count=4, seed=5)
    at.shows("is handed out")
    alone = tiny_pipe()(PROMPT, strategy=USUAL["strategy"], seed=5)
    tiles = at.page.locator(".studio-tile")
    assert tiles.count() == 4
    chosen = at.page.locator(".studio-tile.chosen")
    assert chosen.inner_text().startswith(f"#{alone.results[0].chosen}")
    assert at.page.locator(".studio-tile.cut").count() == sum(not one.finished for one in alone.candidates[0])
    assert "confidence below threshold" in at.page.locator(".studio-tile.cut").first.inner_text()
    assert at.page.locator(".studio-counts .drawn").inner_text() == str(alone.ledger.tokens)
    assert Image.open(io.BytesIO(kept(at, "image.png"))).tobytes() == alone.images[0].tobytes()
    assert json.loads(kept(at, "trace.json"))["images"][0]["chosen"] == alone.results[0].chosen
    assert kept(at, "sheet.png").startswith(b"\x89PNG")
    assert b"seed: 5" in kept(at, "recipe.yaml")


def test_pictures_fill_in_and_stop_frees_the_rows(at: Visit, served: Running, held: threading.Event) -> None:
    at.draw(PROMPT, count=4, seed=5)
    at.page.locator(".studio-tile.live").first.wait_for()
    assert at.page.locator(".studio-curve svg").count() >= 1
    at.page.get_by_role("button", name="Stop").locator("visible=true").click()
    at.shows("stopped")
    held.set()
    until(lambda: all(not engine.busy for engine in served.engines))
    assert at.page.locator(".studio-tile.chosen").count() == 0


def test_a_visitor_who_closes_the_page_frees_the_rows(browser: Browser, served: Running, held: threading.Event) -> None:
    with visit(browser, served.page) as leaving:
        leaving.draw(PROMPT, count=4, seed=5)
        leaving.page.locator(".studio-tile.live").first.wait_for()
    held.set()
    until(lambda: all(not engine.busy for engine in served.engines))


def test_a_click_shows_the_entropy_and_a_key_hides_it(at: Visit) -> None:
    at.draw(PROMPT, count=2, seed=1)
    at.shows("is handed out")
    over = at.page.locator(".studio-tile .entropy").first
    assert not over.is_visible()
    at.page.locator("button.studio-picture").first.click()
    over.wait_for(state="visible")
    at.page.locator("button.studio-picture").nth(1).focus()
    at.page.keyboard.press("Enter")
    over.wait_for(state="hidden")


def test_by_keyboard_alone(at: Visit) -> None:
    at.page.locator("#prompt textarea").focus()
    at.page.keyboard.type(PROMPT)
    at.page.keyboard.press("Enter")
    at.shows("is handed out")
    for _ in range(12):  # out of the prompt, and on to a picture
        at.page.keyboard.press("Tab")
        if at.page.evaluate("document.activeElement.matches('.studio-links a')"):
            break
    assert at.page.evaluate("document.activeElement.matches('.studio-links a')")


@pytest.mark.parametrize(
    ("prompt", "count", "message"),
    [
        ("", 2, "the prompt is empty; say what the image should show."),
        (PROMPT, 99, "num_trajectories is 99; this server takes at most 16."),
        ("xyzzy", 2, "no word of 'xyzzy' is known to the embedded model"),
    ],
)
def test_what_is_wrong_is_told(at: Visit, prompt: str, count: int, message: str) -> None:
    at.draw(prompt, count=count)
    told = at.alert(message)
    assert "Traceback" not in told
    at.draw(PROMPT, count=2)
    at.shows("is handed out")
    assert at.page.locator("[role=alert]:visible").count() == 0


def test_settings_of_a_strategy(at: Visit) -> None:
    at.page.get_by_role("button", name="Settings").first.click()
    settings = at.page.get_by_label("Settings, one per line").first
    at.choose("strategy", "single")
    at.page.locator("#count input:disabled").wait_for()
    settings.fill("guidance_scale=4")
    at.choose("strategy", "best-of-n")
    at.page.locator("#count input:enabled").wait_for()
    at.shows("strategy.reward")
    expect(settings).to_have_value("", timeout=PATIENCE)  # they were another strategy's
    settings.fill("strategy.colour=3")
    at.draw(PROMPT, count=2)
    at.alert("strategy.colour is no setting")
