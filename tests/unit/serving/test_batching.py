"""The queue: fair, bounded, prompt to drop what nobody waits for, and emptied before it ends."""

import asyncio
import threading
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.model.torch_tagger import torch_tagger
from utils.serving import batching
from utils.serving.batching import ROUND, Batcher
from utils.serving.refusals import Expired, NotReady, Overloaded, WorkerLost


class Gate:
    """Stands for the tagger: answers each sentence with itself, once the gate is open. Remembers its rounds."""

    def __init__(self, opened=True):
        self.rounds, self.open, self.entered = [], threading.Event(), threading.Event()
        if opened:
            self.open.set()

    def __call__(self, sentences):
        self.rounds.append(list(sentences))
        self.entered.set()
        assert self.open.wait(10)
        if "bad" in sentences:
            raise ArithmeticError("bad")
        return [[sentence] for sentence in sentences]

    async def wait_until_entered(self):
        await asyncio.to_thread(self.entered.wait, 10)


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_every_sentence_gets_its_answer():
    async def scene():
        batcher = Batcher(Gate())
        found = await asyncio.gather(*(batcher.answer([f"{i}", f"{i}b"]) for i in range(20)))
        assert found == [{f"{i}": [f"{i}"], f"{i}b": [f"{i}b"]} for i in range(20)]
        assert await batcher.answer([]) == {} and not batcher.jobs
        await batcher.drain()

    asyncio.run(scene())


def test_a_long_text_does_not_hold_up_a_short_one():
    async def scene():
        gate = Gate(opened=False)
        batcher = Batcher(gate)
        long = asyncio.create_task(batcher.answer([f"long{i}" for i in range(3 * ROUND)]))
        await gate.wait_until_entered()
        short = asyncio.create_task(batcher.answer(["short"]))
        await turns()
        gate.open.set()
        assert await short == {"short": ["short"]} and not long.done()
        await long
        assert "short" in gate.rounds[1] and len(gate.rounds) == 4
        await batcher.drain()

    asyncio.run(scene())


def test_sixteen_long_texts_do_not_either():
    """Turns go on from round to round: nobody is served twice before everybody was served once."""

    async def scene():
        gate = Gate(opened=False)
        batcher = Batcher(gate)
        first = asyncio.create_task(batcher.answer(["first"]))
        await gate.wait_until_entered()
        others = [asyncio.create_task(batcher.answer([f"{i}.{j}" for j in range(ROUND)])) for i in range(5)]
        await turns()
        gate.open.set()
        await asyncio.gather(first, *others)
        served = [sentence.split(".")[0] for round_ in gate.rounds[1:] for sentence in round_]
        assert served == list("01234") * ROUND and {len(round_) for round_ in gate.rounds[1:]} == {ROUND}
        await batcher.drain()

    asyncio.run(scene())


def test_what_two_want_is_computed_once():
    async def scene():
        gate = Gate(opened=False)
        batcher = Batcher(gate)
        first = asyncio.create_task(batcher.answer(["first"]))
        await gate.wait_until_entered()
        two = [asyncio.create_task(batcher.answer(["same"])) for _ in range(2)]
        await turns()
        gate.open.set()
        assert await asyncio.gather(*two) == [{"same": ["same"]}] * 2
        assert gate.rounds == [["first"], ["same"]]
        await first
        await batcher.drain()

    asyncio.run(scene())


def test_a_full_queue_refuses_at_once_and_serves_again_later():
    async def scene():
        gate = Gate(opened=False)
        batcher = Batcher(gate, queue=2)
        accepted = [asyncio.create_task(batcher.answer([str(i)])) for i in range(2)]
        await turns()
        with pytest.raises(Overloaded) as refusal:
            await batcher.answer(["third"])
        assert refusal.value.status == 503 and refusal.value.retry_after
        gate.open.set()
        await asyncio.gather(*accepted)
        assert await batcher.answer(["fourth"]) == {"fourth": ["fourth"]}
        assert not any("third" in round_ for round_ in gate.rounds)
        await batcher.drain()

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_what_nobody_waits_for_is_not_computed(how):
    async def scene():
        gate = Gate(opened=False)
        batcher = Batcher(gate, deadline=10 if how == "cancelled" else 0.05)
        first = asyncio.create_task(batcher.answer(["first"]))
        await gate.wait_until_entered()
        dropped = asyncio.create_task(batcher.answer(["dropped"]))
        await turns()
        if how == "cancelled":
            dropped.cancel()
        with pytest.raises(asyncio.CancelledError if how == "cancelled" else Expired):
            await dropped
        gate.open.set()
        await asyncio.gather(first, return_exceptions=True)
        batcher.deadline = 10
        await batcher.answer(["next"])
        assert gate.rounds == [["first"], ["next"]] and not batcher.jobs
        await batcher.drain()

    asyncio.run(scene())


def test_a_sentence_that_fails_harms_no_other():
    async def scene():
        gate = Gate(opened=False)
        batcher = Batcher(gate)
        first = asyncio.create_task(batcher.answer(["first"]))
        await gate.wait_until_entered()
        tasks = [asyncio.create_task(batcher.answer([s])) for s in ("good", "bad", "fine")]
        await turns()
        gate.open.set()
        good, bad, fine = await asyncio.gather(*tasks, return_exceptions=True)
        assert (good, fine) == ({"good": ["good"]}, {"fine": ["fine"]}) and isinstance(bad, ArithmeticError)
        assert await batcher.answer(["still"]) == {"still": ["still"]}
        await first
        await batcher.drain()

    asyncio.run(scene())


def fatal(sentences):
    """Ends what calls it, as no `except Exception` would stop."""
    if "fatal" in sentences:
        raise SystemExit
    return [[sentence] for sentence in sentences]


async def whole(batcher):
    async with asyncio.timeout(10):
        while batcher.alive < batcher.threads:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_worker_that_dies_is_replaced_and_leaves_nobody_waiting(threads):
    async def scene():
        deaths = []
        batcher = Batcher(fatal, threads=threads, died=deaths.append)
        for count in (1, 2):
            asked = [asyncio.create_task(batcher.answer([s])) for s in ("fatal", "beside it")]
            lost = await asyncio.gather(*asked, return_exceptions=True)
            assert isinstance(lost[0], WorkerLost) and lost[0].retry_after
            assert isinstance(lost[1], WorkerLost) or lost[1] == {"beside it": ["beside it"]}
            await turns()
            assert len(deaths) == count and batcher.alive == threads - 1
            assert await batcher.answer(["later"]) == {"later": ["later"]}
            await whole(batcher)
        await batcher.drain()
        await turns()
        assert len(deaths) == 2 and batcher.alive == 0

    asyncio.run(scene())


def test_what_remembers_answers_may_fail_and_they_arrive():
    async def scene():
        def keep(answers):
            if "heavy" in answers:
                raise MemoryError

        deaths = []
        batcher = Batcher(fatal, keep=keep, died=deaths.append)
        assert await batcher.answer(["heavy"]) == {"heavy": ["heavy"]}
        assert await batcher.answer(["light"]) == {"light": ["light"]}
        assert [type(error) for error in deaths] == [MemoryError]
        await batcher.drain()

    asyncio.run(scene())


@pytest.mark.parametrize("error", [StopIteration, TimeoutError, asyncio.CancelledError])
def test_errors_that_an_event_loop_could_take_for_its_own_are_errors_of_the_tagger(error):
    async def scene():
        def tag(sentences):
            if "bad" in sentences:
                raise error
            return [[sentence] for sentence in sentences]

        batcher = Batcher(tag)
        asked = [asyncio.create_task(batcher.answer([s])) for s in ("bad", "good")]
        bad, _ = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(bad, Exception)
        assert await batcher.answer(["good"]) == {"good": ["good"]}
        await batcher.drain()

    asyncio.run(scene())


def test_drain_answers_what_was_accepted_and_refuses_the_rest():
    async def scene():
        gate = Gate(opened=False)
        batcher = Batcher(gate)
        accepted = [asyncio.create_task(batcher.answer([f"{i}", f"{i}b"])) for i in range(3)]
        await turns()
        draining = asyncio.create_task(batcher.drain())
        await turns()
        with pytest.raises(NotReady):
            await batcher.answer(["late"])
        assert not draining.done()
        gate.open.set()
        await draining
        assert [task.result() for task in accepted] == [{f"{i}": [f"{i}"], f"{i}b": [f"{i}b"]} for i in range(3)]

    asyncio.run(scene())


@pytest.mark.parametrize("threads", [1, 2])
def test_so_many_rounds_run_at_once(threads):
    async def scene():
        barrier = threading.Barrier(threads)

        def tag(sentences):
            barrier.wait(10)
            return [[s] for s in sentences]

        batcher = Batcher(tag, threads=threads)
        await batcher.answer([str(i) for i in range(2 * threads * ROUND)])
        await batcher.drain()

    asyncio.run(scene())


@given(
    jobs=st.lists(st.lists(st.sampled_from("abcdef"), max_size=6, unique=True), max_size=12),
    doomed=st.sets(st.integers(0, 11)),
    round_size=st.integers(1, 4),
    threads=st.integers(1, 3),
)
@settings(deadline=None, max_examples=40)
def test_whatever_is_cancelled_the_others_are_answered(jobs, doomed, round_size, threads):
    async def scene():
        batcher = Batcher(Gate(), threads=threads)
        tasks = [asyncio.create_task(batcher.answer(job)) for job in jobs]
        await asyncio.sleep(0)
        for i in doomed & set(range(len(tasks))):
            tasks[i].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for i, job in enumerate(jobs):
            cancelled = i in doomed and isinstance(found[i], asyncio.CancelledError)
            assert cancelled or found[i] == {sentence: [sentence] for sentence in job}
        await batcher.drain()
        assert not batcher.jobs

    with mock.patch.object(batching, "ROUND", round_size):
        asyncio.run(scene())


def test_a_real_tagger_says_the_same_from_several_threads():
    tagger, texts = torch_tagger(random_raner(), tiny_tokenizer()), random_texts(60)

    async def scene():
        batcher = Batcher(lambda sentences: tagger.predict(sentences, 1), threads=4)
        found = await asyncio.gather(*(batcher.answer([text]) for text in texts))
        await batcher.drain()
        return [answers[text] for answers, text in zip(found, texts, strict=True)]

    assert asyncio.run(scene()) == tagger.predict(texts, 1)
