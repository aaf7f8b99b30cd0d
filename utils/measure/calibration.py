"""What a confidence is worth: of the entities that are 90 % sure, are 90 % right? And from which one on are 95 %?

An entity is right where a span of its place and type is annotated. Intervals are bootstraps over sentences, as
elsewhere: entities of one sentence are right or wrong together more often than others.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from utils.measure.bootstrap import percentile_interval, resampled_counts
from utils.measure.evaluation import answers
from utils.measure.scores import Predictions
from utils.measure.verdict import Estimate
from utils.tagger.batching import Backend
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity, Sentence

EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Bins of confidence: fine where most entities are."""

TEMPERATURES = 1 / 8, 8.0
"""A temperature is looked for between these."""

SURE = 1e-6
"""Nothing counts as surer than this close to 0 or 1: one wrong answer at 100 % would else be worth all others."""


class Bin(NamedTuple):
    """Entities of similar confidence: their mean confidence, the share of them that is right (0 to 1), how many."""

    confidence: float
    right: float
    count: int


def reliability(
    sentences: Sequence[Sentence], predictions: Sequence[Sequence[Entity]], edges: Sequence[float]
) -> list[Bin]:
    """Predicted entities sorted into bins by confidence; right means the annotated span and type.

    Source: Niculescu-Mizil and Caruana 2005, "Predicting Good Probabilities with Supervised Learning", section 4
    (the reliability diagram).

    Args:
        edges: ascending, from 0 to 1; a bin holds confidences above its lower edge. Empty bins are left out.
    """
    pairs = zip(sentences, predictions, strict=True)
    found = [(e.confidence, e.span in sentence.spans) for sentence, entities in pairs for e in entities]
    confidence, right = np.array(found, dtype=float).reshape(-1, 2).T
    place = np.searchsorted(edges, confidence) - 1
    inside = (place == number for number in range(len(edges) - 1))
    return [Bin(confidence[i].mean(), right[i].mean(), int(i.sum())) for i in inside if i.any()]


class Selection(NamedTuple):
    """Only entities of at least `threshold` confidence are answered: which share of those is right, of all is left."""

    threshold: float
    precision: Estimate
    share: Estimate


def calibration_error(sentences: Sequence[Sentence], predictions: Predictions, seed: int = 0) -> Estimate:
    """ECE over `EDGES`: how far confidence and the share of right entities lie apart, 0 to 1, mean over entities.

    Chance alone keeps it above 0, the more so the fewer entities a bin has, and in resamples more than in the sample:
    so it is a number to look at beside others of the same sentences.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    return _estimate(_sums(sentences, predictions), _expected_error, seed)


def overconfidence(sentences: Sequence[Sentence], predictions: Predictions, seed: int = 0) -> Estimate:
    """Mean confidence of the entities minus the share of them that is right, -1 to 1; above 0 they promise too much."""
    return _estimate(_sums(sentences, predictions), _gap, seed)


def overconfidence_difference(sentences: Sequence[Sentence], a: Predictions, b: Predictions, seed: int = 0) -> Estimate:
    """Overconfidence of b minus that of a, both on the same sentences, drawn alike."""
    both = np.stack([_sums(sentences, predictions) for predictions in (a, b)])
    return _estimate(both, lambda sums: np.diff(_gap(sums), axis=0)[0], seed)


def selection(sentences: Sequence[Sentence], predictions: Predictions, threshold: float, seed: int = 0) -> Selection:
    """What is left of the answers, and how good it is, where the less confident ones are withheld."""
    kept = _sums(sentences, predictions, (0.0, np.nextafter(threshold, 0), 1.0))

    def precision(sums: np.ndarray) -> np.ndarray:
        return sums[..., 1, 2] / np.maximum(sums[..., 1, 0], 1)

    def share(sums: np.ndarray) -> np.ndarray:
        return sums[..., 1, 0] / np.maximum(sums[..., 0].sum(-1), 1)

    return Selection(threshold, _estimate(kept, precision, seed), _estimate(kept, share, seed))


def least_confidence(sentences: Sequence[Sentence], predictions: Predictions, precision: float) -> float:
    """The lowest confidence from which on at least `precision` (0 to 1) of the entities are right; 1 where none is."""
    confidence, right, _ = _entities(sentences, predictions)
    order = np.argsort(-confidence, kind="stable")
    shares = right[order].cumsum() / np.arange(1, len(order) + 1)
    last_of_its_kind = np.append(np.diff(confidence[order]) < 0, True)[: len(order)]
    enough = np.flatnonzero((shares >= precision) & last_of_its_kind)
    return float(confidence[order][enough[-1]]) if len(enough) else 1.0


def fit_temperature(tagger: Tagger, sentences: Sequence[Sentence]) -> float:
    """The temperature at which the confidence of the tagger's entities predicts best which of them are right.

    Least mean log loss of the entities; the network reads each sentence once, only sums are made anew. Where the
    tagger finds no entity there is nothing to learn from, and it stays at 1.

    Args:
        sentences: annotated ones that neither trained the tagger nor judge it.
    """
    remembered = dataclasses.replace(tagger, backend=_remembering(tagger.backend))

    def loss(logarithm: float) -> float:
        warm = dataclasses.replace(remembered, temperature=math.exp(logarithm))
        confidence, right, _ = _entities(sentences, answers(warm, sentences))
        sure = confidence.clip(SURE, 1 - SURE)
        return -float(np.log(np.where(right > 0, sure, 1 - sure)).mean())

    if not any(answers(remembered, sentences)):
        return 1.0
    bounds = tuple(map(math.log, TEMPERATURES))
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.01}).x)


def _remembering(backend: Backend) -> Backend:
    """A backend that keeps what it said about each batch."""
    known: dict[tuple, np.ndarray] = {}

    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        asked = input_ids.shape, input_ids.tobytes(), attention_mask.tobytes()
        if asked not in known:
            known[asked] = backend(input_ids, attention_mask)
        return known[asked]

    return emissions


def _entities(
    sentences: Sequence[Sentence], predictions: Sequence[Sequence[Entity]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all predicted entities: confidence, whether right (0 or 1), number of the sentence."""
    pairs = enumerate(zip(sentences, predictions, strict=True))
    found = [(e.confidence, e.span in sentence.spans, i) for i, (sentence, entities) in pairs for e in entities]
    confidence, right, number = np.array(found, float).reshape(-1, 3).T
    return confidence, right, number.astype(int)


def _sums(
    sentences: Sequence[Sentence], predictions: Sequence[Sequence[Entity]], edges: Sequence[float] = EDGES
) -> np.ndarray:
    """`(sentences, bins, 3)`: of a sentence's entities in a bin their number, their confidence, how many are right."""
    confidence, right, number = _entities(sentences, predictions)
    sums = np.zeros((len(sentences), len(edges) - 1, 3))
    place = (np.searchsorted(edges, confidence) - 1).clip(0)
    np.add.at(sums, (number, place), np.stack([np.ones_like(right), confidence, right], 1))
    return sums


def _estimate(sums: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], seed: int) -> Estimate:
    """A statistic of sums `(..., sentences, bins, 3)`, with its interval over sentences."""
    *_, bins, _ = sums.shape
    drawn = resampled_counts(sums.reshape(*sums.shape[:-2], -1), seed)
    resampled = statistic(drawn.reshape(*drawn.shape[:-1], bins, 3))
    return Estimate(float(statistic(sums.sum(-3))), *percentile_interval(resampled))


def _gap(sums: np.ndarray) -> np.ndarray:
    count, confidence, right = np.moveaxis(sums.sum(-2), -1, 0)
    return (confidence - right) / np.maximum(count, 1)


def _expected_error(sums: np.ndarray) -> np.ndarray:
    count, confidence, right = np.moveaxis(sums, -1, 0)
    return np.abs(confidence - right).sum(-1) / np.maximum(count.sum(-1), 1)
