"""A bounded queue in front of the worker threads; the event loop never computes.

Every request is a job of sentences. Workers take rounds: one sentence of each waiting job in turn, so a
long text does not hold up the short ones behind it, and a sentence that several jobs want is computed
once. A full queue refuses at once instead of letting everybody wait; a job that is too old, or whose
client has gone or typed on, leaves the queue and is not computed further. A worker that dies refuses the
jobs of its round and is replaced.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from utils.serving.refusals import Expired, NotReady, Overloaded, WorkerLost
from utils.text.entities import Entity

Answers = dict[str, Sequence[Entity]]
Tag = Callable[[list[str]], list[list[Entity]]]

ROUND = 16
"""Sentences that a worker takes at once."""

RESTART_AFTER = 0.5
"""Seconds until a worker that died is replaced: one that dies at once must not keep the event loop busy."""


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


_Wanted = dict[str, list[_Job]]
"""The sentences of one round, and who wants each."""


class Batcher:
    """Answers sentences in worker threads, in fair rounds.

    Args:
        tag: sentences -> entities of each; called in a worker thread, by several threads if `threads` > 1.
        queue: jobs that may wait at once.
        deadline: seconds after which a job is given up.
        threads: rounds that are computed at once.
        keep: told of every answer at once. Who types on under load gives up one job after the other: what
            was computed for them must not be lost, or a service that is late never gets anything done.
        died: told what killed a worker; None where it was cancelled.
    """

    def __init__(
        self,
        tag: Tag,
        queue: int = 64,
        deadline: float = 5.0,
        threads: int = 1,
        keep: Callable[[Answers], None] = lambda answers: None,
        died: Callable[[BaseException | None], None] = lambda error: None,
    ):
        self.tag, self.queue, self.deadline, self.threads = tag, queue, deadline, threads
        self.keep, self.died = keep, died
        self.jobs: set[_Job] = set()
        self._turns: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._executor = ThreadPoolExecutor(threads, "tagger")
        self._workers: set[asyncio.Task[None]] = set()
        self._draining = self._ended = False
        for _ in range(threads):
            self._start_worker()

    @property
    def alive(self) -> int:
        """Workers that are there; fewer than `threads` for `RESTART_AFTER` seconds after one has died."""
        return len(self._workers)

    async def answer(self, sentences: Sequence[str]) -> Answers:
        """Entities of each sentence. Cancelling the caller takes the job out of the queue.

        Raises:
            NotReady: the service is about to stop.
            Overloaded: `queue` jobs are waiting already.
            Expired: no answer within `deadline` seconds.
            WorkerLost: the worker that computed one of the sentences has died.
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
        self._ended = True
        for worker in self._workers:
            worker.cancel()
        self._executor.shutdown(wait=False)

    def _start_worker(self) -> None:
        if self._ended:
            return
        worker = asyncio.create_task(self._work())
        self._workers.add(worker)
        worker.add_done_callback(self._replace)

    def _replace(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not self._ended:
            self.died(None if worker.cancelled() else worker.exception())
            worker.get_loop().call_later(RESTART_AFTER, self._start_worker)

    async def _work(self) -> None:
        while True:
            while not (wanted := self._next_round()):
                self._wake.clear()
                await self._wake.wait()
            try:
                await self._serve(wanted)
            except (Exception, asyncio.CancelledError):
                lost = WorkerLost("the worker that computed this has died; another one takes its place", retry_after=1)
                _give(wanted, [lost] * len(wanted))
                raise

    async def _serve(self, wanted: _Wanted) -> None:
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._executor, self._computed, list(wanted))
        _give(wanted, answers)
        self.keep({s: a for s, a in zip(wanted, answers, strict=True) if not isinstance(a, Exception)})

    def _next_round(self) -> _Wanted:
        """Up to `ROUND` sentences, one of each job in turn."""
        wanted: _Wanted = {}
        for job, sentence in islice(self._in_turn(), ROUND):
            wanted.setdefault(sentence, []).append(job)
        return wanted

    def _in_turn(self) -> Iterator[tuple[_Job, str]]:
        while self._turns:
            job = self._turns.popleft()
            if job in self.jobs and job.waiting:
                self._turns.append(job)
                yield job, job.waiting.popleft()

    def _computed(self, sentences: list[str]) -> Sequence[Sequence[Entity] | Exception]:
        """Runs in a worker thread. `SystemExit` would end the event loop and all its clients; here, only the worker."""
        try:
            return self._answers(sentences)
        except BaseException as error:
            raise RuntimeError(f"the tagger ended its thread: {error!r}") from error

    def _answers(self, sentences: list[str]) -> Sequence[Sequence[Entity] | Exception]:
        """A sentence that cannot be tagged harms no other of its round."""
        try:
            answers = self.tag(sentences)
            if len(answers) != len(sentences):
                raise ValueError(f"the tagger gave {len(answers)} answers to {len(sentences)} sentences")
            return answers
        except Exception as error:
            if len(sentences) > 1:
                return [self._answers([sentence])[0] for sentence in sentences]
            if isinstance(error, StopIteration):
                error = RuntimeError(repr(error))  # a future takes no StopIteration
            return [error]


def _give(wanted: _Wanted, answers: Sequence[Sequence[Entity] | Exception]) -> None:
    for (sentence, jobs), answer in zip(wanted.items(), answers, strict=True):
        for job in jobs:
            job.receive(sentence, answer)
