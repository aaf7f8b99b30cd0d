"""A tagger judged on annotated sentences: its answers, their scores, and how sure the F1 is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from utils.measure.bootstrap import f1_interval
from utils.measure.progress import shown
from utils.measure.scores import Scores, entity_scores
from utils.tagger.batching import SERVED, USUAL, BatchPlan, Reading
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity, Sentence


@dataclass(frozen=True)
class Evaluation:
    """Scores of one tagger on one test set, with the 95 % interval of its F1 in points, and how it read the test set:
    in which way, and how many parts at most shared a batch. `seed` drew the bootstrap samples.
    """

    scores: Scores
    f1_low: float
    f1_high: float
    predictions: list[list[Entity]]
    sentences: Sequence[Sentence] = ()
    reading: Reading | None = None
    batch_size: int | None = None
    seed: int = 0


class Predictor(Protocol):
    """What is judged: a `Tagger`, or several that answer as one (`utils.tagger.cascade`, `utils.tagger.exits`)."""

    @property
    def reading(self) -> Reading: ...

    @property
    def eight_bits(self) -> bool: ...

    def predict(self, texts: Sequence[str], batch_size: int) -> list[list[Entity]]: ...


def evaluate(tagger: Predictor, sentences: Sequence[Sentence], seed: int = 0) -> Evaluation:
    """Tag the sentences and score the answers; `seed` draws the bootstrap samples.

    A tagger in eight bits gets batches as it will when it is served: who shares one may change its answers.

    Raises:
        ValueError: there is no sentence.
    """
    return _judged(sentences, answers(tagger, sentences), seed, tagger.reading, _batch_size(tagger))


def merged(parts: Sequence[Evaluation], seed: int = 0) -> Evaluation:
    """One evaluation of all sentences of several ones, in their order, without tagging any of them again.

    Args:
        parts: of the same tagger, each on other sentences.

    Raises:
        ValueError: there is no part, or they were read in different ways.
    """
    if len(readings := {(part.reading, part.batch_size) for part in parts}) != 1:
        raise ValueError(f"parts of one evaluation are read in one way, not in {len(readings)}")
    sentences = [sentence for part in parts for sentence in part.sentences]
    predictions = [entities for part in parts for entities in part.predictions]
    return _judged(sentences, predictions, seed, *readings.pop())


def _judged(
    sentences: Sequence[Sentence],
    predictions: list[list[Entity]],
    seed: int,
    reading: Reading | None,
    batch_size: int | None,
) -> Evaluation:
    low, high = f1_interval(sentences, predictions, seed)
    scores = entity_scores(sentences, predictions)
    return Evaluation(scores, low, high, predictions, sentences, reading, batch_size, seed)


def answers(tagger: Predictor, sentences: Sequence[Sentence]) -> list[list[Entity]]:
    """What the tagger finds in each of the sentences, in batches as `evaluate` has them."""
    watched = replace(tagger, batches=_shown(tagger.batches)) if isinstance(tagger, Tagger) else tagger
    return watched.predict([sentence.text for sentence in sentences], _batch_size(tagger))


def _shown(plan: BatchPlan) -> BatchPlan:
    """The same batches, and a bar where they take long."""
    return lambda lengths, most: shown(plan(lengths, most), "tagging")


def _batch_size(tagger: Predictor) -> int:
    return SERVED if tagger.eight_bits else USUAL
