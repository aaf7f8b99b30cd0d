"""What a threshold keeps and what it hands on, computed from answers that are there already.

Every stage (the halves of a cascade, the exits of a network) answers every sentence once. Which of these answers a
threshold picks is then a comparison, so a whole curve costs one reading. This holds where a sentence is read by
itself, as eight bits are served: no batch then changes an answer. An annotated text of two sentences is two here, as
in a `Cascade`: one may go on without the other.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from utils.measure.scores import Predictions, entity_scores
from utils.measure.verdict import f1_difference
from utils.tagger.batching import SERVED
from utils.tagger.decoding import Part, Tagged, join_parts, parts_of
from utils.tagger.exits import ExitTagger
from utils.tagger.tagger import Tagger
from utils.text.entities import Sentence
from utils.text.segmentation import sentence_ranges

ALL_ON = 1.5
"""A threshold that nothing reaches."""


class Said(NamedTuple):
    """What a stage says about each sentence of `count` texts."""

    count: int
    parts: list[Part]
    tagged: list[Tagged]

    def whole(self) -> list[Tagged]:
        """The same about each text."""
        return join_parts(self.count, self.parts, self.tagged)


Stages = Sequence[Said]
"""The cheapest first; all about the same texts."""


class Picked(NamedTuple):
    """The answers at a threshold, and for each text the last stage that one of its sentences needed, from 0:
    `(texts,)` int.
    """

    predictions: Predictions
    stage: np.ndarray


class Point(NamedTuple):
    """A threshold, the share of the texts of which the first stage hands something on (0 to 1), and F1 in points."""

    threshold: float
    handed_on: float
    f1: float


def said(tagger: Tagger | ExitTagger, sentences: Sequence[Sentence]) -> Said:
    """A stage: what a tagger says, read one sentence at a time."""
    parts = parts_of([sentence.text for sentence in sentences], sentence_ranges)
    return Said(len(sentences), parts, tagger.tag([part.characters for part in parts], SERVED))


def exit_stages(tagger: ExitTagger, sentences: Sequence[Sentence]) -> Stages:
    """What each exit says about each sentence, read one at a time."""
    ends = range(1, len(tagger.exits) + 1)
    return [said(replace(tagger, exits=tagger.exits[:end], threshold=ALL_ON), sentences) for end in ends]


def picked(stages: Stages, threshold: float) -> Picked:
    """For each sentence the answer of the first stage that is certain enough, or of the last."""
    certain = np.array([[found.certainty >= threshold for found in stage.tagged] for stage in stages], bool)
    certain[-1] = True
    stage, first = certain.argmax(0), stages[0]
    tagged = [stages[number].tagged[i] for i, number in enumerate(stage)]
    last = np.zeros(first.count, int)
    np.maximum.at(last, [part.text for part in first.parts], stage)
    return Picked([found.entities for found in first._replace(tagged=tagged).whole()], last)


def candidates(stages: Stages, count: int) -> list[float]:
    """Thresholds, ascending: at the first stage each hands on about as many sentences more as the next one."""
    certainty = [found.certainty for found in stages[0].tagged]
    return sorted({0.0, *np.quantile(certainty, np.linspace(0, 1, count)).tolist(), ALL_ON})


def curve(sentences: Sequence[Sentence], stages: Stages, thresholds: Sequence[float]) -> list[Point]:
    """F1 at each threshold."""
    found = [picked(stages, threshold) for threshold in thresholds]
    return [
        Point(threshold, float((one.stage > 0).mean()), entity_scores(sentences, one.predictions).f1)
        for threshold, one in zip(thresholds, found, strict=True)
    ]


def chosen(
    sentences: Sequence[Sentence], stages: Stages, thresholds: Sequence[float], reference: Predictions, margin: float
) -> float:
    """The lowest threshold at which, and above which, F1 is at most `margin` points below the reference's.

    *And above which*: a low threshold that does well by luck, between others that do not, is not taken. Where none
    will do, everything goes on.

    Args:
        sentences: of dev; test has no say.
        thresholds: ascending.
        reference: answers to the same sentences.
    """
    losses = [-f1_difference(sentences, reference, picked(stages, t).predictions).value for t in thresholds]
    too_much = [i for i, loss in enumerate(losses) if loss > margin]
    left = list(thresholds[max(too_much, default=-1) + 1 :])
    return left[0] if left else ALL_ON
