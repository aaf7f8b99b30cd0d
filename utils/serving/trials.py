"""What notebook 09 measures: servers on this machine alone, each started for one trial and ended with it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx

from utils.serving.batching import Batcher, Tag
from utils.serving.incremental import Analysis, SentenceCache
from utils.serving.load import PATIENCE, Load, apart, resident_mb, rest_clients, typists
from utils.serving.server import running_server
from utils.tagger.tagger import Tagger

ONE_ADDRESS = ("--rate", "1000000", "--sockets", "1000", "--sockets-per-client", "1000")
"""All clients of a trial have this machine's address: what limits one client would limit them together."""


REQUESTS, EVERY = 30, 0.002
"""How many requests a micro-batcher gets, and seconds from one to the next."""


class Edit(NamedTuple):
    """One edited text, analysed twice: milliseconds each way, sentences computed, and whether the answers agree."""

    full: float
    incremental: float
    computed: int
    same: bool


def edited(tagger: Tagger, texts: Sequence[str]) -> list[Edit]:
    """Each text analysed from nothing, and by a cache that has seen the texts before it.

    Args:
        texts: states of one text, the first of them counted as well.
    """
    cache = SentenceCache()
    return [_edit(tagger, text, cache) for text in texts]


def _edit(tagger: Tagger, text: str, cache: SentenceCache) -> Edit:
    whole, full, _ = _analysed(tagger, text, SentenceCache())
    part, incremental, computed = _analysed(tagger, text, cache)
    return Edit(full, incremental, computed, whole == part)


def _analysed(tagger: Tagger, text: str, cache: SentenceCache):
    started = perf_counter()
    analysis = Analysis(text, "", cache)
    return analysis.computed(tagger), 1000 * (perf_counter() - started), len(analysis.missing)


@contextmanager
def served(model: Path, text: str, *options: str) -> Iterator[str]:
    """The address of a server that knows every sentence of `text` already."""
    with running_server("--model", str(model), *ONE_ADDRESS, *options) as address:
        httpx.post(f"{address}/v1/entities", json={"text": text}, timeout=PATIENCE).raise_for_status()
        yield address


def waits(model: Path, counts: Collection[int], seconds: float, text: str) -> dict[int, Load]:
    """Typists who edit `text` once a second each, so many at once for so long."""
    with served(model, text) as address:
        return {count: apart(typists(address, count, seconds, text, seed=1000 * count)) for count in counts}


class Throughput(NamedTuple):
    """Answers a second, and MB that all serving processes hold together."""

    per_second: float
    megabytes: float


def throughput(model: Path, processes: int, threads: int, clients: int, requests: int, text: str) -> Throughput:
    """REST clients, dealt out evenly to processes that know nothing of each other, as a balancer does it."""
    with ExitStack() as stack:
        options = "--threads", str(threads)
        addresses = [stack.enter_context(served(model, text, *options)) for _ in range(processes)]
        answers, seconds = apart(_dealt(addresses, clients, requests, text))
        return Throughput(answers / seconds, sum(map(resident_mb, addresses)))


async def _dealt(addresses: Sequence[str], clients: int, requests: int, text: str) -> tuple[int, float]:
    started = perf_counter()
    each = clients // len(addresses)
    loads = await asyncio.gather(*(rest_clients(address, each, requests, text) for address in addresses))
    return sum(len(load.milliseconds) for load in loads), perf_counter() - started


class Gathered(NamedTuple):
    """How often the model was called for all requests together, and the longest wait of one, in ms."""

    calls: int
    longest: float


Round = Callable[[asyncio.Queue, Tag, int, float], Awaitable[None]]
"""`(waiting, model, most, pause)`: one round of a micro-batcher; `waiting` gives pairs of a text and a future."""


async def repeated(one_round: Round, model: Tag, most: int, pause: float) -> Gathered:
    """`REQUESTS` requests at a micro-batcher that repeats one round for ever."""
    waiting, counted = asyncio.Queue(), _Counted(model)

    async def for_ever() -> None:
        while True:
            await one_round(waiting, counted, most, pause)
            await asyncio.sleep(0)  # a round that never waits would leave nobody a turn

    async def ask(text: str) -> None:
        waiting.put_nowait((text, future := asyncio.get_running_loop().create_future()))
        await future

    server = asyncio.create_task(for_ever())
    try:
        return Gathered(longest=await _longest(ask), calls=counted.calls)
    finally:
        server.cancel()


async def by_batcher(model: Tag) -> Gathered:
    """The same requests at a `Batcher`."""
    batcher = Batcher(counted := _Counted(model))
    longest = await _longest(lambda text: batcher.answer([text]))
    await batcher.drain()
    return Gathered(counted.calls, longest)


class _Counted:
    """A model that knows how often it was called."""

    def __init__(self, model: Tag):
        self.model, self.calls = model, 0

    def __call__(self, texts: list[str]):
        self.calls += 1
        return self.model(texts)


async def _longest(ask: Callable[[str], Awaitable[object]]) -> float:
    """The longest wait of a request, in ms."""

    async def one(number: int) -> float:
        await asyncio.sleep(EVERY * number)
        started = perf_counter()
        await asyncio.wait_for(ask(str(number)), PATIENCE)
        return 1000 * (perf_counter() - started)

    return max(await asyncio.gather(*map(one, range(REQUESTS))))


async def rush(address: str, texts: Sequence[str]) -> list[httpx.Response]:
    """All texts at the same moment, one request each, asked once."""
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
        return await asyncio.gather(*(client.post("/v1/entities", json={"text": text}) for text in texts))
