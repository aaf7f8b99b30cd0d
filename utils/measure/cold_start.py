"""What the very first answer costs: a fresh process imports, loads a model, and tags its first text.

A model that is loaded again in a process that has tagged before is not cold: the libraries are there, their threads
and kernels too. So this file is also what a fresh process runs (`python -m utils.measure.cold_start`).
"""

import json
import pkgutil
import sys
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from utils.measure.memory import ask_fresh_process, told_threads

CALLS = 8
"""Calls after the first one, by which it is judged."""


class ColdStart(NamedTuple):
    """Milliseconds of a process until its first answer, step by step, and of `CALLS` more answers.

    Python itself starts before the clock does. Files that were read a moment ago come from memory, not from the disk.
    """

    imports: float
    loading: float
    first: float
    later: list[float]


def cold_start(loader: str, path: str | Path, text: str, threads: int) -> ColdStart:
    """Time a fresh process; arguments and errors as of `utils.measure.memory.peak_memory`."""
    return ColdStart(**ask_fresh_process(__name__, loader, path, text, threads))


def _start_and_report(loader: str, path: str, text: str, threads: int) -> dict[str, float | list[float]]:
    marks = [perf_counter()]
    load = pkgutil.resolve_name(loader)
    marks.append(perf_counter())
    tagger = load(path, **told_threads(load, threads))
    for _ in range(1 + CALLS):
        marks.append(perf_counter())
        tagger.predict([text])
    marks.append(perf_counter())
    imports, loading, first, *later = (1000 * (end - start) for start, end in zip(marks, marks[1:], strict=False))
    return {"imports": imports, "loading": loading, "first": first, "later": later}


if __name__ == "__main__":
    print(json.dumps(_start_and_report(**json.load(sys.stdin))))
