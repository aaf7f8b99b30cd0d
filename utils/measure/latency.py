"""How long does a version take, from text to entities? Milliseconds, taken in turns on pinned threads.

Latency is noisy: other programs, clock speeds and caches move it. So threads are pinned, the first calls are
thrown away, versions take turns (a slow minute hits all alike), and the median speaks.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import NamedTuple, TypeVar
from uuid import uuid4

import numpy as np
from tqdm.auto import tqdm

from utils.tagger.batching import USUAL
from utils.tagger.tagger import Tagger

Key = TypeVar("Key", bound=Hashable)

SLOW = 3
"""Seconds; a measurement that is expected to take longer is a slow one, and shows a progress bar."""

WARM_UP = 2
"""Untimed rounds before the timed ones."""

COLD = 10
"""A first call may take so many times as long as the next ones."""

IDLE = 0.1
"""Seconds in which a process is watched that has nothing to do."""

THREADS = 2
"""Threads that the course pins wherever versions are compared."""


class Rounds(NamedTuple):
    """How often each version is timed: `usual` times, or at most `slow` times where that takes over `SLOW` seconds.

    `slow` is for tests that look at what notebooks answer, not at how fast; None: slow or not, `usual` times.
    """

    usual: int
    slow: int | None = None


@dataclass(frozen=True)
class Latency:
    """Milliseconds: median, 95th percentile (interpolated), and every sample in order.

    `session` is the id of the `measure_latency` that took them, in which others took turns with it.
    """

    p50: float
    p95: float
    samples: tuple[float, ...]
    session: str = ""


@contextmanager
def pinned_threads(n: int) -> Iterator[None]:
    """Give torch's operators `n` threads inside the block, and the old number back after it.

    Only torch listens. ONNX Runtime takes `intra_op_num_threads` when a session is made; libraries on
    OpenMP read `OMP_NUM_THREADS` once, when they are loaded, so it must be set before Python starts.

    Raises:
        ValueError: `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"{n} threads: at least one is needed")
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def measure_latency(calls: Mapping[Key, Callable[[], object]], rounds: Rounds) -> dict[Key, Latency]:
    """Time each call once a round, in turns: a b c, a b c, ...

    Args:
        calls: name -> call without arguments.

    Raises:
        ValueError: no call, or no round.
    """
    if not calls or rounds.usual < 1:
        raise ValueError(f"{len(calls)} calls, {rounds.usual} rounds: each must be at least 1")
    repeats, slow = _warm_up(calls, rounds)
    bar = tqdm(range(repeats), "measuring", disable=not slow, leave=False)
    samples = np.array([[_milliseconds(call) for call in calls.values()] for _ in bar])
    session = uuid4().hex[:12]
    return {name: replace(summarise(column), session=session) for name, column in zip(calls, samples.T, strict=True)}


def _warm_up(calls: Mapping[Key, Callable[[], object]], rounds: Rounds) -> tuple[int, bool]:
    """Untimed rounds: they foretell how many timed ones there are to be, and whether these are slow.

    The first tells only where it takes so long that no cold start explains it.
    """
    for longest in (COLD * SLOW, *[SLOW] * (WARM_UP - 1)):
        seconds = rounds.usual * sum(map(_milliseconds, calls.values())) / 1000
        if seconds > longest and rounds.slow:
            return min(rounds.usual, rounds.slow), True
    return rounds.usual, seconds > SLOW


def measure_taggers(
    taggers: Mapping[Key, Tagger], texts: Sequence[str], rounds: Rounds, batch_size: int = USUAL
) -> dict[Key, Latency]:
    """Time taggers on the same texts, text to entities, in turns; errors as in `measure_latency`."""
    calls = {key: partial(tagger.predict, texts, batch_size=batch_size) for key, tagger in taggers.items()}
    return measure_latency(calls, rounds)


def time_ratio(latency: Latency, baseline: Latency) -> float:
    """How many times as long as the baseline: the median over the rounds of the two times' ratio.

    Raises:
        ValueError: as `ratios` raises it.
    """
    return float(np.median(ratios(latency, baseline)))


def ratios(above: Latency, below: Latency) -> np.ndarray:
    """`(rounds,)`: one time divided by the other, round by round.

    A slow moment of the machine hits both sides of such a ratio, but only if both took turns.

    Raises:
        ValueError: the two were measured in different sessions.
    """
    if above.session != below.session:
        raise ValueError(f"times of two sessions, {above.session} and {below.session}, are never divided")
    return np.divide(above.samples, below.samples)


def _milliseconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return 1000 * (perf_counter() - start)


def summarise(samples: np.ndarray) -> Latency:
    """`(repeats,)` milliseconds in the order they were taken -> `Latency`."""
    p50, p95 = np.percentile(samples, [50, 95]).tolist()
    return Latency(p50, p95, tuple(samples.tolist()))


def latency_grid(
    taggers: Mapping[str, Tagger], inputs: Mapping[int, Sequence[str]], rounds: Rounds
) -> dict[str, dict[int, float]]:
    """Median ms of each tagger on each input, the taggers taking turns: tagger -> input's number -> ms.

    Args:
        inputs: a number, such as a length or a batch size, and the texts of one batch.
    """
    grid = {number: measure_taggers(taggers, texts, rounds, len(texts)) for number, texts in inputs.items()}
    return {name: {number: row[name].p50 for number, row in grid.items()} for name in taggers}


def idle_milliseconds(call: Callable[[], object]) -> float:
    """CPU time that this process takes in the `IDLE` seconds after a call, doing nothing; least of three, in ms."""
    return min(_idle_once(call) for _ in range(3))


def _idle_once(call: Callable[[], object]) -> float:
    call()
    start = time.process_time()
    time.sleep(IDLE)
    return 1000 * (time.process_time() - start)
