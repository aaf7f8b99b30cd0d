"""Rescaling is damped least squares, and no sublayer gets worse."""

import copy

import numpy as np
import pytest
import torch
from cut_models import LENGTHS, cut_model, mixers, norm_inputs
from tiny_models import (
    masked_neurons,
    random_raner,
    random_rows,
    same_weights,
    stack,
)

from utils.compress.gates import head_sites
from utils.compress.pruning.remove import masked_heads, prune_heads, prune_neurons
from utils.compress.recovery.rescaling import rescale_heads
from utils.model.pruned_shape import pruning_map


@pytest.fixture
def cut():
    return cut_model()


def scales_of(rescaled, pruned) -> list[np.ndarray]:
    """Factor of every input column of the mixing matrices."""
    pairs = zip(mixers(rescaled), mixers(pruned), strict=True)
    return [(a.weight / b.weight).detach().numpy() for a, b in pairs]


def contributions(model, block: int, batches) -> np.ndarray:
    """What each kept part of layer 0 adds to its block's sum, `(positions x features, parts)`, by taking it away."""
    masked, kept = (masked_heads, pruning_map(model.config).heads[0]) if block == 0 else (
        masked_neurons, pruning_map(model.config).neurons[0])  # fmt: skip
    whole, columns = norm_inputs(model, batches)[block], []
    for number in kept:
        with masked(model, {0: [number]}):
            columns.append((whole - norm_inputs(model, batches)[block]).flatten().numpy())
    return np.stack(columns, 1).astype(np.float64)


@pytest.mark.parametrize("block", [0, 1])
def test_rescaling_is_damped_least_squares(cut, block):
    """The first two blocks against numpy; block 1 starts from the block 0 that was found."""
    pruned, original, batches = cut
    rescaled = rescale_heads(pruned, original, batches)
    start = copy.deepcopy(rescaled)
    for linear, before in list(zip(mixers(start), mixers(pruned), strict=True))[block:]:
        linear.weight = before.weight
    added = contributions(start, block, batches)
    missing = (norm_inputs(original, batches)[block] - norm_inputs(start, batches)[block]).flatten().numpy()
    parts = added.shape[1]
    rows = np.concatenate([added, np.eye(parts)])
    change = np.linalg.lstsq(rows, np.concatenate([missing, np.zeros(parts)]), rcond=None)[0]
    found = scales_of(rescaled, pruned)[block]
    size = found.shape[1] // parts
    assert np.allclose(found, np.repeat(1 + change, size)[None], atol=1e-3)


def test_no_block_reconstructs_worse_than_at_scales_of_one(cut):
    pruned, original, batches = cut
    rescaled, target = rescale_heads(pruned, original, batches), norm_inputs(original, batches)
    changed = [not np.allclose(scale, 1, atol=1e-4) for scale in scales_of(rescaled, pruned)]
    assert sum(changed) >= 3, "one keeps its scales: they would have been too large"
    for block in range(4):
        plain = copy.deepcopy(rescaled)
        mixers(plain)[block].weight = mixers(pruned)[block].weight
        scaled, unscaled = ((norm_inputs(m, batches)[block] - target[block]).square().sum() for m in (rescaled, plain))
        assert scaled < unscaled if changed[block] else scaled == unscaled


def test_unpruned_model_stays_as_it_is(cut):
    _, original, batches = cut
    rescaled = rescale_heads(original, original, batches)
    assert all(np.allclose(scale, 1, atol=1e-4) for scale in scales_of(rescaled, original))


def test_padding_batching_and_arguments_do_not_matter(cut):
    pruned, original, batches = cut
    before = copy.deepcopy(pruned), copy.deepcopy(original)
    rows = random_rows(original, lengths=LENGTHS)
    first, second = (rescale_heads(pruned, original, b) for b in (batches, stack(rows, 1)))
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-4)
    assert same_weights(pruned, before[0]) and same_weights(original, before[1])
    assert pruning_map(first.config) == pruning_map(pruned.config)


def test_block_with_wild_scales_keeps_its_own():
    """A head that adds next to nothing would have to be scaled a hundredfold."""
    original = random_raner()
    pruned = prune_heads(original, {0: [0, 1, 2]})
    with torch.no_grad():
        head_sites(pruned).projections[0].weight *= 1e-2
    batches = stack(random_rows(original, lengths=LENGTHS), 5)
    found = scales_of(rescale_heads(pruned, original, batches), pruned)
    assert (found[0] == 1).all() and not np.allclose(found[1], 1, atol=1e-3)


def test_layers_with_nothing_left_are_passed_over():
    original = random_raner()
    bare = prune_neurons(prune_heads(original, {0: [0, 1, 2, 3]}), {1: list(range(20))})
    batches = stack(random_rows(original), 5)
    rescaled = rescale_heads(bare, original, batches)
    target = norm_inputs(original, batches)
    errors = [float((norm_inputs(m, batches)[1] - target[1]).square().sum()) for m in (rescaled, bare)]
    assert errors[0] < errors[1]


def test_models_that_do_not_belong_together_are_refused(cut):
    pruned, original, batches = cut
    with pytest.raises(ValueError, match="no batches: make some"):
        rescale_heads(pruned, original, [])
    with pytest.raises(ValueError, match="differ in num_hidden_layers"):
        rescale_heads(pruned, random_raner(num_hidden_layers=3), batches)
    with pytest.raises(ValueError, match="prune the vocabulary"):
        rescale_heads(pruned, random_raner(vocab_size=99), batches)
