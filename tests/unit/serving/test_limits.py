"""Who may ask, and how often."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from utils.serving import limits
from utils.serving.limits import KEYS, RateLimit, check_content_type, check_origin
from utils.serving.refusals import TooFast, WrongContentType, WrongOrigin


class Clock:
    """Stands where it is put."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(limits, "monotonic", clock := Clock())
    return clock


def asked_with(**headers) -> HTTPConnection:
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return HTTPConnection({"type": "http", "headers": pairs, "client": None})


def allowed(limit: RateLimit, client: str) -> int:
    """How often the client may ask at this moment."""
    count = 0
    try:
        while True:
            limit.spend(client)
            count += 1
    except TooFast:
        return count


@given(steps=st.lists(st.floats(0, 3), max_size=60), rate=st.floats(0.1, 5))
@settings(max_examples=50)
def test_nobody_gets_more_than_the_rate(steps, rate):
    """In any stretch of time, granted requests stay below burst + rate x time; who waits as told is served."""
    clock, granted = Clock(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "monotonic", clock)
        limit = RateLimit(rate)
        for step in steps:
            clock.now += step
            try:
                limit.spend("a")
            except TooFast as refusal:
                clock.now += refusal.retry_after + 1e-6
                limit.spend("a")
            granted.append(clock.now)
    for i, first in enumerate(granted):
        for j in range(i, len(granted)):
            assert j - i + 1 <= max(1, 2 * rate) + rate * (granted[j] - first) + 1e-3


@pytest.mark.parametrize("rate", [0.01, 0.4, 0.5])
def test_the_slowest_rate_lets_the_first_request_through(clock, rate):
    assert allowed(RateLimit(rate), "a") == 1


def test_the_rate_is_each_clients_own_and_who_was_silent_longest_is_forgotten(clock):
    limit = RateLimit(1)
    assert allowed(limit, "a") == 2 and allowed(limit, "a") == 0
    for i in range(KEYS - 1):
        limit.spend(f"client {i}")
    assert allowed(limit, "a") == 0
    for i in range(KEYS):
        limit.spend(f"another {i}")
    assert allowed(limit, "a") == 2 and allowed(limit, f"another {KEYS - 1}") == 1


@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ({}, True),
        ({"origin": "https://ner.example", "host": "ner.example"}, True),
        ({"origin": "https://ner.example", "host": "other.example"}, False),
        ({"origin": "https://hub.example", "host": "ner.example"}, True),
        ({"origin": "null", "host": "ner.example"}, False),
    ],
)
def test_our_own_pages_and_those_that_were_allowed_may_ask(headers, welcome):
    if welcome:
        check_origin(asked_with(**headers), ("https://hub.example",))
    else:
        with pytest.raises(WrongOrigin, match="allow-origin"):
            check_origin(asked_with(**headers), ("https://hub.example",))
    check_origin(asked_with(**headers), ("*",))


@pytest.mark.parametrize(
    ("kind", "right"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("", False),
        ("text/plain", False),
        ("application/jsonp", False),
        ("text/x+json", False),
    ],
)
def test_a_body_says_that_it_is_json(kind, right):
    if right:
        check_content_type(asked_with(content_type=kind))
    else:
        with pytest.raises(WrongContentType, match="application/json"):
            check_content_type(asked_with(content_type=kind))
