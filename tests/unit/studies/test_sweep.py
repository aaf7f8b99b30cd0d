"""Curves along a pruning ratio: right parts, right order, right arithmetic."""

import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.pruning.cost import cost_of_shares
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.measure.bootstrap import Difference
from utils.measure.latency import Rounds
from utils.measure.scores import entity_scores
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.studies.sweep import (
    bend,
    cost_sweep,
    f1_losses,
    f1_sweep,
    latency_sweep,
    left_of_each,
    percent_of_first,
    prune_sweep,
    surely_within,
)
from utils.text.entities import Sentence

SCORES = torch.tensor([[8.0, 1.0, 2.0, 7.0], [6.0, 5.0, 3.0, 4.0]])


@pytest.fixture(scope="module")
def model():
    return random_raner()


@pytest.fixture(scope="module")
def models(model):
    return prune_sweep(prune_heads, model, SCORES, (0, 0.25, 0.5, 1.0))


def parameters(model) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_weakest_of_the_whole_network_go_first(models):
    left = {ratio: pruning_map(model.config).heads for ratio, model in models.items()}
    assert left == {
        0: [[0, 1, 2, 3], [0, 1, 2, 3]],
        0.25: [[0, 3], [0, 1, 2, 3]],
        0.5: [[0, 3], [0, 1]],
        1.0: [[], []],
    }


def test_neurons_go_alike(model):
    scores = torch.arange(40.0).reshape(2, 20)
    (pruned,) = prune_sweep(prune_neurons, model, scores, (0.25,)).values()
    assert pruning_map(pruned.config).neurons == [list(range(10, 20)), list(range(20))]


def test_costs_are_those_of_the_models(models):
    costs = cost_sweep(models, length=10)
    assert {ratio: cost.parameters for ratio, cost in costs.items()} == {r: parameters(m) for r, m in models.items()}


ALL = [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("share", "gone"),
    [(1.0, {}), (0.75, {0: [3], 1: [0]}), (0.5, {1: ALL}), (0.25, {0: [1, 2], 1: ALL}), (0, {0: ALL, 1: ALL})],
)
def test_shares_cost_what_a_model_of_that_size_costs(model, share, gone):
    fewer = prune_neurons(prune_heads(model, gone), {0: list(range(20))})
    assert cost_of_shares(model.config, 10, heads=share, neurons=0.5).parameters == parameters(fewer)


def test_characters_cost_rows_and_no_multiplication(model):
    whole, fewer = cost_of_shares(model.config, 10), cost_of_shares(model.config, 10, tokens=0.5)
    rows = model.config.vocab_size - round(0.5 * model.config.vocab_size)
    assert whole.parameters - fewer.parameters == rows * model.config.hidden_size
    assert whole.multiply_adds == fewer.multiply_adds


def test_f1_of_each_model_is_that_of_its_own_tagger(models):
    texts = random_texts(12)
    answers = torch_tagger(models[0.25], tiny_tokenizer()).predict(texts)
    sentences = [Sentence(text, tuple(found)) for text, found in zip(texts, answers, strict=True)]
    evaluations = f1_sweep(models, tiny_tokenizer(), sentences, seed=0)
    assert list(evaluations) == list(models) and evaluations[0.25].scores.f1 == 100
    for evaluation in evaluations.values():
        assert evaluation.scores.f1 == entity_scores(sentences, evaluation.predictions).f1
    losses = f1_losses(sentences, evaluations, seed=0)
    first = evaluations[0].scores.f1
    assert losses[0] == Difference(0, 0, 0) and losses[0.25].f1 == pytest.approx(100 - first)


def test_every_model_is_timed_on_the_same_text(models):
    latencies = latency_sweep(models, tiny_tokenizer(), random_texts(1)[0], Rounds(2))
    assert list(latencies) == list(models) and all(len(latency.samples) == 2 for latency in latencies.values())


def differences(*lows):
    return {i / 10: Difference(low + 1, low, low + 2) for i, low in enumerate(lows)}


@pytest.mark.parametrize(
    ("lows", "last"),
    [((0, -0.5, -0.9), 0.2), ((0, -0.5, -1.0, 0.0), 0.1), ((0, -3, -0.1), 0.0)],
    ids=["all", "the margin itself is lost", "a lucky point later does not count"],
)
def test_trust_ends_at_the_first_breach(lows, last):
    assert surely_within(differences(*lows), 1.0) == last


def test_no_trust_is_said():
    with pytest.raises(ValueError, match=r"less than 1\.0"):
        surely_within(differences(-2, 0), 1.0)


def test_the_bend_of_a_broken_line_is_where_it_breaks():
    curve = {x / 10: 90 - (x if x <= 6 else 6 + 20 * (x - 6)) for x in range(11)}
    assert bend(curve) == 0.6


def test_the_bend_does_not_depend_on_the_spacing():
    assert bend({0: 90, 0.1: 89, 0.7: 80, 0.9: 20, 0.95: 0}) == 0.7


def test_percent_of_first():
    assert percent_of_first({0: 40.0, 0.5: 30.0}) == {0: 100.0, 0.5: 75.0}


def test_what_is_left_is_in_percent_of_the_same_scale(models):
    costs = {"mini": cost_sweep(models, 10)}
    times = {"mini": latency_sweep(models, tiny_tokenizer(), "天地", Rounds(1))}
    size, work, time = left_of_each(costs, times).values()
    assert size["mini"][0.5] == pytest.approx(100 * parameters(models[0.5]) / parameters(models[0]))
    assert 0 < work["mini"][0.5] < work["mini"][0.25] < 100
    assert all(panel["mini"][0] == 100 and list(panel["mini"]) == list(models) for panel in (size, work, time))
