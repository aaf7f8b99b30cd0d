"""Traits of sentences, and shares of those that are handed on, counted by hand."""

import numpy as np
import pytest

from utils.studies.adaptive import hard_sentences
from utils.text.entities import Span, annotate

TRAIN = [annotate("北京有陈默", [Span(0, 2, "LOC"), Span(3, 5, "PER")])]
SENTENCES = [
    annotate("北京", [Span(0, 2, "LOC")]),
    annotate("北京大学在哪里呢", [Span(0, 4, "ORG")]),
    annotate("天气很好", []),
    annotate("南京的人很多很多", [Span(0, 2, "LOC")]),
]


def test_traits():
    found = hard_sentences.traits(SENTENCES, TRAIN)
    assert {name: flags.tolist() for name, flags in found.items()} == {
        "a name that train does not have": [False, True, False, True],
        "an organisation with a place inside": [False, True, False, False],
        "longer than most": [False, True, False, True],
        "no name at all": [False, False, True, False],
    }


def test_shares_of_those_with_a_trait_and_of_the_others():
    flags, gone = np.array([True, True, False, False, False]), np.array([True, False, True, False, False])
    (found,) = hard_sentences.handed_on({"x": flags}, gone).values()
    assert (found.count, found.share, found.others) == (2, 0.5, pytest.approx(1 / 3))
    assert found.difference.value == pytest.approx(1 / 6)
    assert found.difference.low < found.difference.value < found.difference.high


def test_a_trait_that_decides_everything_leaves_no_doubt():
    flags = np.array([True, False] * 30)
    (found,) = hard_sentences.handed_on({"x": flags}, flags).values()
    assert found.difference == (1, 1, 1)


def test_a_trait_that_nobody_has_is_no_error():
    (found,) = hard_sentences.handed_on({"x": np.zeros(4, bool)}, np.ones(4, bool)).values()
    assert (found.count, found.share, found.others) == (0, 0, 1)
