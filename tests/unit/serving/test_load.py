"""The load generator counts right: against servers whose slowness and refusals are known."""

import asyncio
from itertools import islice

import pytest
from known_tagger import KnownTagger, known_app, serving

from utils.serving.app import create_app
from utils.serving.load import Load, apart, edits, resident_mb, rest_clients, typists
from utils.serving.service import Settings

TEXT = "陈默昨日在北京说。国家图书馆明年开放。"


def test_edits_change_one_character_at_a_time():
    states = [TEXT, *islice(edits(TEXT, 1), 50)]
    changed = [sum(a != b for a, b in zip(old, new, strict=True)) for old, new in zip(states, states[1:], strict=False)]
    assert max(changed) == 1 and sum(changed) > 30 and list(islice(edits(TEXT, 1), 50)) == states[1:]


def test_percentiles_and_rate():
    load = Load(tuple(range(101)), 0, 0, 0, 10)
    assert (load.percentile(50), load.percentile(95), load.per_second) == (50, 95, 10.1)
    assert "p95 95.0" in str(load) and "nan" in str(Load((), 1, 2, 3, 1))


def test_what_was_not_answered_took_forever():
    load = Load(tuple(range(1, 91)), 4, 0, 0, 10, superseded=6)
    assert load.sent == 100 and load.within(50) == 51 and load.within(95) == float("inf")
    assert Load((1.0, 2.0), 0, 0, 0, 1).within(95) == 2


def test_seeds_tell_clients_apart():
    tagger, seen = KnownTagger(), []
    with serving(create_app(lambda: tagger, "known", Settings(rate=1e6))) as (_, address):
        for seed in (0, 0, 10):
            asyncio.run(rest_clients(f"http://{address}", 2, 3, TEXT, seed))
            seen.append(len(set(tagger.seen)))
    assert seen[0] == seen[1] < seen[2]


def test_every_edit_of_every_typist_is_accounted_for():
    with serving(known_app()) as (_, address):
        load = asyncio.run(typists(f"http://{address}", 5, 1, TEXT, per_second=6))
        assert resident_mb(f"http://{address}") > 10
    assert len(load.milliseconds) == 30 and load.shed == load.failed == load.lost == 0 and load.seconds >= 0.8


def test_a_wait_counts_from_the_moment_the_edit_was_due():
    """One thread, 0.2 s a sentence, four edits due within 0.1 s: the last one waits for its elders."""
    with serving(known_app(0.2, threads=1)) as (_, address):
        load = asyncio.run(typists(f"http://{address}", 4, 0.1, "陈默", per_second=10))
    assert len(load.milliseconds) == 4 and min(load.milliseconds) >= 200 and max(load.milliseconds) >= 350


def test_an_edit_that_its_typist_has_typed_over_is_no_failure():
    """One typist, 0.5 s a sentence, four edits due within 0.2 s: only the last one is still wanted."""
    with serving(known_app(0.5, threads=1)) as (_, address):
        load = asyncio.run(typists(f"http://{address}", 1, 0.2, "陈默", per_second=20))
    assert (len(load.milliseconds), load.superseded, load.failed, load.lost) == (1, 3, 0, 0) and load.sent == 4


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
