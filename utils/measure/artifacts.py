"""The files that the notebooks of a run leave for each other: whose they are, and what goes when it is not needed.

Beside an artifact lies `NAME.identity.json`: of which model and corpus it was made, with which seed and sizes, by
which recipe and which version of the code. It is there before the artifact, so an artifact is never without it.
"""

import functools
import glob
import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from utils.files import LockedError, locked, sha256, text_digest, write_atomically
from utils.measure.memory import directory_bytes

CODE = Path(__file__).resolve().parents[1]

ROOMS = ("model", "compress", "engines", "studies")
"""The rooms of `utils` whose code makes models: another version of them may make another one."""

UNFINISHED = ".unfinished"

IDENTITY = ".identity.json"

SCALES = ("mini", "article")
"""Folders of `artifacts/` that hold artifacts of one scale."""


def source_digest(source: str) -> str:
    """A digest of the file or folder, names and contents; of an id of a hub, the id's."""
    path = Path(source)
    if not path.exists():
        return text_digest(source)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return text_digest("".join(f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in files))


@functools.cache
def code_digest(folder: Path = CODE) -> str:
    """A digest of the Python files of `ROOMS`, below `folder`."""
    found = hashlib.sha256()
    for file in sorted(file for room in ROOMS for file in (folder / room).rglob("*.py")):
        found.update(file.relative_to(folder).as_posix().encode() + b"\n" + file.read_bytes())
    return found.hexdigest()


def is_made(path: Path, identity: Mapping[str, object]) -> bool:
    """Whether the artifact is there, and has this identity."""
    try:
        return path.exists() and json.loads(_identity_file(path).read_text("utf-8")) == identity
    except (OSError, ValueError):
        return False


def make(path: Path, identity: Mapping[str, object], build: Callable[[Path], object]) -> None:
    """Build under another name, in the place of what is there; what is unfinished when an error comes is removed."""
    _remove(path)
    _remove_unfinished(path)
    unfinished = path.with_name(f"{path.name}{UNFINISHED}")
    try:
        build(unfinished)
        write_atomically(_identity_file(path), json.dumps(identity, indent=1) + "\n")
        unfinished.rename(path)
    finally:
        _remove_unfinished(path)


def _identity_file(path: Path) -> Path:
    return path.with_name(f"{path.name}{IDENTITY}")


def _remove_unfinished(path: Path) -> None:
    """With what a training kept beside it, such as `NAME.unfinished-checkpoints`."""
    for left in path.parent.glob(f"{glob.escape(path.name)}{UNFINISHED}*"):
        _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove from `artifacts/` what dead processes left unfinished; what a living one builds, it keeps locked."""
    for owner in {left.with_name(left.name.split(UNFINISHED)[0]) for left in folder.rglob(f"*{UNFINISHED}*")}:
        if owner.parent.is_dir():
            _remove_unlocked(owner)


def _remove_unlocked(owner: Path) -> None:
    try:
        with locked(owner, 0):
            _remove_unfinished(owner)
    except LockedError:
        pass


def trim(folder: Path, most: int, kept: Collection[str] = ()) -> int:
    """Remove the largest from `artifacts/` until no more than `most` bytes are left there; returns the bytes that went.

    First go checkpoints of trainings, then models at article scale, then the others. Whatever a notebook asks for
    again is made again.

    Args:
        kept: names that stay in any case.
    """
    left = before = directory_bytes(folder)
    for piece in sorted(_pieces(folder, kept), key=_order):
        if left <= most:
            break
        left -= directory_bytes(piece)
        _remove(piece)
        _identity_file(piece).unlink(missing_ok=True)
    return before - left


def _pieces(folder: Path, kept: Collection[str]) -> Iterator[Path]:
    for place in (folder, *(folder / scale for scale in SCALES)):
        named = (path for path in place.glob("*") if path.name not in (*kept, *SCALES))
        yield from (path for path in named if not path.name.endswith((".lock", IDENTITY)))


def _order(piece: Path) -> tuple[bool, bool, int]:
    is_scratch, is_large = piece.name.endswith("-checkpoints"), piece.parent.name == "article"
    return not is_scratch, not is_large, -directory_bytes(piece)
