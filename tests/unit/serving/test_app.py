"""REST, WebSocket, page and limits, in one process; the tagger's answer is known."""

import json
import re
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_tagger import KnownTagger, known_app, spans
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from utils.serving.app import STATIC, create_app
from utils.serving.limits import KEYS, RateLimit
from utils.serving.messages import BODY, LONGEST, MESSAGE, TEXTS
from utils.serving.refusals import TooFast
from utils.serving.service import Settings

HERE, SOCKET = "http://localhost", "ws://localhost/ws"


class Held(KnownTagger):
    """Waits at every text with 等 until `go` is set."""

    def __init__(self):
        super().__init__()
        self.go, self.entered = threading.Event(), threading.Event()

    def predict(self, texts, batch_size=16):
        if any("等" in text for text in texts):
            self.entered.set()
            assert self.go.wait(10)
        return super().predict(texts, batch_size)


@contextmanager
def started(app):
    """A client of the application once its model is loaded."""
    with TestClient(app, base_url=HERE) as client:
        client.portal.call(lambda: app.state.loading)
        yield client


@pytest.fixture(scope="module")
def client():
    with started(known_app(rate=1e6)) as client:
        yield client


@pytest.fixture
def held():
    tagger = Held()
    with started(create_app(lambda: tagger, "held", Settings(threads=1, queue=2, rate=1e6))) as client:
        yield client, tagger
        tagger.go.set()


def ask(client, text, **options):
    return client.post("/v1/entities", json={"text": text}, **options)


def found(result):
    return [(e["start"], e["end"], e["type"]) for e in result["entities"]]


def say(socket, text, seq=1):
    socket.send_json({"seq": seq, "text": text})
    return socket.receive_json()


# --- Answers -----------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(["陈默", "在", "北京", "。", "😀", "\r\n", "国家图书馆", "é"]), max_size=20).map("".join)
)
@settings(deadline=None, max_examples=40)
def test_rest_and_socket_answer_in_code_points(client, text):
    with client.websocket_connect(SOCKET) as socket:
        for answer in (ask(client, text).json()["results"][0], say(socket, text)):
            assert found(answer) == spans(text)
            assert all(text[e["start"] : e["end"]] == e["text"] for e in answer["entities"])


def test_several_texts_are_answered_in_order(client):
    answer = ask(client, ["陈默", "", "去北京"]).json()
    assert [found(result) for result in answer["results"]] == [[(0, 2, "PER")], [], [(1, 3, "LOC")]]
    assert answer["model"] == "known" and answer["offset_unit"] == "codepoint" and answer["latency_ms"] >= 0
    assert ask(client, []).json()["results"] == []


def test_only_changed_sentences_are_computed(client):
    ask(client, "甲甲。乙乙。")
    (result,) = ask(client, "甲甲。乙乙乙。甲甲。").json()["results"]
    assert (result["sentences"], result["computed"]) == (3, 1)


def test_socket_answers_under_the_number_of_the_question(client):
    with client.websocket_connect(SOCKET) as socket:
        for seq in (3, 4, 2**53 - 1):
            answer = say(socket, "陈默", seq)
            assert answer["seq"] == seq and answer["type"] == "entities" and answer["model"] == "known"


def test_a_newer_text_supersedes(held):
    client, tagger = held
    with client.websocket_connect(SOCKET) as socket:
        socket.send_json({"seq": 1, "text": "等。陈默。"})
        assert tagger.entered.wait(10)
        assert say(socket, "北京", 2) | {"message": ""} == {
            "type": "error", "seq": 1, "code": "superseded", "message": "", "retry_after": None,
        }  # fmt: skip
        tagger.go.set()
        answer = socket.receive_json()
        assert answer["seq"] == 2 and found(answer) == [(0, 2, "LOC")]


def test_what_was_computed_for_a_superseded_text_is_remembered(held):
    client, tagger = held
    with client.websocket_connect(SOCKET) as socket:
        socket.send_json({"seq": 1, "text": "等。陈默。"})
        assert tagger.entered.wait(10)
        assert say(socket, "北京", 2)["code"] == "superseded"
        tagger.go.set()
        assert socket.receive_json()["computed"] == 1
        answer = say(socket, "陈默。等。", 3)
        assert (answer["sentences"], answer["computed"]) == (2, 0) and found(answer) == [(0, 2, "PER")]


def test_one_clients_wait_is_not_anothers(held):
    """While one socket's text is being computed, health, page and refusals go on."""
    client, tagger = held
    with client.websocket_connect(SOCKET) as slow:
        slow.send_json({"seq": 1, "text": "等"})
        assert tagger.entered.wait(10)
        assert client.get("/healthz").status_code == client.get("/").status_code == 200
        with client.websocket_connect(SOCKET) as other:
            assert say(other, "x" * (LONGEST + 1), 1)["code"] == "invalid"
        tagger.go.set()
        assert slow.receive_json()["type"] == "entities"


# --- Life --------------------------------------------------------------------------------------


def test_ready_only_once_loaded_and_not_while_stopping():
    load, service = threading.Event(), None

    def loader():
        assert load.wait(10)
        return KnownTagger()

    app = create_app(loader, "slow", Settings())
    with TestClient(app, base_url=HERE) as client:
        service = app.state.service
        early = client.get("/readyz")
        assert (early.status_code, early.headers["retry-after"], early.json()["code"]) == (503, "1", "not_ready")
        assert client.get("/healthz").status_code == 200 and ask(client, "北京").status_code == 503
        load.set()
        client.portal.call(lambda: app.state.loading)
        assert client.get("/readyz").json() == {"status": "ready", "model": "slow"}
        client.portal.call(service.drain)
        assert client.get("/readyz").status_code == ask(client, "北京").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_a_model_that_cannot_be_loaded_is_named():
    def broken():
        raise ValueError("no such model")

    with started(create_app(broken, "none", Settings())) as client:
        assert "no such model" in client.get("/readyz").json()["message"]


# --- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"text": "\\ud800"}', 422),
        (b'{"text": "\xff"}', 400),
        (b'{"text": 3}', 422),
        (b'{"text": "x", "more": 1}', 422),
        (b'{"text": null}', 422),
        (b"[" * 10_000, 400),
        (b"", 422),
        (json.dumps({"text": "x" * (LONGEST + 1)}).encode(), 422),
        (json.dumps({"text": ["x"] * (TEXTS + 1)}).encode(), 422),
        (b" " * (BODY + 1), 413),
    ],
    ids=range(10),
)
def test_a_question_that_cannot_be_answered_is_refused_in_words(client, body, status):
    answer = client.post("/v1/entities", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status and answer.text
    said = answer.json()
    assert said.keys() == {"code", "message", "retry_after"} and said["message"] and said["retry_after"] is None
    assert said["code"] == {400: "bad_request", 413: "too_large", 422: "invalid"}[status]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_longest_text_is_answered_even_in_the_longest_spelling(client):
    text = "😀" * LONGEST
    spelled = json.dumps({"seq": 1, "text": text})
    assert 12 * LONGEST < len(spelled) < MESSAGE
    body = json.dumps({"text": [text] * 4})
    answer = client.post("/v1/entities", content=body, headers={"content-type": "application/json"})
    assert [len(result["entities"]) for result in answer.json()["results"]] == [LONGEST] * 4
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(spelled)
        assert len(socket.receive_json()["entities"]) == LONGEST


@pytest.mark.parametrize(
    "message",
    ["", "3", "null", "{}", '{"seq": 1}', '{"seq": -1, "text": ""}', '{"seq": 1.5, "text": ""}',
     '{"seq": true, "text": ""}', '{"seq": 1, "text": "\\ud800"}',
     '{"seq": 1, "text": 3}', '{"seq": 1, "text": "", "more": 1}', "[" * 1000],
)  # fmt: skip
def test_a_message_that_cannot_be_read_is_refused_and_the_next_answered(client, message):
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(message)
        refusal = socket.receive_json()
        assert (refusal["type"], refusal["seq"], refusal["code"]) == ("error", None, "invalid") and refusal["message"]
        assert found(say(socket, "北京")) == [(0, 2, "LOC")]


@given(st.one_of(st.text(max_size=200), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
@settings(deadline=None, max_examples=100)
def test_no_message_breaks_a_socket(client, message):
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(message)
        assert socket.receive_json()["code"] == "invalid"
        assert say(socket, "北京")["type"] == "entities"


def test_binary_and_oversized_frames_close_with_their_code(client):
    for send, code in ((lambda s: s.send_bytes(b"x"), 1003), (lambda s: s.send_text("x" * (MESSAGE + 1)), 1009)):
        with client.websocket_connect(SOCKET) as socket:
            send(socket)
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
            assert closed.value.code == code


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [(None, True), (HERE, True), ("http://evil.example", False), ("null", False), ("http://localhost:81", False),
     ("https://hub.example", True), ("http://[", False)],
)  # fmt: skip
def test_pages_of_other_sites_may_not_ask(origin, welcome):
    headers = {} if origin is None else {"origin": origin}
    with started(known_app(origins=("https://hub.example",))) as client:
        assert ask(client, "北京", headers=headers).status_code == (200 if welcome else 403)
        if welcome:
            with client.websocket_connect(SOCKET, headers=headers) as socket:
                assert say(socket, "北京")["type"] == "entities"
        else:
            with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(SOCKET, headers=headers):
                pass
            assert denied.value.status_code == 403 and denied.value.json()["code"] == "wrong_origin"


@pytest.mark.parametrize("host", ["evil.example", "", "localhost.evil.example", "localhost;x"])
def test_a_host_that_is_not_ours_is_refused(client, host):
    refusal = client.get("/", headers={"host": host})
    assert (refusal.status_code, refusal.json()["code"]) == (400, "bad_request")
    connection = client.websocket_connect(SOCKET, headers={"host": host})
    with pytest.raises((WebSocketDenialResponse, WebSocketDisconnect)), connection:
        pass


def test_a_full_queue_is_said_on_both_ways(held):
    client, tagger = held
    with client.websocket_connect(SOCKET) as first, client.websocket_connect(SOCKET) as second:
        first.send_json({"seq": 1, "text": "等"})
        assert tagger.entered.wait(10)
        second.send_json({"seq": 1, "text": "在等"})
        while client.app.state.service.metrics.registry.get_sample_value("tagger_queue_jobs") < 2:
            pass
        refusal = ask(client, "北京")
        assert refusal.status_code == 503 and int(refusal.headers["retry-after"]) >= 1
        with client.websocket_connect(SOCKET) as third:
            answer = say(third, "北京", 9)
            assert (answer["code"], answer["seq"]) == ("overloaded", 9) and answer["retry_after"] > 0
        tagger.go.set()
        assert first.receive_json()["type"] == second.receive_json()["type"] == "entities"


def test_one_client_may_not_ask_too_often_and_the_page_goes_on():
    with started(known_app(rate=2)) as client:
        answers = [ask(client, "北京") for _ in range(6)]
        assert [a.status_code for a in answers[:4]] == [200] * 4 and answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1 and answers[-1].json()["code"] == "too_fast"
        assert client.get("/").status_code == client.get("/healthz").status_code == 200


def test_one_socket_may_not_send_too_often(client):
    with client.websocket_connect(SOCKET) as socket:
        for seq in range(60):
            socket.send_json({"seq": seq, "text": ""})
        codes = [socket.receive_json().get("code") for _ in range(60)]
        assert "too_fast" in codes and codes[:5] == [None] * 5


def test_so_many_sockets_and_no_more():
    with started(known_app(sockets=1)) as client:
        with client.websocket_connect(SOCKET) as first:
            with client.websocket_connect(SOCKET) as second, pytest.raises(WebSocketDisconnect) as closed:
                second.receive_json()
            assert closed.value.code == 1013 and closed.value.reason
            assert say(first, "北京")["type"] == "entities"
        with client.websocket_connect(SOCKET) as later:
            assert say(later, "北京")["type"] == "entities"


def test_one_client_may_not_take_all_sockets():
    app = known_app(sockets=5, sockets_per_client=1)
    with started(app) as client:
        with client.websocket_connect(SOCKET) as first:
            with client.websocket_connect(SOCKET) as second, pytest.raises(WebSocketDisconnect) as closed:
                second.receive_json()
            assert closed.value.code == 1013
            other = TestClient(app, base_url=HERE, client=("another", 1))
            other.portal = client.portal
            with other.websocket_connect(SOCKET) as third:
                assert say(third, "北京")["type"] == "entities"
            assert say(first, "北京")["type"] == "entities"
        assert not app.state.service.sockets


@given(steps=st.lists(st.floats(0, 3), max_size=60), rate=st.floats(0.5, 5))
@settings(max_examples=50)
def test_nobody_gets_more_than_the_rate(steps, rate):
    """In any stretch of time, granted requests stay below burst + rate x time; who waits as told is served."""
    now, granted = 0.0, []
    limit = RateLimit(rate, clock=lambda: now)
    for step in steps:
        now += step
        try:
            limit.spend("a")
            granted.append(now)
        except TooFast as refusal:
            now += refusal.retry_after + 1e-6
            limit.spend("a")
            granted.append(now)
    for i, first in enumerate(granted):
        for j in range(i, len(granted)):
            assert j - i + 1 <= 2 * rate + rate * (granted[j] - first) + 1e-3


def test_the_rate_is_each_clients_own_and_memory_is_bounded():
    limit = RateLimit(1, clock=lambda: 0.0)
    for _ in range(2):
        limit.spend("a")
    limit.spend("b")
    with pytest.raises(TooFast):
        limit.spend("a")
    for i in range(KEYS + 10):
        limit.spend(f"client {i}")
    assert len(limit._buckets) == KEYS


# --- Page and numbers --------------------------------------------------------------------------


def test_the_page_loads_nothing_from_elsewhere(client):
    page = client.get("/")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://localhost wss://localhost" and policy["frame-ancestors"] == "'none'"
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4 and all(client.get(f"/{link}").status_code == 200 for link in links)
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=", page.text)
    assert page.headers["x-content-type-options"] == "nosniff"


def test_no_script_writes_markup_or_knows_another_host():
    for script in STATIC.glob("*.js"):
        source = script.read_text("utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|https?://", source
        )


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/docs"])
def test_nothing_else_is_handed_out(client, path):
    assert client.get(path).status_code in (404, 405)


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
