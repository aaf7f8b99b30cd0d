"""What notebook 09 measures: servers on this machine alone, each started for one trial and ended with it."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx

from utils.serving.incremental import Analysis, SentenceCache
from utils.serving.load import PATIENCE, Load, apart, resident_mb, rest_clients, typists
from utils.serving.server import running_server
from utils.tagger.tagger import Tagger

ONE_ADDRESS = ("--rate", "1000000", "--sockets", "1000", "--sockets-per-client", "1000")
"""All clients of a trial have this machine's address: what limits one client would limit them together."""


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


async def rush(address: str, texts: Sequence[str]) -> list[httpx.Response]:
    """All texts at the same moment, one request each, asked once."""
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
        return await asyncio.gather(*(client.post("/v1/entities", json={"text": text}) for text in texts))
