"""The best tag path of a linear-chain CRF, in numpy alone: an engine that is not torch needs no torch to decode."""

import numpy as np


def viterbi(
    emissions: np.ndarray, lengths: np.ndarray, start: np.ndarray, transitions: np.ndarray, end: np.ndarray
) -> list[np.ndarray]:
    """The highest-scoring tag path of each sequence (Viterbi 1967), all sequences at once.

    Args:
        emissions: `(batch, length, tags)` float; positions from `lengths` on are ignored.
        lengths: `(batch,)` int, 0 allowed.
        start, transitions, end: as `utils.model.crf.LinearChainCRF.scores` gives them.

    Returns:
        One int64 array of `lengths[i]` tags per sequence.
    """
    lengths = np.asarray(lengths)
    longest, rows = int(lengths.max(initial=0)), np.arange(len(lengths))
    if longest == 0:
        return [np.empty(0, np.int64)] * len(lengths)
    scores = _best_scores(emissions[:, :longest], start, transitions)
    into = np.ascontiguousarray(transitions.T)
    paths = np.empty((longest, len(lengths)), np.int64)
    tag = paths[-1] = (scores[np.maximum(lengths, 1) - 1, rows] + end).argmax(1)
    for t in range(longest - 2, -1, -1):
        tag = np.where(t + 1 < lengths, (scores[t] + into[tag]).argmax(1), tag)
        paths[t] = tag
    return [path[:length] for path, length in zip(paths.T, lengths, strict=True)]


def _best_scores(emissions: np.ndarray, start: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """`[t, i, y]`: the score of the best path of sequence i that has tag y at position t."""
    scores = emissions.swapaxes(0, 1).copy()
    scores[0] += start
    for before, here in zip(scores, scores[1:], strict=False):
        here += (before.T[:, :, None] + transitions[:, None]).max(0)
    return scores
