"""Tags and spans: against seqeval, and as inverses of each other; which tag may follow which."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOBES, Entities

from utils.text.entities import Span, annotate
from utils.text.tags import (
    RANER_LABELS,
    bioes_tags,
    illegal_moves,
    legal_moves,
    spans_from_bio,
    spans_from_bioes,
    spans_from_tags,
)

TYPES = ("LOC", "ORG", "PER")


@st.composite
def sentences(draw):
    """Text cut at random places; every other piece is an entity or not by chance."""
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=8))
    kinds = draw(st.lists(st.sampled_from((*TYPES, None)), min_size=len(lengths), max_size=len(lengths)))
    text = draw(st.text(min_size=sum(lengths), max_size=sum(lengths)))
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return annotate(text, [Span(s, s + n, k) for s, n, k in zip(starts, lengths, kinds, strict=True) if k])


@given(sentences())
def test_tags_and_back(sentence):
    tags = bioes_tags(sentence)
    assert len(tags) == len(sentence.text)
    assert set(tags) <= set(RANER_LABELS)
    assert frozenset(spans_from_bioes(tags)) == sentence.spans
    assert all(sentence.text[e.start : e.end] == e.text and e.confidence is None for e in sentence.entities)


@given(sentences())
def test_legal_bioes_agrees_with_seqeval(sentence):
    found = Entities([bioes_tags(sentence)], IOBES).entities[0]
    assert {(e.start, e.end, e.tag) for e in found} == {tuple(span) for span in sentence.spans}


@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BI" for t in TYPES)]), max_size=12))
def test_any_bio_sequence_agrees_with_seqeval(tags):
    assert [(s.type, s.start, s.end - 1) for s in spans_from_bio(tags)] == get_entities(tags)


def test_bio_ignores_foreign_labels():
    assert spans_from_bio(["B-PER", "[PAD]", "I-PER", "X"]) == [(0, 1, "PER"), (2, 3, "PER")]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-PER I-PER E-PER", [(0, 3, "PER")]),
        ("S-LOC S-LOC", [(0, 1, "LOC"), (1, 2, "LOC")]),
        ("B-PER O O E-PER", [(0, 4, "PER")]),
        ("I-ORG I-LOC O", [(0, 2, "ORG")]),
        ("B-PER B-LOC E-LOC", [(0, 1, "PER"), (1, 3, "LOC")]),
        ("B-PER I-PER O", [(0, 2, "PER")]),
        ("E-PER E-LOC", [(0, 1, "PER"), (1, 2, "LOC")]),
        ("B-PER S-LOC I-ORG", [(0, 1, "PER"), (1, 2, "LOC"), (2, 3, "ORG")]),
        ("O O", []),
        ("", []),
    ],
)
def test_illegal_bioes_is_read_as_modelscope_reads_it(tags, spans):
    """The rules are those of the published format: O closes nothing, the opening tag gives the type."""
    assert spans_from_bioes(tags.split()) == spans


def test_scheme_is_seen_from_the_tags():
    assert spans_from_tags(["B-PER", "O", "I-PER"]) == [(0, 1, "PER"), (2, 3, "PER")]
    assert spans_from_tags(["B-PER", "O", "E-PER"]) == [(0, 3, "PER")]


def tilings(length, types):
    """Every way to cover `length` characters with names and single characters outside."""
    if length == 0:
        yield []
    for size, kind in itertools.product(range(1, length + 1), [None, *types]):
        if kind or size == 1:
            yield from ([(size, kind), *rest] for rest in tilings(length - size, types))


def annotated(pieces):
    spans, start = [], 0
    for size, kind in pieces:
        spans += [Span(start, start + size, kind)] if kind else []
        start += size
    return annotate("字" * start, spans)


def test_moves_are_legal_exactly_if_some_annotation_makes_them():
    seen = {pair for pieces in tilings(5, ["PER", "LOC"]) for pair in itertools.pairwise(bioes_tags(annotated(pieces)))}
    labels = [label for label in RANER_LABELS if "ORG" not in label]
    allowed = {(labels[i], labels[j]) for i, j in zip(*np.nonzero(legal_moves(labels)), strict=True)}
    assert allowed == seen


def test_illegal_moves_are_counted():
    tags = [RANER_LABELS.index(tag) for tag in ("O", "E-PER", "B-LOC", "I-PER", "E-PER", "O")]
    assert illegal_moves(RANER_LABELS, tags) == 2
    assert illegal_moves(RANER_LABELS, tags[:1]) == illegal_moves(RANER_LABELS, []) == 0
