"""Which answers a threshold picks, by hand; and that taggers which run answer as the curve says."""

import numpy as np
import pytest
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.measure.evaluation import answers
from utils.measure.scores import entity_scores
from utils.model.torch_tagger import torch_tagger
from utils.studies.adaptive import thresholds
from utils.tagger.cascade import Cascade
from utils.tagger.decoding import Part, Tagged
from utils.tagger.tagger import by_sentence
from utils.text.entities import Entity, Sentence, Span, annotate


def said(*certainty, kind="LOC"):
    """A stage that finds one name of this type in each sentence, so sure."""
    return stage([Tagged([Entity(0, 2, kind, "北京", c)], c) for c in certainty])


def stage(tagged):
    return thresholds.Said(len(tagged), [Part(number, 0, "北京") for number in range(len(tagged))], tagged)


SENTENCES = [annotate("北京", [Span(0, 2, "LOC")])] * 4
FIRST, SECOND, LAST = said(0.9, 0.5, 0.5, 0.2, kind="PER"), said(0.1, 0.8, 0.5, 0.4, kind="ORG"), said(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("threshold", "stages"),
    [(0.0, [0, 0, 0, 0]), (0.5, [0, 0, 0, 2]), (0.6, [0, 1, 2, 2]), (0.95, [2, 2, 2, 2]), (thresholds.ALL_ON, [2] * 4)],
)
def test_the_first_stage_that_is_certain_enough_answers(threshold, stages):
    found = thresholds.picked([FIRST, SECOND, LAST], threshold)
    assert found.stage.tolist() == stages
    types = [entity.type for entities in found.predictions for entity in entities]
    assert types == [("PER", "ORG", "LOC")[stage] for stage in stages]


def test_a_text_of_two_sentences_goes_on_as_far_as_one_of_them():
    parts = [Part(0, 0, "北京。"), Part(0, 3, "北京")]
    sure, doubtful, last = (
        Tagged([Entity(0, 2, kind, "北京", c)], c) for kind, c in zip(("PER", "ORG", "LOC"), (0.9, 0.1, 0), strict=True)
    )
    found = thresholds.picked(
        [thresholds.Said(1, parts, [sure, doubtful]), thresholds.Said(1, parts, [last, last])], 0.5
    )
    assert [(e.start, e.type) for e in found.predictions[0]] == [(0, "PER"), (3, "LOC")] and found.stage.tolist() == [1]


def test_a_curve_has_its_share_and_its_score():
    low, high = thresholds.curve(SENTENCES, [FIRST, LAST], [0.5, thresholds.ALL_ON])
    assert low == (0.5, 0.25, 25.0) and high == (thresholds.ALL_ON, 1.0, 100.0)


def test_candidates_go_from_nothing_handed_on_to_all():
    found = thresholds.candidates([FIRST, LAST], 3)
    assert found == sorted(found) and found[0] == 0.0 and found[-1] == thresholds.ALL_ON and 0.5 in found
    shares = [point.handed_on for point in thresholds.curve(SENTENCES, [FIRST, LAST], found)]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1


def test_the_chosen_threshold_is_the_lowest_from_which_on_enough_is_right():
    """The small stage errs in the second sentence."""
    truth = [found.entities for found in LAST.tagged]
    small = [Tagged(found.entities if good else [], certainty) for found, good, certainty in zip(
        LAST.tagged, (True, False, True, True), (0.2, 0.4, 0.6, 0.8), strict=True)]  # fmt: skip
    steps = [0.0, 0.3, 0.5, 0.7, thresholds.ALL_ON]
    assert thresholds.chosen(SENTENCES, [stage(small), LAST], steps, truth, 0.3) == 0.5
    assert thresholds.chosen(SENTENCES, [stage(small), LAST], steps, truth, 30.0) == 0.0


def test_a_low_threshold_that_does_well_between_others_that_do_not_is_not_taken():
    """The small stage is right everywhere, the large one errs in the first sentence, which is handed on first."""
    truth = [found.entities for found in LAST.tagged]
    small, large = said(0.2, 0.4, 0.6, 0.8), stage([Tagged([], 1.0), *LAST.tagged[1:]])
    assert thresholds.chosen(SENTENCES, [small, large], [0.0, 0.3], truth, 0.3) == thresholds.ALL_ON


def test_where_no_threshold_will_do_everything_goes_on():
    truth = [found.entities for found in LAST.tagged]
    assert thresholds.chosen(SENTENCES, [FIRST, FIRST], [0.0, 0.5], truth, 0.3) == thresholds.ALL_ON


@pytest.mark.parametrize("threshold", [0.2, 0.35, thresholds.ALL_ON])
def test_a_cascade_answers_as_its_stages_were_picked(threshold):
    taggers = [by_sentence(torch_tagger(random_raner(seed), tiny_tokenizer())) for seed in (1, 2)]
    sentences = [Sentence(text + "。天地") for text in random_texts(25)]
    stages = [thresholds.said(tagger, sentences) for tagger in taggers]
    found = thresholds.picked(stages, threshold)
    run = answers(Cascade(*taggers, threshold), sentences)
    assert [[e.span for e in text] for text in found.predictions] == [[e.span for e in text] for text in run]
    assert entity_scores(sentences, run).f1 == thresholds.curve(sentences, stages, [threshold])[0].f1
    assert threshold == thresholds.ALL_ON or 0 < np.mean([one.certainty < threshold for one in stages[0].tagged]) < 1
