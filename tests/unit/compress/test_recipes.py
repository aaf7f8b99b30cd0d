"""A named cut leaves what its shares say, twice is once, and a bar is held by a verdict."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from utils.compress.recipes import CUTS, Cut, at_random, judge, left_after, prune_to
from utils.measure.evaluation import Evaluation
from utils.measure.scores import entity_scores
from utils.measure.verdict import Verdict
from utils.model.checkpoint import load_raner
from utils.model.pruned_shape import Size, size_of
from utils.text.entities import Entity
from utils.text.formats.bracketed import parse_bracketed


@pytest.fixture
def tiny(tiny_published):
    return load_raner(tiny_published)[0]


def scores_of(model, seed):
    config, generator = model.config, torch.Generator().manual_seed(seed)
    layers, heads, neurons = config.num_hidden_layers, config.num_attention_heads, config.intermediate_size
    return torch.rand(layers, heads, generator=generator), torch.rand(layers, neurons, generator=generator)


@pytest.mark.parametrize("name", CUTS)
def test_what_a_cut_leaves_is_what_its_shares_say(tiny, name):
    whole, after = size_of(tiny), left_after(tiny, CUTS[name])
    assert after.heads == pytest.approx((1 - CUTS[name].heads) * whole.heads, abs=0.5)
    assert after.neurons == pytest.approx((1 - CUTS[name].neurons) * whole.neurons, abs=0.5)


def test_the_lowest_of_the_whole_network_go(tiny):
    heads, neurons = scores_of(tiny, 0)
    pruned = prune_to(tiny, heads, neurons, Size(3, 20))
    kept = sorted(float(heads[layer, h]) for layer, row in enumerate(pruned.config.kept_heads) for h in row)
    assert kept == pytest.approx(heads.flatten().sort().values[-3:].tolist())
    kept = sorted(float(neurons[layer, n]) for layer, row in enumerate(pruned.config.kept_neurons) for n in row)
    assert kept == pytest.approx(neurons.flatten().sort().values[-20:].tolist())


def test_two_cuts_by_one_order_are_one_cut(tiny):
    heads, neurons = scores_of(tiny, 1)
    once = prune_to(tiny, heads, neurons, Size(2, 10))
    half = prune_to(tiny, heads, neurons, Size(4, 30))
    for scores, kept in ((heads, half.config.kept_heads), (neurons, half.config.kept_neurons)):
        gone = torch.ones_like(scores, dtype=torch.bool)
        for layer, numbers in enumerate(kept):
            gone[layer, numbers] = False
        scores[gone] = torch.nan
    twice = prune_to(half, heads, neurons, Size(2, 10))
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), twice.parameters(), strict=True))


def test_chance_gives_other_scores_for_every_seed_and_none_to_what_is_gone(tiny):
    scores, _ = scores_of(tiny, 3)
    scores[0, 1] = torch.nan
    first, second = at_random(scores, 1), at_random(scores, 2)
    assert torch.equal(first.isnan(), scores.isnan())
    assert torch.equal(first.nan_to_num(), at_random(scores, 1).nan_to_num())
    assert not torch.equal(first.nan_to_num(), second.nan_to_num())


@pytest.mark.parametrize("cut", [Cut(20, 0, 0.3), Cut(0.2, 67, 1), Cut(-0.1, 0, 1)])
def test_case_29_a_cut_takes_shares(tiny, cut):
    with pytest.raises(ValueError, match="wanted a share from 0 to 1"):
        left_after(tiny, cut)


@pytest.mark.parametrize("target", [Size(-1, 10), Size(4, -1), Size(2.5, 10)])
def test_case_29_what_is_left_is_counted(tiny, target):
    with pytest.raises(ValueError, match="wanted a whole number"):
        prune_to(tiny, *scores_of(tiny, 2), target)


def test_more_cannot_be_left_than_there_is(tiny):
    heads, neurons = scores_of(tiny, 2)
    with pytest.raises(ValueError, match="cannot be left"):
        prune_to(tiny, heads, neurons, Size(10_000, 10))


SENTENCES = [parse_bracketed("[北京](LOC)很大。"), parse_bracketed("[唐虹](PER)来了。")] * 40
RIGHT = [[Entity(*span, "", 1.0) for span in s.spans] for s in SENTENCES]
WRONG = [Entity(0, 1, "LOC", "", 1.0)]


def evaluated(sentences, predictions):
    return Evaluation(entity_scores(sentences, predictions), 0.0, 0.0, predictions)


@pytest.mark.parametrize(("allowed", "expected"), [(70, Verdict.YES), (51, Verdict.UNSURE), (49, Verdict.UNSURE),
                                                   (30, Verdict.NO)])  # fmt: skip
def test_a_bar_is_held_where_the_whole_interval_says_so(allowed, expected):
    """Half of 80 entities go wrong: -50 points, and 40 to 60 or so for other sentences."""
    half = [found if n % 2 else WRONG for n, found in enumerate(RIGHT)]
    bar = judge(Cut(0.5, 0.0, allowed), SENTENCES, evaluated(SENTENCES, RIGHT), evaluated(SENTENCES, half), seed=0)
    assert bar.estimate.value == pytest.approx(-50)
    assert -65 < bar.estimate.low < -50 < bar.estimate.high < -35
    assert bar.verdict == expected and bar.allowed == allowed


def test_a_loss_just_at_the_bar_is_rarely_called_a_yes():
    """Each sentence loses its entity with probability 0.1: 10 points in truth, and a bar of 10 points.

    A yes comes in at most 2.5 of 100 samples (binomial: 18 of 400 or more come by chance in 1 of 100).
    """
    rng, said, baseline = np.random.default_rng(0), [], evaluated(SENTENCES, RIGHT)
    for _ in range(400):
        found = [WRONG if rng.random() < 0.1 else right for right in RIGHT]
        said.append(judge(Cut(0.5, 0.0, 10.0), SENTENCES, baseline, evaluated(SENTENCES, found), seed=0).verdict)
    assert said.count(Verdict.YES) < 18


@pytest.mark.parametrize("module", ["recipes", "pruning.remove", "recovery.rescaling", "quantization.saved"])
def test_what_trains_nothing_loads_no_trainer(module):
    code = f"import sys, utils.compress.{module}; sys.exit('transformers.trainer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=200).returncode == 0
