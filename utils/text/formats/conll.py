"""CoNLL columns: one character and its tag a line."""

import re
from pathlib import Path

from utils.text.entities import CorpusError, Sentence, annotate
from utils.text.formats.lines import read_lines
from utils.text.tags import spans_from_tags


def read_conll(path: str | Path) -> list[Sentence]:
    """Read two columns, `character TAG`, sentences apart by blank lines; BIO or BIOES; `.gz` too.

    Raises:
        CorpusError: a line without exactly two columns or with an unknown tag.
    """
    sentences, characters, tags = [], [], []
    for number, line in [*read_lines(path), (0, "")]:
        if not line and characters:
            sentences.append(annotate("".join(characters), spans_from_tags(tags)))
            characters, tags = [], []
        elif line:
            columns = line.split()
            if len(columns) != 2 or len(columns[0]) != 1 or not re.fullmatch(r"O|[BIES]-\S+", columns[1]):
                raise CorpusError(f"{path}:{number}: expected one character and a BIO or BIOES tag, got {line!r}")
            characters.append(columns[0])
            tags.append(columns[1])
    return sentences
