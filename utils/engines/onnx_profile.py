"""Where the time of a graph goes, operator by operator, as ONNX Runtime's own profiler sees it.

The profiler writes a list of events, one a line: the time of each kernel, and of each run of the graph around them. It
takes some µs itself for every kernel; they count as time between the kernels.

(The form of an event: Google, "Trace Event Format", complete events.)
"""

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from utils.engines.onnx_files import GRAPH_FILE, tagger_around
from utils.engines.onnx_session import onnx_backend, open_session
from utils.engines.subnormals import flushed
from utils.measure.latency import THREADS, Latency, Rounds, measure_latency
from utils.measure.memory import BenchmarkError
from utils.tagger.tagger import packed

KERNEL, RUN = "_kernel_time", "model_run"
"""How the name of an event ends that is of a kernel, and the name of one that is of a run."""


class OperatorTime(NamedTuple):
    """All nodes of one operator in the graph as it runs: how many, ms in a call together, and percent of the call."""

    operator: str
    nodes: int
    milliseconds: float
    share: float


class Profile(NamedTuple):
    """Where the time of a call goes, from text to entities. All are medians over the calls, so they add up roughly.

    Args:
        operators: the one that takes longest first.
        between: ms of the graph's runs that are in no kernel.
        outside: ms that are not the graph's: characters, rows, Viterbi.
        latency: of the calls that were profiled.
        shapes: `(rows, positions)` of each batch that a call asks the graph for.
    """

    operators: list[OperatorTime]
    between: float
    outside: float
    latency: Latency
    shapes: list[tuple[int, int]]


class _Call(NamedTuple):
    """µs of a call's runs; of its kernels, by operator; and how many nodes each operator has."""

    runs: int
    kernels: Counter[str]
    nodes: Counter[str]


def operator_times(path: str | Path, texts: Sequence[str], repeats: int = 9, threads: int = THREADS) -> Profile:
    """Profile a tagger that reads the sentences of texts packed, with the session that it is served with.

    Args:
        path: a directory that a function of this room wrote.
        repeats: timed calls; a few before them warm up.

    Raises:
        CheckpointError: a file is missing or broken.
        BenchmarkError: the profiler's file lacks a part.
    """
    shapes: list[tuple[int, int]] = []
    with TemporaryDirectory() as place:
        session = open_session(Path(path) / GRAPH_FILE, threads, Path(place) / "profile")
        backend = flushed()(onnx_backend(session))

        def noted(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
            shapes.append(input_ids.shape)
            return backend(input_ids, attention_mask)

        call = partial(packed(tagger_around(noted, Path(path))).predict, texts)
        call()
        batches = len(shapes)
        latency = measure_latency({"call": call}, Rounds(repeats))["call"]
        calls = _calls(_events(Path(session.end_profiling())), batches, len(shapes))
    return _summary(calls[-repeats:], latency, shapes[:batches])


def _events(file: Path) -> list[dict]:
    """The events of a profile; of a file that was cut off, those before the cut."""
    events = []
    for line in file.read_text("utf-8").splitlines():
        try:
            event = json.loads(line.rstrip(", "))
        except ValueError:  # a bracket of the list, or a part of an event
            continue
        events += [event] if isinstance(event, dict) else []
    return events


def _calls(events: Sequence[dict], batches: int, expected: int) -> list[_Call]:
    """What each call took, which is `batches` runs of the graph; `expected` runs there must be."""
    runs = sorted((event for event in events if event["name"] == RUN), key=lambda run: run["ts"])
    kernels = [event for event in events if event["name"].endswith(KERNEL)]
    calls = [_call(runs[first : first + batches], kernels) for first in range(0, len(runs), batches)]
    if len(runs) != expected or any(call.nodes != calls[0].nodes for call in calls):
        raise BenchmarkError(f"of {expected} runs the profiler kept {len(runs)}, or not all of their kernels")
    return calls


def _call(runs: Sequence[dict], kernels: Sequence[dict]) -> _Call:
    inside = [k for k in kernels if any(run["ts"] <= k["ts"] < run["ts"] + run["dur"] for run in runs)]
    spent: Counter[str] = Counter()
    for kernel in inside:
        spent[kernel["args"]["op_name"]] += kernel["dur"]
    nodes = Counter(kernel["args"]["op_name"] for kernel in inside)
    return _Call(sum(run["dur"] for run in runs), spent, nodes)


def _summary(calls: Sequence[_Call], latency: Latency, shapes: list[tuple[int, int]]) -> Profile:
    rows = []
    for operator, nodes in calls[0].nodes.items():
        milliseconds = _median([call.kernels[operator] for call in calls])
        rows.append(OperatorTime(operator, nodes // len(shapes), milliseconds, 100 * milliseconds / latency.p50))
    between = _median([call.runs - call.kernels.total() for call in calls])
    outside = _median([1000 * ms - call.runs for ms, call in zip(latency.samples, calls, strict=True)])
    return Profile(sorted(rows, key=lambda row: -row.milliseconds), between, outside, latency, shapes)


def _median(microseconds: Sequence[float]) -> float:
    """In ms."""
    return float(np.median(microseconds)) / 1000
