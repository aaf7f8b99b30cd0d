"""A tagger judged on annotated sentences: its answers, their scores, and how sure the F1 is."""

from collections.abc import Sequence
from dataclasses import dataclass

from utils.measure.bootstrap import f1_interval
from utils.measure.scores import Scores, entity_scores
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity, Sentence


@dataclass(frozen=True)
class Evaluation:
    """Scores of one tagger on one test set, with the 95 % interval of its F1 in points."""

    scores: Scores
    f1_low: float
    f1_high: float
    predictions: list[list[Entity]]


def evaluate(tagger: Tagger, sentences: Sequence[Sentence], seed: int = 0) -> Evaluation:
    """Tag the sentences and score the answers; `seed` draws the bootstrap samples.

    Raises:
        ValueError: there is no sentence.
    """
    predictions = tagger.predict([sentence.text for sentence in sentences])
    low, high = f1_interval(sentences, predictions, seed)
    return Evaluation(entity_scores(sentences, predictions), low, high, predictions)
