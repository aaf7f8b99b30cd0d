"""How much one service takes on, and for whom; what cannot be meant is refused at the start."""

import math
import re
from dataclasses import dataclass, field

from utils.measure.machine import usable_cpus
from utils.serving.incremental import CAPACITY

_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.I)
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\sA-Z]+")


@dataclass(frozen=True)
class Settings:
    """Limits, and who may ask.

    Args:
        threads: sentences computed at once.
        sentence_threads: of the computation of one sentence (intra-op threads): more of them answer one typist sooner,
            more `threads` answer many typists.
        queue: requests that may wait at once.
        deadline: seconds after which a request is given up.
        cache: characters of sentences that are remembered; 0 remembers nothing.
        sockets: WebSockets open at once.
        sockets_per_client: those of one network address: a class behind one router is one client.
        rate: REST requests a second of one network address.
        hosts: names of this server, without port; `*.example.org` and `*` are patterns.
        origins: other sites whose pages may ask, as browsers spell them, or `*`.

    Raises:
        ValueError: a number that would refuse everybody, or a host or an origin that no request can have.
    """

    threads: int = field(default_factory=usable_cpus)
    sentence_threads: int = 1
    queue: int = 64
    deadline: float = 5.0
    cache: int = CAPACITY
    sockets: int = 200
    sockets_per_client: int = 100
    rate: float = 50.0
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    origins: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("threads", "sentence_threads", "queue", "sockets", "sockets_per_client"):
            _check(getattr(self, name) >= 1, name, "must be at least 1", getattr(self, name))
        for name in ("deadline", "rate"):
            value = getattr(self, name)
            _check(value > 0 and math.isfinite(value), name, "must be a number above 0", value)
        _check(self.cache >= 0, "cache", "must be at least 0", self.cache)
        for host in self.hosts:
            _check(_HOST.fullmatch(host), "a host", "is a name such as ner.example.org, without scheme or port", host)
        for origin in self.origins:
            words = "is written as browsers send it, such as https://ner.example.org"
            _check(_ORIGIN.fullmatch(origin), "an origin", words, origin)


def _check(right: object, name: str, words: str, value: object) -> None:
    if not right:
        raise ValueError(f"{name} {words}, not {value}")
