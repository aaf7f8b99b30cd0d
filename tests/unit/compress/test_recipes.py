"""A named cut leaves what its shares say, twice is once, and a bar is held on the paired difference."""

import subprocess
import sys

import pytest
import torch

from utils.compress.recipes import CUTS, Cut, judge, left_after, prune_to
from utils.measure.evaluation import Evaluation
from utils.measure.scores import entity_scores
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


@pytest.mark.parametrize(("allowed", "holds"), [(49.9, False), (50.1, True)])
def test_a_bar_is_held_on_what_the_paired_difference_says(allowed, holds):
    sentences = [parse_bracketed("[北京](LOC)很大。"), parse_bracketed("[唐虹](PER)来了。")]
    right = [[Entity(*span, "", 1.0) for span in s.spans] for s in sentences]
    all_found, none_right = (
        Evaluation(entity_scores(sentences, p), 0.0, 0.0, p)
        for p in (right, [right[0], [Entity(0, 1, "LOC", "", 1.0)]])
    )
    verdict = judge(Cut(0.5, 0.0, allowed), sentences, all_found, none_right, seed=0)
    assert verdict.difference.f1 == pytest.approx(-50)
    assert verdict.holds == holds


@pytest.mark.parametrize("module", ["recipes", "pruning.remove", "recovery.rescaling", "quantization.saved"])
def test_what_trains_nothing_loads_no_trainer(module):
    code = f"import sys, utils.compress.{module}; sys.exit('transformers.trainer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=200).returncode == 0
