"""TODO text.formats.lines."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path


class CorpusError(ValueError):
    """A corpus that cannot be found or read; the message names file and line."""


def text_of(record: dict) -> str:
    if not isinstance(record["text"], str):
        raise TypeError("text is not a string")
    return record["text"]


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    opener = gzip.open if str(path).endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from None
