"""A few annotated sentences, and the same in every format."""

import json

from utils.text.entities import Span, annotate

LINE = "[国家图书馆](ORG)馆长[陈默](PER)昨日在[北京](LOC)说，新馆明年开放。"
SENTENCE = annotate(
    "国家图书馆馆长陈默昨日在北京说，新馆明年开放。", [Span(0, 5, "ORG"), Span(7, 9, "PER"), Span(12, 14, "LOC")]
)

CONLL = "陈 B-PER\n默 I-PER\n说 O\n\n去 O\n京 B-LOC\n沪 B-LOC\n"
CONLL_SENTENCES = [annotate("陈默说", [Span(0, 2, "PER")]), annotate("去京沪", [Span(1, 2, "LOC"), Span(2, 3, "LOC")])]


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def jsonl(sentences):
    rows = ({"text": s.text, "entities": [span._asdict() for span in s.spans]} for s in sentences)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
