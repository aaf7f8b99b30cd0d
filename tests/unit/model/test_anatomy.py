"""Parts against the whole, and against the formula of their cost."""

import pytest
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.pruning.cost import cost_by_part
from utils.model.anatomy import parameters_by_part
from utils.model.pruned_shape import pruning_map


@pytest.fixture(scope="module")
def tiny():
    return random_raner(), tiny_tokenizer()


def test_parts_add_up_and_agree_with_the_formula(tiny):
    model, _ = tiny
    counted = parameters_by_part(model)
    assert sum(counted.values()) == sum(parameter.numel() for parameter in model.parameters())
    computed = cost_by_part(model.config, pruning_map(model.config), 7)
    assert counted == {name: cost.parameters for name, cost in computed.items()}
