"""A tiny model of 3 layers with 12 heads and 20 neurons each, and a batch for it."""

import pytest
from tiny_models import random_raner, random_rows, stack


@pytest.fixture
def model():
    return random_raner(num_attention_heads=12, num_hidden_layers=3)


@pytest.fixture
def batch(model):
    return stack(random_rows(model), 5)[0]
