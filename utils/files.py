"""Files that are never half written, and the error of those that cannot be used."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA, RUNS = ROOT / "data", ROOT / "runs"


class CheckpointError(ValueError):
    """A model directory that cannot be loaded in full; the message names what is wrong."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole: a reader, or a run that dies, never meets half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(partial, path)


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
