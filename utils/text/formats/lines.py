"""What every reader needs: the lines of a file, plain or compressed."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from utils.text.entities import CorpusError


def text_of(record: dict) -> str:
    """The record's `text`.

    Raises:
        KeyError: there is none.
        TypeError: it is not a string.
    """
    if not isinstance(record["text"], str):
        raise TypeError("text is not a string")
    return record["text"]


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line of a UTF-8 file; one whose name ends in `.gz` is unpacked.

    Raises:
        CorpusError: the file cannot be opened, unpacked or decoded.
    """
    opener = gzip.open if str(path).endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from None
