"""Bars for two cores, this machine only, a few minutes: `python -m pytest -m load -s tests/load`.

Times are believed here and nowhere else among the tests: run it on a quiet machine.
"""

import asyncio

import pytest

from utils.files import DATA
from utils.model.checkpoint import load_raner, save_raner
from utils.model.twin import article_twin
from utils.serving.load import resident_mb, rest_clients, typists
from utils.serving.models import build
from utils.serving.server import running_server
from utils.serving.trials import served
from utils.text.formats.bracketed import read_bracketed

pytestmark = pytest.mark.load


@pytest.fixture(scope="module")
def article():
    return read_bracketed(DATA / "article.txt")[0].text


@pytest.fixture(scope="module")
def address():
    """The embedded model in INT8; all clients share one address here, so the rate of one client is lifted."""
    with running_server("--rate", "1000000", "--sockets", "200") as address:
        yield address


def said(name, load):
    print(f"\n{name}: {load}, {load.per_second:.0f} a second")
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
    load = said("10,000 requests", asyncio.run(rest_clients(address, 20, 500, article[:40], seed=100)))
    after = resident_mb(address)
    print(f"{before:.0f} -> {after:.0f} MB")
    assert load.failed == load.lost == 0 and after < 1.05 * before + 5


@pytest.fixture(scope="module")
def article_scale(tmp_path_factory):
    """The twin in ONNX INT8."""
    folder = tmp_path_factory.mktemp("twin")
    model, tokenizer = load_raner()
    build(save_raner(article_twin(model), tokenizer, folder / "float"), folder / "int8")
    return folder / "int8"


def test_one_edited_sentence_at_article_scale(article_scale, article):
    with served(article_scale, article, "--threads", "2") as address:
        asyncio.run(typists(address, 1, 5, article, per_second=2, seed=1))
        load = said("one typist at article scale", asyncio.run(typists(address, 1, 50, article, per_second=2, seed=2)))
    assert load.failed == load.lost == load.shed == 0 and load.percentile(95) < 60
