"""Bands of confidence hold the right entities; brute force agrees with a CRF whose answer is known."""

import numpy as np
import pytest

from utils.measure.calibration import Bin, reliability
from utils.tagger.marginals import by_brute_force
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


def test_without_transitions_characters_are_independent():
    emissions = np.log([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    nothing = np.zeros(2), np.zeros((2, 2)), np.zeros(2)
    assert by_brute_force(emissions, nothing, [1], at=0) == pytest.approx(0.8)
    assert by_brute_force(emissions, nothing, [0, 0], at=1) == pytest.approx(0.45)


def test_start_transitions_and_end_count():
    start, transitions, end = np.log([1.0, 3.0]), np.log([[1.0, 2.0], [4.0, 1.0]]), np.log([1.0, 5.0])
    paths = {(0, 0): 1 * 1 * 1, (0, 1): 1 * 2 * 5, (1, 0): 3 * 4 * 1, (1, 1): 3 * 1 * 5}
    found = by_brute_force(np.zeros((2, 2)), (start, transitions, end), [0, 1], at=0)
    assert found == pytest.approx(paths[0, 1] / sum(paths.values()))
