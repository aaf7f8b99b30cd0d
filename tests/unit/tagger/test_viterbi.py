"""The best path against enumeration of every path."""

import numpy as np
import pytest
from hypothesis import settings
from random_crfs import all_scores, parameters, random_batch, random_crf, shapes

from utils.tagger.viterbi import viterbi


@shapes
@settings(deadline=None)
def test_viterbi_finds_the_best_of_all_paths(lengths, tags, seed):
    crf, (emissions, _, _) = random_crf(tags, seed), random_batch(lengths, tags, seed)
    emissions = emissions.numpy()
    untouched = emissions.copy()
    paths = viterbi(emissions, np.array(lengths), *parameters(crf))
    assert [len(path) for path in paths] == lengths
    for i, length in enumerate(lengths):
        if length:
            scores = all_scores(crf, emissions[i, :length])
            assert scores[tuple(paths[i].tolist())] == pytest.approx(max(scores.values()), abs=1e-9)
    assert np.array_equal(emissions, untouched)


def test_nothing_to_decode():
    crf = random_crf(3, 0)
    empty = np.zeros((2, 0, 3), np.float32)
    assert [path.tolist() for path in viterbi(empty, np.array([0, 0]), *crf.scores())] == [[], []]
    assert viterbi(np.zeros((0, 4, 3), np.float32), np.array([], int), *crf.scores()) == []
