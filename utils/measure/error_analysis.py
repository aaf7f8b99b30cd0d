"""Which errors remain: one by one, by kind, by type, and by whether the name was seen in training."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from utils.measure.bootstrap import percentile_interval, resampled_counts
from utils.measure.scores import Predictions, entity_scores
from utils.measure.verdict import Estimate
from utils.text.entities import Sentence, Span

KINDS = ("missed", "wrong boundary", "wrong type", "spurious")
"""Kinds of error, as `error_table` names them."""

Name = tuple[str, str]
"""Text and type of an entity."""


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


def names_of(sentences: Sequence[Sentence]) -> set[Name]:
    """All names that are annotated there."""
    return {(entity.text, entity.type) for sentence in sentences for entity in sentence.entities}


def error_profile(
    sentences: Sequence[Sentence], predictions: Predictions, known: Collection[Name]
) -> dict[str, dict[str, float]]:
    """Three panels of a picture: title -> group -> value.

    F1 of each annotated type in points; errors of each of `KINDS` for every 100 annotated entities;
    the share of known and of new names that are found, in percent.

    Args:
        known: names that the training sentences show, `names_of` them.

    Raises:
        ValueError: there is no sentence, or not one prediction list a sentence.
    """
    scores = entity_scores(sentences, predictions)
    errors = Counter(row.kind for row in error_table(sentences, predictions))
    return {
        "F1 by type (points)": {kind: s.f1 for kind, s in scores.by_type.items() if s.support},
        "errors for every 100 names": {kind: 100 * errors[kind] / max(scores.support, 1) for kind in KINDS},
        "names found (%)": found_names(sentences, predictions, known),
    }


def found_names(sentences: Sequence[Sentence], predictions: Predictions, known: Collection[Name]) -> dict[str, float]:
    """Recall in percent of the names that are `known` and of those that are not; a group without names is left out."""
    totals = _name_counts(sentences, predictions, known).sum(1).tolist()
    return {group: 100 * found / n for group, (found, n) in zip(("seen in train", "new"), totals, strict=True) if n}


def harder_on_new_names(
    sentences: Sequence[Sentence], before: Predictions, after: Predictions, known: Collection[Name], seed: int = 0
) -> Estimate:
    """How many more points of recall `after` lost of the new names than of the known, the same sentences resampled.

    A group without names loses nothing.

    Raises:
        ValueError: not one prediction list a sentence.
    """
    counts = np.stack([_name_counts(sentences, predictions, known) for predictions in (before, after)])
    samples = _gap(np.moveaxis(resampled_counts(counts, seed), 2, 0))
    return Estimate(float(_gap(counts.sum(2))), *percentile_interval(samples))


def _gap(counts: np.ndarray) -> np.ndarray:
    """Loss of the new names minus that of the known, of counts `(..., before and after, known and new, 2)`."""
    before, after = np.moveaxis(100 * counts[..., 0] / np.maximum(counts[..., 1], 1), -2, 0)
    known, new = np.moveaxis(before - after, -1, 0)
    return new - known


def _name_counts(sentences: Sequence[Sentence], predictions: Predictions, known: Collection[Name]) -> np.ndarray:
    """`(known and new, sentences, 2)`: names of each sentence that are found, and names that are annotated."""
    counts = np.zeros((2, len(sentences), 2), np.int64)
    for place, (sentence, entities) in enumerate(zip(sentences, predictions, strict=True)):
        found = {entity.span for entity in entities}
        for entity in sentence.entities:
            counts[int((entity.text, entity.type) not in known), place] += entity.span in found, 1
    return counts
