"""The leaderboard against definitions written out by hand, literal removal, and contests with a known winner."""

import itertools

import numpy as np
import pytest
import tiny_models
import torch

from utils.compress.importance.registry import load_scores, save_scores
from utils.compress.pruning.remove import prune_heads
from utils.measure.bootstrap import RESAMPLES
from utils.measure.scores import entity_scores
from utils.model.torch_tagger import torch_tagger
from utils.studies.score_contest import (
    curve_f1,
    lead,
    overlap,
    predictions_without,
    pruning_curves,
    spearman,
    spearman_gain,
    standings,
)
from utils.text.entities import Entity, Sentence


def test_spearman_without_ties_is_the_textbook_formula():
    a, b = (torch.rand(3, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    ranks = [np.array([sum(v > w for w in s.flatten()) for v in s.flatten()]) for s in (a, b)]
    assert spearman(a, b) == pytest.approx(1 - 6 * ((ranks[0] - ranks[1]) ** 2).sum() / (12 * (12**2 - 1)))


def test_spearman_sees_order_only_and_no_pruned_heads():
    a = torch.tensor([[1.0, 2, torch.nan], [3, 4, 5]])
    assert spearman(a, a.exp()) == pytest.approx(1) and spearman(a, -a) == pytest.approx(-1)


def test_a_gain_is_the_difference_of_two_correlations_and_chance_gives_none():
    random = torch.Generator().manual_seed(2)
    truth, *noise = torch.randn(3, 12, 12, generator=random)
    near, nearer = truth + noise[0], truth + 0.2 * noise[1]
    gain = spearman_gain(nearer, near, truth)
    assert gain.value == pytest.approx(spearman(nearer, truth) - spearman(near, truth))
    assert 0 < gain.low < gain.value < gain.high
    same = spearman_gain(near, near, truth)
    assert same == (0, 0, 0)
    blind = spearman_gain(*noise, truth)
    assert blind.low < 0 < blind.high


def test_a_gain_leaves_pruned_heads_out():
    truth = torch.arange(12.0).reshape(3, 4)
    score = truth.clone()
    truth[1, 2] = torch.nan
    score[1, 2] = 100
    assert spearman_gain(score, -score, truth).value == pytest.approx(2)


def test_overlap_is_the_share_of_the_lowest_in_common():
    a = torch.tensor([[0.0, 1, 2], [3, 4, 5]])
    b = torch.tensor([[5.0, 0, 1], [2, 3, 4]])
    assert overlap(a, b, 2) == 50 and overlap(a, b, 3) == pytest.approx(200 / 3) and overlap(a, a, 4) == 100
    assert overlap(a, -a, 3) == 0


def test_overlap_of_scores_that_know_nothing_of_each_other_is_the_share_taken():
    a = torch.arange(4.0)[None]
    shared = [overlap(a, torch.tensor(order, dtype=torch.float)[None], 2) for order in itertools.permutations(range(4))]
    assert np.mean(shared) == pytest.approx(100 * 2 / 4)


@pytest.fixture(scope="module")
def tagger_and_sentences():
    model, tokenizer = tiny_models.random_raner(), tiny_models.tiny_tokenizer()
    texts = tiny_models.random_texts(20)
    gold = torch_tagger(tiny_models.random_raner(seed=3), tokenizer).predict(texts)
    return model, tokenizer, [Sentence(t, tuple(e)) for t, e in zip(texts, gold, strict=True)]


def test_the_curve_holds_the_answers_of_literally_pruned_models(tagger_and_sentences):
    model, tokenizer, sentences = tagger_and_sentences
    scores = torch.tensor([[3.0, 0, 5, 1], [7, 2, 4, 6]])
    lowest = {1: {0: [1]}, 3: {0: [1, 3], 1: [1]}}
    curve = pruning_curves(model, tokenizer, {"mine": scores}, list(lowest), sentences)["mine"]
    for found, heads in zip(curve, lowest.values(), strict=True):
        wanted = torch_tagger(prune_heads(model, heads), tokenizer).predict([s.text for s in sentences])
        assert [[e.span for e in es] for es in found] == [[e.span for e in es] for es in wanted]
    assert curve_f1(sentences, curve) == [entity_scores(sentences, found).f1 for found in curve]


def test_masking_leaves_the_model_as_it_was(tagger_and_sentences):
    model, tokenizer, sentences = tagger_and_sentences
    before = predictions_without(model, tokenizer, {}, sentences)
    predictions_without(model, tokenizer, {0: [0, 1, 2, 3]}, sentences)
    assert predictions_without(model, tokenizer, {}, sentences) == before
    assert tiny_models.hooks_of(model) == 0


ENTITY = Entity(0, 2, "PER", "甲乙")
SENTENCES = [Sentence("甲乙丙", (ENTITY,))] * 30


def right_in(count: int) -> list[list[Entity]]:
    """Answers that find the entity in the first `count` of the sentences."""
    return [[ENTITY] if i < count else [] for i in range(len(SENTENCES))]


def test_a_contender_that_is_never_wrong_is_always_first():
    table = standings(SENTENCES, {"poor": [right_in(3), right_in(0)], "perfect": [right_in(30), right_in(30)]})
    assert [row.name for row in table] == ["perfect", "poor"]
    assert table[0][1:] == (100, 100, 100, 100) and table[1].first == 0
    assert table[1].f1 == pytest.approx(np.mean([200 * 3 / 33, 0]))
    assert table[1].low < table[1].f1 < table[1].high


def test_equal_contenders_share_the_first_place():
    table = standings(SENTENCES, {name: [right_in(10)] for name in "abcd"})
    assert [row.first for row in table] == pytest.approx([25] * 4)


def test_the_share_of_first_places_is_that_of_the_coin():
    """a is right on one half, b on the other: which half is drawn more often is a coin, with some draws level."""
    b = [[] if found else [ENTITY] for found in right_in(15)]
    first = {row.name: row.first for row in standings(SENTENCES, {"a": [right_in(15)], "b": [b]})}
    assert sum(first.values()) == pytest.approx(100)
    assert abs(first["a"] - 50) < 4 * 50 / RESAMPLES**0.5


def test_the_lead_is_paired():
    """A curve that is right wherever the other is, and in five sentences more, leads in every draw."""
    ahead = lead(SENTENCES, [right_in(15)], [right_in(10)])
    assert ahead.f1 == pytest.approx(200 * 15 / 45 - 200 * 10 / 40) and 0 <= ahead.low < ahead.f1 < ahead.high
    assert lead(SENTENCES, [right_in(10)], [right_in(15)]).f1 == pytest.approx(-ahead.f1)
    assert lead(SENTENCES, [right_in(10)], [right_in(10)]) == (0, 0, 0)


def test_a_score_comes_back_with_its_name(tmp_path):
    scores = torch.tensor([[0.5, torch.nan], [-1, 2]])
    save_scores(tmp_path / "scores", "Michel, per token", scores.T)
    name, loaded = load_scores(tmp_path / "scores")
    assert name == "Michel, per token" and torch.equal(loaded.nan_to_num(9), scores.T.nan_to_num(9))
    with pytest.raises(FileNotFoundError):
        load_scores(tmp_path / "absent")
