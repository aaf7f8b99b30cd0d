"""Checkers of notebook 03 against answers known to be right, and against the mistakes that they name."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from utils.course.exercises import nb03 as exercises

RANDOM = np.random.default_rng(0)


def test_michel_by_hand():
    checker = exercises.michel_by_hand()
    assert checker((1 + 1 + 3) / 9) is None
    assert "nothing cancels" in checker(13 / 9)
    assert "whole sum" in checker(3 / 9) and "without" in checker(-3 / 9)
    assert "bug" in checker((1 + 0 + 3) / 9)
    assert "divide by the characters" in checker(5 / 3) and "divide it" in checker(5)


def test_shared_by_chance():
    checker = exercises.shared_by_chance(29, 144)
    choices = [RANDOM.permutation(144)[:29] for _ in range(4000)]
    shared = np.mean([len(np.intersect1d(*pair)) for pair in zip(choices[::2], choices[1::2], strict=True)])
    assert shared == pytest.approx(29 * 29 / 144, rel=0.03) and checker(29 * 29 / 144) is None
    assert "same choice" in checker(29) and "half" in checker(14.5) and "percent" in checker(20)
    assert "*one* head" in checker(0.2) and "how many heads" in checker(0.04)


def test_rank_correlation():
    a, b = RANDOM.normal(size=50), RANDOM.normal(size=50)
    b = np.exp(a + b)
    checker = exercises.rank_correlation(a, b)
    assert checker(spearmanr(a, b).statistic) is None
    assert "Pearson" in checker(np.corrcoef(a, b)[0, 1])
    assert "argsort" in checker(np.corrcoef(a.argsort(), b.argsort())[0, 1])
