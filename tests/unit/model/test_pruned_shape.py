"""The pruning map: original numbers, whatever was cut before; and layers of just the width that is left."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import random_raner, tiny_config

from utils.model.pruned_shape import PruningMap, Size, drop, pruning_map, size_of

layers = st.lists(st.sets(st.integers(0, 5)), min_size=2, max_size=2)


@given(first=layers, second=layers)
def test_dropping_in_two_steps_is_dropping_at_once(first, second):
    """Numbers are names: the second step says the same numbers, gone already or not."""
    whole = [list(range(6))] * 2
    steps = drop(drop(whole, dict(enumerate(first)), 6), dict(enumerate(second)), 6)
    assert steps == [[n for n in range(6) if n not in a | b] for a, b in zip(first, second, strict=True)]


@pytest.mark.parametrize("gone", [{2: [0]}, {-1: [0]}, {0: [6]}, {1: [-1]}])
def test_what_the_whole_model_does_not_have_cannot_be_dropped(gone):
    with pytest.raises(ValueError, match="there are 2 layers of 6, from 0"):
        drop([[0], [1]], gone, 6)


def test_a_config_without_a_map_is_of_a_whole_model():
    config = tiny_config()
    assert pruning_map(config) == PruningMap([[*range(4)]] * 2, [[*range(20)]] * 2, [*range(config.vocab_size)])


def test_layers_are_as_narrow_as_the_map_says():
    model = random_raner(kept_heads=[[1, 3], []], kept_neurons=[[], [0, 7, 19]])
    first, second = model.bert.encoder.layer
    assert first.attention.self.query.weight.shape == first.attention.self.value.weight.shape == (12, 24)
    assert first.attention.output.dense.weight.shape == (24, 12)
    assert second.intermediate.dense.weight.shape == (3, 24) and second.output.dense.weight.shape == (24, 3)
    assert size_of(model) == Size(heads=2, neurons=3)


def test_a_layer_without_heads_and_neurons_adds_its_biases_alone():
    """What it adds does not depend on what it reads."""
    layer = random_raner(kept_heads=[[], [0]], kept_neurons=[[], [0]]).bert.encoder.layer[0]
    hidden = torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(1))
    attended = layer.attention.output.LayerNorm(hidden + layer.attention.output.dense.bias)
    expected = layer.output.LayerNorm(attended + layer.output.dense.bias)
    found = layer(hidden)
    torch.testing.assert_close(found[0] if isinstance(found, tuple) else found, expected)
