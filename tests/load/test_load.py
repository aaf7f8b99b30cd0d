"""Bars for two cores, this machine only, some minutes: `python -m pytest -m load -s tests/load`.

Times are believed here and nowhere else among the tests: run it on a quiet machine. The clients run beside the
service and take their part of the same cores, so waits are upper bounds.
"""

import asyncio

import pytest
from intervals import reported
from mortal_tagger import killed_every_second

from utils.measure.machine import VNNI, machine
from utils.serving.load import resident_mb, rest_clients, typists
from utils.serving.server import running_server
from utils.serving.trials import served

pytestmark = pytest.mark.load

EDIT_BAR = 60
"""Milliseconds within which 95 % of edits of one sentence are answered at article scale, on a CPU with VNNI."""


@pytest.fixture(scope="module")
def address():
    """The embedded model in INT8; all clients share one address here, so the rate of one client is lifted."""
    with running_server("--rate", "1000000", "--sockets", "200") as address:
        yield address


@pytest.fixture(scope="module")
def twin(article_scale, article):
    """The model of BERT-base size, two sentences at once, which knows the article."""
    with served(article_scale, article, "--threads", "2") as address:
        asyncio.run(typists(address, 1, 5, article, per_second=2, seed=1))
        yield address


@pytest.fixture
def twin_for_one(article_scale, article):
    """The same, one sentence at a time, two threads on it: what the README advises for a single person."""
    with served(article_scale, article, "--threads", "1", "--sentence-threads", "2") as address:
        asyncio.run(typists(address, 1, 5, article, per_second=2, seed=1))
        yield address


def said(name, load):
    print(f"\n{name}: {load}, {load.per_second:.0f} a second; {reported(load.milliseconds)}")
    return load


@pytest.mark.parametrize(("count", "bar"), [(50, 100), (100, None)])
def test_typists_at_one_edit_a_second(address, article, count, bar):
    asyncio.run(typists(address, count, 3, article, seed=1000 * count))
    load = said(f"{count} typists", asyncio.run(typists(address, count, 15, article, seed=1000 * count + 500)))
    assert load.failed == load.lost == 0
    if bar:
        assert load.shed == load.superseded == 0 and load.percentile(95) < bar


def test_a_hundred_rest_clients(address, article):
    load = said("100 REST clients", asyncio.run(rest_clients(address, 100, 10, article)))
    assert load.failed == load.lost == 0 and len(load.milliseconds) > 0


def test_memory_is_flat_over_ten_thousand_requests(address, article):
    asyncio.run(rest_clients(address, 20, 250, article[:40]))
    before = resident_mb(address)
    load = said("10,000 requests", asyncio.run(rest_clients(address, 20, 500, article[40:80])))
    after = resident_mb(address)
    print(f"{before:.0f} -> {after:.0f} MB")
    assert load.failed == load.lost == 0 and after < 1.05 * before + 5


def test_one_edited_sentence_at_article_scale(twin_for_one, article):
    load = said("one typist at article scale", asyncio.run(typists(twin_for_one, 1, 50, article, per_second=2, seed=2)))
    assert load.failed == load.lost == load.shed == 0
    if {*VNNI} & {*machine()["flags"]}:
        assert load.percentile(95) < EDIT_BAR


@pytest.mark.parametrize("count", [10, 30, 50])
def test_typists_at_article_scale(twin, article, count):
    load = said(f"{count} typists at article scale", asyncio.run(typists(twin, count, 30, article, seed=1000 * count)))
    assert load.sent == 30 * count and load.failed == load.lost == 0


def test_a_minute_in_which_a_worker_is_killed_every_second():
    """A hundred clients: every request is answered or refused, and none is left in silence."""
    typed, asked, deaths = killed_every_second(60, typing=50, asking=50)
    said("50 typists while workers die", typed)
    said("50 REST clients while workers die", asked)
    print(f"{deaths:.0f} workers died")
    assert (typed.sent, asked.sent) == (3_000, 6_000) and deaths >= 55
    assert typed.lost == asked.lost == typed.failed == asked.failed == 0
