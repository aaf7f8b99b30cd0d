"""Who may ask, and how often."""

import time
from collections.abc import Callable, Collection

from starlette.requests import HTTPConnection

from utils.serving.refusals import TooFast, WrongOrigin

KEYS = 10_000
"""Clients that a rate limit remembers; who was silent longest is forgotten first."""


def address_of(connection: HTTPConnection) -> str:
    """Who asks: the network address, which is all that a service without accounts knows of a client."""
    return connection.client.host if connection.client else ""


class RateLimit:
    """A token bucket for each client: twice `per_second` at once, `per_second` in the long run."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic):
        self.per_second, self.burst, self.clock = per_second, 2 * per_second, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, client: str) -> None:
        """Take one request from the client's allowance.

        Raises:
            TooFast: nothing is left; it says for how long.
        """
        now = self.clock()
        left, then = self._buckets.pop(client, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.per_second)
        granted = left >= 1
        self._buckets[client] = (left - granted, now)
        if len(self._buckets) > KEYS:
            del self._buckets[next(iter(self._buckets))]
        if not granted:
            raise TooFast(f"more than {self.per_second:g} requests a second", (1 - left) / self.per_second)


def check_origin(connection: HTTPConnection, allowed: Collection[str]) -> None:
    """A browser names the site of the page that asks; only our own page and `allowed` sites may.

    CORS does not protect a WebSocket: a browser opens one to any host, and asks nobody.

    Raises:
        WrongOrigin: the page belongs to another site. Programs that are no browsers send no origin.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in allowed or "*" in allowed:
        return
    if origin.partition("://")[2] != connection.headers.get("host"):
        raise WrongOrigin(f"pages of {origin} may not ask here")
