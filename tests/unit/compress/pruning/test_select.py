"""The lowest scores, of the network and of each layer."""

import pytest
import torch

from utils.compress.pruning.select import select_globally, select_per_layer

NAN = float("nan")
GRID = torch.tensor([[0.5, 0.1, 0.9, 0.3], [0.2, 0.8, 0.7, 0.6], [0.05, 0.4, NAN, 0.95]])


def test_global_selection_takes_the_lowest_wherever_they_are():
    assert select_globally(GRID, 4) == {0: [1, 3], 1: [0], 2: [0]}
    assert select_globally(GRID, 0) == {}
    assert select_globally(GRID, 3, protected=[2, 1]) == {0: [0, 1, 3]}
    with pytest.raises(ValueError, match="only 11"):
        select_globally(GRID, 12)


def test_global_selection_is_that_of_a_sorted_list():
    scores = torch.rand(12, 12, generator=torch.Generator().manual_seed(1))
    chosen = {(layer, h) for layer, heads in select_globally(scores, 29, {0, 11}).items() for h in heads}
    cells = sorted((float(scores[layer, h]), (layer, h)) for layer in range(1, 11) for h in range(12))
    assert chosen == {cell for _, cell in cells[:29]}


def test_per_layer_selection_takes_a_share_of_what_is_left():
    assert select_per_layer(GRID, 0.5) == {0: [1, 3], 1: [0, 3], 2: [0, 1]}
    assert select_per_layer(GRID, 0.25) == {0: [1], 1: [0], 2: [0]}
    assert select_per_layer(GRID, 1.0) == {0: [0, 1, 2, 3], 1: [0, 1, 2, 3], 2: [0, 1, 3]}


@pytest.mark.parametrize("count", [-1, -12, 0.2, 1.5])
def test_case_29_a_count_is_a_whole_number_of_parts(count):
    with pytest.raises(ValueError, match="count .*: wanted a whole number, 0 or more"):
        select_globally(GRID, count)


@pytest.mark.parametrize("ratio", [20, 1.01, -0.1, NAN])
def test_case_29_a_ratio_is_a_share_not_a_percentage(ratio):
    with pytest.raises(ValueError, match="wanted a share from 0 to 1"):
        select_per_layer(GRID, ratio)


@pytest.mark.parametrize("protected", [[3], [-1], [0, 12]])
def test_case_29_a_layer_that_is_not_there_cannot_be_protected(protected):
    with pytest.raises(ValueError, match="there are 3, from 0"):
        select_globally(GRID, 1, protected)


def test_equal_scores_go_in_order():
    assert select_globally(torch.zeros(2, 3), 4) == {0: [0, 1, 2], 1: [0]}
