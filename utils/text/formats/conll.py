"""CoNLL columns: a character, up to two columns that are not read, and its tag, one row a line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from utils.text.entities import CorpusError, Sentence
from utils.text.formats.lines import quoted, read_lines
from utils.text.tags import sentence_of_tokens, tag_checker

_TAG = re.compile(r"O|[BIMESLU]-\S+")
_CHARACTER = (
    r"(?:[\U0001f1e6-\U0001f1ff]{2}"
    r"|.(?:[\u0300-\u036f\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d.)*)"
)
"""What a reader sees as one character: a flag, or a code point with accents, variants and joined emoji."""
_ONE = re.compile(rf"({_CHARACTER})")
_NUMBERED = re.compile(rf"({_CHARACTER})[0-9]+")
_DOCUMENT = "-DOCSTART-"


class Row(NamedTuple):
    """A line with its columns."""

    number: int
    cells: list[str]

    @property
    def tag(self) -> str:
        return self.cells[-1]


def is_row(line: str) -> bool:
    """Whether a line can only be of this format: two to four columns, of which the last is a tag."""
    cells = _cells(line)
    return 2 <= len(cells) <= 4 and _TAG.fullmatch(cells[-1]) is not None


def _cells(line: str) -> list[str]:
    """Columns, apart by tabs where the line has one, else by blanks; with tabs, the character may be a blank."""
    line = line.rstrip(" \t")
    if "\t" not in line:
        return [cell for cell in line.split(" ") if cell]
    first, *others = line.split("\t")
    return [first.strip(" ") or first, *filter(None, (cell.strip(" ") for cell in others))]


def read_columns(path: str | Path) -> list[list[Row]]:
    """The rows of each sentence, `-DOCSTART-` and comments left out.

    A line that begins with `#` is a comment, unless its last column says that it is a row for the character #.

    Raises:
        CorpusError: a line without a tag, with another number of columns than the lines before, or with a tag of
            another scheme.
    """
    sentences: list[list[Row]] = [[]]
    check, width = tag_checker(), 0
    for number, line in read_lines(path):
        cells = _cells(line)
        if not line.strip(" \t") or cells[0] == _DOCUMENT:
            sentences.append([])
        elif not _is_comment(line, cells):
            width = width or len(cells)
            try:
                _check(cells, width)
                check(cells[-1])
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}, got {quoted(line)}") from None
            sentences[-1].append(Row(number, cells))
    return [rows for rows in sentences if rows]


def _is_comment(line: str, cells: Sequence[str]) -> bool:
    looks_like_a_tag = _TAG.fullmatch(cells[-1]) or cells[0] == "#" and re.fullmatch(r"[A-Z]-\S*", cells[-1])
    return line.startswith("#") and not looks_like_a_tag


def _check(cells: Sequence[str], width: int) -> None:
    if len(cells) != width:
        raise ValueError(f"expected one character and its tag, in {width} columns like the lines before")
    if not 2 <= len(cells) <= 4 or not cells[0] or not _TAG.fullmatch(cells[-1]):
        raise ValueError("expected one character and a tag like B-PER, in 2 to 4 columns apart by blanks or tabs")


def read_conll(path: str | Path) -> list[Sentence]:
    """Read columns of any scheme, sentences apart by blank lines; `.gz` too.

    Characters that all have digits behind them (陈0 默1, a segmentation) lose those. What the scheme forbids is read as
    `spans_from_tags` says.

    Raises:
        CorpusError: a line that is not as `read_columns` says, or does not begin with one character.
    """
    sentences = read_columns(path)
    numbered = all(_NUMBERED.fullmatch(row.cells[0]) for rows in sentences for row in rows)
    pattern = _NUMBERED if numbered else _ONE
    return [
        sentence_of_tokens([_character(row, pattern, path) for row in rows], [row.tag for row in rows])
        for rows in sentences
    ]


def _character(row: Row, pattern: re.Pattern, path: str | Path) -> str:
    if match := pattern.fullmatch(row.cells[0]):
        return match[1]
    raise CorpusError(f"{path}:{row.number}: expected one character before its tag, got {quoted(' '.join(row.cells))}")
