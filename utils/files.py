"""Files that are never half written, and the error of those that cannot be used."""

import os
from pathlib import Path


class CheckpointError(ValueError):
    """A model directory that cannot be loaded in full; the message names what is wrong."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole: a reader, or a run that dies, never meets half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(partial, path)
