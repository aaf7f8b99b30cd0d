"""How many entities are found, and how many of those are right: strict precision, recall and F1.

An entity counts as found only if its start, its end and its type are all right. With `correct` such
entities among `predicted` and `gold` ones (the CoNLL measure: Tjong Kim Sang and De Meulder 2003,
"Introduction to the CoNLL-2003 Shared Task", section 2.4):

    precision = correct / predicted    recall = correct / gold    F1 = 2 * correct / (predicted + gold)

Counts are summed over all sentences first (micro average), 0 / 0 is 0, and every share is given in
points, 0 to 100.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from utils.text.entities import Entity, Sentence, Span

Predictions = Sequence[Sequence[Entity]]
"""Entities per sentence, as `Tagger.predict` returns them."""


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 in points; `support` is the number of gold entities."""

    precision: float
    recall: float
    f1: float
    support: int
    by_type: dict[str, "Scores"] = field(default_factory=dict)


def entity_scores(sentences: Sequence[Sentence], predictions: Predictions) -> Scores:
    """Micro scores over all entities, and over those of each type that occurs on either side.

    Raises:
        ValueError: there is no sentence, or not one prediction list a sentence.
    """
    gold, predicted = span_sets(sentences, predictions)
    types = sorted({span.type for spans in (*gold, *predicted) for span in spans})
    by_type = {kind: _scores(count_entities(_only(gold, kind), _only(predicted, kind)).sum(0)) for kind in types}
    return _scores(count_entities(gold, predicted).sum(0), by_type)


def agreement(a: Predictions, b: Predictions) -> float:
    """Share of sentences, in points, for which two taggers give the same spans and types.

    Raises:
        ValueError: the two have different lengths, or are empty.
    """
    same = [{e.span for e in left} == {e.span for e in right} for left, right in zip(a, b, strict=True)]
    if not same:
        raise ValueError("no sentences: nothing to agree on")
    return 100 * sum(same) / len(same)


def span_sets(
    sentences: Sequence[Sentence], predictions: Predictions
) -> tuple[list[frozenset[Span]], list[frozenset[Span]]]:
    """Gold and predicted spans of each sentence.

    Raises:
        ValueError: there is no sentence, or not one prediction list a sentence.
    """
    if not sentences:
        raise ValueError("no sentences: nothing to score")
    if len(sentences) != len(predictions):
        raise ValueError(f"{len(sentences)} sentences, but predictions for {len(predictions)}")
    return [s.spans for s in sentences], [frozenset(e.span for e in entities) for entities in predictions]


def _only(span_sets: list[frozenset[Span]], kind: str) -> list[frozenset[Span]]:
    return [frozenset(span for span in spans if span.type == kind) for spans in span_sets]


def count_entities(gold: list[frozenset[Span]], predicted: list[frozenset[Span]]) -> np.ndarray:
    """`(sentences, 3)` int64: correct, predicted, gold entities of each sentence."""
    return np.array([(len(g & p), len(p), len(g)) for g, p in zip(gold, predicted, strict=True)], np.int64)


def _scores(counts: np.ndarray, by_type: dict[str, Scores] | None = None) -> Scores:
    correct, predicted, gold = counts.tolist()
    precision, recall = 100 * correct / max(predicted, 1), 100 * correct / max(gold, 1)
    return Scores(precision, recall, float(f1_of_counts(counts)), gold, by_type or {})


def f1_of_counts(counts: np.ndarray) -> np.ndarray:
    """F1 in points of counts `(..., 3)`."""
    correct, predicted, gold = np.moveaxis(counts, -1, 0)
    return 200 * correct / np.maximum(predicted + gold, 1)
