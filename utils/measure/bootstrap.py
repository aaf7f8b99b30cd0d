"""How sure an F1, or a difference of two, is: the bootstrap over sentences.

A test set is a sample: other sentences would have given another F1. Drawing sentences from the test set
with replacement shows how much another. Two systems are compared on the same draws (paired).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.measure.scores import Predictions, count_entities, f1_of_counts, span_sets
from utils.text.entities import Sentence

RESAMPLES = 1000
"""Test sets that are drawn."""


class Difference(NamedTuple):
    """F1 of b minus F1 of a in points, its 95 % interval, and the p-value of "no difference"."""

    f1: float
    low: float
    high: float
    p_value: float


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
    """Is b better or worse than a on the same sentences, or could it be the choice of sentences?

    Each resample gives both systems the same sentences. With delta the observed difference, the
    p-value is the share of resamples whose difference lies at least |delta| from delta: resampled
    differences scatter around delta, under "no difference" they would scatter around 0. Counting the
    observed sample in keeps it above 0.

    Source: Berg-Kirkpatrick, Burkett and Klein 2012, "An Empirical Investigation of Statistical
    Significance in NLP", section 2 (one-sided there, two-sided here); the observed sample counted as
    in Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero".
    """
    counts = np.stack([count_entities(*span_sets(sentences, system)) for system in (a, b)])
    delta = float(np.diff(f1_of_counts(counts.sum(1)))[0])
    resampled = np.diff(f1_of_counts(resampled_counts(counts, seed)), axis=0)[0]
    as_far = np.abs(resampled - delta) >= abs(delta)
    return Difference(delta, *percentile_interval(resampled), float((as_far.sum() + 1) / (RESAMPLES + 1)))


def resampled_counts(counts: np.ndarray, seed: int = 0) -> np.ndarray:
    """Counts `(..., sentences, 3)` summed over as many sentences drawn with replacement: `(..., RESAMPLES, 3)`.

    How often each sentence is drawn is one multinomial sample, shared by all systems in the leading axes.
    """
    sentences = counts.shape[-2]
    draws = np.random.default_rng(seed).multinomial(sentences, np.full(sentences, 1 / sentences), RESAMPLES)
    return draws @ counts


def percentile_interval(samples: np.ndarray) -> tuple[float, float]:
    """What 95 % of the samples lie between, 2.5 % being below and 2.5 % above."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)
