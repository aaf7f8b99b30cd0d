"""JSON files: one object a line, or a list of objects, in any of the shapes of `records`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from utils.text.entities import CorpusError, Sentence
from utils.text.formats.lines import quoted, read_lines
from utils.text.formats.records import Record, format_of_records, sentences_of_records

_GAP = re.compile(r"[\s,]*")


def read_jsonl(path: str | Path, name: str = "") -> list[Sentence]:
    """Read sentences in one of `records.RECORD_FORMATS`, by default in the one that all records of the file have.

    Raises:
        CorpusError: broken JSON, or a record that `sentences_of_records` refuses.
    """
    records = read_records(path)
    return sentences_of_records(records, name or format_of_records(records))


def read_records(path: str | Path) -> list[Record]:
    """The values of a JSON file, one a line or in a list, each with its file and line.

    Raises:
        CorpusError: broken JSON.
    """
    lines = [(number, line) for number, line in read_lines(path) if line.strip()]
    if lines and lines[0][1].lstrip().startswith("["):
        return list(_listed(path))
    return [Record(f"{path}:{number}", _value(line, f"{path}:{number}"), line) for number, line in lines]


def _value(text: str, place: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise CorpusError(f"{place}: not JSON ({getattr(error, 'msg', error)}{at}), got {quoted(text)}") from None


def _listed(path: str | Path) -> Iterator[Record]:
    """The elements of a list that is the only value of the file, each with the line in which it begins."""
    text = "\n".join(line for _, line in read_lines(path))
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        number = getattr(error, "lineno", 1)
        line = text.split("\n")[number - 1]
        raise CorpusError(f"{path}:{number}: not JSON ({getattr(error, 'msg', error)}), got {quoted(line)}") from None
    decoder, end = json.JSONDecoder(), text.index("[") + 1
    number = 1 + text.count("\n", 0, end)
    for value in values:
        start = _GAP.match(text, end).end()
        number += text.count("\n", end, start)
        end = decoder.raw_decode(text, start)[1]
        yield Record(f"{path}:{number}", value, text[start:end])
        number += text.count("\n", start, end)
