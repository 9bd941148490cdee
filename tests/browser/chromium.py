"""Chromium of this machine, and a page that tells of everything it asks the net for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "the browser tests need Chromium, and there is none; install it with the system's packages, such as "
    "apt-get install chromium"
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = {"width": 1100, "height": 900}, {"width": 375, "height": 812}
PATIENCE = 60_000
"""Milliseconds that a machine which does much else may need."""


def chromium() -> str | None:
    """Where Chromium is; nothing is downloaded."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


@contextmanager
def started() -> Iterator[Browser]:
    """Chromium without a window, with a new profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open. ``asked``: addresses that it fetched. ``faults``: errors of its scripts."""

    page: Page
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def tab(self, name: str) -> None:
        """Go to a tab."""
        self.page.get_by_role("tab", name=name).click()

    def draw(self, prompt: str, *, count: int | None = None, seed: int | None = None) -> None:
        """Fill Watch in and press its button."""
        self.page.locator("#prompt textarea").fill(prompt)
        for name, value in (("count", count), ("seed", seed)):
            if value is not None:
                self.page.locator(f"#{name} input").fill(str(value))
        self.page.get_by_role("button", name="Draw").click()

    def choose(self, field_id: str, option: str) -> None:
        """Choose from a list."""
        self.page.locator(f"#{field_id} input").first.click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def shows(self, text: str) -> None:
        """Wait until a text is seen."""
        self.page.get_by_text(text).locator("visible=true").first.wait_for()

    def alert(self, text: str) -> str:
        """Wait for the sentence of an error that holds ``text``."""
        told = self.page.locator("[role=alert]:visible").filter(has_text=text).first
        told.wait_for()
        return told.inner_text()


@contextmanager
def visit(browser: Browser, url: str, size: dict[str, int] | None = None, **context: Any) -> Iterator[Visit]:
    """Open the studio and wait until its model is there."""
    own = browser.new_context(viewport=size or DESK, **context)  # type: ignore[arg-type]
    page = own.new_page()
    page.set_default_timeout(PATIENCE)
    visited = Visit(page)
    page.on("request", lambda request: visited.asked.append(request.url))
    page.on("pageerror", lambda error: visited.faults.append(str(error)))
    page.goto(url)
    page.get_by_text("Serving").wait_for()
    yield visited
    own.close()
