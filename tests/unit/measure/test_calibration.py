"""Bins of confidence hold the right entities."""

import pytest

from utils.measure.calibration import Bin, reliability
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
