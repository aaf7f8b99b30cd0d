"""What goes around every response: headers that keep the page to itself, and refusals that all look alike."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from utils.serving.messages import BODY

_HOST = re.compile(r"[\w.\-\[\]:]+")
FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}

PLAIN = {
    400: ("bad_request", "the body is no JSON, or the host is not ours"),
    413: ("too_large", f"a body has at most {BODY} bytes"),
}
"""Statuses by which the framework refuses in words of its own -> code and message that are said instead."""


def content_security_policy(host: str) -> str:
    """The page may load from and talk to `host` alone; `'self'` does not cover WebSockets in every browser."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{sockets}; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class SecureHeaders:
    """ASGI middleware that adds them to every HTTP response."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = content_security_policy(Headers(scope=scope).get("host", ""))
                MutableHeaders(scope=message).update({**FIXED, "content-security-policy": policy})
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class SameWords:
    """ASGI middleware that gives the framework's own refusals the body of all others."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reworded = False

        async def in_our_words(message: Message) -> None:
            nonlocal reworded
            if message["type"] == "http.response.start" and message["status"] in PLAIN:
                reworded, (code, said) = True, PLAIN[message["status"]]
                body = {"code": code, "message": said, "retry_after": None}
                await JSONResponse(body, message["status"])(scope, receive, send)
            elif not reworded:
                await send(message)

        await self.app(scope, receive, in_our_words if scope["type"] == "http" else send)
