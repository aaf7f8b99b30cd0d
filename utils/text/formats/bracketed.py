r"""Our own format, made for writing by hand: `[国家图书馆](ORG)馆长[陈默](PER)`, with sections by domain and trap.

A backslash takes their meaning from brackets, from `#` and from another backslash: `\[`, `\]`, `\#`, `\\`. Before any
other character it is a character of the text.
"""

import re
from pathlib import Path

from utils.text.entities import TRAPS, CorpusError, Sentence, Span, annotate
from utils.text.formats.lines import quoted, read_lines

_ESCAPED = r"\\[\\\[\]#]"
_PIECE = re.compile(rf"\[((?:{_ESCAPED}|[^\[\]])++)\]\(([A-Z]+)\)|({_ESCAPED}|[^\[\]\\]+|.)", re.DOTALL)
_MARK = re.compile(r"# (?:domain|trap):|.*\[[^\[\]]+\]\([A-Z]+\)")


def is_bracketed(line: str) -> bool:
    """Whether a line can only be of this format: it has an entity or is a section mark."""
    return _MARK.match(line) is not None


def parse_bracketed(line: str, domain: str = "", trap: str = "") -> Sentence:
    """Read `[国家图书馆](ORG)馆长[陈默](PER)`.

    Raises:
        ValueError: a bracket is left over.
    """
    text, spans = "", []
    for name, kind, other in _PIECE.findall(line):
        if other in ("[", "]"):
            raise ValueError(rf"a bracket without its partner or a type like (PER); one of the text is \{other}")
        piece = re.sub(r"\\([\\\[\]#])", r"\1", name or other)
        spans += [Span(len(text), len(text) + len(piece), kind)] if kind else []
        text += piece
    return annotate(text, spans, domain, trap)


def format_bracketed(sentence: Sentence) -> str:
    """The line that `parse_bracketed` reads as this sentence, where it has no line end and its types are capitals."""
    line, cursor = "", 0
    for entity in sentence.entities:
        line += f"{_escaped(sentence.text[cursor : entity.start])}[{_escaped(entity.text)}]({entity.type})"
        cursor = entity.end
    line += _escaped(sentence.text[cursor:])
    return f"\\{line}" if line.startswith("#") else line


def _escaped(text: str) -> str:
    return re.sub(r"[\\\[\]]", r"\\\g<0>", text)


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
            known = r"known are # domain: and # trap:; a sentence that begins with # begins with \#"
            raise CorpusError(f"{path}:{number}: unknown section mark {quoted(line)}; {known}")
        elif line:
            try:
                sentences.append(parse_bracketed(line, domain, trap))
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}, in {quoted(line)}") from None
    return sentences
