"""What notebook 09 measures: real servers around the embedded model's file, small numbers."""

import asyncio
from time import perf_counter

import httpx
import pytest
from known_tagger import KnownTagger, known_app, serving
from tiny_models import random_raner, tiny_tokenizer

from utils.engines.onnx_export import export_onnx
from utils.serving import trials

TEXT = "天地玄黄。宇宙洪荒。"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_onnx(random_raner(), tiny_tokenizer(), tmp_path_factory.mktemp("model"))


def test_an_edit_computes_its_sentence_and_agrees_with_the_whole():
    tagger = KnownTagger()
    edits = trials.edited(tagger, ["陈默。北京。", "陈默。北京好。", "陈默北京好。"])
    assert [(edit.computed, edit.same) for edit in edits] == [(2, True), (1, True), (1, True)]
    assert all(edit.full > 0 and edit.incremental > 0 for edit in edits) and len(tagger.seen) == 2 + 2 + 1 + 2 + 1 + 1


def test_a_server_of_a_trial_knows_the_text_and_ends_with_the_block(model):
    with trials.served(model, TEXT, "--threads", "1") as address:
        (result,) = httpx.post(f"{address}/v1/entities", json={"text": TEXT}).json()["results"]
        assert (result["sentences"], result["computed"]) == (2, 0)
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_waits_of_every_number_of_typists(model):
    found = trials.waits(model, (1, 3), 2, TEXT)
    assert {count: load.sent for count, load in found.items()} == {1: 2, 3: 6}
    assert all(load.failed == load.lost == 0 for load in found.values())


def test_a_second_process_holds_a_second_model(model):
    one, two = (trials.throughput(model, processes, 1, 2, 3, TEXT) for processes in (1, 2))
    assert one.per_second > 0 and two.per_second > 0 and two.megabytes > 1.5 * one.megabytes


async def one_round(waiting, model, most, pause):
    """Takes what is there, up to `most`, after the pause."""
    batch = [await waiting.get()]
    await asyncio.sleep(pause)
    while len(batch) < most and not waiting.empty():
        batch.append(waiting.get_nowait())
    await asyncio.to_thread(model, [text for text, _ in batch])
    for _, future in batch:
        future.set_result([])


def test_batches_save_calls():
    asked = []

    def model(texts):
        asked.extend(texts)
        return [[] for _ in texts]

    alone = asyncio.run(trials.repeated(one_round, model, most=1, pause=0))
    together = asyncio.run(trials.repeated(one_round, model, most=trials.REQUESTS, pause=0.2))
    ours = asyncio.run(trials.by_batcher(model))
    assert (alone.calls, together.calls) == (trials.REQUESTS, 1) and 1 <= ours.calls <= trials.REQUESTS
    assert sorted(asked) == sorted(3 * [str(number) for number in range(trials.REQUESTS)])
    assert together.longest > 150 > alone.longest > 0


def test_a_round_that_never_waits_leaves_the_others_their_turn(monkeypatch):
    monkeypatch.setattr(trials, "PATIENCE", 0.1)
    started = perf_counter()

    async def no_round(*_):
        if perf_counter() - started > 5:
            raise RuntimeError("nobody had a turn")

    with pytest.raises(TimeoutError):
        asyncio.run(trials.repeated(no_round, list, most=1, pause=0))
    assert perf_counter() - started < 5


def test_a_rush_comes_all_at_once():
    with serving(known_app(0.2, threads=1, queue=1, rate=1e6)) as (_, address):
        answers = asyncio.run(trials.rush(f"http://{address}", [f"{i}。" for i in range(6)]))
    assert sorted(answer.status_code for answer in answers) == [200] + [503] * 5
