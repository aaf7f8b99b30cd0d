"""Reconstruction is damped least squares, sublayer by sublayer."""

import copy

import numpy as np
import pytest
import torch
from cut_models import LENGTHS, cut_model, mixers, norm_inputs
from tiny_models import random_raner, random_rows, same_weights, stack

from utils.compress.gates import observed
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.recovery.reconstruction import DAMPING, reconstruct
from utils.compress.recovery.rescaling import rescale_heads
from utils.model.pruned_shape import pruning_map


@pytest.fixture
def cut():
    return cut_model()


def mixed(model, block, batches) -> np.ndarray:
    """What a mixing matrix reads at real positions, `(positions, features)`, in double precision."""
    rows = []
    for batch in batches:
        real = batch["attention_mask"].bool()
        with (
            torch.no_grad(),
            observed([mixers(model)[block]], lambda _, a, *__, real=real: rows.append(a[0][real])),
        ):
            model(batch["input_ids"], batch["attention_mask"])
    return torch.cat(rows).double().numpy()


def errors(model, original, batches) -> list[float]:
    """Squared distance of what each sublayer hands to its LayerNorm from what the original's does."""
    pairs = zip(norm_inputs(model, batches), norm_inputs(original, batches), strict=True)
    return [float((ours - theirs).square().sum()) for ours, theirs in pairs]


@pytest.mark.parametrize("block", [0, 1])
def test_reconstruction_is_damped_least_squares(cut, block):
    """The first two blocks against numpy; block 1 starts from the block 0 that was found."""
    pruned, original, batches = cut
    found, start = reconstruct(pruned, original, batches), copy.deepcopy(pruned)
    for late, early in list(zip(mixers(start), mixers(found), strict=True))[:block]:
        late.load_state_dict(early.state_dict())
    read = mixed(start, block, batches)
    missing = (norm_inputs(original, batches)[block] - norm_inputs(start, batches)[block]).double().numpy()
    damping = np.sqrt(DAMPING * len(read) * np.square(read).mean())
    rows = np.block([[read, np.ones((len(read), 1))], [damping * np.eye(read.shape[1]), np.zeros((read.shape[1], 1))]])
    wanted = np.concatenate([missing, np.zeros((read.shape[1], missing.shape[1]))])
    change = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    after, before = mixers(found)[block], mixers(start)[block]
    assert np.allclose((after.weight - before.weight).detach().numpy(), change[:-1].T, atol=1e-4)
    assert np.allclose((after.bias - before.bias).detach().numpy(), change[-1], atol=1e-4)


def test_a_whole_matrix_does_more_than_a_number_for_each_part(cut):
    pruned, original, batches = cut
    made = {
        make: errors(make(pruned, original, batches), original, batches)[-1] for make in (reconstruct, rescale_heads)
    }
    assert made[reconstruct] < made[rescale_heads] < errors(pruned, original, batches)[-1]


def test_unpruned_model_stays_as_it_is(cut):
    _, original, batches = cut
    found = reconstruct(original, original, batches).state_dict()
    assert all(torch.allclose(found[name], tensor, atol=1e-5) for name, tensor in original.state_dict().items())


def test_padding_batching_and_arguments_do_not_matter(cut):
    pruned, original, batches = cut
    before = copy.deepcopy(pruned), copy.deepcopy(original)
    rows = random_rows(original, lengths=LENGTHS)
    first, second = (reconstruct(pruned, original, b) for b in (batches, stack(rows, 1)))
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-4)
    assert same_weights(pruned, before[0]) and same_weights(original, before[1])
    assert pruning_map(first.config) == pruning_map(pruned.config)


def test_fewer_positions_than_features_are_enough_for_an_answer():
    """Damping keeps the equations solvable."""
    original = random_raner()
    pruned = prune_heads(original, {0: [1]})
    found = reconstruct(pruned, original, stack(random_rows(original, lengths=(3,)), 1))
    assert all(torch.isfinite(tensor).all() for tensor in found.state_dict().values())


def test_layers_with_nothing_left_are_passed_over():
    original = random_raner()
    bare = prune_neurons(prune_heads(original, {0: [0, 1, 2, 3]}), {1: list(range(20))})
    batches = stack(random_rows(original), 5)
    assert errors(reconstruct(bare, original, batches), original, batches)[1] < errors(bare, original, batches)[1]
