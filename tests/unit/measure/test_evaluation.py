"""An evaluation is what the tagger answers, and what scores and bootstrap say of that."""

from dataclasses import FrozenInstanceError, replace

import pytest

from utils.measure.bootstrap import f1_interval
from utils.measure.evaluation import evaluate, merged
from utils.measure.scores import entity_scores
from utils.tagger.batching import even_batches
from utils.tagger.tagger import by_sentence


def test_evaluate_scores_what_the_tagger_answers(tagger, sentences):
    evaluation = evaluate(tagger, sentences, seed=5)
    assert evaluation.predictions == tagger.predict([sentence.text for sentence in sentences])
    assert evaluation.scores == entity_scores(sentences, evaluation.predictions)
    assert (evaluation.f1_low, evaluation.f1_high) == f1_interval(sentences, evaluation.predictions, seed=5)
    assert evaluate(tagger, sentences) == evaluate(tagger, sentences, seed=0)


def test_what_was_judged_stays_as_it_was(tagger, sentences):
    with pytest.raises(FrozenInstanceError):
        evaluate(tagger, sentences).scores = None


@pytest.mark.parametrize(("eight_bits", "batch_size"), [(False, 16), (True, 1)])
def test_eight_bits_are_scored_in_the_batches_that_are_served(tagger, sentences, eight_bits, batch_size):
    seen = []

    def backend(ids, mask):
        seen.append(len(ids))
        return tagger.backend(ids, mask)

    watched = replace(tagger, backend=backend, batches=even_batches, eight_bits=eight_bits)
    evaluation = evaluate(watched, sentences * 20)
    assert max(seen) == evaluation.batch_size == batch_size


def test_an_evaluation_says_what_was_read_and_how(tagger, sentences):
    found = [evaluate(reader(tagger), sentences) for reader in (replace, by_sentence)]
    assert [evaluation.reading for evaluation in found] == ["whole", "by sentence"]
    assert found[0].sentences == sentences


def test_parts_that_were_judged_apart_are_judged_together_as_if_they_had_been_one(tagger, sentences):
    many = sentences * 4
    parts = [evaluate(tagger, part, seed=5) for part in (many[:3], many[3:])]
    assert merged(parts, seed=5) == evaluate(tagger, many, seed=5)


def test_parts_that_were_read_in_two_ways_are_no_evaluation(tagger, sentences):
    parts = [evaluate(reader(tagger), sentences) for reader in (replace, by_sentence)]
    with pytest.raises(ValueError, match="not in 2"):
        merged(parts)
    with pytest.raises(ValueError, match="not in 0"):
        merged([])
