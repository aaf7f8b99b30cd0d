"""Tags and spans: against seqeval, and as inverses of each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOBES, Entities

from utils.text.entities import Entity, Span, annotate, merge_neighbours
from utils.text.tags import RANER_LABELS, bioes_tags, spans_from_bio, spans_from_bioes, spans_from_tags

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


@pytest.mark.parametrize("spans", [[(0, 0, "PER")], [(2, 1, "PER")], [(1, 4, "PER")], [(-1, 1, "PER")]])
def test_annotate_refuses_empty_and_outside_spans(spans):
    with pytest.raises(ValueError, match="PER span"):
        annotate("陈默说", [Span(*span) for span in spans])


def test_annotate_refuses_overlap_and_sorts():
    with pytest.raises(ValueError, match="overlaps"):
        annotate("陈默说", [Span(0, 2, "PER"), Span(1, 3, "LOC")])
    sentence = annotate("😀京沪", [Span(2, 3, "LOC"), Span(1, 2, "LOC")], "交通", "abbreviation")
    assert sentence.entities == (Entity(1, 2, "LOC", "京"), Entity(2, 3, "LOC", "沪"))
    assert (sentence.domain, sentence.trap) == ("交通", "abbreviation")


def test_merged_neighbours_keep_every_entity():
    sentences = [
        annotate("甲在北京。", [Span(2, 4, "LOC")]),
        annotate("乙。", [Span(0, 1, "PER")]),
        annotate("丙丙丙。", []),
    ]
    texts = merge_neighbours(sentences, length=7)
    assert [t.text for t in texts] == ["甲在北京。乙。", "丙丙丙。"]
    assert texts[0].spans == {Span(2, 4, "LOC"), Span(5, 6, "PER")} and texts[1].spans == frozenset()
    assert merge_neighbours(sentences, length=1) == sentences
    assert merge_neighbours([], 5) == []
