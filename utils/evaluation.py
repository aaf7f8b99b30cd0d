"""Is the tagger still right? Strict entity F1, how sure we are of it, and which errors remain.

An entity counts as found only if its start, its end and its type are all right. With `correct` such
entities among `predicted` and `gold` ones (the CoNLL measure: Tjong Kim Sang and De Meulder 2003,
"Introduction to the CoNLL-2003 Shared Task", section 2.4):

    precision = correct / predicted    recall = correct / gold    F1 = 2 * correct / (predicted + gold)

Counts are summed over all sentences first (micro average), 0 / 0 is 0, and every share is given in
points, 0 to 100. A test set is a sample: other sentences would have given another F1. Drawing
sentences from the test set with replacement shows how much another (the bootstrap).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from utils.entities import Entity, Sentence, Span
from utils.tagger import Tagger

Predictions = Sequence[Sequence[Entity]]
"""Entities per sentence, as `Tagger.predict` returns them."""

RESAMPLES = 1000


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 in points; `support` is the number of gold entities."""

    precision: float
    recall: float
    f1: float
    support: int
    by_type: dict[str, "Scores"] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Scores of one tagger on one test set, with the 95 % interval of its F1 in points."""

    scores: Scores
    f1_low: float
    f1_high: float
    predictions: list[list[Entity]]


class Difference(NamedTuple):
    """F1 of b minus F1 of a in points, its 95 % interval, and the p-value of "no difference"."""

    f1: float
    low: float
    high: float
    p_value: float


class ErrorRow(NamedTuple):
    """One error; gold or predicted fields are empty where that side has no entity."""

    kind: str
    domain: str
    trap: str
    gold_text: str
    gold_type: str
    predicted_text: str
    predicted_type: str
    sentence: int


def evaluate(tagger: Tagger, sentences: Sequence[Sentence], seed: int = 0) -> Evaluation:
    """Tag the sentences and score the answers; `seed` draws the bootstrap samples.

    Raises:
        ValueError: there is no sentence.
    """
    predictions = tagger.predict([sentence.text for sentence in sentences])
    low, high = f1_interval(sentences, predictions, seed)
    return Evaluation(entity_scores(sentences, predictions), low, high, predictions)


def entity_scores(sentences: Sequence[Sentence], predictions: Predictions) -> Scores:
    """Micro scores over all entities, and over those of each type that occurs on either side.

    Raises:
        ValueError: there is no sentence, or not one prediction list a sentence.
    """
    gold, predicted = _span_sets(sentences, predictions)
    types = sorted({span.type for spans in (*gold, *predicted) for span in spans})
    by_type = {kind: _scores(_counts(_only(gold, kind), _only(predicted, kind)).sum(0)) for kind in types}
    return _scores(_counts(gold, predicted).sum(0), by_type)


def f1_interval(sentences: Sequence[Sentence], predictions: Predictions, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of F1 in points, sentences resampled.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.
    """
    return _interval(resampled_f1(sentences, [predictions], seed)[0])


def resampled_f1(sentences: Sequence[Sentence], systems: Sequence[Predictions], seed: int = 0) -> np.ndarray:
    """F1 in points on `RESAMPLES` draws of the sentences, the same draws for every system: `(systems, RESAMPLES)`."""
    counts = np.stack([_counts(*_span_sets(sentences, predictions)) for predictions in systems])
    return _f1(_resample(counts, seed))


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
    counts = np.stack([_counts(*_span_sets(sentences, system)) for system in (a, b)])
    delta = float(np.diff(_f1(counts.sum(1)))[0])
    resampled = np.diff(_f1(_resample(counts, seed)), axis=0)[0]
    as_far = np.abs(resampled - delta) >= abs(delta)
    return Difference(delta, *_interval(resampled), float((as_far.sum() + 1) / (RESAMPLES + 1)))


def agreement(a: Predictions, b: Predictions) -> float:
    """Share of sentences, in points, for which two taggers give the same spans and types.

    Raises:
        ValueError: the two have different lengths, or are empty.
    """
    same = [{e.span for e in left} == {e.span for e in right} for left, right in zip(a, b, strict=True)]
    if not same:
        raise ValueError("no sentences: nothing to agree on")
    return 100 * sum(same) / len(same)


def error_table(sentences: Sequence[Sentence], predictions: Predictions) -> list[ErrorRow]:
    """One row an error, sentence by sentence.

    Kinds: `wrong type` (right range), `wrong boundary` (the ranges overlap; the type may be wrong
    too), `missed` (gold without a counterpart), `spurious` (predicted without one). Each entity
    stands in at most one row.

    Raises:
        ValueError: not one prediction list a sentence.
    """
    return [
        _error_row(index, sentence, gold, predicted)
        for index, (sentence, entities) in enumerate(zip(sentences, predictions, strict=True))
        for gold, predicted in _pair_errors(sentence.spans, {entity.span for entity in entities})
    ]


def _pair_errors(gold: frozenset[Span], predicted: set[Span]) -> list[tuple[Span | None, Span | None]]:
    """Wrong spans of both sides, each gold span with the free predicted one that overlaps it most."""
    free = sorted(predicted - gold)
    pairs: list[tuple[Span | None, Span | None]] = []
    for span in sorted(gold - predicted):
        partner = max(free, key=lambda other: _overlap(span, other), default=None)
        if partner and _overlap(span, partner):
            free.remove(partner)
            pairs.append((span, partner))
        else:
            pairs.append((span, None))
    return pairs + [(None, span) for span in free]


def _overlap(a: Span, b: Span) -> float:
    """Shared characters over all characters of both: 1 only for the same range, 0 for strangers."""
    shared = min(a.end, b.end) - max(a.start, b.start)
    return max(shared, 0) / (max(a.end, b.end) - min(a.start, b.start))


def _error_row(index: int, sentence: Sentence, gold: Span | None, predicted: Span | None) -> ErrorRow:
    if gold and predicted:
        kind = "wrong type" if gold[:2] == predicted[:2] else "wrong boundary"
    else:
        kind = "missed" if gold else "spurious"
    sides = ((sentence.text[s.start : s.end], s.type) if s else ("", "") for s in (gold, predicted))
    (gold_text, gold_type), (text, kind_found) = sides
    return ErrorRow(kind, sentence.domain, sentence.trap, gold_text, gold_type, text, kind_found, index)


def _span_sets(
    sentences: Sequence[Sentence], predictions: Predictions
) -> tuple[list[frozenset[Span]], list[frozenset[Span]]]:
    if not sentences:
        raise ValueError("no sentences: nothing to score")
    if len(sentences) != len(predictions):
        raise ValueError(f"{len(sentences)} sentences, but predictions for {len(predictions)}")
    return [s.spans for s in sentences], [frozenset(e.span for e in entities) for entities in predictions]


def _only(span_sets: list[frozenset[Span]], kind: str) -> list[frozenset[Span]]:
    return [frozenset(span for span in spans if span.type == kind) for spans in span_sets]


def _counts(gold: list[frozenset[Span]], predicted: list[frozenset[Span]]) -> np.ndarray:
    """`(sentences, 3)` int64: correct, predicted, gold entities of each sentence."""
    return np.array([(len(g & p), len(p), len(g)) for g, p in zip(gold, predicted, strict=True)], np.int64)


def _scores(counts: np.ndarray, by_type: dict[str, Scores] | None = None) -> Scores:
    correct, predicted, gold = counts.tolist()
    precision, recall = 100 * correct / max(predicted, 1), 100 * correct / max(gold, 1)
    return Scores(precision, recall, float(_f1(counts)), gold, by_type or {})


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 in points of counts `(..., 3)`."""
    correct, predicted, gold = np.moveaxis(counts, -1, 0)
    return 200 * correct / np.maximum(predicted + gold, 1)


def _resample(counts: np.ndarray, seed: int) -> np.ndarray:
    """Counts `(..., sentences, 3)` summed over as many sentences drawn with replacement: `(..., RESAMPLES, 3)`.

    How often each sentence is drawn is one multinomial sample, shared by all systems in the leading axes.
    """
    sentences = counts.shape[-2]
    draws = np.random.default_rng(seed).multinomial(sentences, np.full(sentences, 1 / sentences), RESAMPLES)
    return draws @ counts


def _interval(samples: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)
