"""The WebSocket: numbers, newer texts, what cannot be read, what goes wrong, and who is sent away."""

import asyncio
import json
from collections import Counter

import pytest
from asking import HERE, SOCKET, Broken, found, held_app, say, served_by, started
from hypothesis import given, settings
from hypothesis import strategies as st
from known_tagger import known_app
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from utils.serving.conversation import MESSAGES_PER_SECOND, Conversation
from utils.serving.messages import MESSAGE
from utils.serving.settings import Settings


@pytest.fixture(scope="module")
def client():
    with started(known_app(rate=1e6)) as client:
        yield client


@pytest.fixture
def held():
    with held_app() as held:
        yield held


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
        assert say(socket, "北京", 2) | {"message": "", "request_id": ""} == {
            "type": "error", "seq": 1, "code": "superseded", "message": "", "retry_after": None, "request_id": "",
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


def test_one_socket_may_not_send_too_often(client):
    with client.websocket_connect(SOCKET) as socket:
        for seq in range(3 * MESSAGES_PER_SECOND):
            socket.send_json({"seq": seq, "text": ""})
        codes = [socket.receive_json().get("code") for _ in range(3 * MESSAGES_PER_SECOND)]
        assert "too_fast" in codes and codes[:5] == [None] * 5


def test_messages_that_cannot_be_read_are_charged_as_well(client):
    """A burst of twice the rate is free; a message that can be read keeps its number in the refusal."""
    with client.websocket_connect(SOCKET) as socket:
        for _ in range(3 * MESSAGES_PER_SECOND):
            socket.send_text("?")
        codes = [socket.receive_json()["code"] for _ in range(2 * MESSAGES_PER_SECOND)]
        assert set(codes) == {"invalid"}
        rest = [socket.receive_json() for _ in range(MESSAGES_PER_SECOND)]
        assert "too_fast" in {answer["code"] for answer in rest} and {answer["seq"] for answer in rest} == {None}


@pytest.mark.parametrize("error", [ArithmeticError("secret"), StopIteration("secret"), SystemExit("secret")])
def test_an_error_of_the_tagger_is_said_and_the_next_text_answered(error, caplog):
    with started(served_by(Broken(error), threads=2)) as client, client.websocket_connect(SOCKET) as socket:
        refusal = say(socket, "坏", 7)
        code = "worker_lost" if isinstance(error, SystemExit) else "failed"
        assert (refusal["type"], refusal["seq"], refusal["code"]) == ("error", 7, code)
        assert refusal["message"] and "secret" not in refusal["message"]
        assert refusal["request_id"] in caplog.text or code == "worker_lost"
        assert "secret" in caplog.text
        assert found(say(socket, "北京", 8)) == [(0, 2, "LOC")]


def test_each_refusal_has_an_id_of_its_own(client):
    with client.websocket_connect(SOCKET) as socket:
        for _ in range(2):
            socket.send_text("?")
        first, second = (socket.receive_json()["request_id"] for _ in range(2))
    assert first and second and first != second


class Stubborn:
    """A service whose answers cannot be cancelled before `let_go`, and a socket to it; a queue stands for the wire."""

    def __init__(self):
        self.settings, self.sockets, self.model = Settings(), Counter(), "stubborn"
        self.client, self.headers = None, {}
        self.frames, self.said = asyncio.Queue(), []
        self.cancelled, self.let_go = asyncio.Event(), asyncio.Event()

    async def analyse(self, texts, way):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            await self.let_go.wait()
            raise

    def accept(self, work):
        return asyncio.ensure_future(work)

    async def receive(self):
        return await self.frames.get()

    async def send_json(self, message):
        self.said.append(message)

    def write(self, seq):
        self.frames.put_nowait({"type": "websocket.receive", "text": json.dumps({"seq": seq, "text": "北京"})})


def test_a_socket_can_be_cancelled_while_it_waits_for_a_superseded_answer():
    async def scene():
        both = Stubborn()
        talking = asyncio.create_task(Conversation(both, both).run())
        both.write(1)
        for _ in range(5):  # until the first answer is being computed
            await asyncio.sleep(0)
        both.write(2)
        await asyncio.wait_for(both.cancelled.wait(), 10)
        talking.cancel()
        await asyncio.sleep(0)
        both.let_go.set()
        done, _ = await asyncio.wait([talking], timeout=10)
        assert done and talking.cancelled() and both.said == [] and not both.sockets.total()

    asyncio.run(scene())


class Faulty(Stubborn):
    """A socket that breaks in a way that nobody foresaw."""

    def __init__(self):
        super().__init__()
        self.closed = None

    async def receive(self):
        raise ArithmeticError("no frame")

    async def close(self, code, reason):
        self.closed = code


def test_an_error_of_the_conversation_itself_is_said_before_it_ends(caplog):
    async def scene():
        both = Faulty()
        await Conversation(both, both).run()
        (refusal,) = both.said
        assert (refusal["code"], refusal["seq"], both.closed) == ("failed", None, 1011)
        assert refusal["request_id"] in caplog.text and "no frame" in caplog.text

    asyncio.run(scene())


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
