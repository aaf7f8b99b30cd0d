"""A tagger whose answer is known: it finds five names, wherever they stand. No model, no waiting."""

import re
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from utils.serving.app import create_app
from utils.serving.server import TaggerServer
from utils.serving.settings import Settings
from utils.text.entities import Entity

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"陈默": "PER", "北京": "LOC", "国家图书馆": "ORG", "😀": "LOC", "京": "LOC"}
PATTERN = re.compile("|".join(NAMES))


class KnownTagger:
    """`seen` are the sentences it was asked for; it takes `seconds` for each."""

    def __init__(self, seconds: float = 0.0):
        self.seconds, self.seen = seconds, []

    def predict(self, texts, batch_size=16):
        self.seen += texts
        time.sleep(self.seconds * len(texts))
        return [[Entity(*m.span(), NAMES[m[0]], m[0], 0.9) for m in PATTERN.finditer(text)] for text in texts]


def known_app(seconds: float = 0.0, **settings):
    """The application around it; with arguments, gunicorn can call it by name."""
    return create_app(lambda: KnownTagger(seconds), "known", Settings(**settings))


@contextmanager
def serving(app, port=0):
    """The application in a thread of this process, on a free port unless one is named."""
    server = TaggerServer(app, "127.0.0.1", port)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started and server.service.ready)
        yield server, f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def until(happened, seconds: float = 20.0) -> None:
    """Waits for what only another thread or process can bring about, and not for ever."""
    last = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < last, f"nothing for {seconds:g} seconds"
        time.sleep(0.01)


def spans(text: str) -> list[tuple[int, int, str]]:
    return [(*m.span(), NAMES[m[0]]) for m in PATTERN.finditer(text)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
