"""A real browser for pages: Debian's Chromium, or the Chrome of this computer, driven."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

#: Width and height in pixels: a desk and a phone.
SIZES = [(1280, 800), (390, 844)]
_NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser without window; the test is skipped where there is none."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        pytest.skip('no Chromium on the path; apt-get install chromium')
    with sync_playwright() as playwright:
        # As root, Chromium runs without its sandbox or not at all.
        browser = playwright.chromium.launch(
            executable_path=executable, args=['--no-sandbox', '--disable-gpu']
        )
        yield browser
        browser.close()


@contextmanager
def open_page(
    browser: Browser, path: Path, size: tuple[int, int], script: str = '', locale: str = 'en'
) -> Iterator[Page]:
    """Open a file as a person does; afterwards, nothing was loaded and nothing was complained of.

    ``script`` runs before the scripts of the page.
    """
    width, height = size
    page = browser.new_page(viewport={'width': width, 'height': height}, locale=locale)
    complaints, loaded = [], []
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.on('console', lambda message: complaints.append(message.text))
    page.on('request', lambda request: loaded.append(request.url.partition(':')[0]))
    if script:
        page.add_init_script(script)
    page.goto(path.as_uri())
    yield page
    page.close()
    assert complaints == []
    assert loaded.count('file') == 1
    assert set(loaded) <= {'file', 'data', 'blob'}


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse, with the elements."""
    return [
        f'{found["id"]}: {[node["html"] for node in found["nodes"]]}'
        for found in Axe().run(page).response['violations']
        if found['impact'] in ('serious', 'critical')
    ]


def fits(page: Page) -> bool:
    """Whether nothing sticks out of the page to the right."""
    return page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')


def until(page: Page, expression: str) -> None:
    """Wait for what the script of the page says; Playwright's own waiting needs ``eval``."""
    for _ in range(10_000):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(20)
    pytest.fail(f'never: {expression}; status: {page.text_content("#status")}')
