"""Scores that read no sentence, weight by weight."""

import pytest
import torch
from score_checks import HEAD_SIZE, HEADS

from utils.compress.importance.weights import normalize_layers, random_score, weight_magnitude


def test_weight_magnitude_is_the_root_mean_square_of_the_weights_of_a_head(model):
    score = weight_magnitude(model, [])
    for index, layer in enumerate(model.bert.encoder.layer):
        for head in range(HEADS):
            part = slice(head * HEAD_SIZE, (head + 1) * HEAD_SIZE)
            inner = [getattr(layer.attention.self, name).weight[part] for name in ("query", "key", "value")]
            weights = torch.cat([*inner, layer.attention.output.dense.weight[:, part].T])
            assert float(score[index, head]) == pytest.approx(weights.square().mean().sqrt().item())


def test_random_score_is_seeded_and_leaves_the_global_generator_alone(model):
    state = torch.get_rng_state()
    first, again, other = random_score(model), random_score(model), random_score(model, seed=1)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_normalize_layers_gives_each_layer_norm_one():
    scores = torch.tensor([[3.0, 4.0], [0.0, 0.0], [torch.nan, -2.0], [torch.nan, torch.nan]])
    truth = torch.tensor([[0.6, 0.8], [0.0, 0.0], [torch.nan, -1.0], [torch.nan, torch.nan]])
    torch.testing.assert_close(normalize_layers(scores), truth, equal_nan=True)
