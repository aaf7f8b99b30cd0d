"""How sure is a linear-chain CRF of a piece of its path? Forward-backward, in numpy alone.

The field of `utils.model.crf` gives every tag sequence a score, and so a probability. Two messages sum over
all sequences at once (Rabiner 1989, section III; Lafferty et al. 2001): `alpha[t, y]` over everything
before position t, `beta[t, y]` over everything behind it. With both, the probability that the
positions a .. b have the tags of a given path y, whatever the others have, is

    alpha[a, y_a] * (scores of the steps inside the path) * beta[b, y_b] / Z

The softmax of an emission asks one position only and knows nothing of its neighbours; this asks the
whole entity, first character to last.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np


class PathEvidence(NamedTuple):
    """Of one path of n tags, two `(n,)` float64 arrays in nats.

    `opening[a] + closing[b]` is the log-probability of the path's tags at positions a .. b, both included.
    """

    opening: np.ndarray
    closing: np.ndarray


def path_evidence(
    emissions: np.ndarray,
    lengths: np.ndarray,
    start: np.ndarray,
    transitions: np.ndarray,
    end: np.ndarray,
    paths: Sequence[np.ndarray],
) -> list[PathEvidence]:
    """What makes the probability of any piece of each path one addition, all sequences at once.

    Sums are exact to float64 as long as two tags of a position lie within 700 nats of each other.

    Args:
        emissions: `(batch, length, tags)` float; positions from `lengths` on are ignored.
        lengths: `(batch,)` int, 0 allowed.
        start, transitions, end: as `utils.model.crf.LinearChainCRF.scores` gives them.
        paths: `lengths[i]` tags of each sequence, as `utils.tagger.viterbi.viterbi` gives them.
    """
    longest = int(np.max(lengths, initial=0))
    rows = np.asarray(emissions[:, :longest], np.float64)
    transitions = np.asarray(transitions, np.float64)
    back = _reversal(np.asarray(lengths), longest)
    both = np.stack([rows, np.take_along_axis(rows, back, 1)])
    alpha, turned = _messages(both, np.stack([start, end]), np.stack([transitions, transitions.T]))
    beta = np.take_along_axis(turned, back, 1)
    return [_along(*parts, start, transitions) for parts in zip(paths, rows, alpha, beta, strict=True)]


def _reversal(lengths: np.ndarray, longest: int) -> np.ndarray:
    """`(batch, longest, 1)`: where each position goes when every sequence is turned round in its place."""
    at = np.arange(longest)
    return np.where(at < lengths[:, None], lengths[:, None] - 1 - at, at)[..., None]


def _messages(emissions: np.ndarray, start: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """Log-sum of the scores of all beginnings that end in each tag, for both directions at once.

    Read from the other end, a field is a field again: `beta`, with the emission of its own position,
    is `alpha` of the sequence turned round, with transitions transposed and `end` for `start`.

    Args:
        emissions: `(2, batch, length, tags)`.
        start: `(2, tags)`.
        transitions: `(2, tags, tags)`.
    """
    messages, odds = np.moveaxis(emissions, 2, 0).copy(), np.exp(transitions)
    messages[:1] += start[:, None]
    with np.errstate(divide="ignore"):  # a tag that nothing leads to has probability 0
        for before, here in zip(messages, messages[1:], strict=False):
            top = before.max(-1, keepdims=True)
            here += np.log(np.exp(before - top) @ odds) + top
    return np.moveaxis(messages, 0, 2)


def _along(
    path: np.ndarray, row: np.ndarray, alpha: np.ndarray, beta: np.ndarray, start: np.ndarray, transitions: np.ndarray
) -> PathEvidence:
    """Messages and inner scores along one path; `inner[b] - inner[a]` is the score of the steps a -> b.

    Args:
        path: `(n,)` tags.
        row, alpha, beta: `(longest, tags)`; `beta` holds the emission of its own position too.
    """
    at = np.arange(len(path))
    steps = row[at, path]
    inner = steps.copy()
    inner[1:] += transitions[path[:-1], path[1:]]
    inner = inner.cumsum()
    log_partition = np.logaddexp.reduce(beta[:1] + start, axis=1)
    return PathEvidence(alpha[at, path] - inner, beta[at, path] - steps + inner - log_partition)


def by_brute_force(
    emissions: np.ndarray, crf: tuple[np.ndarray, np.ndarray, np.ndarray], tags: Sequence[int], at: int
) -> float:
    """The share of all tag sequences, each weighted by exp(score), that have `tags` from position `at` on.

    Args:
        emissions: `(length, tags)`; the work grows as tags ** length.
        crf: start, transition and end scores.
    """
    start, transitions, end = crf
    length, count = emissions.shape
    paths = np.array(list(product(range(count), repeat=length)))
    scores = start[paths[:, 0]] + end[paths[:, -1]] + emissions[np.arange(length), paths].sum(1)
    scores += transitions[paths[:, :-1], paths[:, 1:]].sum(1)
    weights = np.exp(scores - scores.max())
    return float(weights[(paths[:, at : at + len(tags)] == tags).all(1)].sum() / weights.sum())
