"""What does a variant cost? Milliseconds, megabytes, bytes on disk, and on which machine.

Latency is noisy: other programs, clock speeds and caches move it. So threads are pinned, the first
calls are thrown away, variants take turns (a slow minute hits all alike), and the median speaks.
Memory is measured in a fresh process per variant, because a process never gives back its peak.
One MB is 10^6 bytes everywhere.
"""

import functools
import importlib.metadata
import json
import os
import pkgutil
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import cpuinfo
import numpy as np
import psutil
from tqdm.auto import tqdm

MB = 10**6
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp")
"""CPU features that decide how fast float and 8-bit integer products are."""
PACKAGES = ("torch", "transformers", "onnxruntime", "numpy")
PATIENCE = 3
"""Seconds; a measurement that is expected to take longer shows a progress bar."""


class BenchmarkError(RuntimeError):
    """A measurement that did not come about; the message carries the cause."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds: median, 95th percentile (interpolated), interquartile range, and every sample in order."""

    p50: float
    p95: float
    iqr: float
    samples: tuple[float, ...]


class Memory(NamedTuple):
    """MB of a process: its peak, and what it held after its imports, before the model was loaded."""

    peak: float
    baseline: float


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


def peak_memory(loader: str, path: str | Path, text: str, threads: int = 1) -> Memory:
    """Peak memory of a fresh Python process that loads a tagger and tags `text` once.

    The peak counts everything the process ever held, imports included; compare it with the baseline.

    Args:
        loader: dotted name of a function path -> Tagger, such as `utils.raner:load_tagger`.
        threads: `OMP_NUM_THREADS` of that process, which torch and `utils.onnx_runtime` follow.

    Raises:
        BenchmarkError: the process failed; the message ends with the last line of its stderr.
    """
    request = json.dumps({"loader": loader, "path": str(path), "text": text})
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-X", "utf8", "-m", "utils.benchmark"]
    child = subprocess.run(command, input=request, capture_output=True, encoding="utf-8", env=environment)
    if child.returncode:
        cause = (child.stderr.strip().splitlines() or ["it wrote nothing; was it killed?"])[-1]
        raise BenchmarkError(f"{loader} on {path}: the process ended with {child.returncode}: {cause}")
    return Memory(**json.loads(child.stdout.splitlines()[-1]))


def _tag_and_report(loader: str, path: str, text: str) -> dict[str, float]:
    load = pkgutil.resolve_name(loader)
    baseline = psutil.Process().memory_info().rss / MB
    load(path).predict([text])
    return {"peak": _peak_bytes() / MB, "baseline": baseline}


def _peak_bytes() -> int:
    """Largest resident set of this process so far.

    On Linux `VmHWM` and not `ru_maxrss`: a child inherits the latter from the process that started it.
    """
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def directory_bytes(path: str | Path) -> int:
    """Bytes of a file, or of all files below a directory (links followed).

    Raises:
        FileNotFoundError: nothing is there.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: nothing there to weigh")
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def machine() -> dict:
    """On what it ran: `cpu`, `flags` (those of `FLAGS` it has), physical `cores` and `logical_cores`,
    torch's `threads` at this moment, `memory_mb`, and `versions` of the system, Python and the libraries.
    """
    cpu, flags = _cpu()
    import torch

    return {
        "cpu": cpu,
        "flags": list(flags),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "logical_cores": psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_mb": round(psutil.virtual_memory().total / MB),
        "versions": {"os": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}
        | {package: importlib.metadata.version(package) for package in PACKAGES},
    }


@functools.cache
def _cpu() -> tuple[str, tuple[str, ...]]:
    info = cpuinfo.get_cpu_info()
    spelled = {flag.replace("_", "") for flag in info.get("flags", [])}  # systems differ in underscores
    return info.get("brand_raw", platform.machine()), tuple(f for f in FLAGS if f.replace("_", "") in spelled)


if __name__ == "__main__":
    print(json.dumps(_tag_and_report(**json.load(sys.stdin))))
