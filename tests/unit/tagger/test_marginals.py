"""Probability of a piece of a path, against enumeration of every path and against torch's gradients."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_crfs import all_scores, parameters, random_batch, random_crf, shapes

from utils.tagger.marginals import by_brute_force, path_evidence
from utils.tagger.viterbi import viterbi


@shapes
@settings(deadline=None, max_examples=50)
def test_every_piece_of_every_path_has_the_probability_of_enumeration(lengths, tags, seed):
    crf, (emissions, drawn, _) = random_crf(tags, seed), random_batch(lengths, tags, seed)
    emissions, paths = emissions.numpy(), [drawn[i, :n].numpy() for i, n in enumerate(lengths)]
    found = path_evidence(emissions, np.array(lengths), *parameters(crf), paths)
    for i, length in enumerate(lengths):
        assert found[i].opening.shape == found[i].closing.shape == (length,)
        scores = all_scores(crf, emissions[i, :length]) if length else {}
        total = np.logaddexp.reduce(list(scores.values()))
        for a, b in product(range(length), repeat=2):
            if a <= b:
                agreeing = [s for path, s in scores.items() if path[a : b + 1] == tuple(paths[i][a : b + 1])]
                expected = np.logaddexp.reduce(agreeing) - total
                assert found[i].opening[a] + found[i].closing[b] == pytest.approx(expected, abs=1e-9)


def test_a_piece_of_one_tag_is_the_gradient_of_the_log_partition():
    """d log Z / d emission[t, y] = P(tag y at t): torch's autograd knows nothing of `beta`."""
    crf, (emissions, _, sizes) = random_crf(5, 3), random_batch([7, 4, 1], 5, 3)
    emissions.requires_grad_()
    crf._log_partition(emissions, sizes).sum().backward()
    for tag in range(5):
        paths = [np.full(n, tag) for n in sizes.tolist()]
        found = path_evidence(emissions.detach().numpy(), sizes.numpy(), *parameters(crf), paths)
        for i, evidence in enumerate(found):
            expected = emissions.grad[i, : len(paths[i]), tag].numpy()
            np.testing.assert_allclose(np.exp(evidence.opening + evidence.closing), expected, atol=1e-12)


def test_a_whole_path_has_its_likelihood():
    crf, (emissions, path, sizes) = random_crf(13, 5), random_batch([60, 1, 33], 13, 5)
    paths = [path[i, :n].numpy() for i, n in enumerate(sizes.tolist())]
    found = path_evidence(emissions.numpy(), sizes.numpy(), *parameters(crf), paths)
    expected = crf.log_likelihood(emissions, path, sizes).tolist()
    assert [e.opening[0] + e.closing[-1] for e in found] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("scale", [1, 30, 300])
def test_large_scores_neither_overflow_nor_vanish(scale):
    """500 positions, emissions far apart; torch's log-sum-exp is the truth."""
    emissions = torch.randn(1, 500, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * scale
    crf = random_crf(13, 1)
    (path,) = viterbi(emissions.numpy(), np.array([500]), *parameters(crf))
    (evidence,) = path_evidence(emissions.numpy(), np.array([500]), *parameters(crf), [path])
    expected = crf.log_likelihood(emissions, torch.from_numpy(path)[None], torch.tensor([500])).item()
    assert evidence.opening[0] + evidence.closing[-1] == pytest.approx(expected, abs=1e-7)


def test_a_move_that_the_field_forbids_has_probability_zero():
    transitions = np.array([[0, -np.inf], [0, 0]])
    emissions, zero = np.zeros((1, 3, 2)), np.zeros(2)
    (evidence,) = path_evidence(emissions, np.array([3]), zero, transitions, zero, [np.array([1, 0, 1])])
    assert np.exp(evidence.opening[0] + evidence.closing[1]) == pytest.approx(0.25)  # 100, of 000 100 110 111
    assert np.exp(evidence.opening[0] + evidence.closing[2]) == 0


@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_batched_is_one_by_one_whatever_the_padding_holds(lengths, seed):
    crf, (emissions, drawn, _) = random_crf(4, seed), random_batch(lengths, 4, seed)
    for i, length in enumerate(lengths):
        emissions[i, length:] = torch.tensor([1e4, -1e4, 1e30, 0])
    scores, paths = crf.scores(), [drawn[i, :n].numpy() for i, n in enumerate(lengths)]
    together = path_evidence(emissions.numpy(), np.array(lengths), *scores, paths)
    for i, length in enumerate(lengths):
        alone = emissions[i : i + 1, :length].numpy()
        (single,) = path_evidence(alone, np.array([length]), *scores, [paths[i]])
        np.testing.assert_allclose(together[i], single, atol=1e-9)


def test_nothing_to_ask():
    crf = random_crf(3, 0).scores()
    assert path_evidence(np.zeros((0, 4, 3)), np.array([], int), *crf, []) == []
    (empty,) = path_evidence(np.zeros((1, 0, 3)), np.array([0]), *crf, [np.empty(0, int)])
    assert empty.opening.size == empty.closing.size == 0


def test_without_transitions_characters_are_independent():
    emissions = np.log([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    nothing = np.zeros(2), np.zeros((2, 2)), np.zeros(2)
    assert by_brute_force(emissions, nothing, [1], at=0) == pytest.approx(0.8)
    assert by_brute_force(emissions, nothing, [0, 0], at=1) == pytest.approx(0.45)


def test_start_transitions_and_end_count():
    start, transitions, end = np.log([1.0, 3.0]), np.log([[1.0, 2.0], [4.0, 1.0]]), np.log([1.0, 5.0])
    paths = {(0, 0): 1 * 1 * 1, (0, 1): 1 * 2 * 5, (1, 0): 3 * 4 * 1, (1, 1): 3 * 1 * 5}
    found = by_brute_force(np.zeros((2, 2)), (start, transitions, end), [0, 1], at=0)
    assert found == pytest.approx(paths[0, 1] / sum(paths.values()))
