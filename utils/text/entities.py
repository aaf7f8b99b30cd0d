"""Annotated text: spans, entities, sentences, and a corpus of them.

Offsets are code points, as Python counts them: `text[entity.start:entity.end] == entity.text`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

TRAPS = (
    "none", "common-word", "org-contains-loc", "abbreviation", "transliteration",
    "surname-title", "list", "mixed-script", "quotes", "no-entity",
)  # fmt: skip
"""What may make a sentence hard; explained in `data/corpus/GUIDELINES.md`."""


class CorpusError(ValueError):
    """A corpus that cannot be found or read; the message names file and line."""


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
        """Where it stands and what it is, without its text."""
        return Span(self.start, self.end, self.type)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Annotated text; `domain` and `trap` (one of `TRAPS`) are empty where the corpus names none."""

    text: str
    entities: tuple[Entity, ...] = ()
    domain: str = ""
    trap: str = ""

    @property
    def spans(self) -> frozenset[Span]:
        """The spans of all entities."""
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


def merge_neighbours(sentences: Sequence[Sentence], length: int) -> list[Sentence]:
    """Texts of up to `length` characters, made of neighbouring sentences; entities keep their places."""
    texts: list[list[Sentence]] = [[]]
    for sentence in sentences:
        if texts[-1] and sum(len(s.text) for s in texts[-1]) + len(sentence.text) > length:
            texts.append([])
        texts[-1].append(sentence)
    return [_join(parts) for parts in texts if parts]


def _join(parts: Sequence[Sentence]) -> Sentence:
    text, spans = "", []
    for part in parts:
        spans += [Span(e.start + len(text), e.end + len(text), e.type) for e in part.entities]
        text += part.text
    return annotate(text, spans)


class Corpus(NamedTuple):
    """Three disjoint lists of annotated sentences."""

    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]

    @property
    def types(self) -> list[str]:
        """The entity types that occur in any of the three, sorted."""
        return sorted({entity.type for split in self for s in split for entity in s.entities})
