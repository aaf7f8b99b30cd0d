"""Predicted cost against the parameters and multiply-adds that torch counts."""

import pytest
from head_sets import ALL_HEADS, ALL_NEURONS, HEAD_SETS, HEADS
from tiny_models import (
    multiply_adds,
    parameters,
    tiny_tokenizer,
)
from transformers import BertConfig

from utils.compress.pruning.cost import cost_by_part, cost_of_shares, predict_cost
from utils.compress.pruning.remove import (
    prune_heads,
    prune_neurons,
    prune_vocabulary,
)
from utils.model.checkpoint import save_raner
from utils.model.pruned_shape import drop, pruning_map

PRUNED = {
    "whole": lambda m: m,
    "heads": lambda m: prune_heads(m, HEAD_SETS["uneven"]),
    "no heads": lambda m: prune_heads(m, HEAD_SETS["a layer and some"]),
    "neurons": lambda m: prune_neurons(m, {0: [1, 2], 1: ALL_NEURONS}),
    "all three": lambda m: prune_vocabulary(
        prune_neurons(prune_heads(m, {0: [3, 4], 2: ALL_HEADS}), {1: [9]}), tiny_tokenizer(), ["天地"]
    )[0],
}


@pytest.mark.parametrize("prune", PRUNED.values(), ids=PRUNED)
@pytest.mark.parametrize("length", [3, 17])
def test_predicted_cost_is_the_measured_cost(model, prune, length, tmp_path):
    pruned = prune(model)
    cost = predict_cost(model.config, pruning_map(pruned.config), length)
    assert cost.parameters == parameters(pruned)
    assert cost.multiply_adds == multiply_adds(pruned, length) == multiply_adds(pruned, length, texts=2) // 2
    path = save_raner(pruned, tiny_tokenizer(), tmp_path) / "model.safetensors"
    header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    assert cost.bytes == path.stat().st_size - header
    assert cost == predict_cost(pruned.config, pruning_map(pruned.config), length)


def test_cost_is_predicted_before_anything_is_done(model):
    whole = pruning_map(model.config)
    after = whole._replace(heads=drop(whole.heads, {1: [0, 1]}, HEADS))
    saved = predict_cost(model.config, whole, 9).parameters - predict_cost(model.config, after, 9).parameters
    assert saved == parameters(model) - parameters(prune_heads(model, {1: [0, 1]}))


def test_the_parts_of_the_cost_are_the_modules(model):
    parts = cost_by_part(model.config, pruning_map(model.config), 9)
    layers = model.bert.encoder.layer
    assert parts["embeddings"].parameters == parameters(model.bert.embeddings)
    assert parts["attention"].parameters == sum(parameters(layer.attention) for layer in layers)
    assert parts["feed-forward"].parameters == sum(parameters(layer) - parameters(layer.attention) for layer in layers)
    assert parts["tagging"].parameters == parameters(model.classifier) + parameters(model.crf)


@pytest.mark.parametrize("shares", [{"heads": 20}, {"neurons": -0.1}, {"tokens": 1.2}, {"heads": float("nan")}])
def test_case_29_what_is_left_is_a_share(shares):
    with pytest.raises(ValueError, match="wanted a share from 0 to 1"):
        cost_of_shares(BertConfig(), 10, **shares)


@pytest.mark.parametrize("length", [-1, 1.5])
def test_case_29_a_text_has_a_whole_number_of_positions(length):
    with pytest.raises(ValueError, match="wanted a whole number"):
        predict_cost(BertConfig(), pruning_map(BertConfig()), length)


def test_the_article_could_not_save_18_percent_with_20_percent_of_the_heads():
    """BERT-base at vocabulary 21,128: all heads together hold 27.9 % of the parameters."""
    config = BertConfig(vocab_size=21128, num_labels=13)
    whole = pruning_map(config)
    headless = whole._replace(heads=[[]] * 12)
    share = 1 - predict_cost(config, headless, 502).parameters / predict_cost(config, whole, 502).parameters
    assert share == pytest.approx(0.279, abs=0.0005)
