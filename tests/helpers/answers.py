"""Annotated sentences, and answers to them that are partly right."""

from hypothesis import strategies as st

from utils.text.entities import Entity, Sentence, Span, annotate

TYPES = ("LOC", "ORG", "PER")


def spans_of(pieces: list[tuple[int, str | None]], length: int) -> list[Span]:
    """Disjoint spans from `(length, type or None)` pieces laid end to end, cut at `length`."""
    spans, start = [], 0
    for size, kind in pieces:
        if kind and start + size <= length:
            spans.append(Span(start, start + size, kind))
        start += size
    return spans


def entities_of(sentence: Sentence, spans: list[Span]) -> list[Entity]:
    return list(annotate(sentence.text, spans).entities)


@st.composite
def answered_sentence(draw) -> tuple[Sentence, list[Entity]]:
    """A sentence and an answer that is partly right: pieces kept, retyped, or cut anew."""
    kinds = st.sampled_from([None, *TYPES])
    pieces = draw(st.lists(st.tuples(st.integers(1, 4), kinds), min_size=1, max_size=6))
    text = "字" * sum(size for size, _ in pieces)
    sentence = annotate(text, spans_of(pieces, len(text)))
    if draw(st.booleans()):
        answer = [(size, draw(st.sampled_from([kind, kind, None, *TYPES]))) for size, kind in pieces]
    else:
        answer = draw(st.lists(st.tuples(st.integers(1, 4), kinds), max_size=6))
    return sentence, entities_of(sentence, spans_of(answer, len(text)))


corpora = st.lists(answered_sentence(), min_size=1, max_size=8)
