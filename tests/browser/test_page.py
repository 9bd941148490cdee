"""The page as a whole: on a phone, in the dark, without the net, and behind a key."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import PATIENCE, PHONE, Visit, visit
from tests.serve.running import Running, running

pytestmark = pytest.mark.browser
PROMPT = "a red cat"
TABS = ("Watch", "Compare", "Replay", "Runs")


@pytest.fixture
def phone(browser: Browser, served: Running) -> Iterator[Visit]:
    with visit(browser, served.page, PHONE, color_scheme="dark") as visited:
        yield visited


def test_a_phone_in_the_dark(phone: Visit) -> None:
    phone.draw(PROMPT, count=4)
    phone.shows("is handed out")
    assert phone.page.evaluate("document.body.classList.contains('dark')")
    ink, ground = (
        phone.page.evaluate(f"getComputedStyle(document.querySelector('{where}')).{what}")
        for where, what in ((".studio-tile figcaption b", "color"), ("body", "backgroundColor"))
    )
    assert lightness(ink) > lightness(ground) + 0.5
    for tab in TABS:
        phone.tab(tab)
        assert phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab


def lightness(colour: str) -> float:
    """Of ``rgb(r, g, b)``, from 0 to 1."""
    numbers = [float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    return sum(numbers) / (3 * 255)


def test_nothing_is_asked_of_the_net(at: Visit, served: Running) -> None:
    at.draw(PROMPT, count=2)
    at.shows("is handed out")
    at.page.locator("button.studio-picture").first.click()
    for tab in TABS:
        at.tab(tab)
    elsewhere = [url for url in at.asked if not url.startswith((served.page, "data:", "blob:"))]
    assert elsewhere == []


def test_every_field_has_a_name(at: Visit) -> None:
    fields = at.page.locator("input:visible, textarea:visible, button:visible")
    unnamed = fields.evaluate_all(
        """all => all.filter(one => !(one.labels?.length || one.ariaLabel || one.title || one.innerText.trim()
             || one.getAttribute('aria-labelledby'))).map(one => one.outerHTML)"""
    )
    assert unnamed == []


def test_behind_a_key(browser: Browser) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALINGAR_API_KEY", "secret")
        with running(patch, key="secret", studio=True) as server:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(server.page)
            page.get_by_text("The password is the server's API key").wait_for()
            page.get_by_label("username").fill("me")
            page.get_by_label("password").fill("secret")
            page.get_by_role("button", name="Login").click()
            page.get_by_text("Serving").wait_for()
            page.close()
