"""Our own format, made for writing by hand: `[国家图书馆](ORG)馆长[陈默](PER)`, with sections by domain and trap."""

import re
from pathlib import Path

from utils.text.entities import TRAPS, CorpusError, Sentence, Span, annotate
from utils.text.formats.lines import read_lines

_BRACKETED = re.compile(r"\[([^\[\]]+)\]\(([A-Z]+)\)")


def parse_bracketed(line: str, domain: str = "", trap: str = "") -> Sentence:
    """Read `[国家图书馆](ORG)馆长[陈默](PER)`.

    Raises:
        ValueError: a bracket is left over.
    """
    text, spans, cursor = "", [], 0
    for match in _BRACKETED.finditer(line):
        text += line[cursor : match.start()]
        spans.append(Span(len(text), len(text) + len(match[1]), match[2]))
        text, cursor = text + match[1], match.end()
    text += line[cursor:]
    if "[" in text or "]" in text:
        raise ValueError("a bracket without its partner or without a type like (PER)")
    return annotate(text, spans, domain, trap)


def read_bracketed(path: str | Path) -> list[Sentence]:
    """Read our own format: one sentence a line, `# domain:` and `# trap:` section marks.

    Raises:
        CorpusError: a malformed line or an unknown section mark, named by file and line.
    """
    sentences, domain, trap = [], "", ""
    for number, line in read_lines(path):
        if line.startswith("# domain:"):
            domain, trap = line.removeprefix("# domain:").strip(), "none"
        elif line.startswith("# trap:"):
            trap = line.removeprefix("# trap:").strip()
            if trap not in TRAPS:
                raise CorpusError(f"{path}:{number}: unknown trap {trap!r}; known are {', '.join(TRAPS)}")
        elif line.startswith("#"):
            raise CorpusError(f"{path}:{number}: unknown section mark {line!r}; known are # domain: and # trap:")
        elif line:
            try:
                sentences.append(parse_bracketed(line, domain, trap))
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}") from None
    return sentences
