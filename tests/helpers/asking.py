"""Asking an application in this process by REST and WebSocket, and a tagger that answers when it is told to."""

import threading
from contextlib import contextmanager

from known_tagger import KnownTagger
from starlette.testclient import TestClient

from utils.serving.app import create_app
from utils.serving.settings import Settings

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


class Broken(KnownTagger):
    """Raises `error` at every text with 坏; what answers the others is known."""

    def __init__(self, error: BaseException):
        super().__init__()
        self.error = error

    def predict(self, texts, batch_size=16):
        if any("坏" in text for text in texts):
            raise self.error
        return super().predict(texts, batch_size)


@contextmanager
def started(app):
    """A client of the application once its model is loaded."""
    with TestClient(app, base_url=HERE) as client:
        client.portal.call(lambda: app.state.loading)
        yield client


@contextmanager
def held_app(**settings):
    """The client of an application with one worker thread, and the `Held` tagger that it serves."""
    tagger = Held()
    with started(create_app(lambda: tagger, "held", Settings(threads=1, rate=1e6, **settings))) as client:
        yield client, tagger
        tagger.go.set()


def served_by(tagger, **settings):
    """The application around any tagger."""
    return create_app(lambda: tagger, "known", Settings(**{"threads": 1, "rate": 1e6, **settings}))


def ask(client, text, **options):
    return client.post("/v1/entities", json={"text": text}, **options)


def found(result):
    return [(e["start"], e["end"], e["type"]) for e in result["entities"]]


def say(socket, text, seq=1):
    socket.send_json({"seq": seq, "text": text})
    return socket.receive_json()


def value(client, name, **labels):
    """A number of the application's metrics."""
    return client.app.state.service.metrics.registry.get_sample_value(name, labels)
