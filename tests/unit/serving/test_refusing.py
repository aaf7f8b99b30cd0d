"""Case by case: whatever REST does not answer has a code, a message and the request's id."""

import json
import re

import pytest
from asking import SOCKET, Broken, ask, served_by, started
from known_tagger import known_app
from starlette.responses import StreamingResponse
from starlette.testclient import WebSocketDenialResponse

from utils.serving.messages import BODY, LONGEST, TEXTS
from utils.serving.security import FIXED

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def client():
    with started(known_app(rate=1e6)) as client:
        yield client


def is_a_refusal(answer) -> dict:
    """The body of a refusal that keeps its form, whatever its cause."""
    said = answer.json()
    assert said.keys() == {"code", "message", "retry_after", "request_id"}
    assert said["code"] and said["message"] and said["request_id"] == answer.headers["x-request-id"]
    assert answer.headers.items() >= FIXED.items()
    return said


POST, ENTITIES = "POST", "/v1/entities"
CASES = {
    "nothing there": ("GET", "/nothing", {}, 404, "not_found"),
    "no such file": ("GET", "/static/nothing.js", {}, 404, "not_found"),
    "wrong method": ("DELETE", ENTITIES, {}, 405, "wrong_method"),
    "page with a wrong method": (POST, "/", {}, 405, "wrong_method"),
    "file with a wrong method": (POST, "/static/page.js", {}, 405, "wrong_method"),
    "a range that cannot be": ("GET", "/", {"headers": {"range": "bytes=x"}}, 400, "bad_request"),
    "wrong host": ("GET", "/", {"headers": {"host": "evil.example"}}, 400, "wrong_host"),
    "no content type": (POST, ENTITIES, {"content": b'{"text": ""}'}, 415, "wrong_content_type"),
    "a form": (POST, ENTITIES, {"data": {"text": "x"}}, 415, "wrong_content_type"),
    "GBK": (POST, ENTITIES, {"content": '{"text": "北京"}'.encode("gbk"), "headers": JSON}, 400, "unreadable"),
    "too deep": (POST, ENTITIES, {"content": b"[" * 10_000, "headers": JSON}, 400, "unreadable"),
    "no JSON": (POST, ENTITIES, {"content": b"{", "headers": JSON}, 422, "invalid"),
    "nothing": (POST, ENTITIES, {"headers": JSON}, 422, "invalid"),
    "no object": (POST, ENTITIES, {"json": []}, 422, "invalid"),
    "no text": (POST, ENTITIES, {"json": {"text": 3}}, 422, "invalid"),
    "half a pair": (POST, ENTITIES, {"content": b'{"text": "\\ud800"}', "headers": JSON}, 422, "invalid"),
    "more": (POST, ENTITIES, {"json": {"text": "x", "more": 1}}, 422, "invalid"),
    "too long": (POST, ENTITIES, {"json": {"text": "x" * (LONGEST + 1)}}, 422, "invalid"),
    "too many": (POST, ENTITIES, {"json": {"text": ["x"] * (TEXTS + 1)}}, 422, "invalid"),
    "too large": (POST, ENTITIES, {"content": b" " * (BODY + 1), "headers": JSON}, 413, "too_large"),
    "another site": (POST, ENTITIES, {"json": {"text": ""}, "headers": {"origin": "http://x"}}, 403, "wrong_origin"),
}


@pytest.mark.parametrize("case", CASES)
def test_case_26_every_refusal_has_a_code_and_a_message(client, case):
    method, path, options, status, code = CASES[case]
    answer = client.request(method, path, **options)
    assert (answer.status_code, is_a_refusal(answer)["code"]) == (status, code)


def test_case_26_each_cause_has_words_of_its_own(client):
    words = {
        case: client.request(method, path, **options).json()["message"]
        for case, (method, path, options, *_) in CASES.items()
    }
    del words["no such file"], words["a form"], words["file with a wrong method"]  # the same causes once more
    assert len({*words.values()}) == len(words)
    told = {
        "too deep": "nested too deeply",
        "nothing there": "/openapi.json",
        "GBK": "UTF-8",
        "no content type": "application/json",
    }
    assert all(told[case] in words[case] for case in told)


def test_case_26_a_wrong_method_is_told_the_right_ones(client):
    assert client.get(ENTITIES).headers["allow"] == "POST" and "POST" in client.get(ENTITIES).json()["message"]
    for path in ("/", "/healthz", "/openapi.json", "/static/page.js"):
        assert client.post(path).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/page.js"])
def test_case_26_head_is_answered_as_get(client, path):
    asked, got = client.head(path), client.get(path)
    assert asked.status_code == got.status_code == 200 and asked.content == b""
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert client.head("/nothing").status_code == 404 and client.head(ENTITIES).status_code == 405


@pytest.mark.parametrize("error", [ArithmeticError("secret"), TypeError("secret"), StopIteration("secret")])
def test_an_error_of_the_tagger_is_said_and_the_service_goes_on(error, caplog):
    with started(served_by(Broken(error))) as client:
        answer = ask(client, "坏")
        said = is_a_refusal(answer)
        assert (answer.status_code, said["code"]) == (500, "failed") and "secret" not in answer.text
        assert said["request_id"] in caplog.text and "secret" in caplog.text
        assert ask(client, "北京").status_code == client.get("/readyz").status_code == 200


def test_an_error_anywhere_else_is_said_as_well():
    app = known_app()

    async def broken():
        raise KeyError("a bug")

    app.get("/broken")(broken)
    with started(app) as client:
        answer = client.get("/broken")
        assert (answer.status_code, is_a_refusal(answer)["code"]) == (500, "failed")


def test_an_error_in_the_middle_of_an_answer_cuts_it_off():
    """Half an answer must not look like a whole one."""

    async def halves():
        yield b"half"
        raise KeyError("a bug")

    async def streamed():
        return StreamingResponse(halves())

    app = known_app()
    app.get("/streamed", response_model=None)(streamed)
    with started(app) as client, pytest.raises(KeyError, match="a bug"):
        client.get("/streamed")


def test_a_request_keeps_the_id_that_a_proxy_gave_it(client):
    assert client.get("/healthz", headers={"x-request-id": "proxy-7.a_b"}).headers["x-request-id"] == "proxy-7.a_b"
    for strange in ("", "a b", "x" * 65, "a;b"):
        given = client.get("/healthz", headers={"x-request-id": strange}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", given)


def test_a_socket_that_is_refused_is_told_why(client):
    for headers, code in (
        ({"origin": "http://evil.example"}, "wrong_origin"),
        ({"host": "evil.example"}, "wrong_host"),
    ):
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(SOCKET, headers=headers):
            pass
        assert json.loads(denied.value.text)["request_id"] and is_a_refusal(denied.value)["code"] == code
