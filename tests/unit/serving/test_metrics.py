"""The numbers for Prometheus."""

import pytest
from asking import SOCKET, Broken, ask, held_app, say, served_by, started, value
from known_tagger import known_app

from utils.serving import service


def test_metrics_count_what_happened():
    with started(known_app()) as client:
        ask(client, "陈默。北京。")
        ask(client, "陈默。")
        with client.websocket_connect(SOCKET) as socket:
            say(socket, "陈默。")
            page = client.get("/metrics").text
    assert 'tagger_requests_total{outcome="ok",way="rest"} 2.0' in page
    assert 'tagger_requests_total{outcome="ok",way="websocket"} 1.0' in page
    assert 'tagger_sentences_total{source="model"} 2.0' in page
    assert 'tagger_sentences_total{source="cache"} 2.0' in page
    assert "tagger_sockets 1.0" in page and "process_resident_memory_bytes" in page
    assert "tagger_workers" in page and "tagger_worker_deaths_total 0.0" in page


@pytest.fixture
def clock(monkeypatch):
    """The service's clock, which goes on by seven seconds at each look."""
    looks = iter(range(0, 10_000, 7))
    monkeypatch.setattr(service, "perf_counter", lambda: next(looks))


def test_latency_is_that_of_what_was_answered(clock):
    """One answer takes seven seconds by this clock; what failed or was refused would change sum and count."""
    with started(served_by(Broken(ArithmeticError()))) as client:
        assert [ask(client, text).status_code for text in ("坏", "北京", "坏", "")] == [500, 200, 500, 200]
        assert value(client, "tagger_seconds_count") == 2 and value(client, "tagger_seconds_sum") == 14
        assert value(client, "tagger_requests_total", way="rest", outcome="failed") == 2


def test_what_is_refused_under_overload_does_not_flatter_the_latency():
    with held_app(queue=1) as (client, tagger):
        with client.websocket_connect(SOCKET) as socket:
            socket.send_json({"seq": 1, "text": "等"})
            assert tagger.entered.wait(10)
            assert {ask(client, "北京").status_code for _ in range(5)} == {503}
            assert value(client, "tagger_seconds_count") == 0
            tagger.go.set()
            assert socket.receive_json()["type"] == "entities"
        assert value(client, "tagger_seconds_count") == 1
