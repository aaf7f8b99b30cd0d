"""Where things lie, files that are never half written, locks between processes, digests.

The ground floor: it imports nothing of the course.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
DATA, RUNS = ROOT / "data", ROOT / "runs"


class CheckpointError(ValueError):
    """A model directory that cannot be loaded in full; the message names what is wrong."""


class LockedError(TimeoutError):
    """Another process holds what was asked for; the message names it, and how long we waited."""


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """A temporary file name in a folder beside the target: what is written there takes its place.

    A reader meets the old file or the new one, never half of one. If the block raises, the target stays
    as it was. In either case nothing else stays, and two processes never share a temporary name.
    """
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent, ignore_cleanup_errors=True) as folder:
        partial = Path(folder, f"{path.name}.partial")
        yield partial
        os.replace(partial, path)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole, as `written_atomically` does; a text is written in UTF-8."""
    with written_atomically(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Keep other processes out of the blocks that lock the same path.

    The lock is an empty file beside the path, `.NAME.lock`, which stays; the system frees it if the process dies.

    Args:
        seconds: how long to wait for another process; 0 does not wait.

    Raises:
        LockedError: the other process still holds it.
    """
    from filelock import FileLock, Timeout  # here: a bundle is checked before any library is installed

    try:
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=seconds).acquire()
    except Timeout:
        raise LockedError(f"{path}: another process is at work on it (waited {seconds:g} s)") from None
    with lock:
        yield


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
