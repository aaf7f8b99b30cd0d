"""A real Chromium, driven by Playwright; without one, every test here is skipped and says why."""

import os
import shutil

import pytest

from tests.browser.box import opened
from tests.unit.known_tagger import known_app, serving

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def chromium():
    """A browser for one file of tests: Playwright's event loop must have ended before others use asyncio."""
    if not CHROMIUM:
        pytest.skip("no Chromium found; install Debian's chromium or name one with CHROMIUM=/path")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address():
    with serving(known_app(rate=1e6)) as (_, address):
        yield address


@pytest.fixture
def box(chromium, address):
    with opened(chromium) as box:
        yield box.open(address)
        assert box.complaints == []
