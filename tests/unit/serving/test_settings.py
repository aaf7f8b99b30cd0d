"""What cannot be meant is refused at the start, and named."""

import inspect

import pytest

from utils.serving.batching import Batcher
from utils.serving.settings import Settings


@pytest.mark.parametrize(
    "name", ["threads", "sentence_threads", "queue", "sockets", "sockets_per_client", "rate", "deadline"]
)
@pytest.mark.parametrize("value", [0, -1, -0.5])
def test_case_27_a_limit_that_refuses_everybody_is_refused_itself(name, value):
    with pytest.raises(ValueError, match=f"{name} must .*{value}"):
        Settings(**{name: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["rate", "deadline"])
def test_case_27_a_limit_is_a_number(name, value):
    with pytest.raises(ValueError, match=name):
        Settings(**{name: value})


def test_a_batcher_alone_takes_on_as_much_as_the_service():
    alone = inspect.signature(Batcher).parameters
    assert (alone["queue"].default, alone["deadline"].default) == (Settings().queue, Settings().deadline)


def test_the_smallest_limits_are_limits():
    Settings(threads=1, queue=1, sockets=1, sockets_per_client=1, rate=0.01, deadline=0.01, cache=0)
    with pytest.raises(ValueError, match="cache"):
        Settings(cache=-1)


@pytest.mark.parametrize(
    "host",
    [
        "https://ner.example.org",
        "ner.example.org:8000",
        "ner.example.org/",
        "*.*.org",
        "a*.org",
        "",
        "a b",
        "::1",
        "例",
    ],
)
def test_a_host_that_no_request_can_have_is_refused(host):
    with pytest.raises(ValueError, match="a host is a name"):
        Settings(hosts=(host,))


def test_hosts_that_requests_have():
    Settings(hosts=("ner.example.org", "*.example.org", "*", "localhost", "10.0.0.5", "[::1]", "my_box", "NER.example"))


@pytest.mark.parametrize("origin", ["ner.example.org", "https://ner.example.org/", "https://", "https://A.example", ""])
def test_an_origin_that_no_browser_sends_is_refused(origin):
    with pytest.raises(ValueError, match="an origin is written"):
        Settings(origins=(origin,))


def test_origins_that_browsers_send():
    Settings(origins=("https://ner.example.org", "http://localhost:8888", "chrome-extension://abc", "*"))
