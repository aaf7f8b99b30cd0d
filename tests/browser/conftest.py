"""A real Chromium, driven by Playwright; without one, every test here is skipped and says why."""

import pytest
from box import opened
from known_tagger import known_app, serving


@pytest.fixture(scope="session")
def address():
    with serving(known_app(rate=1e6)) as (_, address):
        yield address


@pytest.fixture
def box(chromium, address):
    with opened(chromium) as box:
        yield box.open(address)
        assert box.complaints == []
