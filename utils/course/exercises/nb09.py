"""Notebook 09 asks: a confidence from paths, a micro-batcher, offsets in JavaScript, how many typists threads bear."""

import asyncio
import ctypes
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from numbers import Real

from utils.course.teaching import Checker, listed, number

PATHS = {
    "B-PER E-PER O": 0.55,
    "B-PER E-PER S-LOC": 0.15,
    "B-PER I-PER E-PER": 0.20,
    "S-PER O O": 0.10,
}
"""All tag sequences of three characters that a small CRF thinks possible, with their probabilities."""


def confidence() -> Checker:
    """Probability that characters 0 and 1 are the entity B-PER E-PER."""
    best, other, longer, _ = PATHS.values()
    first, second = best + other + longer, best + other
    return number(
        best + other,
        {
            best: "that is the best sequence; another one has the same entity and goes on differently",
            first: "those begin a PER at character 0, but one of them does not end it at character 1",
            first * second: "a product takes the two tags for independent; add up the sequences that have both",
            longer: "that one holds an entity of three characters, another one",
            1 - best - other: "that is the probability that the entity is *not* there",
            100 * (best + other): "right size, but asked for as a share, 0 to 1",
        },
    )


PATIENCE = 3.0
"""Seconds after which a request counts as never answered: far more than any right batcher needs here."""

Model = Callable[[list[str]], list[str]]
Batching = Callable[[asyncio.Queue, Model, int, float], Awaitable[None]]
"""`(waiting, model, most, pause)`: gathers one batch of `(text, future)` from the queue, and answers it."""


def finish(future: asyncio.Future, answer: str | Exception) -> None:
    """Give a waiter its answer, or its error; one that has gone meanwhile gets nothing."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


class FakeModel:
    """Answers `text!` to each text, remembers the batches, and fails where a text is `bad`."""

    def __init__(self):
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()

    def __call__(self, texts: list[str]) -> list[str]:
        self.batches.append(list(texts))
        self.threads.add(threading.get_ident())
        if "bad" in texts:
            raise ValueError("no answer to this")
        return [f"{text}!" for text in texts]


def micro_batcher(answer: object) -> str | None:
    """An `async def my_batch(waiting, model, most, pause)`, tried in situations that each know one mistake."""
    if not inspect.iscoroutinefunction(answer):
        return "an `async def` is expected, which takes waiting, model, most and pause"
    hints = (_within(trial(answer), 3 * PATIENCE) for trial in TRIALS)
    return next((hint for hint in hints if hint is not None), None)


async def _together(batcher: Batching) -> str | None:
    async with _Running(batcher, most=4, pause=0.05) as running:
        found = await running.ask("天", "地", "玄")
        if found != ["天!", "地!", "玄!"]:
            return running.wrong(found)
        if len(running.model.batches) == 3:
            return "each request is a call of its own: gather those that arrive within the pause, then call once"
        if running.model.threads == {threading.get_ident()}:
            return (
                "the model ran in the event loop, where nobody else gets a turn: `await asyncio.to_thread(model, ...)`"
            )
    return None


async def _limited(batcher: Batching) -> str | None:
    async with _Running(batcher, most=4, pause=0.05) as running:
        texts = [str(number) for number in range(10)]
        if (found := await running.ask(*texts)) != [f"{text}!" for text in texts]:
            return running.wrong(found)
        largest = max(map(len, running.model.batches))
        return f"{largest} requests in one call, and the limit is 4" if largest > 4 else None


async def _full(batcher: Batching) -> str | None:
    async with _Running(batcher, most=2, pause=PATIENCE / 2) as running:
        first = running.put("天")
        await asyncio.sleep(0.01)
        started = running.now()
        await asyncio.wait([first, running.put("地")], timeout=PATIENCE)
        if len(running.model.batches) > 1:
            return "you took what was there already; a request that comes a few ms later belongs to the batch as well"
        waited = running.now() - started
    return "the batch was full and still waited for the end of the pause" if waited > PATIENCE / 4 else None


async def _trickling(batcher: Batching) -> str | None:
    async with _Running(batcher, most=100, pause=0.5) as running:
        first, others = running.put("天"), []
        for number in range(24):
            await asyncio.sleep(0.05)
            others.append(running.put(str(number)))
        in_time = first.done()
        await asyncio.wait([first, *others], timeout=PATIENCE)
    return None if in_time else "each newcomer starts the pause anew, and the first one waits on and on: count from it"


async def _late(batcher: Batching) -> str | None:
    async with _Running(batcher, most=2, pause=0.8) as running:
        await asyncio.sleep(0.6)
        first, came = running.put("天"), running.now()
        await asyncio.sleep(0.4)
        in_time = running.now() - came < 0.6  # a busy machine sleeps longer
        await asyncio.wait([first, running.put("地")], timeout=PATIENCE)
        apart = len(running.model.batches) > 1
    return "the pause began before anybody had come: count it from the first request" if apart and in_time else None


async def _failing(batcher: Batching) -> str | None:
    async with _Running(batcher, most=2, pause=0.05) as running:
        failed, beside = await running.ask("bad", "天")
        if not isinstance(failed, ValueError) or beside is None:
            died = "; your function died of it" if running.task.done() else ""
            return f"the model failed, and somebody waits for ever: give its error to everyone of that batch{died}"
        if await running.ask("地") != ["地!"]:
            return "after the model's error nobody is answered any more: hand the error on and go on"
    return None


async def _gone(batcher: Batching) -> str | None:
    async with _Running(batcher, most=2, pause=0.05) as running:
        gone = running.put("天")
        gone.cancel()
        if await running.ask("地") != ["地!"] or await running.ask("玄") != ["玄!"]:
            return (
                "somebody who asked has gone, and others wait for ever: `future.done()` says who needs nothing any more"
            )
    return None


TRIALS: Sequence[Callable[[Batching], Coroutine[object, object, str | None]]] = (
    _together, _limited, _full, _trickling, _late, _failing, _gone,
)  # fmt: skip


class _Running:
    """A batcher at work with a fake model, as long as the context lasts."""

    def __init__(self, batcher: Batching, most: int, pause: float):
        self.model, self.waiting, self.now = FakeModel(), asyncio.Queue(), asyncio.get_running_loop().time
        self.task = asyncio.ensure_future(self._serve(batcher, most, pause))

    async def _serve(self, batcher: Batching, most: int, pause: float) -> None:
        while True:
            await batcher(self.waiting, self.model, most, pause)
            await asyncio.sleep(0)

    async def __aenter__(self) -> "_Running":
        return self

    async def __aexit__(self, *_) -> None:
        self.task.cancel()
        await asyncio.wait([self.task], timeout=PATIENCE)
        _outcome(self.task)

    def put(self, text: str) -> asyncio.Future:
        future = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait((text, future))
        return future

    async def ask(self, *texts: str) -> list[str | BaseException | None]:
        """The answer to each text, or its error; None where there is none in time."""
        futures = [self.put(text) for text in texts]
        await asyncio.wait([asyncio.gather(*futures, return_exceptions=True)], timeout=PATIENCE)
        return [_outcome(one) for one in futures]

    def wrong(self, found: Sequence[object]) -> str:
        """Why these are not the answers."""
        if not all(isinstance(text, str) for batch in self.model.batches for text in batch):
            return "the model wants texts, and yours got something else: take each text out of its pair"
        if self.task.done() and not self.task.cancelled() and (error := self.task.exception()):
            if isinstance(error, TimeoutError):
                return "a TimeoutError came out of your function: the pause is over, that is how it ends: catch it"
            return f"your function stopped with {type(error).__name__}: {error}"
        if None in found:
            return "a request was never answered: every sender wants an `exercises.finish`"
        return "the answers went to the wrong waiters: the model answers in the order in which it was asked"


def _outcome(future: asyncio.Future) -> object:
    """Its result or its error; None where there is neither."""
    if not future.done() or future.cancelled():
        return None
    return future.exception() or future.result()


def _within(trial: Coroutine[object, object, str | None], seconds: float) -> str | None:
    """What a trial finds, run in a thread with an event loop of its own; one that never ends is ended."""
    found: list[str | None] = []

    def run() -> None:
        with suppress(SystemExit):
            found.append(asyncio.run(trial))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        return "your function cannot be stopped: it loops without an `await`, or catches its own cancellation"
    return found[0]


EMOJI_TEXT = "😀𠮷田在北京。"

CODE_POINTS = (4, 6)
"""北京 in `EMOJI_TEXT`, as the service says it."""


def javascript_offsets(answer: object) -> str | None:
    """`[start, end]` of 北京 as JavaScript counts, in UTF-16 units."""
    start, end = (len(EMOJI_TEXT[:offset].encode("utf-16-le")) // 2 for offset in CODE_POINTS)
    found = listed(answer) or []
    if len(found) != 2 or not all(isinstance(offset, Real) for offset in found):
        return "two numbers are expected: start and end"
    hints = {
        CODE_POINTS: "those are code points; two of the characters before take two units each",
        (start - 1, end - 1): "one character before 北京 takes two units, and so does another",
        (start, end - 2): "the start is right; 北 and 京 take one unit each, so the end is two further",
        (start + 1, end + 1): "one too far: are you counting from 1?",
        tuple(len(EMOJI_TEXT[:offset].encode()) for offset in CODE_POINTS): "those are bytes of UTF-8",
        tuple(2 * unit for unit in (start, end)): "those are bytes of UTF-16; a unit has two",
    }
    return None if found == [start, end] else hints.get(tuple(found), "encode the text before it and count")


SENTENCE_MS, THREADS, PAUSE = 8.0, 2, 3.0
"""Milliseconds that one thread computes a sentence, threads, seconds between two edits of a typist."""


def most_typists() -> Checker:
    """Typists whose edits, a sentence each, keep all threads busy without a pause."""
    right = THREADS * 1000 / SENTENCE_MS * PAUSE
    return number(
        right,
        {
            right / THREADS: "that keeps one thread busy; there are two",
            right / PAUSE: "so many edits a second; each typist sends one every three seconds",
            right / PAUSE**2: "divided by the pause; whoever pauses longer leaves room for *more* others",
            right / THREADS / PAUSE: "so many edits one thread answers in a second; mind both threads and the pause",
            right / 1000: "mind the units: milliseconds here, seconds there",
        },
    )
