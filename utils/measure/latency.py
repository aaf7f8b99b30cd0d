"""What does a variant cost? Milliseconds, megabytes, bytes on disk, and on which machine.

Latency is noisy: other programs, clock speeds and caches move it. So threads are pinned, the first
calls are thrown away, variants take turns (a slow minute hits all alike), and the median speaks.
Memory is measured in a fresh process per variant, because a process never gives back its peak.
One MB is 10^6 bytes everywhere.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from tqdm.auto import tqdm

from utils.tagger.tagger import Tagger

PATIENCE = 3
"""Seconds; a measurement that is expected to take longer shows a progress bar."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds: median, 95th percentile (interpolated), interquartile range, and every sample in order."""

    p50: float
    p95: float
    iqr: float
    samples: tuple[float, ...]


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


def measure_latency(
    variants: dict[str, Callable[[], object]], repeats: int = 15, warmup: int = 2
) -> dict[str, Latency]:
    """Time each variant `repeats` times, in turns: a b c, a b c, ...

    Args:
        variants: name -> call without arguments, such as `lambda: tagger.predict([article])`.
        warmup: untimed rounds first; the last one also foretells how long the measurement takes.

    Where the environment sets `COURSE_REPEATS`, a measurement that would take longer than `PATIENCE` takes no more
    rounds than that, after one warm-up: for tests that look at what notebooks answer, not at how fast.

    Raises:
        ValueError: no variant, no repeat or no warm-up.
    """
    if not variants or repeats < 1 or warmup < 1:
        raise ValueError(f"{len(variants)} variants, {repeats} repeats, {warmup} warm-ups: each must be at least 1")
    for _ in range(warmup):
        expected = repeats * sum(_milliseconds(call) for call in variants.values()) / 1000
        if expected > PATIENCE and (most := os.environ.get("COURSE_REPEATS")):
            repeats = min(repeats, int(most))
            break
    rounds = tqdm(range(repeats), "measuring", disable=expected <= PATIENCE, leave=False)
    samples = np.array([[_milliseconds(call) for call in variants.values()] for _ in rounds])
    return {name: summarise(column) for name, column in zip(variants, samples.T, strict=True)}


def time_ratio(latency: Latency, baseline: Latency) -> float:
    """How many times as long as the baseline: the median over the rounds of the two times' ratio.

    Both must come from one `measure_latency`: a slow moment of the machine then hits both sides of a ratio.
    """
    return float(np.median(np.divide(latency.samples, baseline.samples)))


def _milliseconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return 1000 * (perf_counter() - start)


def summarise(samples: np.ndarray) -> Latency:
    """`(repeats,)` milliseconds in the order they were taken -> `Latency`."""
    p25, p50, p75, p95 = np.percentile(samples, [25, 50, 75, 95]).tolist()
    return Latency(p50, p95, p75 - p25, tuple(samples.tolist()))


def latency_grid(
    taggers: Mapping[str, Tagger], inputs: Mapping[int, Sequence[str]], repeats: int = 7
) -> dict[str, dict[int, float]]:
    """Median ms of each tagger on each input, the taggers taking turns: tagger -> input's number -> ms.

    Args:
        inputs: a number, such as a length or a batch size, and the texts of one batch.
    """
    curves: dict[str, dict[int, float]] = {name: {} for name in taggers}
    for number, texts in inputs.items():
        calls = {name: _call(tagger, texts) for name, tagger in taggers.items()}
        for name, latency in measure_latency(calls, repeats).items():
            curves[name][number] = latency.p50
    return curves


def _call(tagger: Tagger, texts: Sequence[str]) -> Callable[[], object]:
    return lambda: tagger.predict(texts, batch_size=len(texts))


def idle_milliseconds(call: Callable[[], object], wait: float = 0.1) -> float:
    """CPU time that this process takes in the `wait` seconds after a call, doing nothing; least of three, in ms."""
    return min(_idle_once(call, wait) for _ in range(3))


def _idle_once(call: Callable[[], object], wait: float) -> float:
    call()
    start = time.process_time()
    time.sleep(wait)
    return 1000 * (time.process_time() - start)
