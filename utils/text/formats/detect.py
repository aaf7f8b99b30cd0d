"""Which format a file is in: decided by all of its lines, never by the first one alone."""

import re
from collections.abc import Callable
from pathlib import Path

from utils.text.entities import CorpusError, Sentence
from utils.text.formats.bracketed import is_bracketed, read_bracketed
from utils.text.formats.conll import is_row, read_conll
from utils.text.formats.jsonl import read_jsonl, read_records
from utils.text.formats.lines import quoted, read_lines
from utils.text.formats.records import RECORD_FORMATS, format_of_records

FORMATS = ("bracketed", "conll", *RECORD_FORMATS)
"""Names of all formats; `jsonl` is the course's own."""

_OBJECT = re.compile(r'\s*(\[\s*$|\[?\s*\{\s*("|\}|$))')


def reader_of(name: str) -> Callable[[str | Path], list[Sentence]]:
    """The reader of one of `FORMATS`.

    Raises:
        CorpusError: there is no such format.
    """
    if name not in FORMATS:
        raise CorpusError(f"unknown format {name!r}; known are {', '.join(FORMATS)}")
    readers = {"bracketed": read_bracketed, "conll": read_conll}
    return readers.get(name, lambda path: read_jsonl(path, name))


def format_of(path: str | Path) -> str:
    """The one of `FORMATS` that a file is in.

    JSON by its first line or name, columns where more lines are rows than have entities in brackets. A file without
    a line is in our own format, and holds nothing.

    Raises:
        CorpusError: the file cannot be read, is in no known format, or mixes two.
    """
    lines = [(number, line) for number, line in read_lines(path) if line.strip()]
    if lines and (_OBJECT.match(lines[0][1]) or re.search(r"\.jsonl?(\.gz)?$", str(path))):
        return format_of_records(read_records(path))
    rows = [(number, line) for number, line in lines if is_row(line)]
    marked = sum(is_bracketed(line) for _, line in lines)
    if len(rows) > marked:
        return "conll"
    if rows:
        number, line = rows[0]
        raise CorpusError(f"{path}:{number}: {quoted(line)} is a row of columns, other lines have entities in brackets")
    if lines and not marked:
        raise CorpusError(_unknown(path, *lines[0]))
    return "bracketed"


def _unknown(path: str | Path, number: int, line: str) -> str:
    return (
        f"{path}:{number}: neither {quoted(line)} nor any other line is a row (陈 B-PER), a JSON object or a sentence "
        "with an entity ([陈默](PER)说). Tags need a prefix and a type; a file of our own format that has no entity "
        "needs a line such as # domain: 文化"
    )
