"""Bins of confidence hold the right entities; errors, temperatures and thresholds are those of counting by hand."""

import dataclasses
import math

import numpy as np
import pytest
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.measure import calibration
from utils.measure.calibration import Bin, reliability
from utils.model.torch_tagger import torch_tagger
from utils.text.entities import Entity, Span, annotate


def test_bands_count_what_is_right():
    sentences = [annotate("陈默在北京", [Span(0, 2, "PER"), Span(3, 5, "LOC")]), annotate("北京", [Span(0, 2, "LOC")])]
    predictions = [
        [Entity(0, 2, "PER", "陈默", 0.9), Entity(3, 5, "ORG", "北京", 0.7)],
        [Entity(0, 2, "LOC", "北京", 0.3)],
    ]
    low, high = reliability(sentences, predictions, [0, 0.5, 0.6, 1])
    assert low == Bin(pytest.approx(0.3), 1.0, 1) and high == Bin(pytest.approx(0.8), 0.5, 2)


def test_a_confidence_of_one_is_in_the_last_band_and_none_is_in_no_band():
    sentence = annotate("北京", [Span(0, 2, "LOC")])
    assert reliability([sentence], [[Entity(0, 2, "LOC", "北京", 1.0)]], [0, 0.5, 1]) == [Bin(1.0, 1.0, 1)]
    assert reliability([sentence], [[]], [0, 0.5, 1]) == []


def test_a_missing_answer_is_an_error():
    with pytest.raises(ValueError):
        reliability([annotate("北京", [])], [], [0, 1])


def corpus(confidences, right):
    """One sentence an entity, which is right or of another type than annotated."""
    sentences = [annotate("北京", [Span(0, 2, "LOC" if good else "ORG")]) for good in right]
    return sentences, [[Entity(0, 2, "LOC", "北京", c)] for c in confidences]


CONFIDENCES, RIGHT = [0.3, 0.6, 0.65, 0.92, 0.97, 1.0, 1.0], [True, False, True, True, False, True, True]


def test_the_calibration_error_is_the_mean_distance_of_the_bins():
    sentences, predictions = corpus(CONFIDENCES, RIGHT)
    bins = [(0.3, 1, 1), (0.625, 0.5, 2), (0.92, 1, 1), (0.97, 0, 1), (1.0, 1, 2)]
    expected = sum(count * abs(confidence - right) for confidence, right, count in bins) / 7
    found = calibration.calibration_error(sentences, predictions)
    assert found.value == pytest.approx(expected) and found.low <= found.value <= found.high


def test_overconfidence_is_confidence_minus_precision():
    sentences, predictions = corpus(CONFIDENCES, RIGHT)
    found = calibration.overconfidence(sentences, predictions)
    assert found.value == pytest.approx(np.mean(CONFIDENCES) - np.mean(RIGHT)) and found.low < found.value < found.high


def test_no_entity_is_neither_too_sure_nor_too_modest():
    sentences = [annotate("北京", [])] * 3
    assert calibration.overconfidence(sentences, [[]] * 3) == (0, 0, 0)
    assert calibration.calibration_error(sentences, [[]] * 3) == (0, 0, 0)


def test_the_difference_is_paired():
    """The same doubts, each a tenth less: whatever sentences are drawn, the gap is a tenth smaller."""
    sentences, before = corpus([0.5, 0.8, 0.9, 0.7] * 5, [True, False, True, True] * 5)
    after = [[dataclasses.replace(e, confidence=e.confidence - 0.1) for e in found] for found in before]
    found = calibration.overconfidence_difference(sentences, before, after)
    assert found == pytest.approx((-0.1,) * 3)


def test_the_interval_covers_what_resampling_by_hand_finds():
    sentences, predictions = corpus([0.9] * 100, [True] * 70 + [False] * 30)
    found = calibration.overconfidence(sentences, predictions)
    spread = math.sqrt(0.7 * 0.3 / 100)
    assert found.high - found.value == pytest.approx(2.17 * spread, rel=0.2)


def by_hand(confidences, right, threshold):
    kept = [good for confidence, good in zip(confidences, right, strict=True) if confidence >= threshold]
    return np.mean(kept), len(kept) / len(right)


@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.65, 0.93, 1.0])
def test_a_selection_keeps_what_is_at_least_as_sure(threshold):
    found = calibration.selection(*corpus(CONFIDENCES, RIGHT), threshold)
    precision, share = by_hand(CONFIDENCES, RIGHT, threshold)
    assert found.precision.value == pytest.approx(precision) and found.share.value == pytest.approx(share)


@pytest.mark.parametrize("precision", [0.5, 0.7, 0.75, 0.9, 1.0])
def test_the_least_confidence_is_the_lowest_threshold_that_is_precise_enough(precision):
    passing = [t for t in CONFIDENCES if by_hand(CONFIDENCES, RIGHT, t)[0] >= precision]
    assert calibration.least_confidence(*corpus(CONFIDENCES, RIGHT), precision) == min(passing)


def test_equally_sure_entities_stay_or_go_together():
    sentences, predictions = corpus([0.9, 0.9, 0.8], [True, False, True])
    assert calibration.least_confidence(sentences, predictions, 0.6) == 0.8
    assert calibration.least_confidence(sentences, predictions, 0.9) == 1.0


def truth_of(tagger, texts, temperature):
    """Annotation drawn so that confidences at `temperature` are honest: an entity is right as often as it says."""
    draw = np.random.default_rng(0).random
    found = dataclasses.replace(tagger, temperature=temperature).predict(texts)
    kept = [[e.span for e in entities if draw() < e.confidence] for entities in found]
    return [annotate(text, spans) for text, spans in zip(texts, kept, strict=True)]


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_the_fitted_temperature_is_the_one_at_which_confidence_was_honest(temperature):
    tagger, texts = torch_tagger(random_raner(4), tiny_tokenizer()), random_texts(1500, seed=1)
    found = calibration.fit_temperature(tagger, truth_of(tagger, texts, temperature))
    assert found == pytest.approx(temperature, rel=0.25)


def test_without_an_entity_the_temperature_stays_at_one():
    zero = np.zeros(13, np.float32)
    silent = dataclasses.replace(
        torch_tagger(random_raner(), tiny_tokenizer()),
        backend=lambda ids, mask: np.eye(13, dtype=np.float32)[np.zeros_like(ids)],
        crf=(zero, np.zeros((13, 13), np.float32), zero),
    )
    assert calibration.fit_temperature(silent, [annotate("天地", [])]) == 1.0
