"""Who may ask, how often, and in what form."""

from collections.abc import Collection
from time import monotonic

from starlette.requests import HTTPConnection

from utils.serving.refusals import TooFast, WrongContentType, WrongOrigin

KEYS = 10_000
"""Clients that a rate limit remembers; who was silent longest is forgotten first."""


def address_of(connection: HTTPConnection) -> str:
    """Who asks: the network address, which is all that a service without accounts knows of a client."""
    return connection.client.host if connection.client else ""


class RateLimit:
    """A token bucket for each client: twice `per_second` at once, but at least one; `per_second` in the long run."""

    def __init__(self, per_second: float):
        self.per_second, self.burst = per_second, max(1.0, 2 * per_second)
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, client: str) -> None:
        """Take one request from the client's allowance.

        Raises:
            TooFast: nothing is left; it says for how long.
        """
        now = monotonic()
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
        raise WrongOrigin(f"pages of {origin} may not ask here; --allow-origin or SERVING_ALLOW_ORIGIN lets them")


def check_content_type(connection: HTTPConnection) -> None:
    """A body is JSON, and says so.

    Raises:
        WrongContentType: it does not.
    """
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise WrongContentType("the body must be JSON and say so: content-type: application/json")
