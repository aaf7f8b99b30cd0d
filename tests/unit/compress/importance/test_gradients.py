"""Scores from gradients against finite differences: no hooks, no autograd."""

import pytest
import torch
from score_checks import HEAD_SIZE, HEADS, LAYERS, NEURONS, agree, characters
from tiny_models import (
    random_rows,
    slope,
    stack,
    summed_loss,
)

from utils.compress.importance.gradients import (
    fisher,
    michel_per_batch,
    michel_per_example,
    michel_per_token,
    neuron_importance,
    taylor,
)


@pytest.fixture
def slopes(model):
    """`(sentences, layers, heads)`: the truth about the gradients, without hooks or autograd."""
    layers = model.bert.encoder.layer
    return torch.tensor(
        [
            [
                [
                    slope(model, row, layer.attention.output.dense.weight, slice(h * HEAD_SIZE, (h + 1) * HEAD_SIZE))
                    for h in range(HEADS)
                ]
                for layer in layers
            ]
            for row in random_rows(model)
        ],
        dtype=torch.double,
    )


def test_taylor_is_the_finite_difference_of_the_loss(model, slopes):
    rows = random_rows(model)
    agree(taylor(model, stack(rows, 2)), -slopes.sum(0) / characters(rows))


def test_michel_per_example_sums_absolute_finite_differences(model, slopes):
    rows = random_rows(model)
    agree(michel_per_example(model, stack(rows, 2)), slopes.abs().sum(0) / characters(rows))


def test_fisher_is_the_mean_squared_finite_difference(model, slopes):
    agree(fisher(model, stack(random_rows(model), 2)), slopes.square().mean(0))


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_michel_per_batch_takes_the_absolute_value_of_each_batch(model, slopes, batch_size):
    rows = random_rows(model)
    truth = sum(group.sum(0).abs() for group in slopes.split(batch_size)) / characters(rows)
    agree(michel_per_batch(model, stack(rows, batch_size)), truth)


def test_gradients_do_not_add_up_from_batch_to_batch(model, slopes):
    """The old `run_bertology.py` never cleared the gradient: it summed |g1|, |g1 + g2|, |g1 + g2 + g3|, ..."""
    rows = random_rows(model)
    cumulative = slopes.cumsum(0).abs().sum(0) / characters(rows)
    honest = slopes.abs().sum(0) / characters(rows)
    assert (cumulative - honest).abs().max() > 0.1 * honest.max()
    agree(michel_per_batch(model, stack(rows, 1)), honest)


def test_michel_per_token_sums_finite_differences_of_every_position(model):
    rows = random_rows(model, lengths=(4, 5))
    truth = torch.zeros(LAYERS, HEADS, dtype=torch.double)
    for row in rows:
        for layer in range(LAYERS):
            for head in range(HEADS):
                truth[layer, head] += sum(abs(slope_at(model, row, layer, head, t)) for t in range(len(row[0])))
    agree(michel_per_token(model, stack(rows, 2, padding=3)), truth / characters(rows))


def slope_at(model, row, layer, head, position, step=1e-4) -> float:
    projection, losses = model.bert.encoder.layer[layer].attention.output.dense, []
    for factor in (1 + step, 1 - step):

        def scale(_, inputs, factor=factor):
            context = inputs[0].clone()
            context[:, position, head * HEAD_SIZE : (head + 1) * HEAD_SIZE] *= factor
            return (context,)

        handle = projection.register_forward_pre_hook(scale)
        losses.append(summed_loss(model, *row))
        handle.remove()
    return (losses[0] - losses[1]) / (2 * step)


def test_neuron_importance_sums_absolute_finite_differences(model):
    rows = random_rows(model, lengths=(4, 6))
    layers = [layer.output.dense.weight for layer in model.bert.encoder.layer]
    truth = [[sum(abs(slope(model, row, w, [n])) for row in rows) for n in range(NEURONS)] for w in layers]
    agree(neuron_importance(model, stack(rows, 2)), torch.tensor(truth, dtype=torch.double) / characters(rows))
