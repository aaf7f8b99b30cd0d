"""The oracle against literal removal."""

import copy

import pytest
import torch
from score_checks import HEAD_SIZE, HEADS, LAYERS, agree, characters
from tiny_models import (
    random_plain_tagger,
    random_raner,
    random_rows,
    random_texts,
    stack,
    summed_loss,
    tiny_tokenizer,
)

from utils.compress.importance import oracle
from utils.compress.importance.oracle import FEWEST, PACED, affordable, leave_one_out
from utils.compress.pruning.remove import prune_heads
from utils.measure.latency import Latency
from utils.text.entities import Sentence


def test_leave_one_out_is_the_loss_after_literal_removal():
    model = random_raner().double()
    rows = random_rows(model)
    whole = sum(summed_loss(model, *row) for row in rows)
    truth = torch.zeros(LAYERS, HEADS, dtype=torch.double)
    for layer in range(LAYERS):
        for head in range(HEADS):
            removed = prune_heads(model, {layer: [head]})
            truth[layer, head] = (sum(summed_loss(removed, *row) for row in rows) - whole) / characters(rows)
    agree(leave_one_out(model, stack(rows, 2)), truth)


def test_leave_one_out_of_a_plain_tagger_is_the_loss_with_zeroed_columns():
    model = random_plain_tagger().double()
    rows = random_rows(model)
    whole = sum(summed_loss(model, *row) for row in rows)
    zeroed = copy.deepcopy(model)
    zeroed.bert.encoder.layer[1].attention.output.dense.weight.data[:, HEAD_SIZE : 2 * HEAD_SIZE] = 0
    truth = (sum(summed_loss(zeroed, *row) for row in rows) - whole) / characters(rows)
    assert float(leave_one_out(model, stack(rows, 2))[1, 1]) == pytest.approx(truth, rel=1e-5)


def test_the_oracle_of_a_pruned_model_names_heads_by_their_original_numbers():
    model = random_raner().double()
    rows = random_rows(model)
    pruned, further = prune_heads(model, {0: [0, 2]}), prune_heads(model, {0: [0, 2, 3]})
    truth = (sum(summed_loss(further, *r) - summed_loss(pruned, *r) for r in rows)) / characters(rows)
    assert float(leave_one_out(pruned, stack(rows, 2))[0, 3]) == pytest.approx(truth, rel=1e-5)


def test_no_more_sentences_are_tried_than_the_time_allows(monkeypatch):
    """By this clock `PACED` sentences take 8 s, so a head takes 6 s, and all eight 48."""
    monkeypatch.setattr(
        oracle, "measure_latency", lambda calls, rounds: {name: Latency(8000, 8000, ()) for name in calls}
    )
    sentences = [Sentence(text) for text in random_texts(100)]
    assert (LAYERS, HEADS) == (2, 4)
    for seconds, count in ((48, PACED), (96, 2 * PACED), (150, 50), (10_000, 100), (1, FEWEST)):
        tried = affordable(random_raner(), tiny_tokenizer(), sentences, seconds)
        assert len(tried) == count and [s for s in sentences if s in tried] == tried


def test_of_few_sentences_all_are_tried():
    sentences = [Sentence(text) for text in random_texts(FEWEST - 2)]
    assert affordable(random_raner(), tiny_tokenizer(), sentences, 0.0) == sentences


def test_a_head_costs_half_of_the_layers_and_half_a_layer():
    """What `affordable` reckons with, counted."""
    model, calls = random_raner(), []
    batches = stack(random_rows(model), 2)
    for layer in model.bert.encoder.layer:
        layer.register_forward_hook(lambda *_: calls.append(1))
    leave_one_out(model, batches)
    whole = 2 * LAYERS * len(batches)  # once to remember, once for the loss of the uncut model
    assert len(calls) - whole == LAYERS * HEADS * (LAYERS + 1) / 2 * len(batches)
