"""A bounded queue in front of the worker threads; the event loop never computes.

Every request is a job of sentences. Workers take rounds: one sentence of each waiting job in turn, so a
long text does not hold up the short ones behind it, and a sentence that several jobs want is computed
once. A full queue refuses at once instead of letting everybody wait; a job that is too old, or whose
client has gone or typed on, leaves the queue and is not computed further.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from utils.serving.refusals import Expired, NotReady, Overloaded
from utils.text.entities import Entity

Answers = dict[str, Sequence[Entity]]
Tag = Callable[[list[str]], list[list[Entity]]]


class _Job:
    """Sentences that one client waits for; `done` gets all answers, or the first error."""

    def __init__(self, sentences: Sequence[str]):
        self.waiting, self.missing = deque(sentences), set(sentences)
        self.answers: Answers = {}
        self.done: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()

    def receive(self, sentence: str, answer: Sequence[Entity] | Exception) -> None:
        if self.done.done():
            return
        if isinstance(answer, Exception):
            self.done.set_exception(answer)
            return
        self.answers[sentence] = answer
        self.missing.discard(sentence)
        if not self.missing:
            self.done.set_result(self.answers)


class Batcher:
    """Answers sentences in worker threads, in fair rounds.

    Args:
        tag: sentences -> entities of each; called in a worker thread, by several threads if `threads` > 1.
        queue: jobs that may wait at once.
        deadline: seconds after which a job is given up.
        threads: rounds that are computed at once.
        round_size: sentences of a round.
        keep: told of every answer at once. Who types on under load gives up one job after the other: what
            was computed for them must not be lost, or a service that is late never gets anything done.
    """

    def __init__(
        self,
        tag: Tag,
        queue: int = 64,
        deadline: float = 5.0,
        threads: int = 1,
        round_size: int = 16,
        keep: Callable[[Answers], None] = lambda answers: None,
    ):
        self.tag, self.queue, self.deadline, self.round_size = tag, queue, deadline, round_size
        self.keep = keep
        self.jobs: set[_Job] = set()
        self._turns: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._threads = ThreadPoolExecutor(threads, "tagger")
        self._workers = [asyncio.create_task(self._work()) for _ in range(threads)]
        self._draining = False

    async def answer(self, sentences: Sequence[str]) -> Answers:
        """Entities of each sentence. Cancelling the caller takes the job out of the queue.

        Raises:
            NotReady: the service is about to stop.
            Overloaded: `queue` jobs are waiting already.
            Expired: no answer within `deadline` seconds.
        """
        if not sentences:
            return {}
        if self._draining:
            raise NotReady("the service is about to stop", retry_after=1)
        if len(self.jobs) >= self.queue:
            raise Overloaded(f"{self.queue} requests are waiting already", retry_after=1)
        self.jobs.add(job := _Job(sentences))
        self._turns.append(job)
        self._wake.set()
        try:
            async with asyncio.timeout(self.deadline):
                return await job.done
        except TimeoutError:
            raise Expired(f"no answer within {self.deadline:g} seconds", retry_after=self.deadline) from None
        finally:
            self.jobs.discard(job)

    async def drain(self) -> None:
        """Refuse new jobs, answer those that were accepted, end the threads."""
        self._draining = True
        while self.jobs:
            await asyncio.wait([job.done for job in self.jobs], timeout=self.deadline)
            await asyncio.sleep(0)
        for worker in self._workers:
            worker.cancel()
        self._threads.shutdown(wait=False)

    async def _work(self) -> None:
        while True:
            while not (wanted := self._next_round()):
                self._wake.clear()
                await self._wake.wait()
            loop = asyncio.get_running_loop()
            answers = await loop.run_in_executor(self._threads, self._answers, list(wanted))
            self.keep({s: a for s, a in zip(wanted, answers, strict=True) if not isinstance(a, Exception)})
            for (sentence, jobs), answer in zip(wanted.items(), answers, strict=True):
                for job in jobs:
                    job.receive(sentence, answer)

    def _next_round(self) -> dict[str, list[_Job]]:
        """Up to `round_size` sentences, one of each job in turn, and who wants them."""
        wanted: dict[str, list[_Job]] = {}
        for job, sentence in islice(self._in_turn(), self.round_size):
            wanted.setdefault(sentence, []).append(job)
        return wanted

    def _in_turn(self) -> Iterator[tuple[_Job, str]]:
        while self._turns:
            job = self._turns.popleft()
            if job in self.jobs and job.waiting:
                self._turns.append(job)
                yield job, job.waiting.popleft()

    def _answers(self, sentences: list[str]) -> Sequence[Sequence[Entity] | Exception]:
        """Runs in a worker thread. A sentence that cannot be tagged harms no other of its round."""
        try:
            return self.tag(sentences)
        except Exception as error:
            return [error] if len(sentences) == 1 else [self._answers([sentence])[0] for sentence in sentences]
