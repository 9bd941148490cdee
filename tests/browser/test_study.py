"""The page of a study, by keyboard alone and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from scalingar.bench.study.answers import read_answers
from scalingar.bench.study.sessions import session
from scalingar.serve.study.start import StudyServer
from tests.bench.study.people import study
from tests.browser.chromium import PATIENCE, PHONE
from tests.serve.study.showing import shown, write_study

pytestmark = pytest.mark.browser
MADE = study(prompts=2, per_participant=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", MADE)


@pytest.fixture(params=[None, "secret"])
def server(folder: Path, request: pytest.FixtureRequest) -> Iterator[StudyServer]:
    with shown(folder, request.param) as server:
        server.url += "" if request.param is None else f"#key={request.param}"
        yield server


@pytest.fixture
def page(browser: Browser, server: StudyServer) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    yield page
    assert faults == []
    assert all(url.startswith((server.url.partition("#")[0], "blob:", "data:")) for url in asked)
    assert not any(name in url for url in asked for name in ("secret", "code="))
    context.close()


def press_next(page: Page) -> None:
    before = page.locator("#count").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "was => document.getElementById('ask').hidden || document.getElementById('count').textContent !== was",
        arg=before,
    )


def test_by_keyboard_from_the_beginning_to_the_end(page: Page, folder: Path) -> None:
    page.locator("#begin").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expected = session(MADE, 0)
    for number, question in enumerate(expected):
        page.get_by_text(f"{number + 1} of 6").wait_for()
        assert page.locator("#prompt").inner_text() == question.question.prompt
        assert page.locator("#pictures img").count() == len(question.pictures)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.locator("#send").is_disabled()
        page.keyboard.press("4")
        if question.question.kind == "pair":
            assert page.locator("#send").is_disabled()
            page.keyboard.press("l")
        if number == 2:  # and comes back
            page.reload()
            page.get_by_text("3 of 6").wait_for()
            page.keyboard.press("4")
        press_next(page)
    page.get_by_text("Thank you.").wait_for()
    answers = {answer.question: answer for answer in read_answers(folder, MADE)}
    assert [answers[one.number].value for one in expected] == [4] * 6
    assert [answers[one.number].reasons for one in expected] == [
        ("plausibility",) if one.question.kind == "pair" else () for one in expected
    ]


def test_a_wrong_code_is_a_sentence(page: Page) -> None:
    page.locator("#code").fill("nobody12")
    page.keyboard.press("Enter")
    page.get_by_text("nobody has this code; look at it again, or begin anew.").wait_for()
