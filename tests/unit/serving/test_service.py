"""The service alone: batches of one, workers that die and come back, and clients that none of it leaves waiting."""

import asyncio

import pytest
from known_tagger import KnownTagger
from mortal_tagger import MortalTagger, killed_every_second

from utils.serving.refusals import NotReady, WorkerLost
from utils.serving.service import Service
from utils.serving.settings import Settings
from utils.text.entities import Entity


class Neighbourly:
    """Its answer depends on how many texts share a batch, as that of dynamic INT8 does."""

    def predict(self, texts, batch_size=16):
        batches = [texts[i : i + batch_size] for i in range(0, len(texts), batch_size)]
        return [[Entity(0, 1, "PER", text[0], 1 / len(batch))] for batch in batches for text in batch]


async def started(tagger, **settings) -> Service:
    service = Service(lambda: tagger, "known", Settings(**settings))
    await service.start()
    return service


def test_an_answer_does_not_depend_on_the_strangers_beside_it():
    async def scene():
        service = await started(Neighbourly(), threads=1)
        answers = await asyncio.gather(*(service.analyse([f"{i}甲。{i}乙。"], "test") for i in range(20)))
        assert {entity.confidence for (answer,) in answers for entity in answer.entities} == {1.0}
        await service.drain()

    asyncio.run(scene())


@pytest.mark.parametrize(("cache", "computed"), [(1000, 0), (0, 2)])
def test_so_much_is_remembered(cache, computed):
    async def scene():
        service = await started(KnownTagger(), cache=cache)
        for expected in (2, computed):
            (answer,) = await service.analyse(["陈默。北京。"], "test")
            assert (answer.computed, len(answer.entities)) == (expected, 2)
        await service.drain()

    asyncio.run(scene())


async def until_ready(service: Service) -> None:
    async with asyncio.timeout(10):
        while not service.ready:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_worker_that_dies_is_seen_and_replaced(threads, caplog):
    """The client whose answer it computed is told so, and may ask again."""

    async def scene():
        tagger = MortalTagger()
        service = await started(tagger, threads=threads)
        assert service.ready
        tagger.doom.set()
        with pytest.raises(WorkerLost) as lost:
            await service.analyse(["北京"], "test")
        await asyncio.sleep(0)
        assert lost.value.retry_after and "died" in caplog.text
        assert f"1 of {threads} workers" in service.not_ready
        (answer,) = await service.analyse(["北京"], "test")
        await until_ready(service)
        assert len(answer.entities) == 1
        assert service.metrics.registry.get_sample_value("tagger_worker_deaths_total") == 1
        assert service.metrics.registry.get_sample_value("tagger_workers") == threads
        await service.drain()
        with pytest.raises(NotReady, match="about to stop"):
            await service.analyse(["北京"], "test")

    asyncio.run(scene())


class Miscounting(KnownTagger):
    """One answer too many to a text with 多, none at all to one with 无."""

    def predict(self, texts, batch_size=16):
        if any("无" in text for text in texts):
            return None
        return super().predict(texts, batch_size) + [[] for text in texts if "多" in text]


@pytest.mark.parametrize("text", ["多", "无"])
def test_a_wrong_number_of_answers_fails_their_question_alone(text):
    async def scene():
        service = await started(Miscounting(), threads=1)
        asked = [service.analyse([one], "test") for one in (text, "北京", f"{text}北京。陈默。")]
        wrong, right, both = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(wrong, Exception) and isinstance(both, Exception) and len(right[0].entities) == 1
        assert service.ready and (await service.analyse(["陈默。"], "test"))[0].entities
        await service.drain()

    asyncio.run(scene())


def test_nobody_is_left_waiting_while_workers_are_killed():
    """Three seconds; the test under load does it for a minute."""
    typed, asked, deaths = killed_every_second(3, typing=50, asking=50)
    assert (typed.sent, asked.sent) == (150, 300) and deaths >= 2
    assert typed.lost == asked.lost == typed.failed == asked.failed == 0
    assert len(typed.milliseconds) > 50 and len(asked.milliseconds) > 100 and typed.shed + asked.shed > 0
