"""What a version holds: peak memory of a process that loads and runs it, and bytes on disk.

Each version gets a fresh process, because a process never gives back its peak. One MB is 10^6 bytes everywhere.
This file is also what that process runs (`python -m utils.measure.memory`).
"""

import inspect
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

MB = 10**6

LONGEST = 600
"""Seconds after which a process is ended that has not answered: it loads one model and tags one text."""


class BenchmarkError(RuntimeError):
    """A measurement that did not come about; the message carries the cause."""


class Memory(NamedTuple):
    """MB of a process: its peak, and what it held after its imports, before the model was loaded."""

    peak: float
    baseline: float


def peak_memory(loader: str, path: str | Path, text: str, threads: int) -> Memory:
    """Peak memory of a fresh Python process that loads a tagger and tags `text` once.

    The peak counts everything the process ever held, imports included; compare it with the baseline.

    Args:
        loader: dotted name of a function path -> Tagger, such as `utils.model.torch_tagger:load_tagger`.
        threads: `OMP_NUM_THREADS` of that process, which torch follows; a loader with an argument `threads`,
            whose engine has threads of its own, is told the number.

    Raises:
        BenchmarkError: the process failed (the message ends with the last line of its stderr), or took longer than
            `LONGEST` and was ended.
    """
    return Memory(**ask_fresh_process("utils.measure.memory", loader, path, text, threads))


def ask_fresh_process(module: str, loader: str, path: str | Path, text: str, threads: int) -> dict:
    """What `python -m module` writes last, as JSON, when it is given the request of `peak_memory` the same way.

    Raises:
        BenchmarkError: as `peak_memory` raises it.
    """
    request = json.dumps({"loader": loader, "path": str(path), "text": text, "threads": threads})
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-X", "utf8", "-m", module]
    try:
        child = subprocess.run(
            command, input=request, capture_output=True, encoding="utf-8", env=environment, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{loader} on {path}: no answer after {LONGEST} s; the process was ended") from None
    if child.returncode:
        cause = (child.stderr.strip().splitlines() or ["it wrote nothing; was it killed?"])[-1]
        raise BenchmarkError(f"{loader} on {path}: the process ended with {child.returncode}: {cause}")
    return json.loads(child.stdout.splitlines()[-1])


def _tag_and_report(loader: str, path: str, text: str, threads: int) -> dict[str, float]:
    load = pkgutil.resolve_name(loader)
    baseline = psutil.Process().memory_info().rss / MB
    load(path, **told_threads(load, threads)).predict([text])
    return {"peak": _peak_bytes() / MB, "baseline": baseline}


def told_threads(loader: Callable, threads: int) -> dict[str, int]:
    """Keyword arguments of a loader whose engine has threads of its own; none for the others."""
    return {"threads": threads} if "threads" in inspect.signature(loader).parameters else {}


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


if __name__ == "__main__":
    print(json.dumps(_tag_and_report(**json.load(sys.stdin))))
