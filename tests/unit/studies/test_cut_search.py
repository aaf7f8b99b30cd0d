"""Candidates against brute force, and F1 of cuts against models cut by hand."""

import numpy as np
import pytest
import torch
from latency_tables import SHARES, TABLE
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.importance.weights import random_score
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.pruning.select import select_globally
from utils.measure.scores import entity_scores
from utils.model.torch_tagger import torch_tagger
from utils.studies.cut_search import Candidate, best_within, candidates, cut_f1, nearest
from utils.text.entities import Span, annotate


def test_f1_of_cuts_is_that_of_the_models_cut_by_hand():
    model, tokenizer = random_raner(), tiny_tokenizer()
    texts = random_texts(6)
    answers = torch_tagger(model, tokenizer).predict(texts)
    sentences = [
        annotate(t, [Span(e.start, e.end, e.type) for e in found]) for t, found in zip(texts, answers, strict=True)
    ]
    scores = random_score(model), torch.rand(2, 20, generator=torch.Generator().manual_seed(1))
    found = cut_f1(model, tokenizer, scores, sentences, SHARES)
    assert found[2, 2] == 100
    by_hand = prune_neurons(prune_heads(model, select_globally(scores[0], 4)), select_globally(scores[1], 40))
    assert found[1, 0] == entity_scores(sentences, torch_tagger(by_hand, tokenizer).predict(texts)).f1


def test_f1_of_cuts_leaves_a_model_that_has_fewer_parts_as_it_is():
    model = prune_heads(random_raner(), {0: [0, 1, 2], 1: [3]})
    scores = torch.rand(2, 4), torch.rand(2, 20)
    scores[0][0, :3] = scores[0][1, 3] = float("nan")
    found = cut_f1(model, tiny_tokenizer(), scores, [annotate("天地", [])], SHARES)
    assert found.shape == (3, 3)


F1 = np.array([[0.0, 10, 20], [30, 60, 70], [40, 80, 90]])


def test_candidates_lie_on_the_measured_points_and_pay_for_their_bits():
    found = candidates({"a": TABLE, "b": TABLE._replace(rest=0)}, {"a": 0, "b": 2}, SHARES, F1, layers=1)
    assert len(found) == 2 * 25 * 25
    assert Candidate("a", 1, 0.5, 18, 80) in found
    assert Candidate("b", 0.5, 1, 6, 68) in found


@pytest.mark.parametrize("budget", [0.5, 3, 5.5, 12, 100])
def test_the_best_within_a_budget_is_the_best_of_all_that_are_fast_enough(budget):
    found = candidates({"a": TABLE, "b": TABLE._replace(rest=0)}, {"a": 0, "b": 2}, SHARES, F1, layers=1)
    best = best_within(found, budget)
    allowed = [c for c in found if c.milliseconds <= budget]
    assert best is None if not allowed else best.f1 == max(c.f1 for c in allowed)


def test_what_is_limited_may_be_another_cost():
    found = candidates({"a": TABLE}, {"a": 0}, SHARES, F1, layers=1)
    best = best_within(found, 0.5, cost=lambda c: c.heads)
    assert best.heads <= 0.5 and best.f1 == max(c.f1 for c in found if c.heads <= 0.5)
    assert best_within(found, -1, cost=lambda c: c.heads) is None


def test_of_cuts_that_dev_cannot_tell_apart_the_smallest_is_taken():
    fast, faster, whole = Candidate("a", 0.5, 0.5, 9, 80), Candidate("a", 0.1, 0.2, 5, 81), Candidate("a", 1, 1, 20, 90)
    assert best_within([fast, faster, whole], 10) is faster
    assert best_within([fast, faster, whole], 10, noise=2.0) is fast
    assert best_within([fast, faster, whole], 10, noise=0.5) is faster
    assert best_within([fast._replace(f1=81), faster], 10, noise=0.0).neurons == 0.5


def test_the_nearest_candidate_is_looked_for_in_its_engine():
    found = candidates({"a": TABLE, "b": TABLE._replace(rest=0)}, {"a": 0, "b": 2}, SHARES, F1, layers=1)
    exact = nearest(found, "b", 0.5, 1)
    assert (exact.engine, exact.heads, exact.neurons) == ("b", 0.5, 1)
    between = nearest(found, "a", 0.51, 0.97)
    assert (between.engine, between.heads, between.neurons) == ("a", 0.5, pytest.approx(23 / 24))
    with pytest.raises(ValueError, match="'c'; there are: a, b"):
        nearest(found, "c", 1, 1)
