"""What goes around every response: headers that keep the page to itself."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOST = re.compile(r"[\w.\-\[\]:]+")
FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


def content_security_policy(host: str) -> str:
    """The page may load from and talk to `host` alone; `'self'` does not cover WebSockets in every browser."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{sockets}; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class SecureHeaders:
    """ASGI middleware that adds them to every HTTP response, that to a refused WebSocket included."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                policy = content_security_policy(Headers(scope=scope).get("host", ""))
                MutableHeaders(scope=message).update({**FIXED, "content-security-policy": policy})
            await send(message)

        await self.app(scope, receive, with_headers)
