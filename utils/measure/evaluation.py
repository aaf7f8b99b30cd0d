"""A tagger judged on annotated sentences: its answers, their scores, and how sure the F1 is."""

from collections.abc import Sequence
from dataclasses import dataclass

from utils.measure.bootstrap import f1_interval
from utils.measure.scores import Scores, entity_scores
from utils.tagger.batching import SERVED, USUAL, Reading
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity, Sentence


@dataclass(frozen=True)
class Evaluation:
    """Scores of one tagger on one test set, with the 95 % interval of its F1 in points, and how it read the test set:
    in which way, and how many parts at most shared a batch.
    """

    scores: Scores
    f1_low: float
    f1_high: float
    predictions: list[list[Entity]]
    sentences: Sequence[Sentence] = ()
    reading: Reading | None = None
    batch_size: int | None = None


def evaluate(tagger: Tagger, sentences: Sequence[Sentence], seed: int = 0) -> Evaluation:
    """Tag the sentences and score the answers; `seed` draws the bootstrap samples.

    A tagger in eight bits gets batches as it will when it is served: who shares one may change its answers.

    Raises:
        ValueError: there is no sentence.
    """
    batch_size = SERVED if tagger.eight_bits else USUAL
    predictions = tagger.predict([sentence.text for sentence in sentences], batch_size)
    low, high = f1_interval(sentences, predictions, seed)
    scores = entity_scores(sentences, predictions)
    return Evaluation(scores, low, high, predictions, sentences, tagger.reading, batch_size)
