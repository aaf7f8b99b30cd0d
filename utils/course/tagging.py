"""What the command `tag` reads and prints: the entities of one text, or of each line of a file or of standard input."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from utils.course.runs import CourseError
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity
from utils.text.formats.lines import read_lines

STANDARD_INPUT = "-"

FILE_NAME = r"\S+\.(txt|text|md|csv|tsv|jsonl?|gz)"
"""How a file's name looks, and hardly a text: where no such file is there, it was mistyped."""


def answers(source: str, load: Callable[[], Tagger]) -> Iterator[str]:
    """What is printed for a source, piece by piece, as the tagger gets there.

    Args:
        source: a text, which gives one JSON list of entities; or a file of texts, one a line, or `-`, which is
            standard input: each gives a line with a JSON object of `text` and `entities`, as our corpus format has it.
        load: makes the tagger; called when the source can be read.

    Raises:
        CourseError: the text, the name or a line of standard input is not what it should be.
        CorpusError: a line of the file is not UTF-8.
    """
    if source == STANDARD_INPUT or os.path.isfile(source):
        texts = _standard_input() if source == STANDARD_INPUT else [text for _, text in read_lines(source)]
        tagger = load()
        for text in texts:
            yield _json({"text": text, "entities": _found(tagger, text)})
    else:
        text = _as_text(source)
        yield _json(_found(load(), text), indent=1)


def _found(tagger: Tagger, text: str) -> list[dict]:
    entities: Iterable[Entity] = tagger.predict([text])[0]
    return [asdict(entity) for entity in entities]


def _standard_input() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise CourseError(f"standard input, line {number}: byte {error.start + 1} is not UTF-8") from None


def _as_text(word: str) -> str:
    """A word of the command line, whatever characters the system's settings took its bytes for."""
    try:
        text = os.fsencode(word).decode("utf-8") if re.search("[\ud800-\udfff]", word) else word
    except UnicodeError:
        raise CourseError("the text is not valid UTF-8") from None
    if os.path.isdir(text):
        raise CourseError(f"{text}: a folder; tag takes a text, a file of texts, or - for standard input")
    if re.fullmatch(FILE_NAME, text):
        raise CourseError(f"{text}: no such file (a text that ends like a file's name is read from standard input: -)")
    return text


def _json(value: object, indent: int | None = None) -> str:
    """JSON, with escapes where standard output has not all its characters."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text
