"""Compare, Replay and Runs."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Visit, visit
from tests.serve.running import USUAL, Running
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe

pytestmark = pytest.mark.browser
PROMPT = "a red cat"


def test_two_strategies_side_by_side(at: Visit) -> None:
    at.tab("Compare")
    at.page.locator("#compare-prompt textarea").fill(PROMPT)
    at.page.locator("#compare-count input").fill("3")
    at.page.get_by_role("button", name="Compare", exact=True).click()
    at.shows("done: 2 strategies on the noise of seed 0")
    columns = at.page.locator(".studio-columns section")
    assert columns.locator("h2").all_inner_texts() == ["scaling-ar", "best-of-n"]
    assert columns.locator(".studio-tile.chosen").count() == 2
    assert "tokens of 48" in columns.nth(1).inner_text()


def test_a_trace_step_by_step(at: Visit, tmp_path: Path) -> None:
    output = tiny_pipe()(PROMPT, strategy=USUAL["strategy"], seed=5)
    output.save(tmp_path)
    at.tab("Replay")
    at.page.locator("#replay-file input[type=file]").set_input_files(tmp_path / "trace.json")
    counts = at.page.locator("#replay-board .studio-counts")
    counts.filter(has_text="step 16 of 16").wait_for()
    slider = at.page.locator("#replay-step input[type=range]")
    slider.focus()
    at.page.keyboard.press("ArrowLeft")
    counts.filter(has_text="step 15 of 16").wait_for()
    at.page.keyboard.press("Home")
    counts.filter(has_text="step 1 of 16").wait_for()
    assert at.page.locator("#replay-board .studio-tile.cut").count() == 0


def test_a_picture_of_scales(browser: Browser, served_by_scale: Running, tmp_path: Path) -> None:
    pipe = infinity_pipe()
    pipe(PROMPT, strategy="random-of-n", num_trajectories=2, seed=3).save(tmp_path)
    with visit(browser, served_by_scale.page) as at:
        at.tab("Replay")
        at.page.locator("#replay-file input[type=file]").set_input_files(tmp_path / "image.png")
        counts = at.page.locator("#replay-board .studio-counts")
        counts.filter(has_text=f"scale {len(pipe.grids)} of {len(pipe.grids)}").wait_for()
        at.page.locator("#replay-step input[type=range]").focus()
        at.page.keyboard.press("Home")
        counts.filter(has_text=f"scale 1 of {len(pipe.grids)} (1 × 1)").wait_for()


def test_what_is_no_trace(at: Visit, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}")
    at.tab("Replay")
    at.page.locator("#replay-file input[type=file]").set_input_files(tmp_path / "notes.json")
    told = at.alert("notes.json is no trace")
    assert told.startswith("notes.json")


def test_runs_and_their_images(at: Visit) -> None:
    at.tab("Runs")
    at.page.get_by_role("button", name="Read the runs").click()
    images = at.page.locator(".studio-gallery > figure")
    at.shows("10 images, page 1 of 1")
    assert images.count() == 10
    assert "against scaling-ar" in at.page.locator("#runs-table table").inner_text()
    at.page.get_by_label("wrong", exact=True).check()
    at.shows("0 images, page 1 of 1")
    at.page.get_by_label("only this one right").check()
    at.shows("10 images, page 1 of 1")
    assert images.first.locator(".others").inner_text() == "single"
    at.choose("runs-task", "two")
    at.shows("4 images, page 1 of 1")
