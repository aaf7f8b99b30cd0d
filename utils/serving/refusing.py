"""Every HTTP request ends in an answer or in a refusal of ours, under an id that the log knows.

Frameworks refuse in words and formats of their own: what they say is said again as
`utils.serving.messages.Refused` has it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from utils.serving.messages import BODY, refused, wrong
from utils.serving.refusals import (
    Invalid,
    NotFound,
    Refusal,
    TooLarge,
    Unreadable,
    WrongHost,
    WrongMethod,
    as_refusal,
    new_request_id,
)

ID = "x-request-id"
"""A proxy may give a request its id; it comes back with every response."""

_SAFE_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Refusing:
    """ASGI middleware: whatever goes wrong inside becomes a refusal, and every response carries the request's id."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(ID, "")
        request_id = given if _SAFE_ID.fullmatch(given) else new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        response = _Response(scope, receive, send, request_id)
        try:
            await self.app(scope, receive, response.send)
        except Exception as error:
            refusal = as_refusal(error, request_id)
            if response.begun:
                raise
            await response.refuse(refusal)


class _Response:
    """The response to one request on its way out; what the framework says in plain words is reworded."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str):
        self.scope, self.receive, self.outside, self.request_id = scope, receive, send, request_id
        self.begun = self.reworded = False

    async def send(self, message: Message) -> None:
        if message["type"].endswith("http.response.start") and _in_plain_words(message):
            self.reworded = True
            await self.refuse(_by_status(message["status"]))
        elif not self.reworded:
            await self._pass_on(message)

    async def refuse(self, refusal: Refusal) -> None:
        await refusal_response(refusal, self.request_id)(self.scope, self.receive, self._pass_on)

    async def _pass_on(self, message: Message) -> None:
        self.begun = True
        if message["type"].endswith("http.response.start"):
            MutableHeaders(scope=message)[ID] = self.request_id
        await self.outside(message)


def _in_plain_words(start: Message) -> bool:
    kind = Headers(raw=start.get("headers", [])).get("content-type", "")
    return start["status"] >= 400 and kind.startswith("text/plain")


def _by_status(status: int) -> Refusal:
    """A refusal for a status that the framework answers with."""
    if status == NotFound.status:
        return NotFound("there is nothing at this path; /openapi.json describes what can be asked")
    if status == TooLarge.status:
        return TooLarge(f"a body has at most {BODY} bytes")
    phrase = HTTPStatus(status).phrase.lower()
    refusal = Refusal(phrase)
    refusal.status, refusal.code = status, re.sub(r"\W+", "_", phrase)
    return refusal


def refusal_response(refusal: Refusal, request_id: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A refusal as a response; one with a time to come back says it in `Retry-After`, too, in whole seconds."""
    wait = refusal.retry_after
    said = {} if wait is None else {"retry-after": str(max(1, math.ceil(wait)))}
    return JSONResponse(refused(refusal, request_id), refusal.status, {**(headers or {}), **said})


async def refuse_http(connection: HTTPConnection, error: HTTPException) -> JSONResponse:
    """An exception handler for what the framework refuses."""
    request_id, headers = connection.state.request_id, dict(error.headers or {})
    if error.status_code == WrongMethod.status:
        methods = {*headers.get("Allow", "GET").split(", ")}
        headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
        return refusal_response(WrongMethod(f"this path takes {headers['Allow']} only"), request_id, headers)
    if error.status_code == Unreadable.status:
        return refusal_response(Unreadable(_why_unreadable(error.__cause__)), request_id, headers)
    return refusal_response(_by_status(error.status_code), request_id, headers)


def _why_unreadable(cause: BaseException | None) -> str:
    if isinstance(cause, UnicodeDecodeError):
        return "the body is not in UTF-8, as JSON has to be"
    if isinstance(cause, RecursionError):
        return "the body is nested too deeply"
    return "the body cannot be read"


async def refuse_invalid(connection: HTTPConnection, error: RequestValidationError) -> JSONResponse:
    """An exception handler for questions that do not follow the schema."""
    return refusal_response(Invalid(wrong(error.errors())), connection.state.request_id)


class OwnHosts:
    """ASGI middleware that refuses requests for other hosts. Starlette decides which; the words are ours."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]):
        self.app, self.check = app, TrustedHostMiddleware(_nothing, hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def refuse(message: Message) -> None:
            raise WrongHost("this service has no such host name; --allow-host or SERVING_ALLOW_HOST gives it one")

        await self.check(scope, receive, refuse)
        await self.app(scope, receive, send)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Where the host is ours."""


class HeadAsGet:
    """ASGI middleware: HEAD is routed as GET; the server leaves the body out."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)
