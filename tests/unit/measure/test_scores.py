"""Scores against seqeval, and by hand."""

import warnings

import numpy as np
import pytest
from answers import corpora, entities_of
from hypothesis import given, settings
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOBES

from utils.measure.scores import agreement, entity_scores
from utils.text.entities import Entity, Span, annotate
from utils.text.tags import bioes_tags


def seqeval_scores(sentences, predictions, average):
    gold = [bioes_tags(sentence) for sentence in sentences]
    found = [bioes_tags(annotate(s.text, [e.span for e in p])) for s, p in zip(sentences, predictions, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return precision_recall_fscore_support(gold, found, average=average, scheme=IOBES, zero_division=0)


def assert_seqeval_agrees(sentences, predictions):
    ours = entity_scores(sentences, predictions)
    micro = [100 * value for value in seqeval_scores(sentences, predictions, "micro")[:3]]
    assert [ours.precision, ours.recall, ours.f1] == pytest.approx(micro)
    by_type = [[s.precision / 100, s.recall / 100, s.f1 / 100, s.support] for _, s in sorted(ours.by_type.items())]
    assert np.array(by_type).reshape(-1, 4) == pytest.approx(np.array(seqeval_scores(sentences, predictions, None)).T)
    assert ours.support == sum(s.support for s in ours.by_type.values())


@settings(max_examples=300, deadline=None)
@given(corpora)
def test_scores_are_those_of_seqeval(corpus):
    sentences, predictions = map(list, zip(*corpus, strict=True))
    if any(sentence.entities or found for sentence, found in corpus):
        assert_seqeval_agrees(sentences, predictions)
    else:
        assert entity_scores(sentences, predictions).f1 == 0


def test_predictions_of_a_model_score_as_in_seqeval(tagger, sentences):
    """Its own answers, some of them taken as gold, so that right and wrong entities both occur."""
    answers = tagger.predict([sentence.text for sentence in sentences])
    half = [annotate(s.text, [e.span for e in a]) for s, a in zip(sentences[:30], answers[:30], strict=True)]
    mixed = half + sentences[30:]
    scores = entity_scores(mixed, answers)
    assert 0 < scores.f1 < 100
    assert_seqeval_agrees(mixed, answers)


def test_an_entity_counts_only_if_range_and_type_are_right():
    sentence = annotate("北京大学", [Span(0, 4, "ORG")])
    for wrong in (Span(0, 2, "ORG"), Span(0, 4, "LOC"), Span(1, 4, "ORG")):
        assert entity_scores([sentence], [entities_of(sentence, [wrong])]).f1 == 0
    assert entity_scores([sentence], [entities_of(sentence, [Span(0, 4, "ORG")])]).f1 == 100


def test_nothing_to_score_or_a_missing_answer_is_an_error():
    sentence = annotate("北京", [Span(0, 2, "LOC")])
    with pytest.raises(ValueError, match="no sentences"):
        entity_scores([], [])
    with pytest.raises(ValueError, match="2 sentences, but predictions for 1"):
        entity_scores([sentence, sentence], [[]])


def test_agreement_counts_sentences_with_the_same_spans():
    sentence = annotate("王伟在北京", [Span(0, 2, "PER"), Span(3, 5, "LOC")])
    both, retyped = list(sentence.entities), entities_of(sentence, [Span(0, 2, "PER"), Span(3, 5, "ORG")])
    surer = [Entity(e.start, e.end, e.type, e.text, 0.9) for e in both]
    assert agreement([both, both, [], both], [surer, retyped, [], both[:1]]) == 50
    with pytest.raises(ValueError):
        agreement([both], [])
    with pytest.raises(ValueError, match="no sentences"):
        agreement([], [])
