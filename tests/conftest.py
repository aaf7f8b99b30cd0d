"""Shared by all tests: no network (but for `make newest`), and where the test models and the research corpora are."""

import logging
import os
import shutil
import warnings

if os.environ.get("COURSE_HUB") != "1":
    os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "data"


@pytest.fixture
def tiny_published() -> Path:
    """A small random RaNER in the published layout, with ModelScope's own answers beside it."""
    return TINY / "raner_tiny_published"


@pytest.fixture
def tiny_head() -> Path:
    """The same weights in the `head.*` layout of newer ModelScope versions."""
    return TINY / "raner_tiny_head"


@pytest.fixture
def corpora() -> Path:
    """The research-only corpora, which are never part of the repository."""
    path = Path(os.environ.get("NER_CORPORA", ROOT.parent / "shared" / "corpora"))
    if not path.is_dir():
        pytest.skip(f"research corpora are not at {path}; set NER_CORPORA to their directory")
    return path


@pytest.fixture
def drawn(caplog):
    """A function that makes a figure and draws it as a notebook does: no warning, no log line; returns the PNG."""

    def draw(make) -> bytes:
        with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
            warnings.simplefilter("error")
            image = make()._repr_png_()
        assert caplog.records == []
        return image

    return draw


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
