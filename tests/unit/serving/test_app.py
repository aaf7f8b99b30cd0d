"""REST, life, page and who may ask, in one process; the tagger's answer is known."""

import json
import re
import threading

import pytest
from asking import HERE, SOCKET, ask, found, held_app, say, started
from hypothesis import given, settings
from hypothesis import strategies as st
from known_tagger import KnownTagger, known_app, spans
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from utils.serving.app import STATIC, create_app
from utils.serving.messages import LONGEST, MESSAGE


@pytest.fixture(scope="module")
def client():
    with started(known_app(rate=1e6)) as client:
        yield client


@pytest.fixture
def held():
    with held_app(queue=2) as held:
        yield held


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

    app = create_app(loader, "slow")
    with TestClient(app, base_url=HERE) as client:
        service = app.state.service
        early = client.get("/readyz")
        assert (early.status_code, early.headers["retry-after"], early.json()["code"]) == (503, "1", "not_ready")
        assert early.json()["retry_after"] == 1
        refused = ask(client, "北京")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.get("/healthz").status_code == 200
        load.set()
        client.portal.call(lambda: app.state.loading)
        assert client.get("/readyz").json() == {"status": "ready", "model": "slow"}
        client.portal.call(service.drain)
        assert client.get("/readyz").status_code == ask(client, "北京").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_a_model_that_cannot_be_loaded_is_named():
    def broken():
        raise ValueError("no such model")

    with started(create_app(broken, "none")) as client:
        assert "no such model" in client.get("/readyz").json()["message"]


# --- Who may ask -------------------------------------------------------------------------------


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
    assert (refusal.status_code, refusal.json()["code"]) == (400, "wrong_host")
    connection = client.websocket_connect(SOCKET, headers={"host": host})
    with pytest.raises((WebSocketDenialResponse, WebSocketDisconnect)), connection:
        pass


def test_case_25_a_host_name_that_was_allowed_is_ours():
    with started(known_app(hosts=("*.example.org", "ner.example.com"))) as client:
        for host, status in (("a.example.org", 200), ("ner.example.com:443", 200), ("localhost", 400)):
            assert client.get("/healthz", headers={"host": host}).status_code == status


def test_a_full_queue_is_said_on_both_ways(held):
    client, tagger = held
    with client.websocket_connect(SOCKET) as first, client.websocket_connect(SOCKET) as second:
        first.send_json({"seq": 1, "text": "等"})
        assert tagger.entered.wait(10)
        second.send_json({"seq": 1, "text": "在等"})
        second.send_text("?")
        assert second.receive_json()["code"] == "invalid"  # so what came before it is in the queue
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


@pytest.mark.parametrize("body", [b"[", "你好".encode("gbk"), b"{}"])
def test_a_body_that_cannot_be_read_is_charged_as_well(body):
    kind = {"content-type": "application/json"}
    with started(known_app(rate=2)) as client:
        codes = [client.post("/v1/entities", content=body, headers=kind).json()["code"] for _ in range(6)]
    assert codes[-1] == "too_fast" and "too_fast" not in codes[:4]


# --- Page --------------------------------------------------------------------------------------


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
