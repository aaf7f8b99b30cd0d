"""Many clients at once: what they wait, and what is refused or lost.

Two kinds, because they ask different questions. Typists have a fixed rate: an edit is due whether the
last answer came or not, and its wait counts from the moment it was due, so a stalled server cannot hide
its stall by slowing its clients down. REST clients are a closed loop: each sends its next request when the
last one is answered, which finds the throughput.
"""

import asyncio
import json
import random
import re
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar
from urllib.request import urlopen

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from utils.measure.memory import MB
from utils.serving.refusals import Superseded

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds without an answer after which it counts as lost."""


@dataclass(frozen=True)
class Load:
    """What all clients together saw: milliseconds of each answer, and how many got none.

    `shed` were refused with a time to come back, `superseded` because their typist had typed on, `failed`
    in any other way; `lost` got no answer at all.
    """

    milliseconds: tuple[float, ...]
    shed: int
    failed: int
    lost: int
    seconds: float
    superseded: int = 0
    waits: tuple[float, ...] = ()
    """Milliseconds of every question in the order in which they were sent, infinite where no answer came."""

    @property
    def sent(self) -> int:
        return len(self.milliseconds) + self.shed + self.failed + self.lost + self.superseded

    @property
    def per_second(self) -> float:
        return len(self.milliseconds) / self.seconds

    def percentile(self, q: float) -> float:
        """Milliseconds of what was answered, interpolated; NaN where nothing was."""
        return float(np.percentile(self.milliseconds, q)) if self.milliseconds else float("nan")

    def within(self, q: float) -> float:
        """Milliseconds within which q percent of all that was *sent* were answered; infinite where fewer were.

        The percentiles of answers alone flatter a service that drops the slow ones.
        """
        waits = [*self.milliseconds, *[float("inf")] * (self.sent - len(self.milliseconds))]
        return float(np.percentile(waits, q, method="higher")) if waits else float("nan")

    def parts(self, q: float, count: int = 5) -> list[float]:
        """`within` in each of `count` parts of the time, equally many questions each: one stall spoils one or two.

        Raises:
            ValueError: fewer questions than parts.
        """
        if len(self.waits) < count:
            raise ValueError(f"{len(self.waits)} questions cannot be cut into {count} parts")
        parts = np.array_split(self.waits, count)
        return [float(np.percentile(part, q, method="higher")) for part in parts]

    def __str__(self) -> str:
        p50, p95, p99 = map(self.percentile, (50, 95, 99))
        refused = f"{self.shed} shed, {self.superseded} superseded, {self.failed} failed, {self.lost} lost"
        return f"{len(self.milliseconds)} answers, p50 {p50:.1f} p95 {p95:.1f} p99 {p99:.1f} ms, {refused}"


def edits(text: str, seed: int) -> Iterator[str]:
    """The text again and again, each time with one more character replaced by another one of the text."""
    draw, characters = random.Random(seed), list(text)
    while True:
        characters[draw.randrange(len(text))] = draw.choice(text)
        yield "".join(characters)


async def typists(address: str, count: int, seconds: float, text: str, per_second: float = 1.0, seed: int = 0) -> Load:
    """`count` WebSocket clients, each with `per_second` edits of one character, at moments of their own.

    Args:
        address: such as `http://127.0.0.1:8000`.
        seed: of the first client's edits, one more for each other. Who reuses seeds sends sentences that are known.

    Raises:
        ExceptionGroup: an answer that no client expects, such as one without the number of a question.
    """
    started = perf_counter()
    url = f"{address.replace('http', 'ws', 1)}/ws"
    outcomes = await asyncio.gather(
        *(
            _typist(url, edits(text, seed + i), int(seconds * per_second), 1 / per_second, i / count)
            for i in range(count)
        )
    )
    return _load(outcomes, started)


async def _typist(url: str, texts: Iterator[str], count: int, period: float, phase: float) -> list[float | str]:
    """What became of each edit; what had its answer before a connection was lost keeps it."""
    outcomes: dict[int, float | str] = dict.fromkeys(range(count), "lost")
    with suppress(OSError, WebSocketException):
        async with connect(url) as socket:
            due = [perf_counter() + (phase + i) * period for i in range(count)]
            async with asyncio.TaskGroup() as both:
                both.create_task(_type(socket, texts, due))
                both.create_task(_listen(socket, due, outcomes))
    return list(outcomes.values())


async def _type(socket: ClientConnection, texts: Iterator[str], due: Sequence[float]) -> None:
    """Send each edit when it is due, as long as the connection is open."""
    with suppress(ConnectionClosed):
        for seq, moment in enumerate(due):
            await asyncio.sleep(max(0.0, moment - perf_counter()))
            await socket.send(json.dumps({"seq": seq, "text": next(texts)}))


async def _listen(socket: ClientConnection, due: Sequence[float], outcomes: dict[int, float | str]) -> None:
    """Note each answer's wait, or what became of it: until all are in, the connection is lost, or patience is."""
    with suppress(ConnectionClosed, TimeoutError):
        async with asyncio.timeout(max(0.0, max(due, default=0.0) - perf_counter()) + PATIENCE):
            while "lost" in outcomes.values():
                answer = json.loads(await socket.recv())
                wait = 1000 * (perf_counter() - due[answer["seq"]])
                outcomes[answer["seq"]] = wait if answer["type"] == "entities" else _reason(answer)


def _reason(answer: dict) -> str:
    if answer["code"] == Superseded.code:
        return "superseded"
    return "failed" if answer["retry_after"] is None else "shed"


async def rest_clients(address: str, count: int, requests: int, text: str) -> Load:
    """`count` clients that send `requests` requests each, one after the other, every text edited."""
    started = perf_counter()
    limits = httpx.Limits(max_connections=count, max_keepalive_connections=count)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=PATIENCE) as client:
        clients = (_rest_client(client, edits(text, i), requests) for i in range(count))
        outcomes = await asyncio.gather(*clients)
    return _load(outcomes, started)


async def _rest_client(client: httpx.AsyncClient, texts: Iterator[str], requests: int) -> list[float | str]:
    outcomes: list[float | str] = []
    for _ in range(requests):
        sent = perf_counter()
        try:
            answer = await client.post("/v1/entities", json={"text": next(texts)})
        except httpx.TransportError:
            outcomes.append("lost")
            continue
        outcomes.append(1000 * (perf_counter() - sent) if answer.status_code == 200 else _refused(answer))
        if outcomes[-1] == "shed":
            await asyncio.sleep(int(answer.headers["retry-after"]) * random.random())
    return outcomes


def _refused(answer: httpx.Response) -> str:
    return "shed" if answer.status_code in (429, 503) and "retry-after" in answer.headers else "failed"


def _load(clients: Sequence[Sequence[float | str]], started: float) -> Load:
    """Of the outcomes of each client, equally many; the clients took turns, so all first ones come first."""
    outcomes = [outcome for turn in zip(*clients, strict=True) for outcome in turn]
    shed, failed, lost, superseded = map(outcomes.count, ("shed", "failed", "lost", "superseded"))
    milliseconds = tuple(o for o in outcomes if not isinstance(o, str))
    waits = tuple(float("inf") if isinstance(o, str) else o for o in outcomes)
    return Load(milliseconds, shed, failed, lost, perf_counter() - started, superseded, waits)


def apart(clients: Coroutine[object, object, T]) -> T:
    """Run clients in a thread with an event loop of its own: that of a notebook is taken."""
    with ThreadPoolExecutor(1, "clients") as thread:
        return thread.submit(asyncio.run, clients).result()


def resident_mb(address: str) -> float:
    """Memory that the serving process holds now, by its own metrics."""
    with urlopen(f"{address}/metrics", timeout=PATIENCE) as page:
        return float(re.search(r"^process_resident_memory_bytes (\S+)", page.read().decode(), re.M)[1]) / MB
