"""Tags and spans: against seqeval, and as inverses of each other; schemes; which tag may follow which."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, IOE2, Entities

from utils.text.entities import Span, annotate
from utils.text.tags import (
    RANER_LABELS,
    SCHEMES,
    bioes_tags,
    illegal_moves,
    is_iob1,
    legal_moves,
    scheme_of,
    sentence_of_tokens,
    span_reader,
    spans_from_bioes,
    spans_from_tags,
    tag_checker,
    tags_of,
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


STRICT = {"BIO": IOB2, "IOE2": IOE2, "BIOES": IOBES, "BMES": IOBES, "BILOU": BILOU}
"""seqeval's classes; BMES is written in IOBES for it, and it knows nothing like BIOS."""

by_name = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)


def in_iobes(tags):
    """M, L and U as IOBES writes them."""
    return [tag[0].translate(str.maketrans("MLU", "IES")) + tag[1:] for tag in tags]


@by_name
@given(sentences())
def test_legal_tags_are_read_as_by_strict_seqeval_in_every_scheme(scheme, sentence):
    tags = tags_of(sentence, scheme)
    assert frozenset(spans_from_tags(tags)) == sentence.spans and len(tags) == len(sentence.text)
    if scheme.name in STRICT:
        written = in_iobes(tags) if scheme.name == "BMES" else tags
        found = Entities([written], STRICT[scheme.name]).entities[0]
        assert {(e.start, e.end, e.tag) for e in found} == {tuple(span) for span in sentence.spans}


def iob1_tags(sentence):
    tags, spans = ["O"] * len(sentence.text), sorted(sentence.spans)
    for before, span in zip([None, *spans], spans, strict=False):
        touches = before and (before.end, before.type) == (span.start, span.type)
        tags[span.start : span.end] = [f"I-{span.type}"] * (span.end - span.start)
        tags[span.start] = f"{'B' if touches else 'I'}-{span.type}"
    return tags


@given(sentences())
def test_iob1_is_read_as_by_strict_seqeval(sentence):
    tags = iob1_tags(sentence)
    found = Entities([tags], IOB1).entities[0]
    assert set(spans_from_tags(tags)) == {(e.start, e.end, e.tag) for e in found} == sentence.spans
    assert is_iob1([tags]) == bool(sentence.spans)


@given(sentences().filter(lambda sentence: sentence.spans))
def test_bio_is_not_taken_for_iob1(sentence):
    assert not is_iob1([tags_of(sentence, scheme_of(["B-PER"]))])


@pytest.mark.parametrize("prefixes", ["BI", "IE", "BIS", "BIES", "BMES", "BILU"])
@given(st.data())
def test_any_tags_are_read_as_by_seqeval_in_its_default_mode(prefixes, data):
    tags = data.draw(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in prefixes for t in TYPES)]), max_size=12))
    spans = [(s.type, s.start, s.end - 1) for s in spans_from_tags(tags)]
    assert spans == get_entities(in_iobes(tags))


def test_foreign_labels_count_as_outside():
    assert spans_from_tags(["B-PER", "[PAD]", "I-PER", "X", "MASK", ""]) == [(0, 1, "PER"), (2, 3, "PER")]


CASES = {
    "04": ("B-ORG I-ORG O O I-LOC E-LOC", [(0, 2, "ORG"), (4, 6, "LOC")]),
    "10": ("B-ORG I-ORG L-ORG O U-LOC", [(0, 3, "ORG"), (4, 5, "LOC")]),
    "12": ("B-PER I-PER O O I-LOC I-LOC", [(0, 2, "PER"), (4, 6, "LOC")]),
}


def test_case_04_annotated_tags_that_the_scheme_forbids():
    tags, spans = CASES["04"]
    assert spans_from_tags(tags.split()) == spans
    assert spans_from_tags(["B-ORG", "E-LOC", "S-PER", "I-PER"]) == [
        (0, 1, "ORG"), (1, 2, "LOC"), (2, 3, "PER"), (3, 4, "PER"),
    ]  # fmt: skip


def test_case_10_bilou():
    tags, spans = CASES["10"]
    assert spans_from_tags(tags.split()) == spans


def test_case_12_bios_labels_are_not_read_as_bioes():
    tags, spans = CASES["12"]
    bios = ["O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BIS")]
    assert span_reader(bios)(tags.split()) == spans


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (["O"], "BIO"),
        (["O", "B-PER", "[PAD]"], "BIO"),
        (["B-PER", "I-PER", "S-PER"], "BIOS"),
        (["I-PER", "E-PER"], "IOE2"),
        (RANER_LABELS, "BIOES"),
        (["B-人名", "M-人名", "O"], "BMES"),
        (["U-PER"], "BILOU"),
    ],
)
def test_scheme_of_labels(labels, name):
    assert scheme_of(labels).name == name
    assert (span_reader(labels) is spans_from_bioes) == (name == "BIOES")


@pytest.mark.parametrize("labels", [["I-PER", "M-PER"], ["E-PER", "L-PER"], ["B-PER", "S-PER", "U-PER"]])
def test_two_schemes_at_once_are_refused(labels):
    for function in (scheme_of, span_reader, legal_moves):
        with pytest.raises(ValueError, match="not those of one scheme"):
            function(labels)
    check = tag_checker()
    with pytest.raises(ValueError, match="not those of one scheme"):
        for label in labels:
            check(label)


@pytest.mark.parametrize("tag", ["", "X-PER", "B-", "PER", "b-PER", "B_PER", "O-PER", "[PAD]", "BB-PER"])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(ValueError, match="neither O nor a tag"):
        tag_checker()(tag)


def test_tokens_are_put_together_with_their_entities():
    sentence = sentence_of_tokens(["陈默", "在", "2024年"], ["B-PER", "O", "B-TIME"])
    assert sentence == annotate("陈默在2024年", [Span(0, 2, "PER"), Span(3, 8, "TIME")])
    with pytest.raises(ValueError, match="2 tokens, 1 tags"):
        sentence_of_tokens(["陈", "默"], ["O"])


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


@by_name
def test_moves_are_legal_exactly_if_some_annotation_makes_them(scheme):
    tagged = [tags_of(annotated(pieces), scheme) for pieces in tilings(5, ["PER", "LOC"])]
    labels = sorted({tag for tags in tagged for tag in tags})
    allowed = {(labels[i], labels[j]) for i, j in zip(*np.nonzero(legal_moves(labels)), strict=True)}
    assert allowed == {pair for tags in tagged for pair in itertools.pairwise(tags)}
    at_the_ends = {("O", tags[0]) for tags in tagged} | {(tags[-1], "O") for tags in tagged}
    possible = {("O", label) for label in labels} | {(label, "O") for label in labels}
    assert {pair for pair in possible if scheme.may_follow(*pair)} == at_the_ends


def test_illegal_moves_are_counted():
    tags = [RANER_LABELS.index(tag) for tag in ("O", "E-PER", "B-LOC", "I-PER", "E-PER", "O")]
    assert illegal_moves(RANER_LABELS, tags) == 2
    assert illegal_moves(RANER_LABELS, tags[:1]) == illegal_moves(RANER_LABELS, []) == 0
