"""The oracle against literal removal."""

import copy

import pytest
import torch
from score_checks import HEAD_SIZE, HEADS, LAYERS, agree, characters
from tiny_models import (
    random_plain_tagger,
    random_raner,
    random_rows,
    stack,
    summed_loss,
)

from utils.compress.importance.oracle import leave_one_out
from utils.compress.pruning.remove import prune_heads


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
