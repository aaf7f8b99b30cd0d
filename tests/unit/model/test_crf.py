"""The CRF against enumeration of every tag sequence, and its gradient against finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_crfs import all_scores, random_batch, random_crf, shapes

from utils.model.crf import LinearChainCRF, compact
from utils.tagger.viterbi import viterbi


@shapes
@settings(deadline=None)
def test_log_likelihood_is_that_of_enumeration(lengths, tags, seed):
    crf, (emissions, path, sizes) = random_crf(tags, seed), random_batch(lengths, tags, seed)
    found = crf.log_likelihood(emissions, path, sizes)
    for i, length in enumerate(lengths):
        expected = 0.0
        if length:
            scores = all_scores(crf, emissions[i, :length].numpy())
            expected = scores[tuple(path[i, :length].tolist())] - np.logaddexp.reduce(list(scores.values()))
        assert found[i].item() == pytest.approx(expected, abs=1e-9)


@given(lengths=st.lists(st.integers(0, 20), min_size=1, max_size=4), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_batched_is_one_by_one_whatever_the_padding_holds(lengths, seed):
    crf, (emissions, path, sizes) = random_crf(13, seed), random_batch(lengths, 13, seed)
    for i, length in enumerate(lengths):
        emissions[i, length:] = 1e4
    together = crf.log_likelihood(emissions, path, sizes)
    scores = crf.scores()
    decoded = viterbi(emissions.float().numpy(), np.array(lengths), *scores)
    for i, length in enumerate(lengths):
        alone = slice(i, i + 1), slice(0, max(length, 1))
        likelihood = crf.log_likelihood(emissions[alone], path[alone], sizes[i : i + 1])
        assert together[i].item() == pytest.approx(likelihood.item())
        (single,) = viterbi(emissions[alone].float().numpy(), np.array([length]), *scores)
        assert decoded[i].tolist() == single.tolist()


def test_gradient_agrees_with_finite_differences():
    crf, (emissions, path, sizes) = random_crf(3, 7), random_batch([4, 0, 1, 3], 3, 7)
    names = [name for name, _ in crf.named_parameters()]

    def loss(emissions, *parameters):
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(crf, values, (emissions, path, sizes))

    crf.forward = crf.log_likelihood
    inputs = [emissions.requires_grad_(), *(p.detach().clone().requires_grad_() for p in crf.parameters())]
    assert torch.autograd.gradcheck(loss, inputs)


def test_all_zero_field_is_a_softmax_tagger():
    emissions, path, sizes = random_batch([5, 2], 4, 3)
    crf = LinearChainCRF(4).double()
    chosen = emissions.log_softmax(2).gather(2, path[..., None])[..., 0]
    expected = torch.stack([chosen[0].sum(), chosen[1, :2].sum()])
    torch.testing.assert_close(crf.log_likelihood(emissions, path, sizes), expected)
    decoded = viterbi(emissions.float().numpy(), sizes.numpy(), *crf.scores())
    assert decoded[0].tolist() == emissions[0].argmax(1).tolist()


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=4))
def test_compact_keeps_the_order_of_the_masked_rows(mask):
    mask = torch.tensor(mask)
    rows = torch.arange(mask.numel()).reshape(mask.shape)
    moved = compact(rows, mask)
    assert [row[: m.sum()].tolist() for row, m in zip(moved, mask, strict=True)] == [
        row[m].tolist() for row, m in zip(rows, mask, strict=True)
    ]
    assert torch.equal(moved.sort(1).values, rows)
