"""JSON lines: one sentence a line, entities by their offsets."""

import json
from pathlib import Path

from utils.text.entities import CorpusError, Sentence, Span, annotate
from utils.text.formats.lines import read_lines, text_of


def read_jsonl(path: str | Path) -> list[Sentence]:
    """Read `{"text": ..., "entities": [{"start", "end", "type"}]}` lines, `end` exclusive.

    Raises:
        CorpusError: broken JSON, a missing field or a span outside the text.
    """
    sentences = []
    for number, line in read_lines(path):
        if not line:
            continue
        try:
            record = json.loads(line)
            spans = [Span(e["start"], e["end"], e["type"]) for e in record["entities"]]
            sentences.append(annotate(text_of(record), spans))
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"{path}:{number}: {type(error).__name__} {error}") from None
    return sentences
