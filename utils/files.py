"""Where things lie, files that are never half written, files of a model, locks between processes, digests.

The ground floor: it imports nothing of the course.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
DATA, RUNS = ROOT / "data", ROOT / "runs"


class CheckpointError(ValueError):
    """A model directory that cannot be loaded in full; the message names what is wrong."""


def is_hub_id(source: str) -> bool:
    """Whether a source may be `owner/name` on a hub: spelled as hubs allow it, and no folder `owner` is here.

    Where there is one, a path was meant, and mistyped.
    """
    spelled = re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]*[A-Za-z0-9_]", source, re.ASCII)
    return bool(spelled) and not re.search(r"--|\.\.", source) and not Path(source).parent.is_dir()


LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that Git LFS left in place of the real one."""


def refuse_pointer(file: Path) -> None:
    """Make sure that a file of a model is the file itself.

    Raises:
        CheckpointError: it is a Git LFS pointer; the message says how to fetch what it points to.
    """
    with file.open("rb") as stream:
        if stream.read(len(LFS_POINTER)) == LFS_POINTER:
            remedy = "run `git lfs install` and `git lfs pull` in its repository, or download the file itself"
            raise CheckpointError(f"{file}: a Git LFS pointer, not the file it stands for: {remedy}")


def read_settings(file: Path) -> dict | None:
    """The JSON object in a file of a model, or None where there is no such file.

    Raises:
        CheckpointError: a Git LFS pointer, not JSON in UTF-8, or not an object.
    """
    if not file.is_file():
        return None
    refuse_pointer(file)
    try:
        settings = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{file}: not valid JSON ({error})") from None
    if not isinstance(settings, dict):
        raise CheckpointError(f"{file}: holds no JSON object {{...}}, but {settings!r:.40}")
    return settings


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
