"""Fixtures: a real Chromium that loads files from disk and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route


@dataclass
class Reader:
    """Somebody who opens pages, and takes note of what should not happen."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(
        self,
        path: Path,
        at: str = "",
        *,
        width: int = 1280,
        **settings: Any,
    ) -> Page:
        """Open a file as somebody with this screen and these settings does."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            **settings,
        )
        self.contexts.append(context)
        context.route("**/*", self._load)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{path.as_uri()}{at}")
        return page

    def _load(self, route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
            return
        self.complaints.append(f"asked for {route.request.url}")
        route.abort()

    def _hear(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    # Not for the whole session: as long as it runs, an event loop does.
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    """Read pages; at the end nothing was said on the console, nothing asked of anybody."""
    found = Reader(browser)
    yield found
    for context in found.contexts:
        context.close()
    assert found.complaints == []
