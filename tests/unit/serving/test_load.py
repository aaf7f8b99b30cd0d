"""The load generator counts right: against servers whose slowness and refusals are known."""

import asyncio
import json
from itertools import islice

import pytest
from known_tagger import KnownTagger, known_app, serving
from websockets.asyncio.server import serve

from utils.serving.app import create_app
from utils.serving.load import Load, apart, edits, resident_mb, rest_clients, typists
from utils.serving.settings import Settings

TEXT = "陈默昨日在北京说。国家图书馆明年开放。"


def test_edits_change_one_character_at_a_time():
    states = [TEXT, *islice(edits(TEXT, 1), 50)]
    changed = [sum(a != b for a, b in zip(old, new, strict=True)) for old, new in zip(states, states[1:], strict=False)]
    assert max(changed) == 1 and sum(changed) > 30 and list(islice(edits(TEXT, 1), 50)) == states[1:]


def test_percentiles_and_rate():
    load = Load(tuple(range(101)), 0, 0, 0, 10)
    assert (load.percentile(50), load.percentile(95), load.per_second) == (50, 95, 10.1)
    assert "p50 50.0 p95 95.0 p99 99.0 ms" in str(load) and "nan" in str(Load((), 1, 2, 3, 1))


def test_what_was_not_answered_took_forever():
    load = Load(tuple(range(1, 91)), 4, 0, 0, 10, superseded=6)
    assert load.sent == 100 and load.within(50) == 51 and load.within(95) == float("inf")
    assert Load((1.0, 2.0), 0, 0, 0, 1).within(95) == 2


def test_a_stall_spoils_some_parts_of_a_run_only():
    waits = (10.0,) * 20 + (900.0,) * 7 + (float("inf"),) + (10.0,) * 22
    load = Load((), 0, 0, 0, 10, waits=waits)
    assert load.parts(95) == [10, 10, float("inf"), 10, 10] and load.parts(50, 2) == [10, 10]
    with pytest.raises(ValueError, match="2 questions"):
        Load((1.0, 2.0), 0, 0, 0, 1, waits=(1.0, 2.0)).parts(95)


def test_seeds_tell_clients_apart():
    tagger, seen = KnownTagger(), []
    with serving(create_app(lambda: tagger, "known", Settings(rate=1e6))) as (_, address):
        for seed in (0, 0, 10):
            asyncio.run(typists(f"http://{address}", 2, 0.3, TEXT, per_second=10, seed=seed))
            seen.append(len(set(tagger.seen)))
    assert seen[0] == seen[1] < seen[2]


def test_every_edit_of_every_typist_is_accounted_for():
    with serving(known_app()) as (_, address):
        load = asyncio.run(typists(f"http://{address}", 5, 1, TEXT, per_second=6))
        assert resident_mb(f"http://{address}") > 10
    assert (
        len(load.milliseconds) == 30 and load.waits == load.milliseconds and load.shed == load.failed == load.lost == 0
    )


async def seen_by_typists(answer, **arguments) -> Load:
    """What typists see of a service that leaves everything to `answer(socket)`."""
    async with serve(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await typists(f"http://127.0.0.1:{port}", text=TEXT, **arguments)


async def heard(socket, count) -> list[int]:
    """The numbers of so many messages."""
    return [json.loads(await socket.recv())["seq"] for _ in range(count)]


async def tell(socket, seq, **said) -> None:
    await socket.send(json.dumps({"type": "error", "seq": seq, "retry_after": None} | said))


def test_a_wait_counts_from_the_moment_the_edit_was_due(monkeypatch):
    """A service hears four edits and stalls for five seconds, by a clock that stands still otherwise."""
    now = [0.0]
    monkeypatch.setattr("utils.serving.load.perf_counter", lambda: now[0])

    async def stall(socket):
        numbers = await heard(socket, 4)
        now[0] = 5.0
        for seq in numbers:
            await tell(socket, seq, type="entities")

    load = asyncio.run(seen_by_typists(stall, count=1, seconds=0.4, per_second=10))
    assert load.milliseconds == pytest.approx((5000, 4900, 4800, 4700)) and load.sent == 4


def test_what_became_of_each_edit_is_told_apart():
    async def refuse(socket):
        codes = ("superseded", "overloaded", "failed", None)
        for seq, code in zip(await heard(socket, 4), codes, strict=True):
            wait = 1 if code == "overloaded" else None
            await tell(socket, seq, type="error" if code else "entities", code=code, retry_after=wait)

    load = asyncio.run(seen_by_typists(refuse, count=1, seconds=0.2, per_second=20))
    assert (load.superseded, load.shed, load.failed, load.lost, len(load.milliseconds)) == (1, 1, 1, 0, 1)


@pytest.mark.parametrize("answered", [0, 9, 10])
def test_what_was_answered_before_a_connection_closed_is_not_lost(answered):
    async def leave(socket):
        for seq in await heard(socket, answered):
            await tell(socket, seq, type="entities")
        await socket.close(1012)

    load = asyncio.run(seen_by_typists(leave, count=1, seconds=0.1, per_second=100))
    assert (len(load.milliseconds), load.lost, load.sent) == (answered, 10 - answered, 10)


def test_who_hears_nothing_gives_up(monkeypatch):
    monkeypatch.setattr("utils.serving.load.PATIENCE", 0.2)

    async def silent(socket):
        await socket.wait_closed()

    load = asyncio.run(seen_by_typists(silent, count=2, seconds=0.1, per_second=20))
    assert (load.lost, load.sent) == (4, 4)


@pytest.mark.parametrize("said", ['{"type": "error", "seq": null}', "no JSON", '{"type": "entities", "seq": 77}'])
def test_an_answer_that_nobody_expects_is_an_error_of_the_test_and_not_a_loss(said):
    async def odd(socket):
        await socket.send(said)
        await socket.wait_closed()

    with pytest.raises(ExceptionGroup):
        asyncio.run(seen_by_typists(odd, count=1, seconds=0.1, per_second=20))


def test_clients_run_where_a_loop_runs_already():
    async def answer():
        await asyncio.sleep(0)
        return 3

    async def notebook():
        return apart(answer())

    assert asyncio.run(notebook()) == apart(answer()) == 3


def test_refusals_and_dead_servers_are_not_answers():
    with serving(known_app(0.05, threads=1, queue=1, rate=1e6)) as (_, address):
        load = asyncio.run(rest_clients(f"http://{address}", 8, 2, TEXT))
    assert load.shed > 0 and len(load.milliseconds) + load.shed == 16 and load.failed == load.lost == 0
    dead = asyncio.run(rest_clients(f"http://{address}", 2, 1, TEXT))
    assert (dead.lost, dead.milliseconds) == (2, ())
    assert asyncio.run(typists(f"http://{address}", 2, 1, TEXT)).lost == 2


@pytest.mark.parametrize("sockets", [1])
def test_typists_without_a_socket_are_lost(sockets):
    with serving(known_app(sockets=sockets)) as (_, address):
        load = asyncio.run(typists(f"http://{address}", 3, 0.3, TEXT, per_second=10))
    assert load.lost == 6 and len(load.milliseconds) == 3
