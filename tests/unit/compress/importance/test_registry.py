"""What holds for every score."""

import copy

import pytest
import torch
from score_checks import HEADS, LAYERS, NEURONS, agree
from tiny_models import (
    hooks_of,
    random_raner,
    random_rows,
    stack,
)

from utils.compress.importance.oracle import leave_one_out
from utils.compress.importance.registry import SCORES
from utils.compress.pruning.remove import prune_heads, prune_neurons

EVERY_SCORE = SCORES | {"leave one out": leave_one_out}


@pytest.mark.parametrize("name", sorted(EVERY_SCORE.keys() - {"Michel, per batch"}))
def test_scores_depend_neither_on_batch_size_nor_on_padding(model, name):
    rows = random_rows(model)
    alone, together = stack(rows, 1), stack(rows[::-1], 5, padding=7)
    agree(EVERY_SCORE[name](model, together), EVERY_SCORE[name](model, alone).double())


@pytest.mark.parametrize("name", EVERY_SCORE)
def test_scores_are_those_of_evaluation_mode_and_leave_the_model_as_it_was(model, name):
    expected = EVERY_SCORE[name](model, stack(random_rows(model), 2))
    model.train()
    model.requires_grad_(False)
    attention, before = model.config._attn_implementation, copy.deepcopy(model.state_dict())
    with torch.no_grad():
        score = EVERY_SCORE[name](model, stack(random_rows(model), 2))
    assert score.shape == (LAYERS, HEADS) and not score.requires_grad and torch.equal(score, expected)
    assert model.training and hooks_of(model) == 0 and model.config._attn_implementation == attention
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", sorted(EVERY_SCORE.keys() - {"weight magnitude", "random"}))
def test_an_error_leaves_no_hook_behind(model, name, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("broken on purpose")

    model.train()
    attention = model.config._attn_implementation
    monkeypatch.setattr(model.bert.encoder.layer[1].output, "forward", fail)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        EVERY_SCORE[name](model, stack(random_rows(model), 2))
    assert hooks_of(model) == 0 and model.training and model.config._attn_implementation == attention


@pytest.mark.parametrize("name", EVERY_SCORE)
def test_pruned_heads_score_nan_and_the_others_keep_their_places(name):
    model = random_raner(num_hidden_layers=3).double()
    pruned = prune_neurons(prune_heads(model, {0: [0, 2], 1: [0, 1, 2, 3]}), {2: list(range(NEURONS))})
    score = EVERY_SCORE[name](pruned, stack(random_rows(model), 2))
    gone = torch.tensor([[True, False, True, False], [True] * 4, [False] * 4])
    assert torch.equal(score.isnan(), gone)


@pytest.mark.parametrize("name", sorted(EVERY_SCORE.keys() - {"weight magnitude", "random"}))
def test_no_batches_are_refused(model, name):
    model.train()
    with pytest.raises(ValueError, match="no batches: make some"):
        EVERY_SCORE[name](model, [])
    assert model.training
