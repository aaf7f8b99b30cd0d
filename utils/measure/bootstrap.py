"""How sure an F1, or a difference of two, is: the bootstrap over sentences.

A test set is a sample: other sentences would have given another F1. Drawing sentences from the test set
with replacement shows how much another. Two systems are compared on the same draws (paired).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.measure.scores import Predictions, count_entities, entity_scores, f1_of_counts, span_sets
from utils.text.entities import Sentence

RESAMPLES = 1000
"""Test sets that are drawn."""

OUTSIDE = 1.5
"""Percent of the resamples on each side of a 95 % interval. A percentile interval of some hundred sentences is a
little too narrow: with 2.5 it leaves out the truth in 3 of 100 samples on either side, with 1.5 in 2."""


class Difference(NamedTuple):
    """F1 of b minus F1 of a in points, and its 95 % interval."""

    f1: float
    low: float
    high: float


def f1_interval(sentences: Sequence[Sentence], predictions: Predictions, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of F1 in points, sentences resampled.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.
    """
    return percentile_interval(resampled_f1(sentences, [predictions], seed)[0])


def resampled_f1(sentences: Sequence[Sentence], systems: Sequence[Predictions], seed: int = 0) -> np.ndarray:
    """F1 in points on `RESAMPLES` draws of the sentences, the same draws for every system: `(systems, RESAMPLES)`."""
    counts = np.stack([count_entities(*span_sets(sentences, predictions)) for predictions in systems])
    return f1_of_counts(resampled_counts(counts, seed))


def paired_bootstrap(sentences: Sequence[Sentence], a: Predictions, b: Predictions, seed: int = 0) -> Difference:
    """How much better or worse b is than a on the same sentences; each resample gives both systems the same ones.

    No p-value stands beside the interval: it would answer "is there no difference?", and `verdict` asks of a margin.

    Source: Berg-Kirkpatrick, Burkett and Klein 2012, "An Empirical Investigation of Statistical
    Significance in NLP", section 2: the paired resamples.

    Raises:
        ValueError: there is no sentence.
    """
    value = entity_scores(sentences, b).f1 - entity_scores(sentences, a).f1
    resampled = np.diff(resampled_f1(sentences, [a, b], seed), axis=0)[0]
    return Difference(value, *percentile_interval(resampled))


def resampled_counts(counts: np.ndarray, seed: int = 0) -> np.ndarray:
    """Counts `(..., sentences, 3)` summed over as many sentences drawn with replacement: `(..., RESAMPLES, 3)`.

    How often each sentence is drawn is one multinomial sample, shared by all systems in the leading axes.
    """
    sentences = counts.shape[-2]
    draws = np.random.default_rng(seed).multinomial(sentences, np.full(sentences, 1 / sentences), RESAMPLES)
    return draws @ counts


def percentile_interval(samples: np.ndarray) -> tuple[float, float]:
    """The 95 % interval that resampled statistics give: `OUTSIDE` percent of them lie below it, and as many above."""
    low, high = np.percentile(samples, [OUTSIDE, 100 - OUTSIDE])
    return float(low), float(high)
