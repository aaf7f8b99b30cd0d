"""Notebook 03 asks: Michel's score by hand, what two choices share by chance, a correlation of ranks."""

import numpy as np

from utils.course.teaching import Checker, number

SLOPES = np.array([[3, -1, -1], [-2, 1, 0], [1, -2, -2]])
"""dL/dxi of one head: a row a sentence, a column a character."""


def michel_by_hand() -> Checker:
    """The head's score with the absolute value taken sentence by sentence, per labelled character."""
    sums, characters = SLOPES.sum(1), SLOPES.size
    running = np.abs(sums.cumsum()).sum()
    return number(
        np.abs(sums).sum() / characters,
        {
            np.abs(SLOPES).sum() / characters: "that is the absolute value of each character: nothing cancels any more",
            abs(sums.sum()) / characters: "that is the absolute value of the whole sum: sentences cancel each other",
            sums.sum() / characters: "without an absolute value, sentences cancel each other",
            running / characters: "that is the bug above: each sum still holds the ones before",
            np.abs(sums).sum() / len(sums): "divide by the characters, of which a sentence has three",
            np.abs(sums).sum(): "the sum is right; divide it by the number of characters",
        },
    )


def shared_by_chance(count: int, heads: int) -> Checker:
    """How many heads two random choices of `count` out of `heads` have in common on average."""
    return number(
        count * count / heads,
        {
            count: "that would be the same choice twice",
            count / 2: "half would be shared if every second head were chosen",
            count / heads: "that is the chance that *one* head of the first choice is in the second; there are more",
            100 * count / heads: "that is the share in percent; how many heads are that?",
            (count / heads) ** 2: "that is the chance that one given head is in both; how many heads are there?",
        },
        tolerance=0.02,
    )


def rank_correlation(a: np.ndarray, b: np.ndarray) -> Checker:
    """Spearman's correlation of two scores without ties.

    Args:
        a, b: `(heads,)`.
    """
    first, second = a.argsort(), b.argsort()
    return number(
        _correlation(first.argsort(), second.argsort()),
        {
            _correlation(a, b): "that is Pearson's, of the values; Spearman asks about the ranks",
            _correlation(first, second): "`argsort` lists who comes first, second, ...; its own `argsort` is the rank",
        },
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])
