"""Entities, annotated sentences, and the way from tags to spans and back.

Offsets are code points, as Python counts them: `text[entity.start:entity.end] == entity.text`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

RANER_LABELS = (
    "O", "B-LOC", "S-LOC", "B-ORG", "S-ORG", "B-PER", "S-PER",
    "I-LOC", "E-LOC", "I-ORG", "E-ORG", "I-PER", "E-PER",
)  # fmt: skip
"""The 13 BIOES labels in the order of RaNER's published `config.json`."""


class Span(NamedTuple):
    """Half-open character range `[start, end)` of one type."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A span with its text; `confidence` in (0, 1] is None for annotated entities."""

    start: int
    end: int
    type: str
    text: str
    confidence: float | None = None

    @property
    def span(self) -> Span:
        return Span(self.start, self.end, self.type)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Annotated text; `domain` and `trap` are empty where the corpus names none."""

    text: str
    entities: tuple[Entity, ...] = ()
    domain: str = ""
    trap: str = ""

    @property
    def spans(self) -> frozenset[Span]:
        return frozenset(entity.span for entity in self.entities)


def annotate(text: str, spans: Iterable[Span], domain: str = "", trap: str = "") -> Sentence:
    """Attach spans to their text, in order.

    Raises:
        ValueError: a span is empty, leaves the text, or overlaps another.
    """
    ordered = sorted(spans)
    end_of_last = 0
    for start, end, kind in ordered:
        if not end_of_last <= start < end <= len(text):
            raise ValueError(f"{kind} span {start}:{end} is empty, overlaps or leaves the text of {len(text)}")
        end_of_last = end
    entities = tuple(Entity(s, e, kind, text[s:e]) for s, e, kind in ordered)
    return Sentence(text, entities, domain, trap)


def bioes_tags(sentence: Sentence) -> list[str]:
    """One tag a character: B, I, E for longer entities, S for a single character, O outside."""
    tags = ["O"] * len(sentence.text)
    for start, end, kind in sentence.spans:
        if end - start == 1:
            tags[start] = f"S-{kind}"
        else:
            tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 2), f"E-{kind}"]
    return tags


def spans_from_tags(tags: Sequence[str]) -> list[Span]:
    """Spans of a BIOES or BIO tag sequence; a sequence with an E or S tag is read as BIOES."""
    bioes = any(tag[0] in "ES" for tag in tags)
    return spans_from_bioes(tags) if bioes else spans_from_bio(tags)


def spans_from_bioes(tags: Sequence[str]) -> list[Span]:
    """Spans by ModelScope's reading of (possibly illegal) BIOES tags.

    B and S open a span and end the open one; I and E extend the open span or open one; E and S
    close. O does not close: a later I or E still extends over it. The opening tag gives the type.
    Source: modelscope 1.40.2, `TokenClassificationPipeline.postprocess` (behaviour, not code).
    """
    spans: list[Span] = []
    opened: Span | None = None
    for position, tag in enumerate(tags):
        prefix = tag[0]
        if prefix in "BS" and opened:
            spans.append(opened)
            opened = None
        if prefix in "BIES":
            start, kind = (opened.start, opened.type) if opened else (position, tag[2:])
            opened = Span(start, position + 1, kind)
        if prefix in "ES":
            spans.append(opened)
            opened = None
    return [*spans, opened] if opened else spans


def spans_from_bio(tags: Sequence[str]) -> list[Span]:
    """Spans of BIO tags by the CoNLL-2000 rule: an I after O or after another type opens a span.

    Any other tag counts as O: some published taggers have a `[PAD]` label.
    """
    spans: list[Span] = []
    for position, tag in enumerate(tags):
        if tag[0] not in "BI":
            continue
        last = spans[-1] if spans else None
        if tag[0] == "I" and last and last.end == position and last.type == tag[2:]:
            spans[-1] = Span(last.start, position + 1, last.type)
        else:
            spans.append(Span(position, position + 1, tag[2:]))
    return spans
