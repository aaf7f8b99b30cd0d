"""The WebSocket: one typist sends whole texts under growing numbers and is answered for the newest.

A message `{"seq": 7, "text": "..."}` is answered by one message of the same number:
`{"type": "entities", "seq": 7, ...}`, or `{"type": "error", "seq": 7, "code": ..., ...}` with a code of
`utils.serving.refusals`. A newer message supersedes the one that is still unanswered. A message that
cannot be read is answered under the number null; it counts towards the rate as any other. Close codes:
1003 for binary frames, 1009 for a message that is too long, 1011 after an error of the service itself,
1012 for a restart, 1013 where all sockets, or all of one client, are taken; a page of another site gets no
WebSocket at all (403).
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from utils.serving.limits import RateLimit, address_of
from utils.serving.messages import MESSAGE, Ask, entities_message, error_message, wrong
from utils.serving.refusals import Invalid, Superseded, TooFast
from utils.serving.service import Service

MESSAGES_PER_SECOND = 20
"""Of one socket. Nobody types faster: the page waits for a pause of 0.3 seconds."""


class Conversation:
    """One accepted socket."""

    def __init__(self, websocket: WebSocket, service: Service):
        self.websocket, self.service = websocket, service
        self._limit = RateLimit(MESSAGES_PER_SECOND)
        self._seq, self._reply = 0, None

    async def run(self) -> None:
        """Read until the client leaves or is sent away; what nobody waits for any more is not computed."""
        client, settings = address_of(self.websocket), self.service.settings
        with _counted(self.service, client) as sockets:
            if sockets.total() > settings.sockets or sockets[client] > settings.sockets_per_client:
                await self.websocket.close(1013, "all sockets are taken; try again later")
                return
            try:
                await self._listen()
            finally:
                if self._reply:
                    self._reply.cancel()

    async def _listen(self) -> None:
        try:
            while await self._hear(await self.websocket.receive()):
                pass
        except WebSocketDisconnect:
            raise
        except Exception as error:
            await self._refuse(None, error)
            await self.websocket.close(1011, "an error of the service")

    async def _hear(self, frame: dict) -> bool:
        """Take one frame; false where it was the last."""
        if frame["type"] == "websocket.disconnect":
            return False
        if (raw := frame.get("text")) is None:
            await self.websocket.close(1003, "text messages only")
            return False
        if len(raw) > MESSAGE:
            await self.websocket.close(1009, f"a message has at most {MESSAGE} bytes")
            return False
        await self._take(_read(raw))
        return True

    async def _take(self, ask: Ask | Invalid) -> None:
        """Charge for a message, then begin to answer it."""
        unreadable = isinstance(ask, Invalid)
        try:
            self._limit.spend("")
        except TooFast as refusal:
            await self._refuse(None if unreadable else ask.seq, refusal)
            await asyncio.sleep(refusal.retry_after)  # nothing more is read meanwhile
            return
        if unreadable:
            await self._refuse(None, ask)
            return
        await self._supersede()
        self._seq, self._reply = ask.seq, self.service.accept(self._answer(ask))

    async def _supersede(self) -> None:
        if self._reply is None or self._reply.done():
            return
        self._reply.cancel()
        await asyncio.wait([self._reply])  # raises what cancels this socket, not what cancelled the reply
        if self._reply.cancelled():
            await self._refuse(self._seq, Superseded("a newer text has come"))

    async def _answer(self, ask: Ask) -> None:
        started = perf_counter()
        try:
            (answer,) = await self.service.analyse([ask.text], "websocket")
            message = entities_message(ask, answer, self.service.model, started)
        except Exception as error:
            message = error_message(ask.seq, error)
        with suppress(WebSocketDisconnect):
            await self.websocket.send_json(message)

    async def _refuse(self, seq: int | None, error: Exception) -> None:
        await self.websocket.send_json(error_message(seq, error))


def _read(raw: str) -> Ask | Invalid:
    try:
        return Ask.model_validate_json(raw)
    except ValidationError as error:
        return Invalid(wrong(error.errors(include_input=False)))


@contextmanager
def _counted(service: Service, client: str) -> Iterator[Counter[str]]:
    """Sockets of each client, this one counted as long as the block lasts; who has none is forgotten."""
    service.sockets[client] += 1
    try:
        yield service.sockets
    finally:
        service.sockets[client] -= 1
        service.sockets += Counter()  # drops zeros
