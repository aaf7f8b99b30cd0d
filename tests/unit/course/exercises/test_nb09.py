"""Checkers of notebook 09 against answers known to be right, and against the mistakes that they name."""

import asyncio
from contextlib import suppress

import numpy as np
import pytest

from utils.course.exercises import nb09


def test_confidence():
    checker = nb09.confidence()
    assert sum(nb09.PATHS.values()) == pytest.approx(1)
    right = sum(p for path, p in nb09.PATHS.items() if path.split()[:2] == ["B-PER", "E-PER"])
    begins = sum(p for path, p in nb09.PATHS.items() if path.startswith("B-PER"))
    assert checker(right) is None and "best sequence" in checker(max(nb09.PATHS.values()))
    assert "end it at character 1" in checker(begins) and "independent" in checker(begins * right)
    assert "three characters" in checker(0.2) and "*not*" in checker(1 - right) and "share" in checker(100 * right)


def test_javascript_offsets():
    checker, text = nb09.javascript_offsets, nb09.EMOJI_TEXT
    start, end = nb09.CODE_POINTS
    assert text[start:end] == "北京"
    units = [sum(1 + (ord(character) > 0xFFFF) for character in text[:offset]) for offset in (start, end)]
    assert checker(units) is None and checker(tuple(units)) is None and checker(np.array(units)) is None
    assert "code points" in checker([start, end]) and "another" in checker([units[0] - 1, units[1] - 1])
    assert "one unit each" in checker([units[0], units[0]]) and "from 1" in checker([units[0] + 1, units[1] + 1])
    assert "UTF-8" in checker([len(text[:start].encode()), len(text[:end].encode())])
    assert "UTF-16" in checker([2 * unit for unit in units])
    assert "encode" in checker([0, 1])
    for answer in (6, [1], [[6], [8]], [[6, 8]], np.array([units]), ["6", "8"]):
        assert "two numbers" in checker(answer)


def test_most_typists():
    checker, per_thread = nb09.most_typists(), 1000 / nb09.SENTENCE_MS
    right = per_thread * nb09.THREADS * nb09.PAUSE
    assert checker(right) is None
    assert "one thread busy" in checker(per_thread * nb09.PAUSE)
    assert "every three" in checker(per_thread * nb09.THREADS) and "mind both" in checker(per_thread)
    assert "leaves room" in checker(per_thread * nb09.THREADS / nb09.PAUSE)
    assert "units" in checker(right / 1000) and checker(10 * right) == "too large"


def batcher(gather, serve=None):
    """A batcher of two parts: what is in a batch, and what happens to it."""

    async def run(waiting, model, most, pause):
        await (serve or hand_out)(await gather(waiting, most, pause), model)

    return run


async def gathered(waiting, most, pause):
    batch = [await waiting.get()]
    with suppress(TimeoutError):
        async with asyncio.timeout(pause):
            while len(batch) < most:
                batch.append(await waiting.get())
    return batch


async def hand_out(batch, model):
    try:
        answers = await asyncio.to_thread(model, [text for text, _ in batch])
    except Exception as error:
        answers = [error] * len(batch)
    for (_, future), answer in zip(batch, answers, strict=True):
        nb09.finish(future, answer)


async def one_at_a_time(waiting, most, pause):
    return [await waiting.get()]


async def no_limit(waiting, most, pause):
    return await gathered(waiting, 1000, pause)


async def whole_pause(waiting, most, pause):
    batch = [await waiting.get()]
    await asyncio.sleep(pause)
    while len(batch) < most and not waiting.empty():
        batch.append(waiting.get_nowait())
    return batch


async def only_what_is_there(waiting, most, pause):
    batch = [await waiting.get()]
    await asyncio.sleep(0)
    while len(batch) < most and not waiting.empty():
        batch.append(waiting.get_nowait())
    return batch


async def pause_anew(waiting, most, pause):
    batch = [await waiting.get()]
    with suppress(TimeoutError):
        while len(batch) < most:
            batch.append(await asyncio.wait_for(waiting.get(), pause))
    return batch


async def pause_from_the_call(waiting, most, pause):
    batch = []
    with suppress(TimeoutError):
        async with asyncio.timeout(pause):
            while len(batch) < most:
                batch.append(await waiting.get())
    return batch


async def never_an_await(waiting, most, pause):
    batch = [await waiting.get()]
    while len(batch) < most:
        if not waiting.empty():
            batch.append(waiting.get_nowait())
    return batch


async def hand_out_if_any(batch, model):
    if batch:
        await hand_out(batch, model)


async def mixed_up(batch, model):
    await hand_out([(text, future) for (text, _), (_, future) in zip(batch, batch[::-1], strict=True)], model)


async def pairs(batch, model):
    for (_, future), answer in zip(batch, await asyncio.to_thread(model, batch), strict=True):
        future.set_result(answer)


async def pause_not_caught(waiting, most, pause):
    batch = [await waiting.get()]
    async with asyncio.timeout(pause):
        while len(batch) < most:
            batch.append(await waiting.get())
    return batch


async def in_the_loop(batch, model):
    for (_, future), answer in zip(batch, model([text for text, _ in batch]), strict=True):
        future.set_result(answer)


async def no_error_handled(batch, model):
    for (_, future), answer in zip(batch, await asyncio.to_thread(model, [text for text, _ in batch]), strict=True):
        future.set_result(answer)


async def error_swallowed(batch, model):
    with suppress(ValueError):
        await no_error_handled(batch, model)


async def error_to_the_first(batch, model):
    try:
        await no_error_handled(batch, model)
    except ValueError as error:
        batch[0][1].set_exception(error)


async def error_ends_it(batch, model):
    try:
        await no_error_handled(batch, model)
    except ValueError as error:
        for _, future in batch:
            future.set_exception(error)
        raise


async def gone_is_fatal(batch, model):
    try:
        await no_error_handled(batch, model)
    except ValueError as error:
        for _, future in batch:
            future.set_exception(error)


async def silent(batch, model):
    await asyncio.to_thread(model, [text for text, _ in batch])


async def broken(waiting, model, most, pause):
    raise NameError("name 'btach' is not defined")


BATCHERS = {
    "a call of its own": batcher(one_at_a_time),
    "the limit is 4": batcher(no_limit),
    "still waited": batcher(whole_pause),
    "a few ms later": batcher(only_what_is_there),
    "starts the pause anew": batcher(pause_anew),
    "count it from the first request": batcher(pause_from_the_call, hand_out_if_any),
    "wrong waiters": batcher(gathered, mixed_up),
    "the model wants texts": batcher(gathered, pairs),
    "the pause is over, that is how it ends: catch it": batcher(pause_not_caught),
    "event loop": batcher(gathered, in_the_loop),
    "died of it": batcher(gathered, no_error_handled),
    "waits for ever: give": batcher(gathered, error_swallowed),
    "everyone of that batch": batcher(gathered, error_to_the_first),
    "hand the error on and go on": batcher(gathered, error_ends_it),
    "somebody who asked has gone": batcher(gathered, gone_is_fatal),
    "never answered": batcher(gathered, silent),
    "stopped with NameError": broken,
    "an `async def` is expected": hand_out.__name__,
    "cannot be stopped": batcher(never_an_await),
}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(nb09, "PATIENCE", 1.5)


def test_a_micro_batcher_is_right():
    assert nb09.micro_batcher(batcher(gathered)) is None


@pytest.mark.parametrize("hint", BATCHERS)
def test_a_micro_batcher_hears_what_is_wrong(hint, impatient):
    assert hint in nb09.micro_batcher(BATCHERS[hint])
