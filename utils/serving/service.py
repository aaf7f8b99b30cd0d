"""The tagger behind its cache and its queue: what REST, WebSocket and Ray have in common."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TypeVar

from utils.serving.batching import Batcher
from utils.serving.incremental import Analysis, SentenceCache
from utils.serving.metrics import Metrics
from utils.serving.refusals import NotReady, Refusal
from utils.serving.settings import Settings
from utils.tagger.batching import SERVED
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity

LOG = logging.getLogger("utils.serving")
WARM_UP = "新华社北京电：服务已经启动。"
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """Entities of one text, in code points; `computed` of its `sentences` were not known yet."""

    entities: list[Entity] = field(repr=False)
    sentences: int
    computed: int


class Service:
    """Loads a tagger in the background, then answers texts until it is drained."""

    def __init__(self, load: Callable[[], Tagger], model: str, settings: Settings | None = None):
        self.model, self.settings = model, settings or Settings()
        self.cache, self.problem = SentenceCache(self.settings.cache), ""
        self.sockets: Counter[str] = Counter()
        self.metrics = Metrics(
            queued=lambda: len(self._batcher.jobs) if self._batcher else 0,
            sockets=lambda: self.sockets.total(),
            workers=lambda: self._batcher.alive if self._batcher else 0,
        )
        self._load, self._batcher, self._draining = load, None, False
        self._open: set[asyncio.Task] = set()

    @property
    def not_ready(self) -> str:
        """Why a balancer should send nobody here; empty where nothing is wrong."""
        if self._batcher is None:
            return self.problem or "the model is not loaded yet"
        if self._draining:
            return "the service is about to stop"
        lost = self._batcher.threads - self._batcher.alive
        return f"{lost} of {self._batcher.threads} workers died and will be replaced" if lost else ""

    @property
    def ready(self) -> bool:
        return not self.not_ready

    async def start(self) -> None:
        """Load and warm up in a thread; `problem` says what went wrong."""
        try:
            tagger = await asyncio.to_thread(self._load)
            await asyncio.to_thread(tagger.predict, [WARM_UP], SERVED)
        except Exception as error:
            self.problem = f"the model cannot be loaded: {error}"
            LOG.error(self.problem)
            return
        settings, keep = self.settings, partial(self.cache.remember, self.model)
        tag = self._counted(tagger)
        self._batcher = Batcher(tag, settings.queue, settings.deadline, settings.threads, keep, self._mourn)

    def _counted(self, tagger: Tagger):
        def tag(sentences: list[str]) -> list[list[Entity]]:
            self.metrics.round.observe(len(sentences))
            return tagger.predict(sentences, SERVED)

        return tag

    def _mourn(self, error: BaseException | None) -> None:
        self.metrics.deaths.inc()
        LOG.error("a worker died; another one takes its place", exc_info=error)

    async def analyse(self, texts: Sequence[str], way: str) -> list[Answer]:
        """Entities of each text; the request is counted under `way` and its outcome, and timed if it is answered.

        Raises:
            Refusal: not ready, overloaded, expired, or its worker died.
        """
        started, outcome = perf_counter(), "cancelled"
        try:
            answers = await self._analyse(texts)
            self.metrics.seconds.observe(perf_counter() - started)
            outcome = "ok"
            return answers
        except Refusal as refusal:
            outcome = refusal.code
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self.metrics.requests.labels(way, outcome).inc()

    async def _analyse(self, texts: Sequence[str]) -> list[Answer]:
        if self._batcher is None or self._draining:
            raise NotReady(self.not_ready, retry_after=1)
        analyses = [Analysis(text, self.model, self.cache) for text in texts]
        missing = list(dict.fromkeys(sentence for analysis in analyses for sentence in analysis.missing))
        found = await self._batcher.answer(missing)
        self.metrics.sentences.labels("model").inc(len(missing))
        self.metrics.sentences.labels("cache").inc(sum(len(a.sentences) for a in analyses) - len(missing))
        return [Answer(a.entities(found), len(a.sentences), len(a.missing)) for a in analyses]

    def accept(self, work: Awaitable[T]) -> asyncio.Task[T]:
        """Run an answer, sending included, as a task that `drain` waits for."""
        task = asyncio.ensure_future(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        return task

    async def drain(self) -> None:
        """Refuse what is new, finish and send what was accepted."""
        self._draining = True
        if self._batcher:
            await self._batcher.drain()
        if self._open:
            await asyncio.wait(self._open, timeout=self.settings.deadline)
